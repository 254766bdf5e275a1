package cli_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/cptest"
)

func TestUpGivesTheDaemonWhatCommitsNameAndWhereTheyAreShown(t *testing.T) {
	binary, err := cptest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	var given cli.DaemonOptions
	enough := errors.New("seen enough")
	var out bytes.Buffer
	root := cli.New(cli.Streams{Out: &out, Err: t.Output(), Getenv: func(string) string { return "" }, Now: time.Now}, cli.Deps{
		Version: "test",
		Daemon:  func(_ context.Context, o cli.DaemonOptions) error { given = o; return enough },
		Install: func(context.Context, []byte, cli.ManifestOptions) error { return nil },
	})
	const jira, forge = `\b([A-Z]+-[0-9]+)\b=https://jira.example.com/browse/$1`, "git.example.com=gitlab"
	root.SetArgs([]string{"up", "--dir", t.TempDir(), "--controlplane", binary, "--link", jira, "--forge", forge, "--facet-label", "cost-center,tier"})
	if err := root.ExecuteContext(t.Context()); !errors.Is(err, enough) {
		t.Fatal(err)
	}
	if !slices.Equal(given.FacetLabels, []string{"cost-center", "tier"}) {
		t.Errorf("the daemon counts by %q", given.FacetLabels)
	}
	if !slices.Equal(given.Links, []string{jira}) || !slices.Equal(given.Forges, []string{forge}) {
		t.Errorf("the daemon was given %q and %q", given.Links, given.Forges)
	}
}
