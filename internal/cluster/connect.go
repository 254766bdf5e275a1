package cluster

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"plumb.cd/plumb/internal/fault"
)

// DefaultManager is the field manager of an installation that has no other name.
const DefaultManager = "plumb"

// Config says how to reach a cluster. One of Kubeconfig, InCluster and RESTConfig is required.
type Config struct {
	Kubeconfig []byte
	InCluster  bool
	RESTConfig *rest.Config
	// TrustKubeconfig allows the kubeconfig to name files and programs of this machine: right for a person's own, never
	// for one that came out of a Secret.
	TrustKubeconfig bool
	Manager         string // field manager; DefaultManager when empty
	UserAgent       string
	Limits          Limits
}

// Limits of one cluster. Zero values mean the defaults.
type Limits struct {
	MinInFlight int           // 4
	MaxInFlight int           // 128
	Timeout     time.Duration // of one request, watches excepted; 60 s
	PageSize    int64         // of lists; 500
}

func (l Limits) withDefaults() Limits {
	l.MinInFlight = cmp.Or(l.MinInFlight, 4)
	l.MaxInFlight = max(cmp.Or(l.MaxInFlight, 128), l.MinInFlight)
	l.Timeout = cmp.Or(l.Timeout, time.Minute)
	l.PageSize = cmp.Or(l.PageSize, 500)
	return l
}

// Cluster is a connection to one API server. Its methods may be called at the same time.
type Cluster struct {
	config  *rest.Config
	http    *http.Client
	rest    *rest.RESTClient
	dynamic dynamic.Interface
	meta    metadata.Interface
	limits  Limits
	manager string
	kinds   *kinds
	limiter *limiter
	counts  counts

	life     context.Context // ends at Close; the parent of what outlives a call
	end      context.CancelFunc
	running  sync.WaitGroup
	mu       sync.Mutex // guards watches
	watches  map[schema.GroupVersionKind]*Watch
	changing *notifier // told when the served kinds change
}

// Connect reaches the API server, reads what it serves and keeps that current until Close. ctx bounds the connecting
// alone.
func Connect(ctx context.Context, cfg Config) (*Cluster, error) {
	rc, err := restConfig(cfg)
	if err != nil {
		return nil, err
	}
	c := &Cluster{
		limits:   cfg.Limits.withDefaults(),
		manager:  cmp.Or(cfg.Manager, DefaultManager),
		watches:  map[schema.GroupVersionKind]*Watch{},
		changing: newNotifier(),
	}
	c.limiter = newLimiter(c.limits.MinInFlight, c.limits.MaxInFlight)
	if err := c.dial(rc, cmp.Or(cfg.UserAgent, "plumb")); err != nil {
		return nil, &fault.Error{Class: fault.Invalid, Reason: fault.InvalidSpec,
			Message: "the cluster configuration cannot be used: " + err.Error(), Err: err}
	}
	if err := c.kinds.refresh(ctx); err != nil {
		return nil, err
	}
	c.life, c.end = context.WithCancel(context.WithoutCancel(ctx))
	c.running.Go(func() { c.followKinds(c.life) })
	return c, nil
}

// Close stops the watches and waits for them.
func (c *Cluster) Close() {
	c.end()
	c.running.Wait()
	c.http.CloseIdleConnections()
}

// Manager is our field manager.
func (c *Cluster) Manager() string { return c.manager }

func (c *Cluster) dial(rc *rest.Config, agent string) error {
	rc = rest.CopyConfig(rc)
	rc.QPS, rc.RateLimiter = -1, nil // our limiter adapts; a fixed throttle only slows
	rc.UserAgent = agent
	rc.WarningHandler = rest.NoWarnings{}
	rc.Timeout = 0 // per request, by context: a timeout of the client would cut the watches
	rc.Wrap(c.counts.wrap)
	rc.Wrap(c.limiter.wrap) // before the counting: what is counted has had its turn
	c.config = rc
	var err error
	if c.http, err = rest.HTTPClientFor(rc); err != nil {
		return err
	}
	plain := rest.CopyConfig(rc)
	plain.ContentType, plain.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	plain.NegotiatedSerializer = statusCodec()
	if c.rest, err = rest.UnversionedRESTClientForConfigAndClient(plain, c.http); err != nil {
		return err
	}
	if c.dynamic, err = dynamic.NewForConfigAndClient(rc, c.http); err != nil {
		return err
	}
	if c.meta, err = metadata.NewForConfigAndClient(rc, c.http); err != nil {
		return err
	}
	disco, err := discovery.NewDiscoveryClientForConfigAndClient(rc, c.http)
	if err != nil {
		return err
	}
	c.kinds = newKinds(disco, c.limits.Timeout)
	return nil
}

// statusCodec reads the API server's error answers; objects are decoded by us.
func statusCodec() runtime.NegotiatedSerializer {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return serializer.NewCodecFactory(scheme).WithoutConversion()
}

// bounded gives one request its time limit, which begins when its turn comes.
func (c *Cluster) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithCancel(context.WithValue(ctx, timeLimit{}, c.limits.Timeout))
}

// Alive asks the API server whether it is ready.
func (c *Cluster) Alive(ctx context.Context) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := c.rest.Get().AbsPath("/readyz").MaxRetries(0).Do(ctx).Raw(); err != nil {
		return classify(err, subject{where: c.config.Host})
	}
	return nil
}

var errNoConfig = errors.New("no kubeconfig, and not told to use the service account of the Pod")
