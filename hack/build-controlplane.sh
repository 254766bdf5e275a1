#!/bin/sh
# Builds bin/plumb-controlplane: hack/build-controlplane.sh [VERSION]
#
# The -X flags give the API server its version. Without them it would call itself v0.0.0, and clients would take it for
# an ancient cluster.
set -eu
cd "$(dirname "$0")/../controlplane"
version=${1:-devel}
kubernetes=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=${kubernetes#v1.}
minor=${minor%%.*}
flags="-s -w -X main.version=$version"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
	flags="$flags -X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=$minor"
	flags="$flags -X $package.gitTreeState=clean -X $package.gitCommit=plumb -X $package.buildDate=1970-01-01T00:00:00Z"
done
go build -ldflags "$flags" -o ../bin/plumb-controlplane ./cmd/plumb-controlplane
