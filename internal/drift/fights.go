package drift

import (
	"cmp"
	"container/list"
	"slices"
	"time"

	"plumb.cd/plumb/internal/object"
)

// FightOptions say when to give in. Zero values mean the defaults.
type FightOptions struct {
	Retakes  int           // how often a manager must take a field back within Window; default 3
	Window   time.Duration // default 5 minutes
	Cooldown time.Duration // how long a field is left to the other manager; doubled each time up to MaxCooldown; default 1 hour
	// MaxCooldown limits the doubling; default 24 hours.
	MaxCooldown time.Duration
	// Limit is the number of fields remembered; the one heard of longest ago is forgotten first. Default 10,000.
	Limit int
}

// Decision says whether to leave a field to another manager.
type Decision struct {
	Yield   bool
	Manager string
	Field   string    // path as in object.Change
	Count   int       // takes within the window, this one included
	Until   time.Time // while Yield: when to try again
}

// Fights recognises a field that another manager keeps taking back from us. Every heal tells it by Observe what is about
// to be undone. It has no clock and is not safe for concurrent use: one belongs to one owner.
type Fights struct {
	o     FightOptions
	byID  map[object.ID]map[fightKey]*list.Element // of *fight
	order *list.List                               // the one heard of last in front
}

type fightKey struct {
	id      object.ID
	field   string
	manager string
}

type fight struct {
	key      fightKey
	takes    []time.Time // within the window, the oldest first; never more than Retakes
	until    time.Time
	cooldown time.Duration // of the last yield; zero before the first
}

// NewFights makes an empty memory with the default options.
func NewFights() *Fights { return NewFightsWith(FightOptions{}) }

// NewFightsWith makes an empty memory.
func NewFightsWith(o FightOptions) *Fights {
	if o.Retakes <= 0 {
		o.Retakes = 3
	}
	o.Window = orDefault(o.Window, 5*time.Minute)
	o.Cooldown = orDefault(o.Cooldown, time.Hour)
	o.MaxCooldown = max(orDefault(o.MaxCooldown, 24*time.Hour), o.Cooldown)
	if o.Limit <= 0 {
		o.Limit = 10_000
	}
	return &Fights{o: o, byID: map[object.ID]map[fightKey]*list.Element{}, order: list.New()}
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// Observe tells that manager took the field of the object id, at that time. The answer is whether to leave it there.
func (f *Fights) Observe(id object.ID, field, manager string, at time.Time) Decision {
	t := f.touch(fightKey{id, field, manager})
	if at.Before(t.until) {
		return t.decision()
	}
	kept := t.takes[:0]
	for _, earlier := range t.takes {
		if at.Sub(earlier) < f.o.Window {
			kept = append(kept, earlier)
		}
	}
	t.takes = append(kept, at)
	if len(t.takes) >= f.o.Retakes {
		f.yield(t, at)
	}
	return t.decision()
}

// Yield leaves the field to manager at once, as for an autoscaler.
func (f *Fights) Yield(id object.ID, field, manager string, at time.Time) Decision {
	t := f.touch(fightKey{id, field, manager})
	if !at.Before(t.until) {
		t.takes = append(t.takes[:0], at)
		f.yield(t, at)
	}
	return t.decision()
}

// Yielded gives the fields of the object id that are left to others at that time, in their order.
func (f *Fights) Yielded(id object.ID, at time.Time) []Decision {
	var out []Decision
	for _, e := range f.byID[id] {
		if t := e.Value.(*fight); at.Before(t.until) {
			out = append(out, t.decision())
		}
	}
	slices.SortFunc(out, func(a, b Decision) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Manager, b.Manager))
	})
	return out
}

// Forget drops what is known of the object id: it was deleted, or its fields changed in Git and deserve a new try.
func (f *Fights) Forget(id object.ID) {
	for _, e := range f.byID[id] {
		f.order.Remove(e)
	}
	delete(f.byID, id)
}

func (f *Fights) yield(t *fight, at time.Time) {
	t.cooldown = min(max(2*t.cooldown, f.o.Cooldown), f.o.MaxCooldown)
	if t.until.IsZero() || at.Sub(t.until) > f.o.MaxCooldown {
		t.cooldown = f.o.Cooldown // the first fight, or one so long ago that it is no continuation
	}
	t.until = at.Add(t.cooldown)
}

func (f *Fights) touch(k fightKey) *fight {
	if e, ok := f.byID[k.id][k]; ok {
		f.order.MoveToFront(e)
		return e.Value.(*fight)
	}
	if f.order.Len() >= f.o.Limit {
		f.drop(f.order.Back())
	}
	t := &fight{key: k}
	if f.byID[k.id] == nil {
		f.byID[k.id] = map[fightKey]*list.Element{}
	}
	f.byID[k.id][k] = f.order.PushFront(t)
	return t
}

func (f *Fights) drop(e *list.Element) {
	k := e.Value.(*fight).key
	f.order.Remove(e)
	delete(f.byID[k.id], k)
	if len(f.byID[k.id]) == 0 {
		delete(f.byID, k.id)
	}
}

func (t *fight) decision() Decision {
	d := Decision{Manager: t.key.manager, Field: t.key.field, Count: len(t.takes)}
	if len(t.takes) > 0 && t.until.After(t.takes[len(t.takes)-1]) {
		d.Yield, d.Until = true, t.until
	}
	return d
}
