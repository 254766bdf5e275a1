package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// monorepo is a bare Git repository.
type monorepo struct {
	dir string
	now int64
}

func newMonorepo(ctx context.Context, dir string) (*monorepo, error) {
	_, err := git(ctx, nil, "init", "--quiet", "--bare", "--initial-branch=main", dir)
	return &monorepo{dir: dir, now: 1_700_000_000}, err
}

// commit puts files (path → content) on top of main and returns the commit.
func (m *monorepo) commit(ctx context.Context, message string, files map[string]string) (string, error) {
	m.now++
	var b bytes.Buffer
	fmt.Fprintf(&b, "commit refs/heads/main\ncommitter Bench <bench@example.com> %d +0000\ndata %d\n%s\n", m.now, len(message), message)
	if m.now > 1_700_000_001 {
		b.WriteString("from refs/heads/main^0\n")
	}
	for path, content := range files {
		fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", path, len(content), content)
	}
	if _, err := git(ctx, &b, "--git-dir", m.dir, "fast-import", "--quiet"); err != nil {
		return "", err
	}
	return git(ctx, nil, "--git-dir", m.dir, "rev-parse", "refs/heads/main")
}

func git(ctx context.Context, stdin *bytes.Buffer, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	if stdin != nil {
		cmd.Stdin = stdin
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", args[0], err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
