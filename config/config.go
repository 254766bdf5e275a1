// Package config holds the custom resource definitions, as they are installed.
package config

import "embed"

// CRDs has the definitions under "crd/", one file each, written by hack/generate.sh.
//
//go:embed crd/*.yaml
var CRDs embed.FS
