package worker

import (
	"fmt"
	"os"
	"runtime"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// isolate takes from the process what rendering never needs, and lists what the kernel took: files and network by
// Landlock, every system call but those of memory, threads, time and the two open pipes by seccomp, and limits. A
// kernel without one of them leaves the others.
func isolate() ([]string, error) {
	if err := os.Chdir("/"); err != nil {
		return nil, err
	}
	os.Clearenv()
	done := []string{"limits"}
	if err := limit(); err != nil {
		return nil, err
	}
	if err := landlock.V6.BestEffort().Restrict(); err == nil && landlocked() {
		done = append(done, "landlock")
	}
	if !seccomp.Supported() {
		return done, nil
	}
	if err := filter(); err != nil {
		return nil, err
	}
	return append(done, "seccomp"), nil
}

// limit keeps the process from opening more than a few descriptors, writing files, and dumping core.
func limit() error {
	for _, l := range []struct {
		resource int
		value    uint64
	}{
		{unix.RLIMIT_NOFILE, 32}, {unix.RLIMIT_FSIZE, 0}, {unix.RLIMIT_CORE, 0},
	} {
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: l.value, Max: l.value}); err != nil {
			return fmt.Errorf("resource limit %d: %w", l.resource, err)
		}
	}
	return nil
}

// landlocked proves that the rules hold: this very program can no longer be opened for reading.
func landlocked() bool {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return true
	}
	_ = f.Close()
	return false
}

// allowed is what the Go runtime and reading and writing open pipes take.
var allowed = []string{
	"read", "write", "readv", "writev", "pread64", "close", "fcntl", "fstat", "lseek", "poll", "ppoll",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", "pipe2",
	"mmap", "munmap", "mprotect", "madvise", "mincore", "mremap", "brk",
	"futex", "sched_yield", "sched_getaffinity", "nanosleep", "clock_nanosleep", "clock_gettime", "gettimeofday", "time",
	"getpid", "getppid", "gettid", "getuid", "getgid", "geteuid", "getegid", "uname", "getcwd", "getrandom", "getrusage",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "rt_sigtimedwait",
	"set_tid_address", "set_robust_list", "rseq", "membarrier", "arch_prctl", "restart_syscall",
	"timer_create", "timer_settime", "timer_delete", "setitimer",
	"exit", "exit_group",
}

const (
	cloneThread = 0x00010000 // CLONE_THREAD: a thread of this process, not a process
	prSetVMA    = 0x53564d41 // PR_SET_VMA: the runtime names its memory
)

// filter refuses every system call that is not allowed, in all threads. The default is an error rather than death, so
// that a library which tries finds itself refused and says so.
func filter() error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	var names []string
	for _, name := range allowed {
		if _, known := info.SyscallNames[name]; known {
			names = append(names, name)
		}
	}
	own := seccomp.Condition{Argument: 0, Operation: seccomp.Equal, Value: uint64(os.Getpid())}
	policy := seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{
			{Names: names, Action: seccomp.ActionAllow},
			{Action: seccomp.ActionAllow, NamesWithCondtions: []seccomp.NameWithConditions{
				{Name: "clone", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsSet, Value: cloneThread}}},
				{Name: "prctl", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.Equal, Value: prSetVMA}}},
				{Name: "tgkill", Conditions: seccomp.ArgumentConditions{own}},
				{Name: "kill", Conditions: seccomp.ArgumentConditions{own}},
			}},
			// The C library falls back to clone, whose flags can be seen, when it is told that there is no clone3.
			{Names: []string{"clone3"}, Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)},
		},
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy})
}
