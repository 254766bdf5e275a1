package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// bare makes a bare repository of one commit out of a directory.
func bare(ctx context.Context, from, to string) error {
	work := to + ".work"
	if err := os.CopyFS(work, os.DirFS(from)); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"add", "--all", "--force"},
		{"-c", "user.name=cases", "-c", "user.email=cases@example.com", "commit", "--quiet", "--message=as it is"},
		{"clone", "--quiet", "--bare", work, to},
	} {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = work
		for _, kv := range os.Environ() {
			if !strings.HasPrefix(kv, "GIT_") {
				cmd.Env = append(cmd.Env, kv)
			}
		}
		cmd.Env = append(cmd.Env, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return os.RemoveAll(work)
}

// repositories lists the directories in dir.
func repositories(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no repository in %s", filepath.Clean(dir))
	}
	return out, nil
}
