package app

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/convert"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
)

// memoryOwner is the field manager of status.memory. Nobody else writes that field, and nothing else is written by it,
// so that neither write can lose the other's.
const memoryOwner = client.FieldOwner("plumb-memory")

// Ledger knows what was told and written about each App, and stores the engine's memory. It is the engine's MemoryStore.
type Ledger struct {
	hub      client.Client
	register *register

	mu      sync.Mutex
	entries map[engine.Key]entry

	nextTurn time.Time // to write news of progress
}

type entry struct {
	writing    *sync.Mutex // held while the App's status is written, by whichever write
	stored     int64       // version of the memory that is in the status
	hasStatus  bool        // the App has a status, as far as is known
	remembers  bool        // and it had a memory when the App was told
	anchored   bool        // the App has our finalizer
	moored     string      // resourceVersion that the App had when it got it, or was told with it
	turn       time.Time   // when news of progress may be written
	uid        string
	version    string              // resourceVersion of the App as it was told
	finalizers []string            // then
	mark       string              // of what the engine was told
	rv         string              // that our last status write made
	wrote      *v1alpha1.AppStatus // by that write; nil once the cache has it
	at         time.Time           // of that write
}

// NewLedger makes a Ledger that reads and writes through hub, not through a cache. What Apps use that have no memory yet is in the
// ConfigMap of that name; it is made when it is needed.
func NewLedger(hub client.Client, register client.ObjectKey) *Ledger {
	return &Ledger{hub: hub, register: newRegister(hub, register), entries: map[engine.Key]entry{}}
}

// SaveMemory returns when m, or a newer version of it, is stored in the App's status.
func (l *Ledger) SaveMemory(ctx context.Context, key engine.Key, m engine.Memory) error {
	value, err := convert.Memory(m)
	if err != nil {
		return err
	}
	defer l.lock(key)()
	if m.Version != 0 && m.Version <= l.stored(key) {
		return nil
	}
	uid := l.get(key).uid
	if uid == "" {
		return &fault.Error{
			Class: fault.Blocked, Reason: fault.Internal, Where: "App/" + key.String(), Message: "the App is unknown: it was deleted, or never seen",
		}
	}
	if !l.get(key).anchored {
		if err := l.anchor(ctx, key, m); err != nil {
			return err
		}
	}
	same := operation{Op: "test", Path: "/metadata/uid", Value: quoted(uid)}
	// The whole value is replaced: a merge would keep what was taken out of it.
	later := jsonPatch(same, operation{Op: "add", Path: "/status/memory", Value: value})
	none := operation{Op: "test", Path: "/status", Value: json.RawMessage("null")}
	first := jsonPatch(same, none, operation{Op: "add", Path: "/status", Value: fmt.Appendf(nil, `{"memory":%s}`, value)})
	tries := []client.Patch{later, first}
	if !l.get(key).hasStatus {
		tries = []client.Patch{first, later}
	}
	err = l.hub.Status().Patch(ctx, metadataOf(key), tries[0], memoryOwner)
	if apierrors.IsInvalid(err) { // perhaps there is a status where none was known, or none any more
		if second := l.hub.Status().Patch(ctx, metadataOf(key), tries[1], memoryOwner); !apierrors.IsInvalid(second) {
			err = second
		}
	}
	if err != nil {
		return notStored(key, err)
	}
	l.change(key, func(e *entry) { e.stored, e.hasStatus = m.Version, true })
	l.register.drop(types.UID(uid))
	return nil
}

// lock keeps others from writing the App's status until the returned function is called.
func (l *Ledger) lock(key engine.Key) (unlock func()) {
	var writing *sync.Mutex
	l.change(key, func(e *entry) {
		if e.writing == nil {
			e.writing = &sync.Mutex{}
		}
		writing = e.writing
	})
	writing.Lock()
	return writing.Unlock
}

// stored is the version of the memory that the status has.
func (l *Ledger) stored(key engine.Key) int64 { return l.get(key).stored }

type operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

func jsonPatch(ops ...operation) client.Patch {
	b, _ := json.Marshal(ops) // raw JSON inside plain structs has a form
	return client.RawPatch(types.JSONPatchType, b)
}

func quoted(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a string always has a form
	return b
}

func (l *Ledger) get(key engine.Key) entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[key]
}

func (l *Ledger) change(key engine.Key, f func(*entry)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[key]
	f(&e)
	l.entries[key] = e
}

// told is the mark of what the engine was told last; empty when it was told nothing.
func (l *Ledger) told(key engine.Key) string { return l.get(key).mark }

func (l *Ledger) remember(key engine.Key, app *v1alpha1.App) {
	uid, mark := string(app.UID), markOf(app)
	l.change(key, func(e *entry) {
		if e.uid != uid {
			e.stored = 0
		}
		e.remembers = app.Status.Memory != nil
		e.hasStatus = app.Status.State != "" || e.remembers
		e.uid, e.mark, e.version, e.finalizers = uid, mark, app.ResourceVersion, app.Finalizers
		if e.anchored = controllerutil.ContainsFinalizer(app, v1alpha1.Finalizer); e.anchored {
			e.moored = app.ResourceVersion
		}
	})
}

// unmoored reports that somebody took our finalizer off an App that we put it on.
func (l *Ledger) unmoored(key engine.Key, app *v1alpha1.App) bool {
	e := l.get(key)
	if e.uid != string(app.UID) || e.moored == "" || controllerutil.ContainsFinalizer(app, v1alpha1.Finalizer) || app.DeletionTimestamp != nil {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(app.ResourceVersion, e.moored)
	return err == nil && order > 0
}

func (l *Ledger) forget(key engine.Key) {
	l.mu.Lock()
	uid := l.entries[key].uid
	delete(l.entries, key)
	l.mu.Unlock()
	l.register.drop(types.UID(uid))
}

func (l *Ledger) wrote(key engine.Key, rv string, s v1alpha1.AppStatus, memory int64, at time.Time) {
	var uid string
	l.change(key, func(e *entry) {
		e.rv, e.wrote, e.at, e.stored, e.hasStatus, uid = rv, &s, at, max(e.stored, memory), true, e.uid
	})
	if memory > 0 {
		l.register.drop(types.UID(uid))
	}
}

func (l *Ledger) lastWrite(key engine.Key) time.Time { return l.get(key).at }

// newerStatus is what we wrote last, while the cache is at an older version; nil when the cache has caught up.
func (l *Ledger) newerStatus(key engine.Key, cached string) *v1alpha1.AppStatus {
	e := l.get(key)
	if e.wrote == nil {
		return nil
	}
	if order, err := resourceversion.CompareResourceVersion(cached, e.rv); err == nil && order < 0 {
		return e.wrote
	}
	l.change(key, func(e *entry) { e.wrote = nil })
	return nil
}
