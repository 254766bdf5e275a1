package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/apply"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// Trace is how one deployment attempt went, from the news of its commit to its end.
type Trace struct {
	App     Key
	Attempt Attempt
	Facts   DeploymentFacts
	Spans   []Span // in the order in which they began
}

// Span is one part of a Trace.
type Span struct {
	Name         string // fetch, render, plan, apply, wait, healthy
	Group        int    // of apply and wait: from 0
	Phase        plan.Phase
	Wave         int
	Steps        int // of apply: how many were carried out
	Began, Ended time.Time
}

// Names of spans.
const (
	SpanFetch   = "fetch"
	SpanRender  = "render"
	SpanPlan    = "plan"
	SpanApply   = "apply"   // one a group
	SpanWait    = "wait"    // what a group waited for after its steps were carried out
	SpanHealthy = "healthy" // from the last step to the end of an attempt that succeeded
)

// OnTrace has f told of every attempt that ended. f must not block. Call it before Run; without it nothing is collected
// but a few times.
func (e *Engine) OnTrace(f func(Trace)) { e.metrics.told.traced = f }

// times are the beginning and the end of something.
type times struct{ began, ended time.Time }

func (t times) span(name string) Span { return Span{Name: name, Began: t.began, Ended: t.ended} }

// line is what is noted of an attempt while it runs.
type line struct {
	facts    DeploymentFacts
	began    time.Time
	before   []Span            // fetch, render, plan
	applied  time.Time         // of the last step that was carried out
	groups   []groupTimes      // nil: nobody traces
	group    map[object.ID]int // of a step
	finished int               // groups before this one are done
}

type groupTimes struct {
	phase plan.Phase
	wave  int
	steps int
	last  time.Time // when its last step was carried out
	done  time.Time
}

// begins notes that an attempt starts (or goes on, after a restart).
func (e *Engine) begins(ctx context.Context, a *app, spec App, c choice, pl planned, r *run) {
	r.line = &line{facts: e.factsOf(ctx, a, spec, c, r.request), began: e.o.Now()}
	if e.metrics.told.traced == nil {
		return
	}
	r.line.before = e.past(a, r.attempt, r.line.facts)
	r.line.before = append(r.line.before, times{pl.began, r.line.began}.span(SpanPlan))
	r.line.group = map[object.ID]int{}
	for i, g := range slices.Concat(pl.plan.Groups, pl.plan.OnFailure) {
		r.line.groups = append(r.line.groups, groupTimes{phase: g.Phase, wave: g.Wave})
		for _, s := range g.Steps {
			r.line.group[s.ID] = i
		}
	}
}

// past gives what happened before the attempt, as far as this process saw it: the fetch that brought the commit, and the
// render. An attempt that brings no new commit had neither.
func (e *Engine) past(a *app, at *Attempt, f DeploymentFacts) []Span {
	if f.Trigger == BySpec || f.Trigger == ByHold || at.Mode == plan.Rollback {
		return nil
	}
	var out []Span
	var since time.Time // a render before it was for something else
	if a.mem.Applied != nil {
		since = a.mem.Applied.At
	}
	for _, sr := range a.repos {
		if fetched, ok := sr.repo.fetchOf(commitOf(Deployed{Revisions: at.Revisions})); ok {
			out, since = append(out, fetched.span(SpanFetch)), fetched.began
			break
		}
	}
	a.mu.Lock()
	rendered := a.rendered
	a.mu.Unlock()
	if rendered.bundle == at.Bundle && rendered.took > 0 && !rendered.seen.Before(since) {
		out = append(out, times{rendered.seen, rendered.seen.Add(rendered.took)}.span(SpanRender))
	}
	return out
}

// fetchOf gives the look at the repository that brought commit.
func (r *repo) fetchOf(commit string) (times, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, st := range r.refs {
		if st.found && st.resolved.Commit == commit && !st.fetched.began.IsZero() {
			return st.fetched, true
		}
	}
	return times{}, false
}

// watched is a journal that notes when steps are carried out.
type watched struct {
	*journal
}

func (j watched) Applied(step plan.Step, answer *unstructured.Unstructured) {
	j.journal.Applied(step, answer)
	j.run.line.carriedOut(step.ID, j.e.o.Now())
}

func (j watched) Pruned(step plan.Step) {
	j.journal.Pruned(step)
	j.run.line.carriedOut(step.ID, j.e.o.Now())
}

func (l *line) carriedOut(id object.ID, now time.Time) {
	l.applied = now
	if l.groups == nil {
		return
	}
	if g, ok := l.group[id]; ok {
		l.groups[g].steps++
		l.groups[g].last = now
	}
}

// advanced notes which groups are done. now is when the step of the execution began: what was waited for had come by then.
func (l *line) advanced(st apply.State, now time.Time) {
	if l == nil || l.groups == nil || st.Failed != nil {
		return
	}
	upTo := st.Group
	if st.Done {
		upTo = st.Groups
	}
	for ; l.finished < min(upTo, len(l.groups)); l.finished++ {
		g := &l.groups[l.finished]
		g.done = now
		if g.last.After(now) {
			g.done = g.last
		}
	}
}

// ended tells of an attempt that is over.
func (e *Engine) ended(a *app, r *run, at Attempt) {
	if r.line == nil {
		return
	}
	e.metrics.led(r.line, at)
	if traced := e.metrics.told.traced; traced != nil {
		traced(Trace{App: a.key, Attempt: at, Facts: r.line.facts, Spans: r.line.spans(at)})
	}
}

// spans gives the parts of an attempt in the order in which they began.
func (l *line) spans(at Attempt) []Span {
	out := slices.Clone(l.before)
	from := l.began
	for i, g := range l.groups {
		s := Span{Group: i, Phase: g.phase, Wave: g.wave}
		if g.steps > 0 {
			s.Name, s.Steps, s.Began, s.Ended = SpanApply, g.steps, from, g.last
			out = append(out, s)
			from = g.last
		}
		until := g.done
		if until.IsZero() && g.steps > 0 {
			until = at.Ended // it never got further
		}
		if until.After(from) {
			s.Name, s.Steps, s.Began, s.Ended = SpanWait, 0, from, until
			out = append(out, s)
			from = until
		}
	}
	if at.Outcome == outcomeOK {
		from := l.applied
		if from.IsZero() {
			from = l.began
		}
		out = append(out, times{from, at.Ended}.span(SpanHealthy))
	}
	slices.SortStableFunc(out, func(a, b Span) int { return cmp.Compare(a.Began.UnixNano(), b.Began.UnixNano()) })
	return out
}
