package signin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"plumb.cd/plumb/internal/fault"
)

// WithToken signs in the owner of a Kubernetes token; the session ends when the token does. Errors are those of Owner, and
// TooMany.
func (s *Service) WithToken(answer http.Header, r *http.Request, token string) error {
	back, err := s.Attempt(r)
	if err != nil {
		return err
	}
	in, err := s.sessionOfToken(r.Context(), token)
	if !fault.Is(err, fault.AuthenticationFailed) {
		back() // it was rightful, or nobody could tell
	}
	if err != nil {
		return err
	}
	return s.begin(answer, r, in)
}

// Bearer names the owner of a token that a call carries. Tries with tokens that are not accepted are counted by address: who
// guesses is turned away (TooMany) without a question to the hub. Errors are else those of Owner.
func (s *Service) Bearer(r *http.Request, token string) (User, error) {
	sum := sha256.Sum256([]byte(token))
	if s.good.has(sum, s.o.Now()) {
		return s.o.Owner(r.Context(), token)
	}
	back, err := s.Attempt(r)
	if err != nil {
		return User{}, err
	}
	user, err := s.o.Owner(r.Context(), token)
	if !fault.Is(err, fault.AuthenticationFailed) {
		back()
	}
	if err == nil {
		s.good.add(sum, s.o.Now())
	}
	return user, err
}

// tokens are hashes of those that were good a short time ago.
type tokens struct {
	mu    sync.Mutex
	until map[[sha256.Size]byte]time.Time
}

const stillGood = 10 * time.Minute

func (k *tokens) has(sum [sha256.Size]byte, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return now.Before(k.until[sum])
}

func (k *tokens) add(sum [sha256.Size]byte, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.until == nil || len(k.until) >= maxKnown {
		k.until = map[[sha256.Size]byte]time.Time{}
	}
	k.until[sum] = now.Add(stillGood)
}

func (s *Service) sessionOfToken(ctx context.Context, token string) (session, error) {
	token = strings.TrimSpace(token)
	if token == "" || len(token) > longestToken {
		return session{}, &fault.Error{Class: fault.Invalid, Reason: fault.AuthenticationFailed, Message: "this is no token", Next: "kubectl create token NAME"}
	}
	user, err := s.o.Owner(ctx, token)
	if err != nil {
		return session{}, err
	}
	return session{Way: tokenWay, User: user, Token: token, Until: ExpiryOf(token)}, nil
}

const longestToken = 16 << 10

// ExpiryOf reads when a token ends, where it says so; the hub has checked the rest. Zero: it does not say.
func ExpiryOf(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Expiry float64 `json:"exp"`
	}
	if json.Unmarshal(raw, &claims) != nil || claims.Expiry <= 0 || claims.Expiry > 1e11 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Expiry), 0)
}

// invitation is what an address that works once stands for.
type invitation struct {
	Token string    `json:"token"`
	Until time.Time `json:"until"`
}

const (
	onceUse     = "once"
	longestOnce = time.Hour
)

// Link makes an address that signs the owner of the token in, once, within valid (at most an hour). path is without the
// base path.
func (s *Service) Link(ctx context.Context, token string, valid time.Duration) (path string, until time.Time, err error) {
	if _, err := s.sessionOfToken(ctx, token); err != nil {
		return "", until, err
	}
	s.sessions.sweep(ctx)
	key := newSecret()
	until = s.o.Now().Add(min(max(valid, time.Second), longestOnce))
	sealed, err := key.seal(onceUse, invitation{Token: token, Until: until})
	if err != nil {
		return "", until, err
	}
	if err := s.o.Store.Create(ctx, key.index(), Record{Sealed: sealed, Until: until}); err != nil {
		return "", until, fmt.Errorf("keeping the address: %w", err)
	}
	return "/auth/once?token=" + key.String(), until, nil
}

// errUsed is the answer to an address that is of no use, whatever the reason.
var errUsed = &fault.Error{
	Class: fault.Invalid, Reason: fault.AuthenticationFailed,
	Message: "This address has been used, or is too old. It signs a browser in once.", Next: "plumb ui",
}

// redeem takes an invitation: the first one gets it.
func (s *Service) redeem(ctx context.Context, text string) (session, error) {
	key, ok := parseSecret(text)
	if !ok {
		return session{}, errUsed
	}
	rec, err := s.o.Store.Get(ctx, key.index())
	if err == nil {
		err = s.o.Store.Delete(ctx, key.index())
	}
	if errors.Is(err, ErrGone) {
		return session{}, errUsed
	}
	if err != nil {
		return session{}, fmt.Errorf("reading the address: %w", err)
	}
	var i invitation
	if key.unseal(onceUse, rec.Sealed, &i) != nil || !s.o.Now().Before(i.Until) {
		return session{}, errUsed
	}
	return s.sessionOfToken(ctx, i.Token)
}

// SignOut ends the session of r, here and on every replica. next is where the browser ends the provider's own session;
// empty: there is none.
func (s *Service) SignOut(answer http.Header, r *http.Request) (next string) {
	key, ok := s.front.session(r)
	if !ok {
		return ""
	}
	s.front.forget(answer, r)
	in, err := s.sessions.reread(r.Context(), key)
	if err != nil {
		s.sessions.drop(r.Context(), key)
		return ""
	}
	s.end(r.Context(), key, in)
	s.o.Log.Info("signed out", "user", in.User.Name, "way", in.Way)
	if p := s.provider(in.Way); p != nil {
		return p.logoutURL(in.IDToken, s.front.signInPage())
	}
	return ""
}
