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
	var usage usageError
	if errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command") {
		fmt.Fprintf(w, "plumb: %s\nrun `plumb --help` for the commands\n", err)
		return exitUsage
	}
	code, where, message, next := describe(err)
	if message != "" {
		fmt.Fprintf(w, "plumb: %s\n", message)
	}
	if where != "" && !strings.Contains(message, where) {
		fmt.Fprintf(w, "  at    %s\n", where)
	}
	if next != "" {
		fmt.Fprintf(w, "  next  %s\n", next)
	}
	if verbose {
		fmt.Fprintf(w, "  chain %v\n", err)
	}
	return code
}

func describe(err error) (code int, where, message, next string) {
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
