// Package signin says who sits at a browser: by OpenID Connect, by a Kubernetes token, or by an address that works once.
// Each way ends in a session, which a cookie names. What somebody may do is not its business: Kubernetes decides that.
//
// The cookie holds 32 random bytes and nothing else. The session is stored under a name derived from them and sealed with
// a key derived from them: what the store holds opens no session, and needs no key of its own that could be lost.
package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/httpapi"
)

// User is a user of the hub's API server: the name and groups that RBAC knows.
type User struct {
	Name   string   `json:"name"`
	UID    string   `json:"uid,omitempty"`
	Groups []string `json:"groups,omitempty"`
}

// Identity is who a session belongs to.
type Identity struct {
	User
	Expires time.Time // when the session ends at the latest
	CSRF    string    // what calls that change something send along
	session secret
}

// Owner names the owner of a token, as the hub does. A refusal is a fault.Error with reason AuthenticationFailed; every
// other error means that nobody could be asked.
type Owner func(ctx context.Context, token string) (User, error)

// Options are what a Service works with.
type Options struct {
	Config Config
	Store  Store
	Owner  Owner
	Now    func() time.Time
	Log    *slog.Logger
}

// Service signs people in and out. Make it with New.
type Service struct {
	o         Options
	front     Front
	sessions  *sessions
	providers []*provider
	byAddress *limiter // attempts that failed
	byName    *limiter // sign-ins
	good      tokens
	flight    singleflight.Group
}

const (
	attempts      = 20
	attemptsEvery = 6 * time.Second
	signIns       = 30
	signInsEvery  = 20 * time.Second
)

// New makes a Service. It asks no provider: one that is away does not keep anybody from starting.
func New(o Options) (*Service, error) {
	c, err := o.Config.complete()
	if err != nil {
		return nil, err
	}
	o.Config = c
	s := &Service{
		o: o, front: c.front,
		sessions:  &sessions{store: o.Store, now: o.Now, idle: c.Idle.Duration, longest: c.Longest.Duration, log: o.Log, known: map[string]*kept{}},
		byAddress: newLimiter(attempts, attemptsEvery, o.Now), byName: newLimiter(signIns, signInsEvery, o.Now),
	}
	for _, p := range c.Providers {
		one, err := newProvider(p, c.front.callback(p.ID), o.Now)
		if err != nil {
			return nil, err
		}
		s.providers = append(s.providers, one)
	}
	return s, nil
}

// Front is where browsers come from.
func (s *Service) Front() Front { return s.front }

// ErrNone means that a request carries no session.
var ErrNone = errors.New("no session")

// Who names the reader of a request by its session cookie. It gives ErrNone where there is no cookie, a TooMany when the
// address has tried too often, and a fault.Error with reason AuthenticationFailed when the session is over; a cookie that
// is of no use any more is then taken back in answer, the header of what will be answered.
func (s *Service) Who(answer http.Header, r *http.Request) (Identity, error) {
	key, ok := s.front.session(r)
	if !ok {
		return Identity{}, ErrNone
	}
	back := func() {}
	if !s.sessions.remembers(key) { // it may be a guess
		var err error
		if back, err = s.Attempt(r); err != nil {
			return Identity{}, err
		}
	}
	in, err := s.sessions.use(r.Context(), key)
	var id Identity
	if err == nil {
		id, err = s.vouched(r.Context(), key, in)
	}
	if fault.Is(err, fault.AuthenticationFailed) {
		s.front.forget(answer, r)
		return id, err
	}
	back()
	return id, err
}

// Still says whether a session goes on, and who it belongs to now: groups may have changed. It is no use of the session:
// a page that only stays open does not keep somebody signed in. Errors are those of Who.
func (s *Service) Still(ctx context.Context, id Identity) (Identity, error) {
	in, _, err := s.sessions.look(ctx, id.session)
	if err != nil {
		return Identity{}, err
	}
	return s.vouched(ctx, id.session, in)
}

// vouched asks whoever vouches for the session's owner, when it is time to.
func (s *Service) vouched(ctx context.Context, key secret, in session) (Identity, error) {
	var err error
	if in.Token != "" {
		if in.User, err = s.o.Owner(ctx, in.Token); fault.Is(err, fault.AuthenticationFailed) {
			s.end(ctx, key, in)
			return Identity{}, over("the token of this sign-in is no longer accepted")
		}
	} else if in.due(s.o.Now()) {
		in, err = s.confirm(ctx, key, in)
	}
	if err != nil {
		return Identity{}, err
	}
	return Identity{User: in.User, Expires: in.Until, CSRF: key.csrf(), session: key}, nil
}

// Attempt counts a try to get in from the address of r. back takes it back, for a try that was rightful. The error is a
// TooMany.
func (s *Service) Attempt(r *http.Request) (back func(), err error) {
	key := bucketOf(s.front.Address(r))
	if wait := s.byAddress.take(key); wait > 0 {
		return nil, TooMany{After: wait, What: "tries to sign in from your address"}
	}
	return func() { s.byAddress.giveBack(key) }, nil
}

// begin makes a session for somebody who has proved who they are, in place of the one that the browser may have.
func (s *Service) begin(answer http.Header, r *http.Request, in session) error {
	if wait := s.byName.take(in.User.Name); wait > 0 {
		return TooMany{After: wait, What: "sign-ins as " + in.User.Name}
	}
	if old, ok := s.front.session(r); ok {
		s.sessions.drop(r.Context(), old)
	}
	key, err := s.sessions.create(r.Context(), in)
	if err != nil {
		return fmt.Errorf("keeping the session: %w", err)
	}
	s.front.remember(answer, r, key)
	s.o.Log.Info("signed in", "user", in.User.Name, "way", in.Way, "address", s.front.Address(r).String())
	return nil
}

// end ends a session for good, here and at the provider as far as it goes.
func (s *Service) end(ctx context.Context, key secret, in session) {
	s.sessions.drop(ctx, key)
	if p := s.provider(in.Way); p != nil && in.Refresh != "" {
		p.revoke(ctx, in.Refresh)
	}
}

// confirm asks the provider whether the person is still who they were. A provider that is away is given a little time.
func (s *Service) confirm(ctx context.Context, key secret, in session) (session, error) {
	out, err, _ := s.flight.Do(key.index(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		now, err := s.sessions.reread(ctx, key)
		if err != nil {
			return now, err
		}
		now.Pause = in.Pause
		if in.Seen.After(now.Seen) {
			now.Seen = in.Seen
		}
		if !now.due(s.o.Now()) { // another call, or another replica, has done it
			s.sessions.keep(key, now)
			return now, nil
		}
		return s.confirmOnce(ctx, key, now)
	})
	if err != nil {
		return in, err
	}
	return out.(session), nil
}

func (s *Service) confirmOnce(ctx context.Context, key secret, in session) (session, error) {
	p := s.provider(in.Way)
	if p == nil || in.Refresh == "" {
		s.sessions.drop(ctx, key)
		return in, over("the sign-in has run out")
	}
	fresh, err := p.refresh(ctx, in)
	var away Away
	switch {
	case err == nil:
		fresh.Seen, fresh.Made, fresh.Until = in.Seen, in.Made, in.Until
		return fresh, s.sessions.update(ctx, key, fresh)
	case errors.As(err, &away) && s.o.Now().Before(in.Check.Add(grace)):
		in.Pause = s.o.Now().Add(againPause)
		s.sessions.keep(key, in)
		return in, nil
	case errors.As(err, &away):
		s.sessions.drop(ctx, key)
		return in, over("the sign-in has run out, and " + away.Error())
	}
	if other, again := s.sessions.reread(ctx, key); again == nil && other.Refresh != in.Refresh {
		return other, nil // another replica was first, and the provider takes a token once
	}
	s.sessions.drop(ctx, key)
	s.o.Log.Info("a sign-in was ended by the provider", "user", in.User.Name, "way", in.Way, "err", err)
	return in, over("the provider has ended the sign-in")
}

// grace is how long a person stays signed in past a check that could not be made because the provider is away.
const (
	grace      = 5 * time.Minute
	againPause = 20 * time.Second // between two tries
)

// due says whether the provider has to be asked now.
func (in session) due(now time.Time) bool {
	return !in.Check.IsZero() && !now.Before(in.Check) && !now.Before(in.Pause)
}

func (s *Service) provider(id string) *provider {
	i := slices.IndexFunc(s.providers, func(p *provider) bool { return p.c.ID == id })
	if i < 0 {
		return nil
	}
	return s.providers[i]
}

// Ways are the ways to sign in, and which of them are shut now.
func (s *Service) Ways(ctx context.Context) httpapi.Ways {
	out := httpapi.Ways{Token: true}
	downs := make([]chan string, len(s.providers))
	for i, p := range s.providers {
		downs[i] = make(chan string, 1)
		go func() { downs[i] <- p.down(ctx) }()
	}
	for i, p := range s.providers {
		out.OIDC = append(out.OIDC, httpapi.OIDCWay{Name: p.c.Name, Path: "/auth/oidc/" + p.c.ID, Down: <-downs[i]})
	}
	return out
}

// over is the end of a session.
func over(message string) error {
	return &fault.Error{Class: fault.Invalid, Reason: fault.AuthenticationFailed, Message: message, Next: "sign in again"}
}

// TooMany is a refusal because of too many tries.
type TooMany struct {
	After time.Duration
	What  string
}

func (t TooMany) Error() string { return "too many " + strings.TrimSpace(t.What) + ": wait a moment" }
