package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"plumb.cd/plumb/internal/server"
)

func TestAStreamWhoseSignInEndsIsNoApp(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "event: app\ndata: {\"name\":\"shop\"}\n\nevent: news\ndata: {\"name\":\"of another kind\"}\n\nevent: signout\ndata: {\"status\":401,\"message\":\"the sign-in has ended\"}\n\n")
	}))
	defer srv.Close()
	var told []string
	c := &client{base: srv.URL, http: srv.Client()}
	done, err := c.stream(t.Context(), "/", func(a server.AppView) (bool, error) { told = append(told, a.Name); return false, nil })
	var p server.Problem
	if !done || !errors.As(err, &p) || p.Status != http.StatusUnauthorized || len(told) != 1 || told[0] != "shop" {
		t.Errorf("done %v, %v; told of %q", done, err, told)
	}
}
