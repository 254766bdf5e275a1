package git

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/gittest"
)

func TestBasicAndBearerCredentialsAreAccepted(t *testing.T) {
	cases := []struct {
		what   string
		server gittest.HTTPOptions
		auth   Auth
	}{
		{"user and password", gittest.HTTPOptions{User: "ada", Password: "pw-ada"}, Auth{Username: "ada", Password: "pw-ada"}},
		{"a token as the password", gittest.HTTPOptions{User: "ada", Password: "tok"}, Auth{Username: "ada", Token: "tok"}},
		{"a bearer token", gittest.HTTPOptions{Token: "tok-123"}, Auth{Token: "tok-123"}},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			repo, _, url := serveOne(t, c.server)
			one := repo.Commit("main", "one", gittest.Files{"a": "1"})
			m := openMirror(t, url)
			if got := updateOne(t, m, Remote{URL: url, Auth: c.auth}, Ref{}); got.Commit != one {
				t.Fatalf("got %+v", got)
			}
		})
	}
	t.Run("credentials in the URL", func(t *testing.T) {
		repo, _, url := serveOne(t, gittest.HTTPOptions{User: "ada", Password: "pw"})
		one := repo.Commit("main", "one", gittest.Files{"a": "1"})
		url = strings.Replace(url, "http://", "http://ada:pw@", 1)
		m := openMirror(t, url)
		if got := updateOne(t, m, Remote{URL: url}, Ref{}); got.Commit != one {
			t.Fatalf("got %+v", got)
		}
	})
}

func TestWrongCredentialsAreRefusedWithoutLosingAnything(t *testing.T) {
	repo, _, url := serveOne(t, gittest.HTTPOptions{User: "ada", Password: "right"})
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	m := openMirror(t, url)
	updateOne(t, m, Remote{URL: url, Auth: Auth{Username: "ada", Password: "right"}}, Ref{})
	repo.Commit("main", "two", gittest.Files{"a": "2"})
	for what, auth := range map[string]Auth{
		"no credentials": {}, "a wrong password": {Username: "ada", Password: "sesame-4711"}, "a wrong token": {Token: "sesame-4711"},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := m.Update(t.Context(), Remote{URL: url, Auth: auth}, []Ref{{}})
			wantReason(t, err, fault.AuthenticationFailed, fault.Blocked)
			if got[Ref{}].Resolved.Commit != one {
				t.Errorf("the last good commit is lost: %+v", got)
			}
			mustNotContain(t, err.Error(), "sesame-4711")
			noLeftovers(t, m.store)
		})
	}
}

func TestACustomAuthorityIsTrustedAndOthersAreNot(t *testing.T) {
	repo, srv, url := serveOne(t, gittest.HTTPOptions{TLS: true, User: "ada", Password: "pw"})
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	auth := Auth{Username: "ada", Password: "pw"}
	m := openMirror(t, url)
	_, err := m.Update(t.Context(), Remote{URL: url, Auth: auth}, []Ref{{}})
	wantReason(t, err, fault.CertificateInvalid, fault.Blocked)
	auth.CA = []byte("not a certificate")
	_, err = m.Update(t.Context(), Remote{URL: url, Auth: auth}, []Ref{{}})
	wantReason(t, err, fault.CertificateInvalid, fault.Blocked)
	auth.CA = srv.CA
	if got := updateOne(t, m, Remote{URL: url, Auth: auth}, Ref{}); got.Commit != one {
		t.Fatalf("got %+v", got)
	}
	noLeftovers(t, m.store)
}

func TestAMissingRepositorySaysSo(t *testing.T) {
	_, _, url := serveOne(t, gittest.HTTPOptions{})
	url = strings.Replace(url, "repo.git", "other.git", 1)
	_, err := openMirror(t, url).Update(t.Context(), Remote{URL: url}, []Ref{{}})
	wantReason(t, err, fault.RepositoryNotFound, fault.Blocked)
	t.Run("as does a page that is no Git server", func(t *testing.T) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello") }))
		defer srv.Close()
		_, err := openMirror(t, srv.URL+"/x").Update(t.Context(), Remote{URL: srv.URL + "/x"}, []Ref{{}})
		wantReason(t, err, fault.RepositoryNotFound, fault.Blocked)
	})
}

func TestAServerThatHangsIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, scheme := range []string{"http", "https", "ssh"} {
		t.Run(scheme, func(t *testing.T) {
			url := scheme + "://" + l.Addr().String() + "/repo.git"
			_, err := openMirror(t, url).Update(t.Context(), Remote{URL: url, Limits: Limits{Timeout: 300 * time.Millisecond}}, []Ref{{}})
			wantReason(t, err, fault.Unreachable, fault.Transient)
		})
	}
	t.Run("in the middle of a fetch", func(t *testing.T) {
		root := t.TempDir()
		repo := gittest.NewRepoAt(t, filepath.Join(root, "repo.git"))
		repo.Commit("main", "one", gittest.Files{"a": "1"})
		release := make(chan struct{})
		posts := 0
		srv := gittest.ServeHTTP(t, root, gittest.HTTPOptions{Before: func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				if posts++; posts > 1 {
					<-release
					return true
				}
			}
			return false
		}})
		t.Cleanup(func() { close(release) })
		url := srv.URL + "/repo.git"
		m := openMirror(t, url)
		_, err := m.Update(t.Context(), Remote{URL: url, Limits: Limits{Timeout: 500 * time.Millisecond}}, []Ref{{}})
		wantReason(t, err, fault.Unreachable, fault.Transient)
		noLeftovers(t, m.store)
	})
}

func TestAServerThatIsAwaySaysSo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	for _, url := range []string{"http://" + addr + "/r", "https://" + addr + "/r", "ssh://" + addr + "/r", "https://host.invalid/r", "ssh://host.invalid/r"} {
		t.Run(url, func(t *testing.T) {
			_, err := openMirror(t, url).Update(t.Context(), Remote{URL: url, Auth: Auth{SSHKnownHosts: []byte("x y z")}}, []Ref{{}})
			wantReason(t, err, fault.Unreachable, fault.Transient)
		})
	}
	t.Run("a server error", func(t *testing.T) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }))
		defer srv.Close()
		_, err := openMirror(t, srv.URL+"/x").Update(t.Context(), Remote{URL: srv.URL + "/x"}, []Ref{{}})
		wantReason(t, err, fault.Unreachable, fault.Transient)
	})
}

func TestRedirectsAreFollowedButCredentialsStayAtHome(t *testing.T) {
	root := t.TempDir()
	repo := gittest.NewRepoAt(t, filepath.Join(root, "repo.git"))
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	other := gittest.ServeHTTP(t, root, gittest.HTTPOptions{Before: func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("credentials reached another origin: %s", r.URL)
		}
		return false
	}})
	srv := gittest.ServeHTTP(t, root, gittest.HTTPOptions{Before: func(w http.ResponseWriter, r *http.Request) bool {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/renamed/"); ok {
			http.Redirect(w, r, "/repo.git/"+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
			return true
		}
		if rest, ok := strings.CutPrefix(r.URL.Path, "/moved/"); ok {
			http.Redirect(w, r, other.URL+"/repo.git/"+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
			return true
		}
		return false
	}})
	auth := Auth{Username: "ada", Password: "pw"}
	t.Run("within the origin, with credentials", func(t *testing.T) {
		url := srv.URL + "/renamed"
		if got := updateOne(t, openMirror(t, url), Remote{URL: url, Auth: auth}, Ref{}); got.Commit != one {
			t.Fatalf("got %+v", got)
		}
	})
	t.Run("to another origin, anonymous", func(t *testing.T) {
		url := srv.URL + "/moved"
		if got := updateOne(t, openMirror(t, url), Remote{URL: url}, Ref{}); got.Commit != one {
			t.Fatalf("got %+v", got)
		}
	})
	t.Run("to another origin, with credentials, is refused", func(t *testing.T) {
		url := srv.URL + "/moved"
		_, err := openMirror(t, url).Update(t.Context(), Remote{URL: url, Auth: auth}, []Ref{{}})
		wantReason(t, err, fault.RepositoryNotFound, fault.Blocked)
	})
}

func TestSSHWithAKeyAndStrictKnownHosts(t *testing.T) {
	srv := gittest.ServeSSH(t)
	repo := gittest.NewRepo(t)
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	url := srv.URL(repo.Dir)
	good := Auth{SSHKey: srv.Key, SSHKnownHosts: srv.KnownHosts}
	m := openMirror(t, url)
	if got := updateOne(t, m, Remote{URL: url, Auth: good}, Ref{}); got.Commit != one {
		t.Fatalf("got %+v", got)
	}
	two := repo.Commit("main", "two", gittest.Files{"a": "2"})
	crlf := Auth{SSHKey: []byte(strings.ReplaceAll(strings.TrimSpace(string(srv.Key)), "\n", "\r\n")), SSHKnownHosts: srv.KnownHosts}
	if got := updateOne(t, m, Remote{URL: url, Auth: crlf}, Ref{}); got.Commit != two {
		t.Fatalf("a key with CRLF and no last newline: %+v", got)
	}
	cases := []struct {
		what   string
		url    string
		auth   Auth
		reason fault.Reason
	}{
		{"an unknown host key", url, Auth{SSHKey: srv.Key}, fault.UnknownHostKey},
		{"a changed host key", url, Auth{SSHKey: srv.Key, SSHKnownHosts: srv.WrongHosts}, fault.UnknownHostKey},
		{"a key that is not let in", url, Auth{SSHKey: srv.OtherKey, SSHKnownHosts: srv.KnownHosts}, fault.AuthenticationFailed},
		{"no key", url, Auth{SSHKnownHosts: srv.KnownHosts}, fault.AuthenticationFailed},
		{"a key that is none", url, Auth{SSHKey: []byte("rubbish"), SSHKnownHosts: srv.KnownHosts}, fault.AuthenticationFailed},
		{"a missing repository", srv.URL("/nonexistent.git"), good, fault.RepositoryNotFound},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			m := openMirror(t, c.url)
			_, err := m.Update(t.Context(), Remote{URL: c.url, Auth: c.auth}, []Ref{{}})
			wantReason(t, err, c.reason, fault.Blocked)
			noLeftovers(t, m.store)
		})
	}
	noLeftovers(t, m.store)
}

func TestSecretsNeverPrint(t *testing.T) {
	a := Auth{Username: "ada", Password: "pw-secret", Token: "tok-secret", SSHKey: []byte("key-secret")}
	r := Remote{URL: "https://x/y", Auth: a}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(b), fmt.Sprintf("%v %+v %#v %s %d %x", a, a, a, a, a, a), fmt.Sprintf("%v %+v %#v", r, r, r), fmt.Sprintf("%+v", &r)} {
		mustNotContain(t, text, "secret", "107 101 121") // "key" as numbers
	}
	_, err = parseURL("gopher://ada:pw-secret@host/x")
	mustNotContain(t, err.Error(), "secret")
}

func TestSecretsReachNoArgumentListAndNoOtherChild(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	for _, program := range []string{"git", "ssh"} {
		real, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		script := "#!/bin/sh\n{ echo \"" + program + " $*\"; case \"$*\" in fetch*|push*) ;; *) env;; esac; } >>" + log + "\nexec " + real + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := openStore(t)
	s.git, s.ssh = filepath.Join(dir, "git"), filepath.Join(dir, "ssh")
	mirror := func(url string) *Mirror {
		m, err := s.Mirror(url)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	t.Setenv("PLUMB_TEST_LEAK", "leak-from-our-environment")
	repo, _, url := serveOne(t, gittest.HTTPOptions{User: "ada", Password: "pw-4711"})
	one := repo.Commit("main", "one", gittest.Files{"a": "1"})
	r := Remote{URL: strings.Replace(url, "//", "//ada:pw-4711@", 1)}
	t.Setenv("GIT_DIR", "/nonexistent")
	t.Setenv("GIT_SSH_COMMAND", "false")
	m := mirror(r.URL)
	updateOne(t, m, r, Ref{})
	if _, err := m.CommitFiles(t.Context(), r, CommitRequest{
		Branch: "main", Parent: one, Author: grace, Message: "x", Files: map[string]*File{"a": {Content: []byte("2")}},
	}); err != nil {
		t.Fatal(err)
	}
	srv := gittest.ServeSSH(t)
	over := Remote{URL: srv.URL(repo.Dir), Auth: Auth{SSHKey: srv.Key, SSHKnownHosts: srv.KnownHosts, Token: "pw-4711"}}
	updateOne(t, mirror(over.URL), over, Ref{})
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, want := range []string{"git fetch", "git push", "git cat-file", "ssh -F none"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q was not run: the test sees nothing", want)
		}
	}
	basic := Auth{Username: "ada", Password: "pw-4711"}.header()
	mustNotContain(t, text, "pw-4711", strings.TrimPrefix(basic, "Basic "), "leak-from-our-environment", "PRIVATE KEY")
}
