package jsonnet_test

import (
	"testing"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
	"plumb.cd/plumb/internal/render/jsonnet"
	"plumb.cd/plumb/internal/rendertest"
)

const tree = `
-- app/b.jsonnet --
local params = import 'params.libsonnet';
local k = import 'k.libsonnet';
[k.configMap(params.name), null]
-- app/a.jsonnet --
{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'alone'}, data: {text: importstr 'text.txt'}}
-- app/params.libsonnet --
{name: 'from-params'}
-- app/text.txt --
hello
-- lib/k.libsonnet --
{configMap(name):: {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: name}, data: {one: '1'}}}
-- old/k.libsonnet --
{configMap(name):: error 'the wrong library'}
-- tla/main.jsonnet --
function(name, count=1) {z: {[name + i]: {apiVersion: 'v1', kind: 'Thing', metadata: {name: name + i, labels: {e: std.extVar('env')}}, n: std.extVar('n') + 1}
  for i in std.map(std.toString, std.range(1, count))}}
-- bad/syntax.jsonnet --
{
  a: 1,,
}
-- bad/runtime.jsonnet --
local f(x) =
  x.missing;
{a: f({})}
-- bad/import.jsonnet --

import 'nope.libsonnet'
-- bad/outside.jsonnet --
import '../../etc/passwd'
-- bad/absolute.jsonnet --
importstr '/etc/passwd'
-- bad/endless.jsonnet --
local f(x) = f(x + 1) + 1; f(0)
-- bad/scalar.jsonnet --
{a: {b: 1}}
-- empty/readme.md --
-- twice/main.jsonnet --
local o = {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'x'}}; [o, o]
`

func TestJsonnet(t *testing.T) {
	libs := render.JsonnetOptions{Libs: []string{"old", "lib"}}
	program := func(name string) render.Request { return render.Request{Path: name} }
	rendertest.Run(t, jsonnet.New(), []rendertest.Case{
		{
			Name: "a directory, by name, with libraries of which the last wins", Tree: tree,
			Request: render.Request{Path: "app", Jsonnet: libs},
			Want:    []string{"ConfigMap/alone at app/a.jsonnet", "ConfigMap/from-params at app/b.jsonnet"},
		},
		{
			Name: "arguments and external variables, as text and as code", Tree: tree,
			Request: render.Request{Path: "tla", Jsonnet: render.JsonnetOptions{
				TLAs: map[string]string{"name": "t"}, TLACode: map[string]string{"count": "2"},
				Ext: map[string]string{"env": "prod"}, ExtCode: map[string]string{"n": "41"},
			}},
			Want: []string{"Thing/t1 at tla/main.jsonnet", "Thing/t2 at tla/main.jsonnet"},
		},
		{Name: "a missing argument", Tree: tree, Request: program("tla"), Reason: fault.RenderFailed, Message: "Missing argument"},
		{Name: "a syntax error", Tree: tree, Request: program("bad/syntax.jsonnet"), Reason: fault.SyntaxInvalid, Where: "bad/syntax.jsonnet:2"},
		{Name: "a runtime error", Tree: tree, Request: program("bad/runtime.jsonnet"), Reason: fault.RenderFailed, Where: "bad/runtime.jsonnet:2", Message: "missing"},
		{Name: "a missing import", Tree: tree, Request: program("bad/import.jsonnet"), Reason: fault.RenderFailed, Where: "bad/import.jsonnet:2", Message: "nope.libsonnet"},
		{Name: "an import out of the tree", Tree: tree, Request: program("bad/outside.jsonnet"), Reason: fault.PathOutside},
		{Name: "an absolute import", Tree: tree, Request: program("bad/absolute.jsonnet"), Reason: fault.PathOutside},
		{Name: "an endless recursion", Tree: tree, Request: program("bad/endless.jsonnet"), Reason: fault.RenderFailed, Message: "stack"},
		{Name: "a scalar where an object could be", Tree: tree, Request: program("bad/scalar.jsonnet"), Reason: fault.ObjectInvalid, Message: ".a.b"},
		{Name: "no program", Tree: tree, Request: program("empty"), Reason: fault.RendererUnknown},
		{Name: "no such path", Tree: tree, Request: program("nowhere"), Reason: fault.PathNotFound},
		{Name: "the same object twice", Tree: tree, Request: program("twice"), Reason: fault.DuplicateObject},
	})
}
