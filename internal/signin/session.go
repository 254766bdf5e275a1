package signin

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// secret is what a cookie, or an address that works once, holds.
type secret [32]byte

func newSecret() secret {
	var s secret
	rand.Read(s[:]) // never fails
	return s
}

func (s secret) String() string { return base64.RawURLEncoding.EncodeToString(s[:]) }

func parseSecret(text string) (secret, bool) {
	var s secret
	if len(text) != base64.RawURLEncoding.EncodedLen(len(s)) {
		return s, false
	}
	n, err := base64.RawURLEncoding.Decode(s[:], []byte(text))
	return s, err == nil && n == len(s)
}

// derive makes a value that tells nothing of the secret, nor of other values derived from it.
func (s secret) derive(purpose string, size int) []byte {
	out, err := hkdf.Expand(sha256.New, s[:], "plumb sign-in: "+purpose, size)
	if err != nil {
		panic(err) // sizes are constants
	}
	return out
}

// index is the name under which the store keeps what belongs to the secret: 40 hexadecimal digits.
func (s secret) index() string { return hex.EncodeToString(s.derive("index", 20)) }

func (s secret) csrf() string { return base64.RawURLEncoding.EncodeToString(s.derive("csrf", 24)) }

func (s secret) aead() cipher.AEAD {
	block, err := aes.NewCipher(s.derive("seal", 32))
	if err != nil {
		panic(err) // the key has the right size
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

// seal closes v for the holder of the secret. use keeps a session from passing for something else.
func (s secret) seal(use string, v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.aead().Seal(nil, nil, raw, []byte(use)), nil //nolint:gosec // this AEAD makes a nonce of its own each time
}

func (s secret) unseal(use string, sealed []byte, into any) error {
	raw, err := s.aead().Open(nil, nil, sealed, []byte(use))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// session is what the store keeps, sealed.
type session struct {
	Way     string    `json:"way"` // ID of a provider, or "token"
	User    User      `json:"user"`
	Made    time.Time `json:"made"`
	Seen    time.Time `json:"seen"`
	Until   time.Time `json:"until"`
	Token   string    `json:"token,omitempty"`   // Kubernetes token: it is asked about again and again
	Check   time.Time `json:"check,omitzero"`    // when the provider has to be asked again
	Subject string    `json:"subject,omitempty"` // the provider's own name for the person
	Refresh string    `json:"refresh,omitempty"` // refresh token; empty: the session ends at Check
	IDToken string    `json:"idToken,omitempty"` // tells the provider who signs out
	Pause   time.Time `json:"-"`                 // the provider was away a moment ago, and is not asked before this
}

const tokenWay = "token"

// sessions are the open ones: what the store has, and what is remembered of it for a few seconds.
type sessions struct {
	store         Store
	now           func() time.Time
	idle, longest time.Duration
	log           *slog.Logger

	mu    sync.Mutex
	known map[string]*kept // by index
	swept time.Time
}

type kept struct {
	session
	read  time.Time // from the store
	noted time.Time // Seen as the store has it
}

const (
	fresh    = 5 * time.Second // a session that another replica ended goes on here for at most this long
	maxKnown = 20_000
	sessUse  = "session"
	sweepAge = 10 * time.Minute
)

func (ss *sessions) create(ctx context.Context, in session) (secret, error) {
	ss.sweep(ctx)
	key, now := newSecret(), ss.now()
	in.Made, in.Seen = now, now
	if last := now.Add(ss.longest); in.Until.IsZero() || in.Until.After(last) {
		in.Until = last
	}
	sealed, err := key.seal(sessUse, in)
	if err != nil {
		return key, err
	}
	if err := ss.store.Create(ctx, key.index(), Record{Sealed: sealed, Until: in.Until}); err != nil {
		return key, err
	}
	ss.keep(key, in)
	return key, nil
}

func (ss *sessions) keep(key secret, in session) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.known) >= maxKnown {
		clear(ss.known)
	}
	ss.known[key.index()] = &kept{session: in, read: ss.now(), noted: in.Seen}
}

// remembers says whether the session was open a moment ago.
func (ss *sessions) remembers(key secret) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.known[key.index()] != nil
}

// look gives an open session.
func (ss *sessions) look(ctx context.Context, key secret) (in session, noted time.Time, err error) {
	in, noted, err = ss.load(ctx, key)
	if err != nil {
		return session{}, noted, err
	}
	now := ss.now()
	if !now.Before(in.Until) {
		ss.drop(ctx, key)
		return session{}, noted, over("the sign-in has run out")
	}
	if !now.Before(in.Seen.Add(ss.idle)) {
		ss.drop(ctx, key)
		return session{}, noted, over(fmt.Sprintf("the sign-in has ended: it was not used for %s", ss.idle))
	}
	return in, noted, nil
}

// use gives an open session, and notes that somebody uses it.
func (ss *sessions) use(ctx context.Context, key secret) (session, error) {
	in, noted, err := ss.look(ctx, key)
	if err != nil {
		return session{}, err
	}
	now := ss.now()
	if now.Sub(noted) >= ss.idle/20 {
		if in, err = ss.reread(ctx, key); err != nil { // another replica may have changed it
			return session{}, err
		}
		in.Seen = now
		return in, ss.update(ctx, key, in)
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if k := ss.known[key.index()]; k != nil {
		k.Seen = now
	}
	in.Seen = now
	return in, nil
}

func (ss *sessions) load(ctx context.Context, key secret) (in session, noted time.Time, err error) {
	ss.mu.Lock()
	k := ss.known[key.index()]
	if k != nil && ss.now().Sub(k.read) < fresh {
		defer ss.mu.Unlock()
		return k.session, k.noted, nil
	}
	ss.mu.Unlock()
	in, err = ss.reread(ctx, key)
	if err != nil {
		return session{}, noted, err
	}
	noted = in.Seen
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if k != nil {
		in.Pause = k.Pause
		if k.Seen.After(in.Seen) {
			in.Seen = k.Seen
		}
	}
	if len(ss.known) >= maxKnown {
		clear(ss.known)
	}
	ss.known[key.index()] = &kept{session: in, read: ss.now(), noted: noted}
	return in, noted, nil
}

// reread asks the store.
func (ss *sessions) reread(ctx context.Context, key secret) (session, error) {
	rec, err := ss.store.Get(ctx, key.index())
	if errors.Is(err, ErrGone) {
		ss.forget(key)
		return session{}, over("you are signed out")
	}
	if err != nil {
		return session{}, fmt.Errorf("reading the session: %w", err)
	}
	var in session
	if err := key.unseal(sessUse, rec.Sealed, &in); err != nil {
		return session{}, over("you are signed out")
	}
	return in, nil
}

// update replaces a session. One that was ended meanwhile stays so.
func (ss *sessions) update(ctx context.Context, key secret, in session) error {
	sealed, err := key.seal(sessUse, in)
	if err != nil {
		return err
	}
	err = ss.store.Update(ctx, key.index(), Record{Sealed: sealed, Until: in.Until})
	if errors.Is(err, ErrGone) {
		ss.forget(key)
		return over("you are signed out")
	}
	if err != nil {
		return fmt.Errorf("keeping the session: %w", err)
	}
	ss.keep(key, in)
	return nil
}

func (ss *sessions) forget(key secret) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.known, key.index())
}

// drop ends a session.
func (ss *sessions) drop(ctx context.Context, key secret) {
	ss.forget(key)
	if err := ss.store.Delete(context.WithoutCancel(ctx), key.index()); err != nil && !errors.Is(err, ErrGone) {
		ss.log.Error("a session could not be deleted; it ends by itself", "err", err)
	}
}

// sweep deletes what has run out, now and then.
func (ss *sessions) sweep(ctx context.Context) {
	now := ss.now()
	ss.mu.Lock()
	due := now.Sub(ss.swept) >= sweepAge
	if due {
		ss.swept = now
	}
	ss.mu.Unlock()
	if !due {
		return
	}
	if err := ss.store.Sweep(ctx, now); err != nil {
		ss.log.Warn("old sessions could not be deleted", "err", err)
	}
}
