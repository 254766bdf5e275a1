//go:build !linux

package worker

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }

// privateBytes is not known here; the child's own soft limit remains.
func privateBytes(int) int64 { return 0 }
