package git

import (
	"context"
	"fmt"
	"path"
	"sort"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// nesting bounds the submodules of one Update, all levels together.
type nesting struct{ left, depth int }

const maxNesting = 8

func newNesting(l Limits) *nesting {
	return &nesting{left: l.withDefaults().Submodules, depth: maxNesting}
}

// fetchNested brings the submodules of every resolved commit into mirrors of their own. What fails is said in the
// result of the ref, beside the commit.
func (m *Mirror) fetchNested(ctx context.Context, r Remote, results map[Ref]Result, n *nesting) {
	for ref, res := range results {
		if res.Err != nil || res.Resolved.Commit == "" {
			continue
		}
		if err := m.fetchModules(ctx, r, res.Resolved, n); err != nil {
			res.Err = err
			results[ref] = res
		}
	}
}

func (m *Mirror) fetchModules(ctx context.Context, r Remote, at Resolved, n *nesting) error {
	m.mu.Lock()
	done := m.whole[at.Commit]
	m.mu.Unlock()
	if done {
		return nil
	}
	modules, err := m.modules(ctx, at.Tree)
	if err != nil {
		return fmt.Errorf("reading the submodules of %s: %w", m.shown, err)
	}
	for _, mod := range modules {
		if n.left--; n.left < 0 || n.depth == 0 {
			return failf(fault.Invalid, fault.LimitExceeded, "", "%s has more submodules than are allowed", m.shown)
		}
		n.depth--
		err := m.fetchModule(ctx, r, mod, n)
		n.depth++
		if err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.whole == nil || len(m.whole) > 1024 {
		m.whole = map[string]bool{}
	}
	m.whole[at.Commit] = true
	return nil
}

// module is one submodule of a commit.
type module struct{ path, url, commit string }

func (m *Mirror) fetchModule(ctx context.Context, r Remote, mod module, n *nesting) error {
	parent, err := parseURL(r.URL)
	if err != nil {
		return err
	}
	at, err := moduleURL(parent, mod.url)
	if err != nil {
		return failf(fault.Invalid, fault.InvalidSpec, "correct .gitmodules", "submodule %s: %v", mod.path, err)
	}
	sub := Remote{URL: at.String(), Limits: r.Limits, Submodules: true}
	if at.origin() == parent.origin() {
		sub.Auth = r.Auth
		if !sub.Auth.hasHTTP() && at.scheme != "ssh" {
			sub.Auth.Username, sub.Auth.Password = parent.user, parent.password
		}
	}
	nested, err := m.store.Mirror(sub.URL)
	if err != nil {
		return err
	}
	want := Ref{Commit: mod.commit}
	got, err := nested.updateAll(ctx, sub, []Ref{want}, n)
	if err == nil {
		err = got[want].Err
	}
	if err != nil {
		f := *fault.Of(err)
		f.Message = "submodule " + mod.path + ": " + f.Message
		f.Err = err
		return &f
	}
	return m.setState(func(s *state) { s.Modules[mod.commit] = sub.URL })
}

// moduleURL resolves a submodule's URL, which may be relative to its parent's. A repository on a server cannot reach
// into our disk by it.
func moduleURL(parent location, raw string) (location, error) {
	if strings.HasPrefix(raw, "./") || strings.HasPrefix(raw, "../") {
		at := parent
		at.path = path.Join(parent.path, raw)
		if strings.HasPrefix(parent.path, "/") != strings.HasPrefix(at.path, "/") || strings.HasPrefix(at.path, "..") {
			return location{}, badURL(raw, "leads out of the server")
		}
		return at, nil
	}
	at, err := parseURL(raw)
	if err == nil && at.scheme == "file" && parent.scheme != "file" {
		err = badURL(raw, "is a path, which only a repository on this disk may name")
	}
	return at, err
}

// modules lists the submodules that .gitmodules of a tree names and that exist in it, by path.
func (m *Mirror) modules(ctx context.Context, tree string) ([]module, error) {
	entry, ok, err := m.find(ctx, tree, ".gitmodules")
	if err != nil || !ok || entry.Mode.Type() != ModeFile {
		return nil, err
	}
	if _, err := m.Blob(ctx, entry.OID); err != nil { // the file limit holds here too
		return nil, err
	}
	out, err := m.git(ctx, "config", "--blob", entry.OID, "--no-includes", "-z", "--list")
	if err != nil {
		return nil, failf(fault.Invalid, fault.SyntaxInvalid, "", ".gitmodules is malformed")
	}
	byName := map[string]*module{}
	for _, kv := range strings.Split(string(out), "\x00") {
		key, value, _ := strings.Cut(kv, "\n")
		name, isModule := strings.CutPrefix(key, "submodule.")
		dot := strings.LastIndexByte(name, '.')
		if !isModule || dot < 0 {
			continue
		}
		mod := byName[name[:dot]]
		if mod == nil {
			mod = &module{}
			byName[name[:dot]] = mod
		}
		switch name[dot+1:] {
		case "path":
			mod.path = value
		case "url":
			mod.url = value
		}
	}
	var list []module
	for _, mod := range byName {
		e, ok, err := m.find(ctx, tree, mod.path)
		if err != nil {
			return nil, err
		}
		if ok && e.Mode.Type() == ModeGitlink && mod.url != "" {
			list = append(list, module{mod.path, mod.url, e.OID})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].path < list[j].path })
	return list, nil
}

// find looks a path up in a tree, without following symlinks.
func (m *Mirror) find(ctx context.Context, tree, p string) (Entry, bool, error) {
	at := Entry{Mode: ModeDir, OID: tree}
	for _, part := range strings.Split(p, "/") {
		if at.Mode.Type() != ModeDir {
			return Entry{}, false, nil
		}
		entries, err := m.TreeEntries(ctx, at.OID)
		if err != nil {
			return Entry{}, false, err
		}
		i := sort.Search(len(entries), func(i int) bool { return entries[i].Name >= part })
		if i == len(entries) || entries[i].Name != part {
			return Entry{}, false, nil
		}
		at = entries[i]
	}
	return at, true, nil
}

// Nested is the view of a mirror whose submodules can be read too. It needs an Update with Remote.Submodules.
type Nested struct{ m *Mirror }

// Nested returns the view with submodules.
func (m *Mirror) Nested() Nested { return Nested{m} }

// TreeEntries lists a tree, sorted by name.
func (n Nested) TreeEntries(ctx context.Context, oid string) ([]Entry, error) {
	return n.m.TreeEntries(ctx, oid)
}

// Blob reads a blob.
func (n Nested) Blob(ctx context.Context, oid string) ([]byte, error) { return n.m.Blob(ctx, oid) }

// Submodule opens the repository of a gitlink entry: the view of its mirror and its root tree.
func (n Nested) Submodule(ctx context.Context, commit string) (Nested, string, error) {
	if err := n.m.ensure(ctx); err != nil {
		return Nested{}, "", err
	}
	n.m.mu.Lock()
	at := n.m.state.Modules[commit]
	n.m.mu.Unlock()
	if at == "" {
		return Nested{}, "", failf(fault.Blocked, fault.RefNotFound, "check .gitmodules",
			"the submodule at commit %s has not been fetched", commit)
	}
	sub, err := n.m.store.Mirror(at)
	if err != nil {
		return Nested{}, "", err
	}
	c, err := sub.Commit(ctx, commit)
	if err != nil {
		return Nested{}, "", fmt.Errorf("reading a submodule: %w", err)
	}
	return Nested{sub}, c.Tree, nil
}
