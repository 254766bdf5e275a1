//go:build !unix

package benchmark

import "time"

// ownCPU is not known here.
func ownCPU() time.Duration { return 0 }
