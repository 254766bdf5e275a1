package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// The shape is that of the field's own benchmarks: each app is a Kustomize directory of one monorepo with a Deployment
// of no replicas, a ServiceAccount, a Service and a ConfigMap.

const teams = 20 // namespaces that the apps are spread over

func appName(i int) string { return fmt.Sprintf("app-%05d", i) }

func teamOf(prefix string, i int) string { return fmt.Sprintf("%s-%02d", prefix, i%teams) }

const markLabel = "bench.plumb.cd/run"

// manifests are the files of an app.
func manifests(name string, replicas int, rev string) map[string]string {
	return map[string]string{
		"account.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: " + name + "\n",
		"config.yaml":  configMap(name, rev),
		"service.yaml": fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: %[1]s
spec:
  selector: {app: %[1]s}
  ports:
  - {name: http, port: 80, targetPort: http}
`, name),
		"deployment.yaml": fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata:
      labels: {app: %[1]s}
      annotations: {rev: %[3]q}
    spec:
      serviceAccountName: %[1]s
      containers:
      - name: web
        image: example.com/web:1.2.3
        ports: [{name: http, containerPort: 8080}]
        envFrom: [{configMapRef: {name: %[1]s}}]
        env:
        - {name: LOG_LEVEL, value: info}
        resources:
          requests: {cpu: 10m, memory: 16Mi}
          limits: {memory: 64Mi}
        readinessProbe: {httpGet: {path: /ready, port: http}}
`, name, replicas, rev),
	}
}

func configMap(name, rev string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  rev: %q\n  color: blue\n  level: info\n  region: eu\n", name, rev)
}

func kustomization(namespace, mark string) string {
	return fmt.Sprintf(`apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: %s
labels:
- pairs: {%s: %s}
resources: [account.yaml, config.yaml, service.yaml, deployment.yaml]
`, namespace, markLabel, mark)
}

// objectsOf are the objects that an app renders to, for the raw loop.
func objectsOf(name, namespace, mark string, replicas int, rev string) ([]*unstructured.Unstructured, error) {
	files := manifests(name, replicas, rev)
	var out []*unstructured.Unstructured
	for _, file := range []string{"account.yaml", "config.yaml", "service.yaml", "deployment.yaml"} {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(files[file]), &u.Object); err != nil {
			return nil, err
		}
		u.SetNamespace(namespace)
		u.SetLabels(map[string]string{markLabel: mark})
		out = append(out, u)
	}
	return out, nil
}

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
