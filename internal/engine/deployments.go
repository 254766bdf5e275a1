package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumb.cd/plumb/internal/bundle"
	"plumb.cd/plumb/internal/git"
	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/plan"
)

// DeploymentView is one attempt of an App that ended, or the one that runs.
type DeploymentView struct {
	ID        string
	Seq       int64 // of its record; zero: it runs
	Started   time.Time
	Ended     time.Time
	Outcome   string // Succeeded, Failed, Superseded, Cancelled, Suspended; Running
	Mode      plan.Mode
	Reason    string
	Message   string
	Actor     string
	Trigger   Trigger
	Bundle    object.Digest
	Commit    string
	Of        *CommitView  // the commit; nil: a chart's version, or it cannot be read
	Commits   []CommitView // that touched the App's inputs since what ran before, the newest first, at most 20
	Images    []ImageChange
	Created   int
	Changed   int
	Deleted   int
	LeadTime  time.Duration // zero: not known
	LiveUntil time.Time     // when another one took over; zero: it is live, or never was
	Before    object.Digest // the bundle that ran before; empty: none, or not known
}

// ImageChange is an image that a deployment changed. Before and After are tags or digests; empty: it was not there.
type ImageChange struct {
	Name          string
	Before, After string
}

const runningOutcome = "Running"

// commitsShown bounds the commits of one deployment.
const commitsShown = 20

// Deployments lists an App's deployments, the newest first: those recorded before a record (zero: from the newest), with the
// one that runs in front. next is the cursor of the following page, zero on the last one.
func (e *Engine) Deployments(ctx context.Context, key Key, before int64, limit int) (out []DeploymentView, next int64, err error) {
	a := e.app(key)
	if a == nil {
		return nil, 0, ErrNoApp
	}
	snap, _ := e.Snapshot(key)
	if before == 0 {
		if at := snap.Memory.Attempt; at != nil && at.Outcome == "" {
			out = append(out, runningView(*at))
		}
	}
	if e.o.History != nil {
		// One more page is read, so that each deployment knows what ran before it.
		events, err := e.o.History.List(ctx, history.Query{
			App: key.String(), Kinds: []history.Kind{history.Deployment}, Before: before, Limit: 2*limit + 1,
		})
		if err != nil {
			return nil, 0, err
		}
		for _, ev := range events {
			out = append(out, recordedView(ev))
		}
		if len(events) > limit {
			next = events[limit-1].Seq
		}
	}
	relate(out)
	shown := out[:min(len(out), limit+boolRank(len(out) > 0 && out[0].Seq == 0))]
	e.tellCommits(ctx, a, out, len(shown))
	images := map[object.Digest]map[string]string{}
	for i := range shown {
		shown[i].Images = e.imagesChanged(images, shown[i].Before, shown[i].Bundle)
	}
	return shown, next, nil
}

// DeploymentOf finds one deployment by its attempt.
func (e *Engine) DeploymentOf(ctx context.Context, key Key, id string) (DeploymentView, error) {
	a := e.app(key)
	if a == nil {
		return DeploymentView{}, ErrNoApp
	}
	snap, _ := e.Snapshot(key)
	if at := snap.Memory.Attempt; at != nil && at.ID == id && at.Outcome == "" {
		list := []DeploymentView{runningView(*at)}
		e.tellCommits(ctx, a, list, 1)
		return list[0], nil
	}
	ev, err := e.deploymentRecord(ctx, key, id)
	if err != nil {
		return DeploymentView{}, err
	}
	list := []DeploymentView{recordedView(ev)}
	e.tellCommits(ctx, a, list, 1)
	return list[0], nil
}

// DeploymentsBetween gives the commits and images that lie between two deployments, from left to right.
func (e *Engine) DeploymentsBetween(ctx context.Context, key Key, left, right DeploymentView) ([]CommitView, []ImageChange, error) {
	a := e.app(key)
	if a == nil {
		return nil, nil, ErrNoApp
	}
	images := e.imagesChanged(map[object.Digest]map[string]string{}, left.Bundle, right.Bundle)
	newer, older := right, left
	if left.Started.After(right.Started) {
		newer, older = left, right
	}
	log := e.inputLog(ctx, a, newer.Commit)
	return log.between(ctx, older.Commit, newer.Commit), images, nil
}

func runningView(at Attempt) DeploymentView {
	v := DeploymentView{
		ID: at.ID, Started: at.Started, Outcome: runningOutcome, Mode: at.Mode, Actor: at.Actor, Bundle: at.Bundle,
		Commit: commitOf(Deployed{Revisions: at.Revisions}), Trigger: ByCommit,
	}
	switch {
	case at.Mode == plan.Rollback:
		v.Trigger = ByRollback
	case at.Actor != "":
		v.Trigger = ByRequest
	}
	return v
}

func recordedView(ev history.Event) DeploymentView {
	v := DeploymentView{
		ID: ev.Attempt, Seq: ev.Seq, Ended: ev.At, Outcome: ev.Outcome, Reason: ev.Reason, Message: ev.Message, Actor: ev.Actor,
		Bundle: object.Digest(ev.Bundle), Commit: ev.Commit, Trigger: ByCommit,
	}
	var d DeploymentData
	if json.Unmarshal(ev.Data, &d) != nil {
		return v
	}
	v.Started, v.Mode = d.Started, d.Mode
	switch {
	case d.Trigger != "":
		v.Trigger = d.Trigger
	case d.Mode == plan.Rollback:
		v.Trigger = ByRollback
	case ev.Actor != "":
		v.Trigger = ByRequest
	}
	if lead, ok := d.LeadTime(ev.Commit, ev.At); ok && ev.Outcome == outcomeOK {
		v.LeadTime = lead
	}
	if v.Created, v.Changed, v.Deleted = d.Counts.Created, d.Counts.Changed, d.Counts.Deleted; d.Counts != (StepCounts{}) {
		return v
	}
	for _, s := range d.Steps { // of a record that counts nothing
		switch {
		case s.Error != "":
		case s.Action == plan.Create:
			v.Created++
		case s.Action == plan.Prune:
			v.Deleted++
		case s.Action != plan.Hook && s.Action != plan.Orphan:
			v.Changed++
		}
	}
	return v
}

// relate tells each deployment what ran before it, and until when it was live. The list is the newest first.
func relate(list []DeploymentView) {
	var until time.Time
	for i := range list {
		for _, older := range list[i+1:] {
			if older.Outcome == outcomeOK {
				list[i].Before = older.Bundle
				break
			}
		}
		if list[i].Outcome == outcomeOK {
			list[i].LiveUntil, until = until, cmp.Or(list[i].Ended, list[i].Started)
		}
	}
}

// tellCommits adds the commits to the first n of the list.
func (e *Engine) tellCommits(ctx context.Context, a *app, list []DeploymentView, n int) {
	if len(list) == 0 {
		return
	}
	log := e.inputLog(ctx, a, list[0].Commit)
	if log == nil {
		return
	}
	for i := range n {
		v := &list[i]
		if c, err := log.mirror.Commit(ctx, v.Commit); err == nil {
			view := viewOfCommit(c)
			v.Of = &view
		}
		from := ""
		for _, older := range list[i+1:] {
			if older.Outcome == outcomeOK {
				from = older.Commit
				break
			}
		}
		if v.Commits = log.between(ctx, from, v.Commit); from == "" && len(v.Commits) > 1 {
			v.Commits = v.Commits[:1] // the first deployment: all of history is no news
		}
	}
}

func viewOfCommit(c git.Commit) CommitView {
	return CommitView{SHA: c.SHA, Subject: c.Subject, Author: c.Author.Name, When: c.Committer.When.UTC()}
}

// inputLog is the history of what an App reads of its first Git repository.
type inputLog struct {
	mirror  *git.Mirror
	paths   []string
	commits []git.Commit // that touch the paths, the newest first
	at      map[string]int
}

// inputCommits bounds how far back the log goes.
const inputCommits = 300

// inputLog reads the log that leads to a commit; nil when the App has no Git source, or it cannot be read.
func (e *Engine) inputLog(ctx context.Context, a *app, commit string) *inputLog {
	a.mu.Lock()
	spec, r := a.spec, a.rendered
	a.mu.Unlock()
	for _, rev := range r.revs {
		if rev.Tree == "" {
			continue
		}
		mirror, err := e.o.Mirrors.Mirror(rev.URL)
		if err != nil {
			return nil
		}
		log := &inputLog{mirror: mirror, paths: inputPaths(spec, r, rev), at: map[string]int{}}
		if log.commits, err = mirror.Log(ctx, commit, log.paths, inputCommits); err != nil {
			return nil
		}
		for i, c := range log.commits {
			log.at[c.SHA] = i
		}
		return log
	}
	return nil
}

// inputPaths are the App's directories in a repository, and the files outside of them that its renders read.
func inputPaths(spec App, r rendered, rev bundle.Revision) []string {
	const limit = 200
	dirs := map[string]bool{}
	for i, s := range spec.Sources {
		if i < len(r.revs) && r.revs[i].URL == rev.URL && s.Chart == nil && !s.ValuesOnly {
			dirs[path.Clean("./"+s.Render.Path)] = true
		}
	}
	if dirs["."] {
		dirs = map[string]bool{}
	}
	inside := func(p string) bool {
		for d := range dirs {
			if p == d || strings.HasPrefix(p, d+"/") {
				return true
			}
		}
		return false
	}
	files := map[string]bool{}
	for _, t := range r.traces {
		if t.tree != rev.Tree {
			continue
		}
		for p := range t.trace.Files() {
			if !inside(p) {
				files[p] = true
			}
		}
	}
	if len(files) > limit || len(files)+len(dirs) == 0 {
		return []string{"."}
	}
	maps.Copy(files, dirs)
	return slices.Sorted(maps.Keys(files))
}

// between gives the commits that lead from one to another; from may be empty. The newest first, at most commitsShown.
func (l *inputLog) between(ctx context.Context, from, to string) []CommitView {
	if l == nil {
		return nil
	}
	first, last := l.index(ctx, to), len(l.commits)
	if from != "" {
		last = l.index(ctx, from)
	}
	if first < 0 || last < 0 || first >= last {
		return nil
	}
	out := []CommitView{}
	for _, c := range l.commits[first:min(last, first+commitsShown)] {
		out = append(out, viewOfCommit(c))
	}
	return out
}

// index finds the newest commit of the log that is reachable from a commit; -1: none is.
func (l *inputLog) index(ctx context.Context, commit string) int {
	if i, ok := l.at[commit]; ok {
		return i
	}
	found, err := l.mirror.Log(ctx, commit, l.paths, 1)
	if err != nil || len(found) == 0 {
		return -1
	}
	i, ok := l.at[found[0].SHA]
	if !ok {
		i = -1
	}
	l.at[commit] = i
	return i
}

// imagesChanged compares the images of two bundles; what is no longer stored is not compared.
func (e *Engine) imagesChanged(known map[object.Digest]map[string]string, before, after object.Digest) []ImageChange {
	if after == "" || before == after {
		return nil
	}
	right, ok := e.imagesOf(known, after)
	if !ok {
		return nil
	}
	left, ok := e.imagesOf(known, before)
	if !ok && before != "" {
		return nil
	}
	names := maps.Clone(right)
	maps.Copy(names, left)
	var out []ImageChange
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if left[name] != right[name] {
			out = append(out, ImageChange{Name: name, Before: left[name], After: right[name]})
		}
	}
	return out
}

// imagesOf reads which images a bundle uses: name → tags or digests, several of them joined by a comma.
func (e *Engine) imagesOf(known map[object.Digest]map[string]string, digest object.Digest) (map[string]string, bool) {
	if have, ok := known[digest]; ok {
		return have, have != nil
	}
	known[digest] = nil
	if digest == "" {
		return nil, false
	}
	b, err := e.o.Bundles.Get(digest)
	if err != nil {
		return nil, false
	}
	tags := map[string][]string{}
	for _, entry := range b.Objects {
		for _, image := range imagesIn(entry.Body) {
			name, tag := splitImage(image)
			if !slices.Contains(tags[name], tag) {
				tags[name] = append(tags[name], tag)
			}
		}
	}
	out := make(map[string]string, len(tags))
	for name, list := range tags {
		slices.Sort(list)
		out[name] = strings.Join(list, ", ")
	}
	known[digest] = out
	return out, true
}

func imagesIn(body map[string]any) []string {
	var out []string
	for _, at := range podSpecs {
		for _, list := range []string{"containers", "initContainers"} {
			v, _, _ := unstructured.NestedFieldNoCopy(body, append(slices.Clone(at), list)...)
			containers, _ := v.([]any)
			for _, c := range containers {
				m, _ := c.(map[string]any)
				if image, _ := m["image"].(string); image != "" {
					out = append(out, image)
				}
			}
		}
	}
	return out
}

// splitImage tells an image's name from its tag or digest. A port in the registry is no tag.
func splitImage(image string) (name, tag string) {
	if name, digest, ok := strings.Cut(image, "@"); ok {
		n, _ := splitImage(name)
		return n, digest
	}
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[:i], image[i+1:]
	}
	return image, "latest"
}
