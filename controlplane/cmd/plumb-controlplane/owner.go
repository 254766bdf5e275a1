package main

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// stopWithout calls stop when the process pid is gone. An ended process that nobody has waited for still answers to
// signals, but its children have a new parent by then.
func stopWithout(ctx context.Context, pid int, stop func()) {
	child := os.Getppid() == pid
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if child && os.Getppid() != pid || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			stop()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
