package engine

import (
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/cluster"
)

// maxUnwell bounds the Apps that are named in measures: one series each, the worst first. How many there are in all is in
// plumb_apps.
const maxUnwell = 200

var (
	appsDesc = prometheus.NewDesc("plumb_apps", "Apps by state and cluster.", []string{"cluster", "state"}, nil)
	sickDesc = prometheus.NewDesc("plumb_app_unwell_since_timestamp_seconds",
		"When an App became Failed, Degraded, Drifted or Unknown: at most 200 Apps, the worst first.", []string{"namespace", "app", "cluster", "state", "reason"}, nil)
	workDesc      = prometheus.NewDesc("plumb_apps_working", "Apps that take a step now.", nil, nil)
	repoDesc      = prometheus.NewDesc("plumb_repositories", "Repositories in use by whether the last look succeeded.", []string{"outcome"}, nil)
	connectedDesc = prometheus.NewDesc("plumb_cluster_connected", "1 while the cluster answers.", []string{"cluster"}, nil)
	objectsDesc   = prometheus.NewDesc("plumb_objects", "Managed objects by cluster.", []string{"cluster"}, nil)
	watchesDesc   = prometheus.NewDesc("plumb_watches", "Kinds that are watched, by cluster.", []string{"cluster"}, nil)
	requestsDesc  = prometheus.NewDesc("plumb_api_requests_total", "Requests to the clusters' API servers, by verb and HTTP status.", []string{"cluster", "verb", "code"}, nil)
	waitedDesc    = prometheus.NewDesc("plumb_api_throttled_seconds_total", "Time that requests waited for their turn, because the API server bears no more.", []string{"cluster"}, nil)
	limitDesc     = prometheus.NewDesc("plumb_api_in_flight_limit", "Requests that may be in flight now, as the API server's answers allow.", []string{"cluster"}, nil)
	restartsDesc  = prometheus.NewDesc("plumb_watch_restarts_total", "Watches that were begun again, by whether they ended in good order or were lost.", []string{"cluster", "outcome"}, nil)
)

// gauges reads the engine when it is asked, and costs nothing in between.
type gauges struct{ e *Engine }

// Gauges are the measures of how things stand.
func (e *Engine) Gauges() prometheus.Collector { return gauges{e} }

func (gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		appsDesc, sickDesc, workDesc, repoDesc, connectedDesc, objectsDesc, watchesDesc, requestsDesc, waitedDesc, limitDesc, restartsDesc,
	} {
		out <- d
	}
}

func (g gauges) Collect(out chan<- prometheus.Metric) {
	g.apps(out)
	g.repositories(out)
	g.clusters(out)
}

func gauge(out chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func count(out chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

// badness orders the states whose Apps are named; those of the others are not.
var badness = map[State]int{StateFailed: 1, StateDegraded: 2, StateDrifted: 3, StateUnknown: 4}

type standing struct {
	cluster string
	state   State
}

type unwell struct {
	standing
	key    Key
	reason string
	since  float64
}

func (g gauges) apps(out chan<- prometheus.Metric) {
	g.e.mu.Lock()
	apps := make([]*app, 0, len(g.e.apps))
	for _, a := range g.e.apps {
		apps = append(apps, a)
	}
	g.e.mu.Unlock()
	counts := map[standing]int{}
	var sick []unwell
	working := 0
	for _, a := range apps {
		a.mu.Lock()
		st := standing{a.spec.Cluster, cmp.Or(a.snapshot.State, StateUnknown)}
		if badness[st.state] > 0 {
			sick = append(sick, unwell{st, a.key, string(a.snapshot.Reason), float64(a.snapshot.Since.UnixMilli()) / 1000})
		}
		if a.running {
			working++
		}
		a.mu.Unlock()
		counts[st]++
	}
	for st, n := range counts {
		gauge(out, appsDesc, float64(n), st.cluster, string(st.state))
	}
	slices.SortFunc(sick, func(a, b unwell) int {
		return cmp.Or(cmp.Compare(badness[a.state], badness[b.state]), cmp.Compare(b.since, a.since), compareKeys(a.key, b.key))
	})
	for _, u := range sick[:min(len(sick), maxUnwell)] {
		gauge(out, sickDesc, u.since, u.key.Namespace, u.key.Name, u.cluster, string(u.state), u.reason)
	}
	gauge(out, workDesc, float64(working))
}

func (g gauges) repositories(out chan<- prometheus.Metric) {
	g.e.mu.Lock()
	repos := make([]*repo, 0, len(g.e.repos))
	for _, r := range g.e.repos {
		repos = append(repos, r)
	}
	g.e.mu.Unlock()
	good, bad := 0, 0
	for _, r := range repos {
		r.mu.Lock()
		if r.err != nil {
			bad++
		} else {
			good++
		}
		r.mu.Unlock()
	}
	gauge(out, repoDesc, float64(good), "ok")
	gauge(out, repoDesc, float64(bad), "error")
}

func (g gauges) clusters(out chan<- prometheus.Metric) {
	for _, s := range g.e.Targets() {
		connected := 0.0
		if s.Connected {
			connected = 1
		}
		gauge(out, connectedDesc, connected, s.Name)
		gauge(out, objectsDesc, float64(s.Objects), s.Name)
		gauge(out, watchesDesc, float64(s.Kinds), s.Name)
		if conn := g.connection(s.Name); conn != nil {
			g.requests(out, s.Name, conn)
		}
	}
}

// connection gives the connection to a cluster, also when it does not answer now; nil: there is none.
func (g gauges) connection(name string) *cluster.Cluster {
	g.e.mu.Lock()
	t := g.e.targets[name]
	g.e.mu.Unlock()
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.conn
}

func (g gauges) requests(out chan<- prometheus.Metric, name string, conn *cluster.Cluster) {
	n := conn.Counts()
	for kind, requests := range n.Requests {
		count(out, requestsDesc, float64(requests), name, kind.Verb, kind.Code)
	}
	count(out, waitedDesc, n.Waited.Seconds(), name)
	gauge(out, limitDesc, float64(conn.Limit()), name)
	count(out, restartsDesc, float64(n.Ended), name, "ended")
	count(out, restartsDesc, float64(n.Lost), name, "lost")
}
