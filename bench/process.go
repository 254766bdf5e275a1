package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// memory is private memory in bytes: what would be free if the process ended. Pages of the program's file are left out: they
// are private until a second process runs the same file, and the kernel drops them as it likes.
type memory struct {
	Daemon  int64 `json:"daemon"`
	Workers int64 `json:"workers"`
	Git     int64 `json:"git"`
}

func (m memory) total() int64 { return m.Daemon + m.Workers + m.Git }

// family is a process and all below it.
func family(root int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, path := range stats {
		fields := statFields(path)
		if len(fields) < 2 {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], pid)
	}
	out := []int{root}
	for i := 0; i < len(out); i++ {
		out = append(out, children[out[i]]...)
	}
	return out
}

// statFields are the fields of /proc/PID/stat after the name: the state is field 0, the parent field 1.
func statFields(path string) []string {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
}

// clockTicks a second; Linux shows times in these to every program.
const clockTicks = 100

// spent is processor time.
type spent struct{ daemon, workers, others time.Duration } // others: Git, and every child that has ended

func (s spent) total() time.Duration { return s.daemon + s.workers + s.others }

func (s spent) minus(o spent) spent {
	return spent{s.daemon - o.daemon, s.workers - o.workers, s.others - o.others}
}

// cpuOf is the processor time of a process, its living descendants, and the dead ones that were waited for.
func cpuOf(root int) time.Duration { return spentBy(root).total() }

func spentBy(root int) spent {
	var s spent
	for _, pid := range family(root) {
		fields := statFields("/proc/" + strconv.Itoa(pid) + "/stat")
		if len(fields) < 15 {
			continue
		}
		own := ticks(fields[11:13])      // utime, stime
		s.others += ticks(fields[13:15]) // cutime, cstime
		switch {
		case pid == root:
			s.daemon += own
		case isWorker(pid):
			s.workers += own
		default:
			s.others += own
		}
	}
	return s
}

func ticks(fields []string) time.Duration {
	sum := 0
	for _, f := range fields {
		n, _ := strconv.Atoi(f)
		sum += n
	}
	return time.Duration(sum) * time.Second / clockTicks
}

func isWorker(pid int) bool {
	args, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline") // empty when it has ended
	return bytes.Contains(args, []byte("render-worker"))
}

// ownCPU is the processor time of the bench alone, without its children.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func memoryOf(root int) memory {
	var m memory
	for _, pid := range family(root) {
		private := privateBytes(pid)
		switch {
		case pid == root:
			m.Daemon += private
		case isWorker(pid):
			m.Workers += private
		default:
			m.Git += private
		}
	}
	return m
}

func privateBytes(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return 0 // it has ended
	}
	var kib int64
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) >= 2 && strings.HasPrefix(fields[0], "Private_") && fields[0] != "Private_Clean:" {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			kib += n
		}
	}
	return kib << 10
}

// sampler keeps the peak of the daemon's memory.
type sampler struct {
	peak memory
	stop chan struct{}
	done chan struct{}
}

const sampleEvery = 250 * time.Millisecond

func sample(root int) *sampler {
	s := &sampler{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			if m := memoryOf(root); m.total() > s.peak.total() {
				s.peak = m
			}
			select {
			case <-s.stop:
				return
			case <-tick.C:
			}
		}
	}()
	return s
}

// end stops the sampling and gives the peak.
func (s *sampler) end() memory {
	close(s.stop)
	<-s.done
	return s.peak
}
