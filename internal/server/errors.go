package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
)

// Problem is the body of every error.
type Problem struct {
	Status  int          `json:"status"`
	Reason  fault.Reason `json:"reason,omitempty"`
	Message string       `json:"message"`
	Where   string       `json:"where,omitempty"`
	Next    string       `json:"next,omitempty"`
}

func (p Problem) Error() string { return p.Message }

var errSignIn = Problem{Status: http.StatusUnauthorized, Message: "not signed in", Next: "plumb login"}

// errAbsent is the one answer for a resource that does not exist and for one that the reader may not see.
func errAbsent(resource string, k engine.Key) Problem {
	if resource == AppResource {
		return Problem{Status: http.StatusNotFound, Message: "there is no App " + k.String() + ", or you may not see it", Next: "plumb get apps -A"}
	}
	return Problem{Status: http.StatusNotFound, Message: "there is no " + k.String() + " among " + resource + ", or you may not see it"}
}

func errForbidden(u User, r Right) Problem {
	what := "App " + r.Key.String()
	if r.Resource != AppResource {
		what = r.Resource + " " + r.Key.String()
	}
	return Problem{
		Status: http.StatusForbidden, Reason: fault.Forbidden,
		Message: fmt.Sprintf("%s may not %s %s", u.Name, r.Verb, what),
		Next:    fmt.Sprintf("ask for the verb %q on %s.plumb.cd in namespace %s (ClusterRole plumb-editor has it)", r.Verb, r.Resource, r.Key.Namespace),
	}
}

// problemOf gives an error its status and a reason. Causes stay inside; what is told is the classified message.
func problemOf(err error) Problem {
	p := classified(err)
	if p.Reason == "" {
		p.Reason = reasons[p.Status]
	}
	return p
}

// reasons are those of answers that name none.
var reasons = map[int]fault.Reason{
	http.StatusBadRequest: fault.InvalidRequest, http.StatusUnauthorized: fault.SignInRequired, http.StatusForbidden: fault.Forbidden,
	http.StatusNotFound: fault.NotFound, http.StatusConflict: fault.Conflict, http.StatusRequestEntityTooLarge: fault.LimitExceeded,
	http.StatusTooManyRequests: fault.LimitExceeded, http.StatusInternalServerError: fault.Internal,
}

func classified(err error) Problem {
	var p Problem
	if errors.As(err, &p) {
		return p
	}
	if errors.Is(err, engine.ErrNoApp) {
		return Problem{Status: http.StatusNotFound, Message: err.Error()}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return Problem{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		return Problem{Status: http.StatusInternalServerError, Reason: fault.Internal, Message: "something went wrong inside Plumb; the daemon's log says what"}
	}
	return Problem{Status: statusOf(f), Reason: f.Reason, Message: f.Message, Where: f.Where, Next: f.Next}
}

func statusOf(f *fault.Error) int {
	switch f.Reason {
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.AuthenticationFailed:
		return http.StatusUnauthorized
	case fault.PlanStale, fault.Conflict, fault.PushRejected:
		return http.StatusConflict
	case fault.ClusterUnreachable, fault.Unreachable:
		return http.StatusBadGateway
	case fault.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusUnprocessableEntity
}

func (s *Server) fail(w http.ResponseWriter, err error) {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		s.o.Log.Error("a request failed", "err", err)
	}
	w.Header().Del("ETag")
	w.Header().Set("Cache-Control", "no-store")
	respond(w, p.Status, p)
}

// body reads a JSON body; unknown fields are refused, so that a typing error is no silent no-op.
func (c *call) body(into any) error {
	if c.ContentLength == 0 {
		return nil
	}
	dec := json.NewDecoder(c.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return err
		}
		return Problem{Status: http.StatusBadRequest, Message: "the body is not what this call takes: " + wrongIn(err)}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Problem{Status: http.StatusBadRequest, Message: "the body is not what this call takes: there is something behind its end"}
	}
	return nil
}

// wrongIn says what is wrong with a body in the words of the API: the reader knows nothing of our types.
func wrongIn(err error) string {
	var kind *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &kind):
		return strings.TrimPrefix(err.Error(), "json: ")
	case kind.Field == "":
		return "it is " + kind.Value + " where an object belongs"
	}
	return kind.Field + " cannot be " + kind.Value
}

// noBody refuses a body where the call takes none; an empty object is as good as none.
func (c *call) noBody() error {
	if c.ContentLength == 0 {
		return nil
	}
	raw, err := io.ReadAll(c.Body)
	if err != nil {
		return err
	}
	switch string(bytes.TrimSpace(raw)) {
	case "", "{}", "null":
		return nil
	}
	return Problem{Status: http.StatusBadRequest, Message: "this call takes no body"}
}
