package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/httpapi"
)

// Views keeps the views of each user, whole. Version is what was read; ErrStale means that there is another one by now.
// Somebody of whom nothing is kept has no views and the empty version.
type Views interface {
	Views(ctx context.Context, user string) (views []httpapi.View, version string, err error)
	KeepViews(ctx context.Context, user, version string, views []httpapi.View) error
}

// ErrStale means that what is kept changed since it was read.
var ErrStale = errors.New("changed meanwhile")

// ViewOptions are what saved views need.
type ViewOptions struct {
	Views Views // nil: none are kept
}

// Limits of what a user may keep.
const (
	maxViews     = 50
	maxViewName  = 100 // letters
	maxViewQuery = 4 << 10
	maxViewBytes = 64 << 10 // names, pages and queries of all
	maxViewTries = 5        // when others write at the same time
)

func (s *Server) viewCalls() []operation {
	return []operation{
		{
			method: "GET", path: "/api/v1/views", needs: signedIn, answer: httpapi.List[httpapi.View]{}, handle: s.views,
			doc: "The reader's saved views, by name. Nobody sees another one's.",
		},
		{
			method: "GET", path: "/api/v1/views/{name}", needs: signedIn, answer: httpapi.View{}, handle: s.oneView,
			doc: "One of the reader's saved views.",
		},
		{
			method: "PUT", path: "/api/v1/views/{name}", needs: signedIn, body: httpapi.View{}, answer: httpapi.View{}, handle: s.keepView,
			doc: "Saves a view under a name. With changed, as it was read, a view that was changed since is left alone (409).",
		},
		{
			method: "DELETE", path: "/api/v1/views/{name}", needs: signedIn, status: http.StatusNoContent, handle: s.dropView,
			doc: "Deletes a saved view.",
		},
	}
}

var (
	errNoView  = Problem{Status: http.StatusNotFound, Message: "you have no view of this name"}
	errNoViews = Problem{Status: http.StatusNotFound, Message: "this server keeps no views"}
)

func (s *Server) views(c *call) error {
	out := httpapi.List[httpapi.View]{Items: []httpapi.View{}}
	if s.o.View.Views == nil {
		return c.reply(out)
	}
	views, _, err := s.o.View.Views.Views(c.Context(), c.user().Name)
	if err != nil {
		return err
	}
	out.Items, out.Total = append(out.Items, views...), len(views)
	return c.reply(out)
}

func (s *Server) oneView(c *call) error {
	if s.o.View.Views == nil {
		return errNoView
	}
	views, _, err := s.o.View.Views.Views(c.Context(), c.user().Name)
	if err != nil {
		return err
	}
	at, found := findView(views, c.PathValue("name"))
	if !found {
		return errNoView
	}
	return c.reply(views[at])
}

func (s *Server) keepView(c *call) error {
	var body httpapi.View
	if err := c.body(&body); err != nil {
		return err
	}
	name := c.PathValue("name")
	if body.Name != "" && body.Name != name {
		return badView("name", "the path has another one")
	}
	body.Name = name
	if err := checkView(body); err != nil {
		return err
	}
	kept := body
	err := s.editViews(c, func(views []httpapi.View) ([]httpapi.View, error) {
		at, found := findView(views, name)
		switch {
		case !body.Changed.IsZero() && (!found || !views[at].Changed.Equal(body.Changed)):
			return nil, Problem{Status: http.StatusConflict, Reason: fault.Conflict, Message: "the view was changed meanwhile", Next: "read it again"}
		case found:
			kept.Changed = later(s.o.Now(), views[at].Changed)
			views[at] = kept
		default:
			kept.Changed = later(s.o.Now(), time.Time{})
			views = slices.Insert(views, at, kept)
		}
		return views, checkViews(views)
	})
	if err != nil {
		return err
	}
	return c.reply(kept)
}

func (s *Server) dropView(c *call) error {
	name := c.PathValue("name")
	err := s.editViews(c, func(views []httpapi.View) ([]httpapi.View, error) {
		at, found := findView(views, name)
		if !found {
			return nil, errNoView
		}
		return slices.Delete(views, at, at+1), nil
	})
	if err == nil {
		c.WriteHeader(http.StatusNoContent)
	}
	return err
}

// editViews carries out an edit of the reader's views on what is kept now, again when somebody else was faster.
func (s *Server) editViews(c *call, edit func([]httpapi.View) ([]httpapi.View, error)) error {
	if s.o.View.Views == nil {
		return errNoViews
	}
	for range maxViewTries {
		views, version, err := s.o.View.Views.Views(c.Context(), c.user().Name)
		if err != nil {
			return err
		}
		if views, err = edit(slices.Clone(views)); err != nil {
			return err
		}
		if err = s.o.View.Views.KeepViews(c.Context(), c.user().Name, version, views); !errors.Is(err, ErrStale) {
			return err
		}
	}
	return Problem{Status: http.StatusConflict, Reason: fault.Conflict, Message: "your views are being changed by others of your sign-in", Next: "try again"}
}

// findView gives the place of a view, or where it belongs: views are kept by name.
func findView(views []httpapi.View, name string) (int, bool) {
	return slices.BinarySearchFunc(views, name, func(v httpapi.View, n string) int { return strings.Compare(v.Name, n) })
}

// later is the time of a change, which is another one than that of the change before.
func later(now, before time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	if !now.After(before) {
		now = before.Add(time.Millisecond)
	}
	return now
}

// viewPage is a path within the console, never one that leads to another site.
var viewPage = regexp.MustCompile(`^/?([a-z0-9][a-z0-9-]*)(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)

func checkView(v httpapi.View) error {
	switch {
	case v.Name == "." || v.Name == ".." || strings.Contains(v.Name, "/") || strings.TrimSpace(v.Name) != v.Name || !readable(v.Name):
		return badView("name", "want readable text without slashes")
	case utf8.RuneCountInString(v.Name) > maxViewName:
		return badView("name", fmt.Sprintf("want at most %d letters", maxViewName))
	case len(v.Page) > 200 || !viewPage.MatchString(v.Page):
		return badView("page", "want the path of a page, like apps")
	case len(v.Query) > maxViewQuery:
		return badView("query", fmt.Sprintf("want at most %d bytes", maxViewQuery))
	case strings.HasPrefix(v.Query, "?") || strings.ContainsRune(v.Query, '#') || !readable(v.Query):
		return badView("query", "want what stands behind the question mark of an address")
	}
	return nil
}

// readable is text without control characters, and without those that turn the order of letters round. Emoji are joined by
// an invisible letter.
func readable(text string) bool {
	const joiner = '\u200d'
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != joiner })
}

func badView(field, why string) Problem {
	return Problem{Status: http.StatusBadRequest, Message: field + ": " + why}
}

func checkViews(views []httpapi.View) error {
	size := 0
	for _, v := range views {
		size += len(v.Name) + len(v.Page) + len(v.Query)
	}
	if len(views) > maxViews || size > maxViewBytes {
		return Problem{
			Status: http.StatusUnprocessableEntity, Reason: fault.LimitExceeded, Next: "delete one that is not needed",
			Message: fmt.Sprintf("you have %d views of %d bytes: at most %d of %d bytes are kept", len(views), size, maxViews, maxViewBytes),
		}
	}
	return nil
}
