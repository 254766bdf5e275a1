package server

import (
	"cmp"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/index"
	"plumb.cd/plumb/internal/links"
)

const (
	maxRowMessage = 120 // characters
	maxRowImages  = 3
)

// indexed is an App as the index takes it.
func indexed(s engine.Snapshot, f engine.RowFacts) index.App {
	row := httpapi.AppRow{
		Namespace: s.Key.Namespace, Name: s.Key.Name, Cluster: f.Cluster, Labels: f.Labels, State: string(s.State), Since: utc(s.Since),
		Reason: string(s.Reason), Message: clip(s.Message, maxRowMessage), Sync: cmp.Or(string(s.InSync), string(engine.SyncUnknown)),
		Health: cmp.Or(string(s.Health.Status.Level), "Unknown"), Commit: commitRef(f.Commit, f.URL), DeployedAt: utc(f.Deployed),
		Drifted: s.Counts.Drifted, Objects: s.Counts.Total, Source: shortSource(f.URL, f.Path),
	}
	if row.State == "" {
		row.State = string(engine.StateUnknown)
	}
	row.Environment = label(f.Labels, "plumb.cd/environment", "environment", "env")
	row.Component = cmp.Or(label(f.Labels, "plumb.cd/component", "app.kubernetes.io/name"), component(row.Name, row.Environment))
	out := index.App{Message: s.Message}
	for _, image := range f.Images {
		short := shortImage(image)
		if len(row.Images) < maxRowImages {
			row.Images = append(row.Images, short)
		}
		if out.Images = append(out.Images, short); short != image {
			out.Images = append(out.Images, image)
		}
	}
	out.Row = row
	return out
}

// label is the first of the labels that is there.
func label(labels map[string]string, names ...string) string {
	for _, n := range names {
		if v := labels[n]; v != "" {
			return v
		}
	}
	return ""
}

// component is an App's name without its environment: payments-prod and prod-payments are payments.
func component(name, environment string) string {
	if environment == "" {
		return name
	}
	short := strings.TrimSuffix(strings.TrimPrefix(name, environment+"-"), "-"+environment)
	return cmp.Or(short, name)
}

// clip cuts a text to n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// shortImage is an image without its registry and folders: name:tag, or name@sha256:1234567 where it has no tag.
func shortImage(image string) string {
	name, digest, _ := strings.Cut(image, "@")
	name = path.Base(name)
	if algorithm, hash, ok := strings.Cut(digest, ":"); ok && !strings.Contains(name, ":") {
		return name + "@" + algorithm + ":" + hash[:min(len(hash), 7)]
	}
	return name
}

// shortSource is an address without scheme, user and .git, and the path in it.
func shortSource(address, at string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		address = u.Host + u.Path
	} else if user, rest, ok := strings.Cut(address, "@"); ok && !strings.Contains(user, "/") {
		address = rest // git@host:path
	}
	address = strings.TrimSuffix(strings.TrimSuffix(address, "/"), ".git")
	if at == "" || at == "." {
		return address
	}
	return strings.TrimSpace(address + " " + at)
}

// publicForges knows where a commit is shown without any configuration.
var publicForges *links.Matcher

// commitRef is a commit in the API; nil stays nil. Its links are added by whoever knows their patterns.
func commitRef(c *engine.CommitView, repository string) *httpapi.CommitRef {
	if c == nil || c.SHA == "" {
		return nil
	}
	return &httpapi.CommitRef{SHA: c.SHA, Subject: clip(c.Subject, 200), Author: c.Author, When: utc(c.When), URL: publicForges.Commit(repository, c.SHA)}
}

// utc leaves the zero time zero.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
