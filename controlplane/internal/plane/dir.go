package plane

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"google.golang.org/grpc/grpclog"
	"k8s.io/klog/v2"

	"plumb.cd/plumb/controlplane/internal/supervise"
)

// lockDir makes sure that one process at a time uses dir. The file holds its process id.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		owner, _ := io.ReadAll(io.LimitReader(f, 20)) // only for the message
		return nil, errors.Join(
			fmt.Errorf("%s is in use by another control plane, process %s: %w", dir, strings.TrimSpace(string(owner)), err),
			f.Close())
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// listen binds port, or for 0 the one remembered in file if it is free, so that clients of an earlier run still find
// the server; else any.
func listen(address net.IP, port int, file string) (net.Listener, error) {
	at := func(port int) (net.Listener, error) {
		return net.Listen("tcp", net.JoinHostPort(address.String(), strconv.Itoa(port)))
	}
	if port != 0 {
		return at(port)
	}
	if data, err := os.ReadFile(file); err == nil {
		if last, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil {
			if l, err := at(last); err == nil {
				return l, nil
			}
		}
	}
	l, err := at(0)
	if err != nil {
		return nil, err
	}
	used := l.Addr().(*net.TCPAddr).Port
	if err := os.WriteFile(file, fmt.Appendln(nil, used), 0o644); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// maxSocketDir leaves room for the names of sockets: the path of one has at most 103 bytes on some systems.
const maxSocketDir = 90

// socketDir returns dir, or a private directory with a shorter path that g removes.
func socketDir(g *supervise.Group, dir string) (string, error) {
	if len(dir) <= maxSocketDir {
		return dir, nil
	}
	short, err := os.MkdirTemp("/tmp", "plumb-controlplane-")
	if err != nil {
		return "", err
	}
	g.OnStop(func() { _ = os.RemoveAll(short) })
	return short, nil
}

// LogOptions says how much the Kubernetes components log.
type LogOptions struct{ Verbosity int }

// openLogs sends the logs of all Kubernetes components to file, and those of gRPC nowhere. The log settings of the
// components are never applied: that works once per process, and there are three of them.
func openLogs(file string, o LogOptions) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	var flags flag.FlagSet
	klog.InitFlags(&flags)
	for name, value := range map[string]string{
		"logtostderr":     "false",
		"alsologtostderr": "false",
		"stderrthreshold": "FATAL",
		"one_output":      "true", // else a line is written once for its own severity and each lower one
		"v":               strconv.Itoa(o.Verbosity),
	} {
		if err := flags.Set(name, value); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	klog.SetOutput(f)
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	return f, nil
}

func flushLogs() { klog.Flush() }
