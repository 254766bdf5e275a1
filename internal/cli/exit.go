package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/server"
)

// Exit codes. They are a contract.
const (
	exitOK          = 0
	exitNo          = 1 // the answer is no: different, unhealthy, would fail
	exitUsage       = 2
	exitNotFound    = 3
	exitNotAllowed  = 4
	exitTimeout     = 5
	exitUnreachable = 6
	exitRefused     = 7 // by a gate or policy
	exitConflict    = 8
	exitInternal    = 70
)

// exitError is an error that knows its exit code. An empty message exits silently: the answer is on stdout.
type exitError struct {
	code    int
	message string
	next    string
	err     error
}

func (e exitError) Error() string { return e.message }
func (e exitError) Unwrap() error { return e.err }

// usageError is a wrong command line.
type usageError struct{ error }

// misuse is a usageError of a command.
type misuse struct {
	usageError
	command string // "plumb status"
}

// naming makes a command's usage errors say which command it was.
func naming(cmd *cobra.Command, err error) error {
	var usage usageError
	if errors.As(err, &usage) {
		return misuse{usage, cmd.CommandPath()}
	}
	return err
}

// nameMisuse does so for every command below root.
func nameMisuse(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		nameMisuse(cmd)
		if args := cmd.Args; args != nil {
			cmd.Args = func(cmd *cobra.Command, given []string) error { return naming(cmd, args(cmd, given)) }
		}
		if run := cmd.RunE; run != nil {
			cmd.RunE = func(cmd *cobra.Command, args []string) error { return naming(cmd, run(cmd, args)) }
		}
		if before := cmd.PreRunE; before != nil {
			cmd.PreRunE = func(cmd *cobra.Command, args []string) error { return naming(cmd, before(cmd, args)) }
		}
	}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no argument, got %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{fmt.Errorf("%s takes one argument: %s", cmd.CommandPath(), what)}
		}
		return nil
	}
}

func maxArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError{fmt.Errorf("%s takes at most %d argument: %s", cmd.CommandPath(), n, what)}
		}
		return nil
	}
}

// Exit prints an error as people need it (what failed, where, why, the next command) and gives the exit code.
func Exit(ctx context.Context, w io.Writer, err error, verbose bool) int {
	if err == nil {
		return exitOK
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.DeadlineExceeded) {
		err = cause
	}
	if errors.Is(err, context.Canceled) {
		return 130
	}
	code, where, message, next := describe(err)
	if message != "" {
		fmt.Fprintf(w, "plumb: %s\n", plain(strings.TrimSpace(message)))
	}
	if where != "" && !strings.Contains(message, where) {
		fmt.Fprintf(w, "  at    %s\n", plain(where))
	}
	if next != "" {
		fmt.Fprintf(w, "  next  %s\n", plain(next))
	}
	if verbose {
		fmt.Fprintf(w, "  chain %s\n", plain(err.Error()))
	}
	return code
}

func describe(err error) (code int, where, message, next string) {
	var m misuse
	if errors.As(err, &m) {
		return exitUsage, "", m.Error(), m.command + " --help"
	}
	var usage usageError
	if errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command") {
		return exitUsage, "", err.Error(), "plumb --help"
	}
	var x exitError
	if errors.As(err, &x) {
		return x.code, "", x.message, x.next
	}
	var p server.Problem
	if errors.As(err, &p) {
		return codeOfStatus(p), p.Where, p.Message, p.Next
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return codeOfFault(f), f.Where, err.Error(), f.Next
	}
	return exitInternal, "", err.Error(), ""
}

func codeOfStatus(p server.Problem) int {
	switch p.Status {
	case http.StatusBadRequest:
		return exitUsage
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitNotAllowed
	case http.StatusConflict:
		return exitConflict
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return exitUnreachable
	case http.StatusInternalServerError:
		return exitInternal
	}
	return codeOfFault(&fault.Error{Reason: p.Reason})
}

func codeOfFault(f *fault.Error) int {
	switch f.Reason {
	case fault.PathNotFound, fault.RefNotFound, fault.RepositoryNotFound, fault.ChartNotFound, fault.ClusterUnknown, fault.RepositoryUnknown:
		return exitNotFound
	case fault.AuthenticationFailed, fault.Forbidden, fault.UnknownHostKey, fault.CertificateInvalid:
		return exitNotAllowed
	case fault.DeadlineExceeded:
		return exitTimeout
	case fault.Unreachable, fault.ClusterUnreachable:
		return exitUnreachable
	case fault.PruneGuard, fault.AwaitingApproval, fault.AdmissionDenied, fault.AwaitingSync:
		return exitRefused
	case fault.Conflict, fault.PlanStale, fault.PushRejected, fault.OwnedByOther, fault.NotOwned:
		return exitConflict
	case fault.Internal:
		return exitInternal
	}
	return exitNo
}
