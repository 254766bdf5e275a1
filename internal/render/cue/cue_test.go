package cue_test

import (
	"testing"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/cue"
	"plumb.cd/plumb/internal/rendertest"
)

const tree = `
-- cue.mod/module.cue --
module: "example.com/shop"
language: version: "v0.9.0"
-- schema/schema.cue --
package schema

#App: {
	name:     string
	replicas: int & >0 | *1
	objects: deployment: {
		apiVersion: "apps/v1"
		kind:       "Deployment"
		metadata: {"name": name}
		spec: "replicas": replicas
	}
}
-- app/web.cue --
package app

import "example.com/shop/schema"

env: string | *"dev" @tag(env)

web: schema.#App & {name: "web-\(env)", replicas: 3}

config: {
	apiVersion: "v1"
	kind:       "ConfigMap"
	metadata: name: "config"
	data: ENV: env
}
_hidden: {apiVersion: "v1", kind: "Secret", metadata: name: "not-rendered"}
#Definition: {apiVersion: "v1", kind: "Secret", metadata: name: string}
-- single/one.cue --
list: [{apiVersion: "v1", kind: "ConfigMap", metadata: name: "a"}, {apiVersion: "v1", kind: "ConfigMap", metadata: name: "b"}]
-- conflict/c.cue --
package c

x: {apiVersion: "v1", kind: "ConfigMap", metadata: name: "c"}
x: kind: "Secret"
-- syntax/s.cue --
package s

x: {
  y: ]
-- open/o.cue --
package o

x: {apiVersion: "v1", kind: "ConfigMap", metadata: name: string}
-- loose/l.cue --
package l

y: 1
x: {apiVersion: "v1", kind: "ConfigMap", metadata: name: "x", data: {a: _}}
-- remote/r.cue --
package r

import "other.example.com/thing@v1"

x: thing.X
`

func TestCUE(t *testing.T) {
	rendertest.Run(t, cue.New(), []rendertest.Case{
		{
			Name: "a package with an import from its module", Tree: tree, Request: render.Request{Path: "app"},
			Want: []string{"Deployment/web-dev at schema/schema.cue:6", "ConfigMap/config at app/web.cue:9"},
		},
		{
			Name: "a tag sets a field", Tree: tree,
			Request: render.Request{Path: "app", CUE: render.CUEOptions{Tags: map[string]string{"env": "prod"}}},
			Want:    []string{"Deployment/web-prod at schema/schema.cue:6", "ConfigMap/config at app/web.cue:9"},
		},
		{
			Name: "an expression chooses", Tree: tree,
			Request: render.Request{Path: "app", CUE: render.CUEOptions{Expression: "web.objects"}},
			Want:    []string{"Deployment/web-dev at schema/schema.cue:6"},
		},
		{
			Name: "a file without a package, with a list", Tree: tree, Request: render.Request{Path: "single/one.cue"},
			Want: []string{"ConfigMap/a at single/one.cue:1", "ConfigMap/b at single/one.cue:1"},
		},
		{
			Name: "a directory of files without a package", Tree: tree, Request: render.Request{Path: "single"},
			Want: []string{"ConfigMap/a at single/one.cue:1", "ConfigMap/b at single/one.cue:1"},
		},
		{
			Name: "a conflict names its place", Tree: tree, Request: render.Request{Path: "conflict"},
			Reason: fault.RenderFailed, Where: "conflict/c.cue:", Message: "conflicting values",
		},
		{
			Name: "a syntax error names its line", Tree: tree, Request: render.Request{Path: "syntax"},
			Reason: fault.RenderFailed, Where: "syntax/s.cue:4",
		},
		{
			Name: "an object that is not concrete is refused", Tree: tree, Request: render.Request{Path: "open"},
			Reason: fault.RenderFailed, Where: "open/o.cue:3", Message: "x.metadata.name",
		},
		{
			Name: "an incomplete value without a place of its own is placed at its object", Tree: tree,
			Request: render.Request{Path: "loose"}, Reason: fault.RenderFailed, Where: "loose/l.cue:4", Message: "incomplete",
		},
		{
			Name: "a module that is not here is not fetched", Tree: tree, Request: render.Request{Path: "remote"},
			Reason: fault.RenderFailed, Where: "remote/r.cue:3",
		},
		{
			Name: "a path that does not exist", Tree: tree, Request: render.Request{Path: "nowhere"},
			Reason: fault.PathNotFound, Where: "nowhere",
		},
		{
			Name: "an expression that is not CUE", Tree: tree,
			Request: render.Request{Path: "app", CUE: render.CUEOptions{Expression: "]"}},
			Reason:  fault.SyntaxInvalid,
		},
	})
}
