package daemon

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"sync"
	"time"

	"plumb.cd/plumb/internal/cluster"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/server"
)

// access answers who somebody is and what they may do: Kubernetes does, by TokenReview and SubjectAccessReview. Answers
// are kept for a short time, so that a list of thousands asks once a namespace.
type access struct {
	hub   *cluster.Cluster
	local [32]byte // hash of the local token; zero: none
	now   func() time.Time

	mu     sync.Mutex
	tokens map[[32]byte]cached[server.User]
	rights map[right]cached[bool]
}

type right struct {
	user string
	server.Right
}

type cached[T any] struct {
	value T
	until time.Time
}

const (
	keepAnswers = 10 * time.Second
	maxAnswers  = 20_000
	localUser   = "plumb:local"
)

func newAccess(hub *cluster.Cluster, localToken string, now func() time.Time) *access {
	a := &access{hub: hub, now: now, tokens: map[[32]byte]cached[server.User]{}, rights: map[right]cached[bool]{}}
	if localToken != "" {
		a.local = sha256.Sum256([]byte(localToken))
	}
	return a
}

// Authenticate names the owner of a token: the local one, or what the hub's API server says.
func (a *access) Authenticate(ctx context.Context, token string) (server.User, error) {
	sum := sha256.Sum256([]byte(token))
	if a.local != ([32]byte{}) && subtle.ConstantTimeCompare(sum[:], a.local[:]) == 1 {
		return server.User{Name: localUser}, nil
	}
	a.mu.Lock()
	c, ok := a.tokens[sum]
	a.mu.Unlock()
	if ok && a.now().Before(c.until) {
		return c.value, nil
	}
	u, err := a.hub.TokenReview(ctx, token)
	if err != nil {
		return server.User{}, err
	}
	user, err := userOf(u)
	if err != nil {
		return server.User{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.tokens) > maxAnswers {
		clear(a.tokens)
	}
	a.tokens[sum] = cached[server.User]{user, a.now().Add(keepAnswers)}
	return user, nil
}

// userOf is a user of the hub. Nobody there is the local one, whatever the name.
func userOf(u cluster.User) (server.User, error) {
	if u.Name == "" || u.Name == localUser {
		return server.User{}, &fault.Error{Class: fault.Invalid, Reason: fault.AuthenticationFailed, Message: "the token is not accepted", Next: "plumb login"}
	}
	return server.User{Name: u.Name, UID: u.UID, Groups: u.Groups}, nil
}

// Allowed asks the hub whether the user may do this.
func (a *access) Allowed(ctx context.Context, u server.User, r server.Right) (bool, error) {
	if u.Name == localUser {
		return true, nil
	}
	key := right{user: u.Name + "\x00" + u.UID + "\x00" + strings.Join(u.Groups, "\x00"), Right: r}
	a.mu.Lock()
	c, ok := a.rights[key]
	a.mu.Unlock()
	if ok && a.now().Before(c.until) {
		return c.value, nil
	}
	yes, _, err := a.hub.CanI(ctx, cluster.User{Name: u.Name, UID: u.UID, Groups: u.Groups}, cluster.Attributes{
		Verb: r.Verb, Group: "plumb.cd", Resource: r.Resource, Namespace: r.Key.Namespace, Name: r.Key.Name,
	})
	if err != nil {
		return false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.rights) > maxAnswers {
		clear(a.rights)
	}
	a.rights[key] = cached[bool]{yes, a.now().Add(keepAnswers)}
	return yes, nil
}
