package server

import (
	"crypto/rand"
	"net/http"
	"time"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/convert"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/object"
)

// SyncBody is the body of a sync call.
type SyncBody struct {
	Plan object.Digest `json:"plan,omitempty"` // approve exactly this plan
	Only []object.ID   `json:"only,omitempty"`
	All  bool          `json:"all,omitempty"`
}

// Accepted is the answer to a wish: watch for its ID in AppView.Request.
type Accepted struct {
	ID string `json:"id"`
}

func (s *Server) sync(c *call) error {
	var body SyncBody
	if err := c.body(&body); err != nil {
		return err
	}
	if err := s.checkPlan(c, body); err != nil {
		return err
	}
	req := engine.Request{ID: rand.Text(), Actor: c.user().Name, Plan: body.Plan, Only: body.Only, All: body.All, At: s.o.Now()}
	value, err := convert.RequestAnnotation(req)
	if err != nil {
		return err
	}
	if err := s.o.Intents.Annotate(c.Context(), c.key, map[string]string{v1alpha1.AnnotationSyncRequest: value}); err != nil {
		return err
	}
	s.note(c, "sync", string(body.Plan))
	return c.reply(Accepted{ID: req.ID})
}

func (s *Server) refresh(c *call) error { return s.stamp(c, v1alpha1.AnnotationRefresh) }
func (s *Server) cancel(c *call) error  { return s.stamp(c, v1alpha1.AnnotationCancel) }

func (s *Server) stamp(c *call, annotation string) error {
	id := rand.Text()
	if err := s.o.Intents.Annotate(c.Context(), c.key, map[string]string{annotation: id}); err != nil {
		return err
	}
	s.note(c, annotation[len("plumb.cd/"):], "")
	return c.reply(Accepted{ID: id})
}

func (s *Server) suspend(c *call) error {
	return s.patch(c, "suspend", map[string]any{"suspend": true})
}

// resume ends a suspension and a hold, each of which takes its right.
func (s *Server) resume(c *call) error {
	if snap, _ := s.o.Engine.Snapshot(c.key); snap.Reason == fault.Suspended {
		if err := s.allow(c, Right{"suspend", AppResource, c.key}); err != nil {
			return err
		}
	}
	return s.patch(c, "resume", map[string]any{"suspend": nil, "hold": nil})
}

// HoldBody is the body of a hold call: a revision or a bundle.
type HoldBody struct {
	Revision string        `json:"revision,omitempty"`
	Bundle   object.Digest `json:"bundle,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Until    time.Time     `json:"until,omitzero"`
}

func (s *Server) hold(c *call) error {
	var body HoldBody
	if err := c.body(&body); err != nil {
		return err
	}
	if (body.Revision == "") == (body.Bundle == "") {
		return Problem{Status: http.StatusBadRequest, Message: "a hold names a revision or a bundle, one of them"}
	}
	if body.Bundle != "" { // back to an earlier state, whatever Git says
		if err := s.allow(c, Right{"rollback", AppResource, c.key}); err != nil {
			return err
		}
	}
	hold := map[string]any{"owner": c.user().Name, "reason": body.Reason}
	if body.Revision != "" {
		hold["revision"] = body.Revision
	} else {
		hold["bundle"] = string(body.Bundle)
	}
	if !body.Until.IsZero() {
		hold["until"] = body.Until.UTC().Format(time.RFC3339)
	}
	return s.patch(c, "hold", map[string]any{"hold": hold})
}

// adopt lets the App take over objects that exist already and belong to no App.
func (s *Server) adopt(c *call) error {
	return s.patch(c, "adopt", map[string]any{"sync": map[string]any{"adopt": true}})
}

func (s *Server) patch(c *call, what string, spec map[string]any) error {
	if err := s.o.Intents.PatchSpec(c.Context(), c.key, spec); err != nil {
		return err
	}
	s.note(c, what, "")
	return c.reply(Accepted{})
}

// revert restores the App's inputs in Git, by a commit.
func (s *Server) revert(c *call) error {
	var body engine.RevertRequest
	if err := c.body(&body); err != nil {
		return err
	}
	body.Actor = c.user().Name
	out, err := s.o.Engine.Revert(c.Context(), c.key, body)
	if err != nil {
		return err
	}
	if out.Commit != "" {
		s.note(c, "rollback", "restored the inputs as of "+out.To+" by commit "+out.Commit)
	}
	return c.reply(out)
}

// note records who asked for what.
func (s *Server) note(c *call, what, message string) {
	if s.o.History == nil {
		return
	}
	_, err := s.o.History.Append(c.Context(), history.Event{
		At: s.o.Now(), Kind: history.Request, App: c.key.String(), Actor: c.user().Name, Outcome: what, Message: message,
	})
	if err != nil {
		s.o.Log.Error("a request could not be recorded", "app", c.key.String(), "what", what, "err", err)
	}
}

// webhook takes a signed "there is news" for a repository. The signature is checked on the raw bytes, against the secret
// of each Repository with that address; an unknown address and a wrong signature get the same answer.
func (s *Server) webhook(w http.ResponseWriter, r *http.Request) {
	body, err := git.ReadWebhook(r.Body)
	if err != nil {
		s.fail(w, err)
		return
	}
	push, err := git.ParseWebhook(body)
	if err != nil {
		s.fail(w, Problem{Status: http.StatusBadRequest, Message: "the body is not a webhook: want {\"repository\": URL}"})
		return
	}
	want, err := git.NormalizeURL(push.Repository)
	if err != nil {
		s.fail(w, Problem{Status: http.StatusBadRequest, Message: "the repository's address cannot be read"})
		return
	}
	hit := s.o.Engine.Pushed(func(repo engine.Repository) bool {
		have, err := git.NormalizeURL(repo.URL)
		return err == nil && have == want && repo.WebhookSecret != "" && git.VerifyWebhook([]byte(repo.WebhookSecret), body, r.Header) == nil
	})
	if hit == 0 {
		s.fail(w, Problem{Status: http.StatusForbidden, Message: "no Repository has this address and this signature"})
		return
	}
	respond(w, http.StatusAccepted, map[string]int{"repositories": hit})
}
