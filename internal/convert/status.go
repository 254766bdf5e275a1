package convert

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/plan"
)

// Bounds of a status: it never grows with the App.
const (
	maxText    = 1024 // bytes of one sentence
	maxEntries = 10   // of a list
	maxRefs    = 64
)

// AppStatus is what the status says after s. It carries prev's memory, which has a writer of its own (see Memory), and
// keeps prev's times where nothing changed, so that an equal outcome gives an equal status. All times are whole seconds,
// as they are stored.
//
// An engine that has only just met the App knows nothing yet: then prev stands.
func AppStatus(prev v1alpha1.AppStatus, s engine.Snapshot) v1alpha1.AppStatus {
	if s.State == "" || (s.Reason == fault.Initializing && prev.State != "") {
		return prev
	}
	out := v1alpha1.AppStatus{
		ObservedGeneration: s.Generation,
		State:              string(s.State),
		Reason:             string(s.Reason),
		Message:            short(s.Message),
		Next:               short(s.Next),
		Actions:            slices.Clone(s.Actions),
		Sync:               string(s.InSync),
		Revision:           appRevision(s),
		Warnings:           bounded(s.Warnings),
		Left:               bounded(s.Left),
		Memory:             prev.Memory,
		Since:              moment(s.Since),
	}
	if prev.State == out.State && prev.Reason == out.Reason && prev.Since != nil {
		out.Since = prev.Since
	}
	if a := s.Memory.Applied; a != nil {
		out.Bundle = string(a.Bundle)
	}
	if b := s.Blocking; b != nil {
		out.Blocking = &v1alpha1.Blocking{
			Object: b.Object.String(), Level: string(b.Level), Reason: b.Reason, Message: short(b.Message), File: b.File,
		}
	}
	if s.Counts != (engine.Counts{}) {
		c := s.Counts
		out.Counts = &v1alpha1.Counts{
			Total: int32(c.Total), Healthy: int32(c.Healthy), Progressing: int32(c.Progressing),
			Degraded: int32(c.Degraded), Missing: int32(c.Missing), Drifted: int32(c.Drifted),
		}
	}
	out.Health = appHealth(s)
	out.Progress = progress(s.Progress)
	out.Plan = planSummary(s.Plan)
	out.Conditions = appConditions(prev.Conditions, s, out)
	return out
}

func appRevision(s engine.Snapshot) *v1alpha1.AppRevision {
	var r v1alpha1.AppRevision
	label := func(d *engine.Deployed) (commit, short string) {
		if d == nil || len(d.Revisions) == 0 {
			return "", ""
		}
		return d.Revisions[0].Commit, shortRevision(d.Revisions[0])
	}
	r.Desired, r.Short = label(s.Desired)
	if commit, short := label(s.Memory.Applied); commit != "" {
		r.Applied, r.Short = commit, short
	}
	r.Healthy, _ = label(s.Memory.Healthy)
	if r == (v1alpha1.AppRevision{}) {
		return nil
	}
	return &r
}

var fullCommit = regexp.MustCompile(`^[0-9a-f]{40,64}$`)

// shortRevision is "main@1a2b3c4", "1a2b3c4", or the version of a chart.
func shortRevision(r bundle.Revision) string {
	if !fullCommit.MatchString(r.Commit) {
		version, _, _ := strings.Cut(r.Commit, "@")
		return version
	}
	commit := r.Commit[:7]
	kind, name, named := strings.Cut(r.Ref, " ")
	if !named || kind == "commit" {
		return commit
	}
	return name + "@" + commit
}

func progress(p *engine.Progress) *v1alpha1.Progress {
	if p == nil {
		return nil
	}
	out := &v1alpha1.Progress{Phase: string(p.Phase), Wave: int32(p.Wave), Group: int32(p.Group), Groups: int32(p.Groups)}
	for _, w := range p.Waiting[:min(len(p.Waiting), maxEntries)] {
		one := v1alpha1.Waiting{Object: w.Object.String(), For: w.For, Message: short(w.Message)}
		if t := moment(w.Deadline); t != nil {
			one.Deadline = *t
		}
		out.Waiting = append(out.Waiting, one)
	}
	return out
}

func planSummary(p *plan.Plan) *v1alpha1.PlanSummary {
	if p == nil {
		return nil
	}
	out := &v1alpha1.PlanSummary{Digest: string(p.Digest), Mode: string(p.Mode)}
	for _, g := range p.Groups {
		for _, step := range g.Steps {
			if out.Steps == nil {
				out.Steps = map[string]int32{}
			}
			out.Steps[string(step.Action)]++
		}
	}
	var guards []string
	for _, g := range p.Guards {
		guards = append(guards, g.Message)
	}
	out.Guards = bounded(guards)
	return out
}

// appConditions: Ready is True only when all is as Git says; Reconciling while Plumb is on the way or waits for
// something that may come by itself; Stalled when somebody has to do something.
func appConditions(prev []metav1.Condition, s engine.Snapshot, out v1alpha1.AppStatus) []metav1.Condition {
	ready, reconciling, stalled := metav1.ConditionFalse, metav1.ConditionFalse, metav1.ConditionFalse
	switch s.State {
	case engine.StateSynced:
		ready = metav1.ConditionTrue
	case engine.StateUnknown:
		ready, reconciling = metav1.ConditionUnknown, metav1.ConditionTrue
	case engine.StateDeploying, engine.StateWaiting:
		reconciling = metav1.ConditionTrue
	case engine.StateFailed, engine.StateDegraded, engine.StateDrifted:
		stalled = metav1.ConditionTrue
	case engine.StatePaused:
	}
	c := conditions{prev: prev, generation: s.Generation, reason: out.Reason, message: out.Message, at: moment(s.Since)}
	return []metav1.Condition{
		c.is(v1alpha1.ConditionReady, ready), c.is(v1alpha1.ConditionReconciling, reconciling), c.is(v1alpha1.ConditionStalled, stalled),
	}
}

// conditions makes conditions that keep the time of their last transition.
type conditions struct {
	prev            []metav1.Condition
	generation      int64
	reason, message string
	at              *metav1.Time
}

func (c conditions) is(kind string, status metav1.ConditionStatus) metav1.Condition {
	out := metav1.Condition{
		Type: kind, Status: status, ObservedGeneration: c.generation, Reason: c.reason, Message: c.message,
	}
	if out.Reason == "" {
		out.Reason = string(fault.Internal) // the schema wants one
	}
	out.LastTransitionTime = metav1.Unix(0, 0) // the schema wants one
	if c.at != nil {
		out.LastTransitionTime = *c.at
	}
	for _, p := range c.prev {
		if p.Type == kind && p.Status == status && !p.LastTransitionTime.IsZero() {
			out.LastTransitionTime = p.LastTransitionTime
		}
	}
	return out
}

// Memory is how m is stored in status.memory. Revisions that the attempt or the last healthy bundle have in common with the
// applied one are stored once: the API server works through every byte several times a write.
func Memory(m engine.Memory) ([]byte, error) {
	if a := m.Applied; a != nil {
		if h := m.Healthy; h != nil && h.Bundle == a.Bundle && slices.Equal(h.Revisions, a.Revisions) {
			short := *h
			short.Revisions, m.Healthy = nil, &short
		}
		if t := m.Attempt; t != nil && t.Bundle == a.Bundle && slices.Equal(t.Revisions, a.Revisions) {
			short := *t
			short.Revisions, m.Attempt = nil, &short
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding what the App remembers: %w", err)
	}
	return b, nil
}

// InUse is how what an App uses is stored in AnnotationUses.
func InUse(m engine.Memory) (string, error) {
	b, err := json.Marshal(m.Targets)
	if err != nil {
		return "", fmt.Errorf("encoding what the App uses: %w", err)
	}
	return string(b), nil
}

// Targets reads what InUse wrote.
func Targets(raw []byte) (out []engine.TargetUse, err error) {
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("what the App uses cannot be read: %w", err)
	}
	return out, nil
}

// moment is t as it is stored: whole seconds, UTC; nil for the zero time.
func moment(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.UTC().Truncate(time.Second)}
}

// short cuts s to maxText bytes, at a whole character.
func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	cut := maxText - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// bounded keeps maxEntries of a list, the last of which may say how many more there are.
func bounded(list []string) []string {
	var out []string
	for i, s := range list {
		if i == maxEntries-1 && len(list) > maxEntries {
			return append(out, fmt.Sprintf("and %d more", len(list)-i))
		}
		out = append(out, short(s))
	}
	return out
}
