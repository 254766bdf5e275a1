package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/controller"
	"plumb.cd/plumb/internal/install"
)

const (
	hubNamespace = "bench" // of the Apps
	hookSecret   = "a secret that signs webhooks"
	single       = "single" // the app with replicas
	parallel     = 16       // of the raw loop and of what the bench itself creates
)

// stage is a control plane, a repository, a daemon, and how the bench looks at them.
type stage struct {
	config config
	shape  shape
	dir    string
	plane  *child
	daemon *child
	repo   *monorepo
	admin  *kubernetes.Clientset // not limited by API Priority and Fairness
	hub    client.WithWatch      // admin
	raw    *dynamic.DynamicClient
	audit  *audit
	world  *world
	cancel context.CancelFunc
	heads  int // commits so far
	// measure names the files of profiles.
	measure string
}

// setUp starts the control plane, fills the repository, and starts the daemon with nothing to do.
func setUp(ctx context.Context, c config, dir string, what shape) (*stage, error) {
	ctrl.SetLogger(logr.Discard())
	ctx, cancel := context.WithCancel(ctx)
	s := &stage{config: c, shape: what, dir: dir, cancel: cancel}
	err := s.start(ctx)
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stage) start(ctx context.Context) error {
	log := filepath.Join(s.dir, "audit.log")
	var err error
	s.plane, err = startChild(ctx, filepath.Join(s.dir, "plane.err"), s.config.plane, "--dir", filepath.Join(s.dir, "plane"), "--audit-log", log,
		"--parent-pid", strconv.Itoa(os.Getpid()))
	if err != nil {
		return err
	}
	s.audit = &audit{path: log}
	if err := s.connect(); err != nil {
		return err
	}
	if err := install.Apply(ctx, s.hub, install.Options{}); err != nil {
		return err
	}
	if err := s.createNamespaces(ctx, append([]string{hubNamespace}, s.shape.namespaces...)); err != nil {
		return err
	}
	if s.repo, err = newMonorepo(ctx, filepath.Join(s.dir, "mono.git")); err != nil {
		return err
	}
	if _, err := s.push(ctx, s.shape.files); err != nil {
		return err
	}
	if s.world, err = watchWorld(ctx, s.admin, s.hub); err != nil {
		return err
	}
	s.world.patience = 3*time.Minute + time.Duration(len(s.shape.apps)+s.shape.objects)*50*time.Millisecond
	return s.startDaemon(ctx)
}

func (s *stage) createNamespaces(ctx context.Context, names []string) error {
	return inParallel(ctx, len(names), func(ctx context.Context, i int) error {
		_, err := s.admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names[i]}}, metav1.CreateOptions{})
		return err
	})
}

// inParallel calls do for 0 to n-1, parallel at a time.
func inParallel(ctx context.Context, n int, do func(context.Context, int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range n {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait()
}

// adminConfig is how the bench itself talks to the API server.
func (s *stage) adminConfig() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", s.plane.ready["kubeconfig"])
	if err == nil {
		config.QPS = -1
	}
	return config, err
}

func (s *stage) connect() error {
	admin, err := s.adminConfig()
	if err != nil {
		return err
	}
	typed := rest.CopyConfig(admin)
	typed.ContentType = "application/vnd.kubernetes.protobuf"
	if s.admin, err = kubernetes.NewForConfig(typed); err != nil {
		return err
	}
	if s.hub, err = client.NewWithWatch(admin, client.Options{Scheme: controller.Scheme()}); err != nil {
		return err
	}
	engine, err := clientcmd.BuildConfigFromFlags("", s.plane.ready["engine-kubeconfig"])
	if err != nil {
		return err
	}
	engine.QPS, engine.UserAgent = -1, rawAgent
	s.raw, err = dynamic.NewForConfig(engine)
	return err
}

// startDaemon starts the daemon in its state directory, or starts it again.
func (s *stage) startDaemon(ctx context.Context) error {
	args := []string{
		"run", "--kubeconfig", s.plane.ready["engine-kubeconfig"], "--dir", filepath.Join(s.dir, "state"),
		"--listen", "127.0.0.1:0", "--lease-namespace", hubNamespace, "--log-level", s.config.log,
	}
	if s.config.profile != "" {
		args = append(args, "--debug-listen", debugAddress)
	}
	var err error
	s.daemon, err = startChild(ctx, filepath.Join(s.dir, "daemon.log"), s.config.plumb, args...)
	return err
}

func (s *stage) close() {
	s.cancel()
	if s.daemon != nil {
		s.daemon.stop()
	}
	if s.plane != nil {
		s.plane.stop()
	}
}

// createRepository creates the Repository that the Apps use, and tells when the daemon has looked at it.
func (s *stage) createRepository(ctx context.Context) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: hubNamespace, Name: "hook"}, StringData: map[string]string{"secret": hookSecret}}
	if _, err := s.admin.CoreV1().Secrets(hubNamespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return err
	}
	return s.createRepositoryAt(ctx, "mono", s.repo.dir)
}

func (s *stage) createRepositoryAt(ctx context.Context, name, url string) error {
	repo := &v1alpha1.Repository{ObjectMeta: metav1.ObjectMeta{Namespace: hubNamespace, Name: name}}
	repo.Spec.URL = url
	repo.Spec.Interval = "1h" // the webhook tells of commits
	repo.Spec.Webhook = &v1alpha1.Webhook{SecretRef: v1alpha1.SecretKey{Name: "hook", Key: "secret"}}
	return s.hub.Create(ctx, repo)
}

func (s *stage) createApp(ctx context.Context, a appShape) error {
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: hubNamespace, Name: a.name, Finalizers: []string{v1alpha1.Finalizer}}}
	app.Spec.Source = &v1alpha1.Source{Repository: v1alpha1.Name(a.repository), Path: a.path}
	app.Spec.Destination = v1alpha1.Destination{Namespace: v1alpha1.Namespace(a.namespace), Cluster: v1alpha1.Name(a.cluster)}
	return s.hub.Create(ctx, app)
}

func (s *stage) createApps(ctx context.Context, apps []appShape) error {
	return inParallel(ctx, len(apps), func(ctx context.Context, i int) error { return s.createApp(ctx, apps[i]) })
}

// push commits the files and gives the commit.
func (s *stage) push(ctx context.Context, files map[string]string) (string, error) {
	s.heads++
	return s.repo.commit(ctx, fmt.Sprintf("change %d", s.heads), files)
}

// webhook tells the daemon that the repository has news, signed as a forge would. It returns when the daemon answered.
func (s *stage) webhook(ctx context.Context) error {
	body, err := json.Marshal(map[string]string{"repository": s.repo.dir, "ref": "refs/heads/main"})
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(body)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.daemon.ready["api"]+"/webhook", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	req.Header.Set("X-Plumb-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		text, _ := io.ReadAll(res.Body) // for the message only
		return fmt.Errorf("the webhook is answered with %s: %s", res.Status, text)
	}
	return nil
}
