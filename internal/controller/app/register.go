package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/engine"
)

// register is where it is written which clusters, kinds and namespaces those Apps use that have no memory of their own yet,
// before anything of them is applied: one ConfigMap for all. Apps that begin at the same time share a write, so that a
// thousand new Apps cost a few dozen writes, not a thousand. What is stored in an App's own status is no longer needed here, and
// leaves with a later write.
//
// It may be lost only together with the hub: an App that was applied and has neither memory nor entry would forget its objects.
type register struct {
	hub client.Client
	key client.ObjectKey

	turn chan struct{} // held by whoever writes

	mu      sync.Mutex
	uses    map[types.UID]inUse // as they are to be stored
	size    int                 // bytes of uses
	open    *entries            // the next write
	version string              // resourceVersion of what is stored; empty: there is none
	usable  bool                // it was read
}

// entries are written together.
type entries struct {
	done chan struct{}
	err  error
}

const (
	registerData  = "uses.json"
	registerLimit = 512 << 10 // bytes; etcd takes three times as much
	registerTries = 5
)

// errNoRegister says that the register cannot take an entry; there is another place for it.
var errNoRegister = errors.New("the register cannot be used")

func newRegister(hub client.Client, key client.ObjectKey) *register {
	return &register{hub: hub, key: key, turn: make(chan struct{}, 1), uses: map[types.UID]inUse{}}
}

// load reads what is stored, and keeps what is of an App that exists. Where the register may not be read it is not used.
func (r *register) load(ctx context.Context, exists func(types.UID) bool) error {
	stored, version, err := r.read(ctx)
	if apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading what Apps use from ConfigMap %s: %w", r.key, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for uid, uses := range stored {
		if exists(uid) {
			r.put(uid, uses)
		}
	}
	r.version, r.usable = version, true
	return nil
}

// of gives what an App uses; nil when it has no entry.
func (r *register) of(uid types.UID) ([]engine.TargetUse, error) {
	r.mu.Lock()
	u, have := r.uses[uid]
	r.mu.Unlock()
	if !have {
		return nil, nil
	}
	return u.targets()
}

// add returns when what an App uses is stored. errNoRegister: it cannot be stored here.
func (r *register) add(ctx context.Context, uid types.UID, uses []engine.TargetUse) error {
	entry, err := usedBy(uses)
	if err != nil {
		return err
	}
	mine, err := r.join(uid, entry)
	if err != nil {
		return err
	}
	select {
	case <-mine.done:
		return mine.err
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.turn }()
	select {
	case <-mine.done:
	default:
		r.write(ctx, mine)
	}
	return mine.err
}

// join puts an entry into the next write.
func (r *register) join(uid types.UID, uses inUse) (*entries, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.usable || r.size+uses.size > registerLimit {
		return nil, errNoRegister
	}
	r.put(uid, uses)
	if r.open == nil {
		r.open = &entries{done: make(chan struct{})}
	}
	return r.open, nil
}

// put is called with mu held.
func (r *register) put(uid types.UID, uses inUse) {
	r.size += uses.size - r.uses[uid].size
	r.uses[uid] = uses
}

// drop forgets an App's entry: it has a memory of its own, or is gone.
func (r *register) drop(uid types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.size -= r.uses[uid].size
	delete(r.uses, uid)
}

// write stores all entries, those of mine among them. The turn is held.
func (r *register) write(ctx context.Context, mine *entries) {
	r.mu.Lock()
	r.open = nil
	uses, version := maps.Clone(r.uses), r.version
	r.mu.Unlock()
	defer close(mine.done)
	for try := 1; ; try++ {
		stored, err := r.store(ctx, uses, version)
		if err == nil {
			r.mu.Lock()
			r.version = stored
			r.mu.Unlock()
			return
		}
		if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) && version == "" { // no right to it, or no such namespace
			mine.err = errNoRegister
			return
		}
		if try == registerTries || !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) && !apierrors.IsNotFound(err) {
			mine.err = fmt.Errorf("storing what Apps use in ConfigMap %s: %w", r.key, err)
			return
		}
		// Somebody else wrote it, or deleted it. What another daemon entered stays.
		others, now, err := r.read(ctx)
		if err != nil {
			mine.err = fmt.Errorf("reading what Apps use from ConfigMap %s: %w", r.key, err)
			return
		}
		version = now
		r.mu.Lock()
		for uid, one := range others {
			if _, have := uses[uid]; !have {
				uses[uid] = one
				r.put(uid, one) // the next write has it too
			}
		}
		r.mu.Unlock()
	}
}

func (r *register) read(ctx context.Context) (uses map[types.UID]inUse, version string, err error) {
	var stored corev1.ConfigMap
	if err := r.hub.Get(ctx, r.key, &stored); apierrors.IsNotFound(err) {
		return nil, "", nil
	} else if err != nil {
		return nil, "", err
	}
	if text := stored.Data[registerData]; text != "" {
		if uses, err = decode([]byte(text)); err != nil {
			return nil, "", fmt.Errorf("%s is none of ours, correct or delete it: %w", registerData, err)
		}
	}
	return uses, stored.ResourceVersion, nil
}

// store writes uses over the version that was read, and gives the version that it made.
func (r *register) store(ctx context.Context, uses map[types.UID]inUse, version string) (string, error) {
	text, err := encode(uses)
	if err != nil {
		return "", err
	}
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: r.key.Namespace, Name: r.key.Name, ResourceVersion: version, Labels: map[string]string{"app.kubernetes.io/part-of": "plumb"},
		},
		Data: map[string]string{registerData: string(text)},
	}
	if version == "" {
		err = r.hub.Create(ctx, object, memoryOwner)
	} else {
		err = r.hub.Update(ctx, object, memoryOwner)
	}
	return object.ResourceVersion, err
}
