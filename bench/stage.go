package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
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
}

// setUp starts the control plane, fills the repository, and starts the daemon with nothing to do.
func setUp(ctx context.Context, c config, dir string) (*stage, error) {
	ctrl.SetLogger(logr.Discard())
	ctx, cancel := context.WithCancel(ctx)
	s := &stage{config: c, dir: dir, cancel: cancel}
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
	for _, ns := range s.namespaces() {
		_, err := s.admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
	}
	if err := s.fill(ctx); err != nil {
		return err
	}
	if s.world, err = watchWorld(ctx, s.admin, s.hub); err != nil {
		return err
	}
	s.world.patience = 3*time.Minute + time.Duration(s.config.apps)*50*time.Millisecond
	return s.startDaemon(ctx)
}

func (s *stage) namespaces() []string {
	out := []string{hubNamespace, single}
	for _, prefix := range []string{plumbMark, "raw-before", "raw-after", "raw-warm"} {
		for i := range teams {
			out = append(out, teamOf(prefix, i))
		}
	}
	return out
}

func (s *stage) connect() error {
	admin, err := clientcmd.BuildConfigFromFlags("", s.plane.ready["kubeconfig"])
	if err != nil {
		return err
	}
	admin.QPS = -1
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

// fill makes the monorepo.
func (s *stage) fill(ctx context.Context) error {
	var err error
	if s.repo, err = newMonorepo(ctx, filepath.Join(s.dir, "mono.git")); err != nil {
		return err
	}
	files := map[string]string{}
	add := func(name, namespace string, replicas int) {
		for file, content := range manifests(name, replicas, "0") {
			files["apps/"+name+"/"+file] = content
		}
		files["apps/"+name+"/kustomization.yaml"] = kustomization(namespace, plumbMark)
	}
	for i := range s.config.apps {
		add(appName(i), teamOf(plumbMark, i), 0)
	}
	add(single, single, singleReplicas)
	_, err = s.repo.commit(ctx, "start", files)
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

// createRepository creates the Repository that all Apps use.
func (s *stage) createRepository(ctx context.Context) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: hubNamespace, Name: "hook"}, StringData: map[string]string{"secret": hookSecret}}
	if _, err := s.admin.CoreV1().Secrets(hubNamespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return err
	}
	repo := &v1alpha1.Repository{ObjectMeta: metav1.ObjectMeta{Namespace: hubNamespace, Name: "mono"}}
	repo.Spec.URL = s.repo.dir
	repo.Spec.Interval = "1h" // the webhook tells of commits
	repo.Spec.Webhook = &v1alpha1.Webhook{SecretRef: v1alpha1.SecretKey{Name: "hook", Key: "secret"}}
	return s.hub.Create(ctx, repo)
}

func (s *stage) createApp(ctx context.Context, name, namespace string) error {
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: hubNamespace, Name: name}}
	app.Spec.Source = &v1alpha1.Source{Repository: "mono", Path: "apps/" + name}
	app.Spec.Destination = v1alpha1.Destination{Namespace: v1alpha1.Namespace(namespace)}
	return s.hub.Create(ctx, app)
}

// createApps creates all Apps of the monorepo but the single one.
func (s *stage) createApps(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range s.config.apps {
		g.Go(func() error { return s.createApp(ctx, appName(i), teamOf(plumbMark, i)) })
	}
	return g.Wait()
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

const (
	debugAddress = "127.0.0.1:16060"
)

// profiled takes a CPU profile of the daemon until the returned function is called, and a heap profile then.
func (s *stage) profiled(name string) func() {
	if s.config.profile == "" {
		return func() {}
	}
	if err := os.MkdirAll(s.config.profile, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		return func() {}
	}
	return func() {
		if err := fetch("http://"+debugAddress+"/debug/pprof/heap", filepath.Join(s.config.profile, name+".heap")); err != nil {
			fmt.Fprintln(os.Stderr, "profile:", err)
		}
	}
}

// cpuProfile takes a CPU profile of the daemon for a time, in the background.
func (s *stage) cpuProfile(name string, seconds int) {
	if s.config.profile == "" {
		return
	}
	go func() {
		raw, err := s.admin.RESTClient().Get().AbsPath("/debug/pprof/profile").Param("seconds", strconv.Itoa(seconds)).DoRaw(context.Background())
		if err == nil {
			err = os.WriteFile(filepath.Join(s.config.profile, name+".controlplane.cpu"), raw, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "profile of the control plane:", err)
		}
	}()
	go func() {
		url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", debugAddress, seconds)
		if err := fetch(url, filepath.Join(s.config.profile, name+".cpu")); err != nil {
			fmt.Fprintln(os.Stderr, "profile:", err)
		}
	}()
}

func fetch(url, file string) error {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, res.Body)
	return errors.Join(err, out.Close())
}
