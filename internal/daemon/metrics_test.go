package daemon

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/controller/events"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/render/worker"
	"plumb.cd/plumb/internal/server"
)

var updateDocs = flag.Bool("update-metrics", false, "write the list of metrics into docs/metrics.md")

const metricsDoc = "../../docs/metrics.md"

// metric is one family, as its description says.
type metric struct {
	name, help string
	labels     []string
}

var description = regexp.MustCompile(`^Desc\{fqName: ("[^"]*"), help: ("(?:[^"\\]|\\.)*"), unit: "[^"]*", constLabels: \{\}, variableLabels: \{([^}]*)\}\}$`)

// families lists what the daemon's registry has of our own, sorted.
func families(t *testing.T) []metric {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	o := cli.DaemonOptions{Dir: t.TempDir(), Self: []string{"false"}, Installation: "plumb"}
	n, err := openNotifier(t.Context(), o, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.close(log) })
	w, err := openWitness(t.Context(), o, nil, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New(engine.Options{Now: time.Now})
	pool := worker.NewPool(worker.Options{Command: o.Self})
	t.Cleanup(pool.Close)
	r := registry(e, pool, n, w)
	server.New(server.Options{Engine: e, Registry: r, Changes: server.NewChanges(), Now: time.Now, Log: log})
	found := make(chan *prometheus.Desc)
	go func() { r.Describe(found); close(found) }()
	var out []metric
	for d := range found {
		m := description.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("the description %s cannot be read", d)
		}
		var name, help string
		if json.Unmarshal([]byte(m[1]), &name) != nil || json.Unmarshal([]byte(m[2]), &help) != nil {
			t.Fatalf("the description %s cannot be read", d)
		}
		labels := []string{}
		if m[3] != "" {
			labels = strings.Split(m[3], ",")
		}
		out = append(out, metric{name, help, labels})
	}
	slices.SortFunc(out, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	return out
}

func (m metric) row() string {
	labels := ""
	if len(m.labels) > 0 {
		labels = "`" + strings.Join(m.labels, "`, `") + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s |", m.name, labels, strings.TrimSuffix(m.help, "."))
}

func TestEveryMetricIsInTheDocumentAndNoOther(t *testing.T) {
	raw, err := os.ReadFile(metricsDoc)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(raw), "<!-- metrics -->\n")
	list, after, ok := strings.Cut(rest, "<!-- /metrics -->")
	if !ok {
		t.Fatal("docs/metrics.md has no place for the list")
	}
	want := "\n| metric | labels | what it is |\n|---|---|---|\n"
	for _, m := range families(t) {
		want += m.row() + "\n"
	}
	want += "\n"
	if *updateDocs {
		if err := os.WriteFile(metricsDoc, []byte(before+"<!-- metrics -->\n"+want+"<!-- /metrics -->"+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, list); d != "" {
		t.Errorf("go test ./internal/daemon -run TestEveryMetric -update-metrics writes it:\n%s", d)
	}
}

func TestMetricsAreNamedByTheConventions(t *testing.T) {
	all := families(t)
	if len(all) < 30 {
		t.Errorf("%d metrics", len(all))
	}
	units := regexp.MustCompile(`_(seconds|total|limit|readers|connected|working|waiting|apps|objects|watches|repositories)$`)
	unbounded := []string{"object", "commit", "user", "pod", "attempt", "id", "url", "message"}
	for _, m := range all {
		if !strings.HasPrefix(m.name, "plumb_") || !units.MatchString(m.name) || m.name != strings.ToLower(m.name) {
			t.Errorf("%s is no name for a metric", m.name)
		}
		if m.help == "" || !strings.HasSuffix(m.help, ".") {
			t.Errorf("%s: the help is %q", m.name, m.help)
		}
		for _, l := range m.labels {
			if slices.Contains(unbounded, l) {
				t.Errorf("%s: the label %s has any number of values", m.name, l)
			}
			if l == "app" && m.name != "plumb_app_unwell_since_timestamp_seconds" {
				t.Errorf("%s has a series for each App", m.name)
			}
		}
	}
}

var (
	selector = regexp.MustCompile(`\b(plumb_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-zA-Z_]+)\s*(?:=~|!~|!=|=)`)
	grouping = regexp.MustCompile(`\b(?:by|without)\s*\(([^)]*)\)`)
)

// complaints lists what a query asks for that is not measured.
func complaints(all []metric, query string) []string {
	var out []string
	labels := []string{"le", "job", "instance"}
	names := 0
	for _, s := range selector.FindAllStringSubmatch(query, -1) {
		names++
		i := slices.IndexFunc(all, func(m metric) bool {
			return s[1] == m.name || strings.HasSuffix(m.name, "_seconds") && (s[1] == m.name+"_bucket" || s[1] == m.name+"_sum" || s[1] == m.name+"_count")
		})
		if i < 0 {
			out = append(out, s[1]+" is not measured")
			continue
		}
		labels = append(labels, all[i].labels...)
		for _, l := range matcher.FindAllStringSubmatch(s[2], -1) {
			if !slices.Contains(append([]string{"le", "job", "instance"}, all[i].labels...), l[1]) {
				out = append(out, s[1]+" has no label "+l[1])
			}
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(query, -1) {
		for _, l := range strings.Split(g[1], ",") {
			if !slices.Contains(labels, strings.TrimSpace(l)) {
				out = append(out, "nothing in it has the label "+l)
			}
		}
	}
	if names == 0 {
		out = append(out, "it asks for nothing of ours")
	}
	return out
}

// queries gives every "expr" of a dashboard, and the queries of its variables.
func queries(v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(keys(v)) {
			if s, ok := v[key].(string); ok && (key == "expr" || key == "query") && strings.Contains(s, "plumb_") {
				out = append(out, s)
			}
			out = append(out, queries(v[key])...)
		}
	case []any:
		for _, e := range v {
			out = append(out, queries(e)...)
		}
	}
	return out
}

func keys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestTheDashboardAsksForWhatIsMeasured(t *testing.T) {
	all := families(t)
	raw, err := os.ReadFile("../../docs/grafana/plumb.json")
	if err != nil {
		t.Fatal(err)
	}
	var board map[string]any
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	found := queries(board)
	if len(found) < 15 {
		t.Errorf("%d queries", len(found))
	}
	for _, q := range found {
		for _, c := range complaints(all, q) {
			t.Errorf("%s: %s", q, c)
		}
	}
	for _, bad := range []string{
		`sum(plumb_no_such_total)`, `plumb_apps{app="x"}`, `sum by (color) (plumb_apps)`, `up`, `plumb_apps_bucket`,
	} {
		if len(complaints(all, bad)) == 0 {
			t.Errorf("%s passes", bad)
		}
	}
}

func TestTheDocumentsAlertsAskForWhatIsMeasured(t *testing.T) {
	all := families(t)
	raw, err := os.ReadFile(metricsDoc)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(raw), "### What to be warned of")
	section, _, _ = strings.Cut(section, "### Grafana")
	found := regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(section, -1)
	if len(found) < 5 {
		t.Errorf("%d alerts", len(found))
	}
	for _, q := range found {
		for _, c := range complaints(all, q[1]) {
			t.Errorf("%s: %s", q[1], c)
		}
	}
}

func TestEveryReasonOfAnEventIsInTheDocument(t *testing.T) {
	raw, err := os.ReadFile(metricsDoc)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(raw), "## Kubernetes Events")
	section, _, _ = strings.Cut(section, "\n## ")
	var said, want []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)`").FindAllStringSubmatch(section, -1) {
		said = append(said, m[1])
	}
	for _, r := range events.Reasons() {
		want = append(want, string(r))
	}
	if d := cmp.Diff(want, said); d != "" {
		t.Error(d)
	}
}
