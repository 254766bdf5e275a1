package cli_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/cptest"
)

// lab is the control plane that scripts work on.
type lab struct {
	t        *testing.T
	cp       *cptest.ControlPlane
	client   kubernetes.Interface
	dynamic  dynamic.Interface
	binaries string // directory of the control plane's program
	count    atomic.Int64
	address  string // of the daemon, when there is one
}

func newLab(t *testing.T) *lab {
	t.Helper()
	cp := cptest.Shared(t)
	binary, err := cptest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	d, err := dynamic.NewForConfig(cp.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	return &lab{t: t, cp: cp, client: cp.Client(t), dynamic: d, binaries: filepath.Dir(binary)}
}

// commands are what scripts may use beside testscript's own:
//
//	exits CODE plumb ARGS...          run it; it must exit with exactly this code
//	cluster                           $KUBECONFIG is the control plane, $NS a namespace of this script
//	restricted RESOURCE...            $RESTRICTED is a kubeconfig that may read and write these in $NS, and nothing else
//	create RESOURCE[.GROUP] FILE      create the objects of a file in $NS, as somebody who is not Plumb
//	[!] live RESOURCE[.GROUP] NAME    it exists in $NS; its YAML is the standard output
//	hub FILE                          apply Apps and Repositories in $NS; $VARIABLES in the file are replaced
//	commit DIR MESSAGE                commit the directory as the Git repository that it is; $HEAD is the commit
//	until CODE plumb ARGS...          like exits, but repeat it until it exits with that code
//	token ACCOUNT [VERB...]           $TOKEN is that of a service account that may do this to Apps in $NS
//	visit STATUS TEXT                 open the address that was printed last, with no cookie; the answer has that status and text
//	freeport                          $PORT is a port on which nobody listens
//	scrub                             the last standard output becomes one without what differs from run to run; cmp it
func (l *lab) commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"hub": l.hub, "commit": l.commit, "until": l.until, "token": l.token, "visit": l.visit,
		"exits": exits, "cluster": l.cluster, "restricted": l.restricted, "create": l.create, "live": l.live, "freeport": freePort, "scrub": scrub,
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGS]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func (l *lab) cluster(ts *testscript.TestScript, _ bool, _ []string) {
	ctx := l.t.Context()
	ns := "s" + strconv.FormatInt(l.count.Add(1), 10) + "-" + strings.ReplaceAll(filepath.Base(ts.Name()), "_", "-")
	_, err := l.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, metav1.CreateOptions{})
	ts.Check(err)
	cptest.Eventually(l.t, 30*time.Second, "the namespace has a service account", func() bool {
		_, err := l.client.CoreV1().ServiceAccounts(ns).Get(ctx, "default", metav1.GetOptions{})
		return err == nil
	})
	ts.Setenv("NS", ns)
	ts.Setenv("KUBECONFIG", l.cp.Kubeconfig)
	ts.Setenv("SERVER", l.cp.Server)
}

func (l *lab) restricted(ts *testscript.TestScript, _ bool, args []string) {
	ctx, ns := l.t.Context(), ts.Getenv("NS")
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "restricted"}}
	for _, r := range args {
		resource, group, _ := strings.Cut(r, ".")
		role.Rules = append(role.Rules, rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{"*"}})
	}
	_, err := l.client.RbacV1().Roles(ns).Create(ctx, role, metav1.CreateOptions{})
	ts.Check(err)
	_, err = l.client.RbacV1().RoleBindings(ns).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "restricted"}, RoleRef: rbacv1.RoleRef{Kind: "Role", Name: "restricted"},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "default", Namespace: ns}},
	}, metav1.CreateOptions{})
	ts.Check(err)
	file := ts.MkAbs("restricted.kubeconfig")
	ts.Check(l.kubeconfigOf(ctx, ns, "default", file))
	ts.Setenv("RESTRICTED", file)
}

// kubeconfigOf writes a kubeconfig with a token of a service account.
func (l *lab) kubeconfigOf(ctx context.Context, ns, account, file string) error {
	token, err := l.client.CoreV1().ServiceAccounts(ns).CreateToken(ctx, account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	config, err := clientcmd.LoadFromFile(l.cp.Kubeconfig)
	if err != nil {
		return err
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	}
	for _, c := range config.Clusters {
		if c.CertificateAuthority != "" && !filepath.IsAbs(c.CertificateAuthority) {
			c.CertificateAuthority = filepath.Join(filepath.Dir(l.cp.Kubeconfig), c.CertificateAuthority)
		}
	}
	return clientcmd.WriteToFile(*config, file)
}

// resource finds what a script calls "deployments.apps".
func resource(arg string) schema.GroupVersionResource {
	name, group, _ := strings.Cut(arg, ".")
	return schema.GroupVersionResource{Group: group, Version: "v1", Resource: name}
}

func (l *lab) create(ts *testscript.TestScript, _ bool, args []string) {
	for doc := range strings.SplitSeq(ts.ReadFile(args[1]), "---\n") {
		u := &unstructured.Unstructured{}
		ts.Check(yaml.Unmarshal([]byte(doc), &u.Object))
		_, err := l.dynamic.Resource(resource(args[0])).Namespace(ts.Getenv("NS")).Create(l.t.Context(), u, metav1.CreateOptions{})
		ts.Check(err)
	}
}

func (l *lab) live(ts *testscript.TestScript, neg bool, args []string) {
	u, err := l.dynamic.Resource(resource(args[0])).Namespace(ts.Getenv("NS")).Get(l.t.Context(), args[1], metav1.GetOptions{})
	if neg {
		if !apierrors.IsNotFound(err) {
			ts.Fatalf("%s %s is there (%v)", args[0], args[1], err)
		}
		return
	}
	ts.Check(err)
	unstructured.RemoveNestedField(u.Object, "metadata", "managedFields")
	raw, err := yaml.Marshal(u.Object)
	ts.Check(err)
	_, err = ts.Stdout().Write(raw)
	ts.Check(err)
}

func freePort(ts *testscript.TestScript, _ bool, _ []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	ts.Check(errors.Join(err, listener.Close()))
	ts.Setenv("PORT", port)
}

// volatile is what differs from run to run.
var volatile = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "DIGEST"},
	{regexp.MustCompile(`\b[0-9a-f]{12,40}\b`), "COMMIT"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ?`), "TIME"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), "TIME"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(µs|ms|s|m)\b`), "AGE"},
	{regexp.MustCompile(`\bs\d+-[a-z0-9-]*[a-z0-9]\b`), "NS"},
	{regexp.MustCompile(`(\S) {2,}`), "$1  "}, // columns are as wide as what is in them
}

func scrub(ts *testscript.TestScript, _ bool, _ []string) {
	out := ts.ReadFile("stdout")
	for _, v := range volatile {
		out = v.re.ReplaceAllString(out, v.with)
	}
	out = strings.ReplaceAll(out, ts.Getenv("WORK"), "WORK")
	_, err := fmt.Fprint(ts.Stdout(), out)
	ts.Check(err)
}
