package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"plumb.cd/plumb/demo/up"
)

// files are the sample repository, and what is applied by hand to begin with.
//
//go:embed sample bootstrap
var files embed.FS

// shop is the sample repository: a bare one that everybody pushes to, and Ada's clone of it.
type shop struct {
	remote, clone string
}

// newShop makes the repository below dir and pushes the first commit.
func newShop(ctx context.Context, dir string) (*shop, error) {
	s := &shop{remote: filepath.Join(dir, "shop.git"), clone: filepath.Join(dir, "shop")}
	sample, err := fs.Sub(files, "sample")
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(s.clone, sample); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--bare", "--initial-branch=main", s.remote},
		{"init", "--quiet", "--initial-branch=main"},
		{"config", "user.name", "Ada"},
		{"config", "user.email", "ada@example.com"},
		{"remote", "add", "origin", s.remote},
		{"add", "--all"},
		{"commit", "--quiet", "--message=The shop in three environments"},
		{"push", "--quiet", "--set-upstream", "origin", "main"},
	} {
		if _, err := s.git(ctx, args...); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// git runs git in the clone, with nothing of the machine's own configuration.
func (s *shop) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = s.clone
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GIT_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", args[0], err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// announce makes every push tell Plumb, as a forge does by its webhook.
func (s *shop) announce(p *up.Plumb) error {
	hook := fmt.Sprintf("#!/bin/sh\nPLUMB_CONFIG_DIR='%s' '%s' refresh -q environments >/dev/null 2>&1 || true\n", p.Config, p.Binary)
	return os.WriteFile(filepath.Join(s.remote, "hooks", "post-receive"), []byte(hook), 0o755)
}

// bootstrap writes the objects that are applied by hand, and gives the file.
func (s *shop) bootstrap() (string, error) {
	raw, err := files.ReadFile("bootstrap/shop.yaml")
	if err != nil {
		return "", err
	}
	file := filepath.Join(filepath.Dir(s.clone), "bootstrap.yaml")
	return file, os.WriteFile(file, []byte(strings.ReplaceAll(string(raw), "REPOSITORY", s.remote)), 0o600)
}

// change replaces one line of a file, given without its indentation, and commits. It gives the commit.
func (s *shop) change(ctx context.Context, file, before, after, message string) (string, error) {
	path := filepath.Join(s.clone, filepath.FromSlash(file))
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if strings.Count(string(raw), before+"\n") != 1 {
		return "", fmt.Errorf("%s has no single line %q", file, before)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(raw), before+"\n", after+"\n", 1)), 0o600); err != nil {
		return "", err
	}
	_, err = s.git(ctx, "commit", "--quiet", "--all", "--message="+message)
	sha, errHead := s.git(ctx, "rev-parse", "HEAD")
	return sha, errors.Join(err, errHead)
}
