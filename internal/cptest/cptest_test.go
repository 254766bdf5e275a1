package cptest_test

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"plumb.cd/plumb/internal/cptest"
)

const waitTimeout = 30 * time.Second

func TestMain(m *testing.M) { cptest.Main(m) }

func TestSharedIsOneControlPlaneInWhichPodsRun(t *testing.T) {
	cp := cptest.Shared(t)
	if again := cptest.Shared(t); again != cp {
		t.Fatal("Shared started a second control plane")
	}
	namespace := cp.Namespace(t)
	client := cp.Client(t)
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if version.Major != "1" || strings.HasPrefix(version.GitVersion, "v0") {
		t.Errorf("the server calls itself %s: it was built without hack/build-controlplane.sh", version.GitVersion)
	}
	labels := map[string]string{"app": "web"}
	_, err = client.AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Selector: metav1.SetAsLabelSelector(labels),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cptest.Eventually(t, waitTimeout, "the Deployment is available", func() bool {
		d, err := client.AppsV1().Deployments(namespace).Get(t.Context(), "web", metav1.GetOptions{})
		return err == nil && d.Status.AvailableReplicas == 1
	})
}

func TestNamesAreUniqueAndValid(t *testing.T) {
	for range 2 {
		t.Run("A name, with (odd) characters, that is far too long to be the name of a namespace", func(t *testing.T) {
			first, second := cptest.Name(t), cptest.Name(t)
			if first == second {
				t.Errorf("%s twice", first)
			}
			for _, name := range []string{first, second} {
				if len(name) > 63 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
					t.Errorf("%q is not a valid name", name)
				}
			}
		})
	}
}

func TestAControlPlaneOfItsOwnKeepsItsStateOverAKillAndWritesAnAuditLog(t *testing.T) {
	cp := cptest.Start(t, cptest.WithNodes(1), cptest.WithAudit())
	server := cp.Server
	engine, err := kubernetes.NewForConfig(cp.EngineConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}
	if _, err := engine.CoreV1().ConfigMaps("default").Create(t.Context(), kept, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	cp.Kill(t)
	cp.Restart(t)
	if cp.Server != server {
		t.Errorf("server was %s, is %s", server, cp.Server)
	}
	if _, err := engine.CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	if n := requests(t, cp.AuditLog, "system:serviceaccount:plumb-system:plumb", "create"); n != 1 {
		t.Errorf("%d creates by the engine in the audit log, want 1", n)
	}
}

// requests counts the requests of user with verb in an audit log.
func requests(t *testing.T, file, user, verb string) int {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	count := 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Verb, Stage string
			User        struct{ Username string }
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if e.Stage == "ResponseComplete" && e.User.Username == user && e.Verb == verb {
			count++
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return count
}
