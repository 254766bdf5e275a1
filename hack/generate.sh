#!/bin/sh
# Writes the deep copies of api/ and the CRDs of config/crd from the markers in api/. With --check it writes nothing and
# fails when what is there differs from what it would write.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd hack/tools && go build -o "$work/controller-gen" sigs.k8s.io/controller-tools/cmd/controller-gen)
"$work/controller-gen" paths=./api/... \
	object output:object:dir="$work/api" \
	crd:maxDescLen=400 output:crd:dir="$work/crd"
if [ "${1:-}" = --check ]; then
	diff -u api/v1alpha1/zz_generated.deepcopy.go "$work/api/zz_generated.deepcopy.go"
	diff -ru --exclude='*.go' config/crd "$work/crd"
	exit
fi
cp "$work/api/zz_generated.deepcopy.go" api/v1alpha1/
mkdir -p config/crd
cp "$work"/crd/*.yaml config/crd/
