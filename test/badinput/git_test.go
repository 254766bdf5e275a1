package badinput

import (
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/object"
	"plumb.cd/plumb/internal/server"
)

// source is an App "sourced" beside those of the scene, whose source cannot be had.
func (s *scene) source(spec string, want told) v1alpha1.AppStatus {
	s.t.Helper()
	s.App("sourced", "source: "+spec)
	status := s.tells("sourced", want)
	s.WaitState("good", "Synced")
	s.unpruned()
	return status
}

// repository applies a Repository "private" with a Secret.
func (s *scene) repository(url, secret string) {
	s.t.Helper()
	s.Apply(fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: private}
stringData: %s
---
apiVersion: plumb.cd/v1alpha1
kind: Repository
metadata: {name: private}
spec: {url: "%s", interval: 1h, secretRef: {name: private}}
`, secret, url))
}

func TestWrongCredentialsAreToldWithoutThem(t *testing.T) {
	s := stage(t, "")
	served := gittest.ServeHTTP(t, filepath.Dir(s.repo.Dir), gittest.HTTPOptions{User: "reader", Password: "right-horse"})
	s.repository(served.URL+"/"+filepath.Base(s.repo.Dir), "{username: reader, password: wrong-horse}")
	status := s.source("{repository: private, path: good}", told{state: "Failed", reason: "AuthenticationFailed", says: []string{served.URL}})
	if strings.Contains(status.Message+status.Next, "horse") {
		t.Errorf("the password is in %q", status.Message)
	}
	if log := s.Log("horse"); log != "" {
		t.Errorf("the password is in the log: %s", log)
	}
}

func TestASecretThatDoesNotExistIsNamed(t *testing.T) {
	s := stage(t, "")
	s.Apply("apiVersion: plumb.cd/v1alpha1\nkind: Repository\nmetadata: {name: private}\nspec: {url: \"https://127.0.0.1:1/x.git\", secretRef: {name: nowhere}}\n")
	s.source("{repository: private, path: good}", told{state: "Failed", reason: "CredentialsMissing", says: []string{"nowhere"}})
}

func TestAnUnknownHostKeyIsRefused(t *testing.T) {
	s := stage(t, "")
	ssh := gittest.ServeSSH(t)
	for what, hosts := range map[string]string{"another key": string(ssh.WrongHosts), "no key": "example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"} {
		s.repository(ssh.URL(s.repo.Dir), fmt.Sprintf("{identity: %q, known_hosts: %q}", ssh.Key, hosts))
		status := s.source("{repository: private, path: good}", told{state: "Failed", reason: "UnknownHostKey", next: "known_hosts"})
		if strings.Contains(status.Message, "PRIVATE KEY") {
			t.Errorf("%s: the key is in %q", what, status.Message)
		}
	}
	s.repository(ssh.URL(s.repo.Dir), fmt.Sprintf("{identity: %q, known_hosts: %q}", ssh.OtherKey, ssh.KnownHosts))
	s.source("{repository: private, path: good}", told{state: "Failed", reason: "AuthenticationFailed"})
}

func TestARefThatDoesNotExistIsNamed(t *testing.T) {
	s := stage(t, "")
	for ref, name := range map[string]string{
		"branch: nowhere": "nowhere", "tag: v9.9.9": "v9.9.9", `semver: ">=9.0"`: ">=9.0", "commit: \"0123456789012345678901234567890123456789\"": "0123456789",
	} {
		s.source("{repository: shop, path: good, ref: {"+ref+"}}", told{state: "Failed", reason: "RefNotFound", says: []string{name}})
	}
}

func TestAPathThatDoesNotExistIsNamed(t *testing.T) {
	s := stage(t, "")
	s.source("{repository: shop, path: goood}", told{state: "Failed", reason: "PathNotFound", says: []string{"goood"}})
}

func TestAPathOutOfTheRepositoryIsRefused(t *testing.T) {
	s := stage(t, "")
	s.repo.Push("a way out", gittest.Files{
		"out/kustomization.yaml": "resources: [../../../../etc]\n", "linked": gittest.Link("/etc"),
	})
	s.source("{repository: shop, path: out}", told{state: "Failed", reason: "PathOutside", says: []string{"out"}})
	s.source("{repository: shop, path: linked}", told{state: "Failed", reason: "PathOutside", says: []string{"linked", "/etc"}})
}

func TestARepositoryThatDoesNotExistIsNamed(t *testing.T) {
	s := stage(t, "")
	s.source("{repository: nowhere, path: good}", told{state: "Failed", reason: "RepositoryUnknown", says: []string{"nowhere"}, next: "create it"})
	s.source("{url: \"/nowhere/at/all.git\", path: good}", told{state: "Failed", reason: "RepositoryNotFound", says: []string{"/nowhere/at/all.git"}})
}

func TestAnEmptyRepositoryIsToldAndItsFirstCommitIsTaken(t *testing.T) {
	s := stage(t, "")
	empty := gittest.NewRepo(t)
	s.source("{url: \""+empty.Dir+"\"}", told{state: "Failed", reason: "RepositoryEmpty", says: []string{empty.Dir}})
	commit := empty.Commit("main", "first", gittest.Files{"first.yaml": configMap("first", "1")})
	s.Do("sourced", "refresh", nil)
	s.WaitSynced("sourced", commit)
}

func TestADeletedBranchPrunesNothing(t *testing.T) {
	s := stage(t, "")
	first := s.repo.Commit("feature", "a branch", gittest.Files{"feature/one.yaml": configMap("one", "1")})
	s.App("sourced", "source: {repository: shop, path: feature, ref: {branch: feature}}")
	s.WaitSynced("sourced", first)
	s.repo.Git("update-ref", "-d", "refs/heads/feature")
	s.repo.Notify()
	s.tells("sourced", told{state: "Failed", reason: "RefNotFound", says: []string{"feature"}})
	s.Must("v1", "ConfigMap", "one")
	s.unpruned()
	again := s.repo.Commit("feature", "it is back", gittest.Files{"feature/one.yaml": configMap("one", "2")})
	s.repo.Notify()
	s.WaitSynced("sourced", again)
}

func TestARewrittenTagPrunesNothingUntilSomebodyApproves(t *testing.T) {
	s := stage(t, "")
	first := s.repo.Head()
	s.repo.Tag("v1.0.0", first)
	s.App("sourced", "source: {repository: shop, path: tagged, ref: {tag: v1.0.0}}")
	s.tells("sourced", told{state: "Failed", reason: "PathNotFound"})
	files := gittest.Files{"tagged/a.yaml": configMap("tag-a", "1"), "tagged/b.yaml": configMap("tag-b", "1")}
	second := s.repo.Push("two", files)
	s.repo.Git("tag", "-f", "v1.0.0", second)
	s.repo.Notify()
	s.WaitSynced("sourced", second)
	third := s.repo.Rewrite("other", "another history", gittest.Files{"tagged/a.yaml": configMap("tag-a", "2")})
	s.repo.Git("tag", "-f", "v1.0.0", third)
	s.repo.Notify()
	s.tells("sourced", told{state: "Waiting", reason: "PruneGuard", says: []string{"rewritten"}})
	s.Must("v1", "ConfigMap", "tag-b")
	s.approve("sourced", third)
	if s.Get("v1", "ConfigMap", "tag-b") != nil {
		t.Error("approved, and tag-b is still there")
	}
}

func TestAForcePushPrunesNothingUntilSomebodyApproves(t *testing.T) {
	s := stage(t, "")
	s.good++
	commit := s.repo.Rewrite("main", "history made anew", gittest.Files{
		"bad/kept.yaml": configMap("kept", "2"), "good/good.yaml": configMap("good", "1"),
	})
	s.repo.Notify()
	s.tells("bad", told{state: "Waiting", reason: "PruneGuard", says: []string{"rewritten"}, next: "plumb plan"})
	s.unharmed(commit) // nothing of it is to be deleted: it just follows
	s.unpruned()
	s.approve("bad", commit)
	if s.Get("v1", "ConfigMap", "leaving") != nil {
		t.Error("approved, and leaving is still there")
	}
}

// approve approves the plan that waits.
func (s *scene) approve(app, commit string) {
	s.t.Helper()
	s.Do(app, "sync", server.SyncBody{Plan: object.Digest(s.View(app).Plan)})
	s.WaitSynced(app, commit)
}

func TestAFileAboveTheLimitIsRefused(t *testing.T) {
	s := stage(t, "")
	s.Patch("plumb.cd/v1alpha1", "Repository", "shop", "kubectl-edit", "spec: {limits: {fileMiB: 1}}")
	huge := configMap("web", strings.Repeat("x", 2<<20))
	s.check(s.push(gittest.Files{"bad/web.yaml": huge}), told{state: "Failed", reason: "LimitExceeded", says: []string{"bad/web.yaml"}})
	s.mend(gittest.Files{"bad/web.yaml": gittest.Delete})
}

func TestAWrongDigestInARegistryIsRefused(t *testing.T) {
	s := stage(t, "")
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	repo, err := name.NewRepository(host+"/charts/web", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	layer := static.NewLayer([]byte("not a chart"), "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
	if err := remote.WriteLayer(repo, layer, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	s.Apply("apiVersion: plumb.cd/v1alpha1\nkind: Repository\nmetadata: {name: private}\nspec: {url: \"oci://" + host + "/charts\", plainHTTP: true}\n")
	digest := "sha256:" + strings.Repeat("0", 64)
	s.source("{repository: private, chart: {name: web, version: \""+digest+"\"}}", told{
		state: "Failed", reason: "DigestMismatch", says: []string{host, digest},
	})
}
