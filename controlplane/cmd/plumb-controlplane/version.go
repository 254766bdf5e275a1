package main

import (
	"fmt"
	"io"
	"runtime/debug"

	kubernetes "k8s.io/component-base/version"
)

// version is set by the build.
var version = "devel"

func printVersion(w io.Writer) {
	fmt.Fprintln(w, "plumb-controlplane", version)
	fmt.Fprintln(w, "kubernetes", kubernetes.Get().GitVersion)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	for _, d := range info.Deps {
		switch d.Path {
		case "go.etcd.io/etcd/server/v3":
			fmt.Fprintln(w, "etcd", d.Version)
		case "sigs.k8s.io/kwok":
			fmt.Fprintln(w, "kwok", d.Version)
		}
	}
	fmt.Fprintln(w, "go", info.GoVersion)
}
