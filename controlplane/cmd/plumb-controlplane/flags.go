package main

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/spf13/pflag"

	"plumb.cd/plumb/controlplane/internal/etcd"
	"plumb.cd/plumb/controlplane/internal/nodes"
	"plumb.cd/plumb/controlplane/internal/plane"
)

// parse returns what to run and the process that it belongs to, 0 for none.
func parse(args []string, stderr io.Writer) (o plane.Options, parent int, err error) {
	flags := pflag.NewFlagSet("plumb-controlplane", pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.SortFlags = false
	flags.StringVar(&o.Dir, "dir", "", "directory for everything that is written; its state survives a restart (required)")
	flags.IPVar(&o.Address, "address", net.IPv4(127, 0, 0, 1), "address to listen on")
	flags.IntVar(&o.Port, "port", 0, "port of the API server; 0: the one used last with --dir if it is free, else any")
	flags.IntVar(&o.Nodes, "nodes", 3, fmt.Sprintf("number of simulated nodes, at most %d", nodes.Max))
	fsync := flags.Bool("fsync", false, "let etcd write to the disk before it answers")
	flags.StringVar(&o.AuditLog, "audit-log", "", "file for the audit log: one line for each request, without bodies")
	flags.IntVar(&parent, "parent-pid", 0, "stop when the process with this id has ended")
	flags.IntVarP(&o.Log.Verbosity, "verbosity", "v", 0, "verbosity of controlplane.log in --dir")
	if err := flags.Parse(args); err != nil {
		return o, 0, err
	}
	switch {
	case flags.NArg() > 0:
		return o, 0, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.Dir == "":
		return o, 0, errors.New("--dir is required")
	case o.Nodes < 0 || o.Nodes > nodes.Max:
		return o, 0, fmt.Errorf("--nodes must be between 0 and %d", nodes.Max)
	case o.Port < 0 || o.Port > 65535:
		return o, 0, errors.New("--port must be between 0 and 65535")
	}
	if *fsync {
		o.Fsync = etcd.AlwaysFsync
	}
	return o, parent, nil
}
