package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// report collects the figures.
type report struct {
	Machine machine        `json:"machine"`
	Command string         `json:"command"`
	Rows    []row          `json:"rows"`
	Details map[string]any `json:"details"`
}

type machine struct {
	Date      string `json:"date"`
	Cores     int    `json:"cores"`
	MemoryGiB int64  `json:"memoryGiB"`
	Processor string `json:"processor"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
	Git       string `json:"git"`
	Plumb     string `json:"plumb"`
	LoadBegin string `json:"loadBegin"` // averages over 1, 5 and 15 minutes
	LoadEnd   string `json:"loadEnd"`
}

// row is one figure beside the same of what it stands on.
type row struct {
	What  string  `json:"what"`
	Raw   float64 `json:"raw,omitempty"`
	Plumb float64 `json:"plumb"`
	Unit  string  `json:"unit,omitempty"`
	Note  string  `json:"note,omitempty"`
}

func newReport(c config) *report {
	return &report{
		Command: "go run ./bench " + strings.Join(os.Args[1:], " "),
		Details: map[string]any{},
		Machine: machine{
			Date: time.Now().Format(time.DateOnly), Cores: runtime.NumCPU(), MemoryGiB: memoryGiB(), Processor: processor(), Kernel: said("uname", "-sr"),
			Go: runtime.Version(), Git: said("git", "--version"), Plumb: said(c.plumb, "version"), LoadBegin: load(),
		},
	}
}

func (r *report) value(what string, v float64, unit, note string) {
	r.add(row{What: what, Plumb: v, Unit: unit, Note: note})
}

func (r *report) ratio(what string, v, raw float64, unit, note string) {
	r.add(row{What: what, Plumb: v, Raw: raw, Unit: unit, Note: note})
}

func (r *report) add(w row) {
	r.Rows = append(r.Rows, w)
	fmt.Fprintln(os.Stderr, " ", strings.Join(w.cells(), "  "))
}

func (r *report) detail(what string, v any) { r.Details[what] = v }

// times reports the median and the 99th percentile in milliseconds; raw may be nil.
func (r *report) times(what string, plumb, raw times, note string) {
	for _, p := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		w := row{What: what + ", " + p.name, Plumb: milliseconds(plumb.quantile(p.at)), Unit: "ms", Note: note}
		if len(raw) > 0 {
			w.Raw = milliseconds(raw.quantile(p.at))
		}
		r.add(w)
		note = ""
	}
	r.detail(what, map[string]any{"plumb ms": plumb.all(), "raw ms": raw.all()})
}

func (r *report) memory(what string, m memory) {
	mib := func(b int64) float64 { return float64(b) / (1 << 20) }
	r.value(what, mib(m.total()), "MiB", fmt.Sprintf("daemon %.0f, workers %.0f, git %.0f", mib(m.Daemon), mib(m.Workers), mib(m.Git)))
	r.detail(what, m)
}

func (r *report) requests(what string, q requests, each int) {
	note := q.byVerb()
	if q.Refused > 0 {
		note += fmt.Sprintf("; %d of them answered with an error", q.Refused)
	}
	r.value(what+" in all", float64(q.total()), "", note+fmt.Sprintf("; besides %d watches and %d Events", q.Watches, q.Events))
	r.value(what+" for each", float64(q.total())/float64(each), "", "")
	r.detail(what, q)
}

func (r *report) traffic(what string, t traffic, note string) {
	const mib = 1 << 20
	r.value(what, (t.Sent+t.Answered)/mib, "MiB", fmt.Sprintf("%.1f in bodies of writes, %.1f answered; %s", t.Sent/mib, t.Answered/mib, note))
	r.detail(what, t)
}

func (w row) cells() []string {
	number := func(v float64) string {
		switch {
		case v == 0:
			return "0"
		case v >= 100 || v == float64(int64(v)):
			return strconv.FormatFloat(v, 'f', 0, 64)
		}
		return strconv.FormatFloat(v, 'f', max(0, 2-len(strconv.Itoa(int(v)))+1), 64)
	}
	raw, ratio := "", ""
	if w.Raw > 0 {
		raw, ratio = number(w.Raw), strconv.FormatFloat(w.Plumb/w.Raw, 'f', 2, 64)
	}
	return []string{w.What, w.Unit, number(w.Plumb), raw, ratio, w.Note}
}

func (r *report) table() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "%s, %d cores (%s), %d GiB, %s, %s, %s, %s; load %s at the begin, %s at the end.\n\n`%s`\n\n",
		m.Date, m.Cores, m.Processor, m.MemoryGiB, m.Kernel, m.Go, m.Git, m.Plumb, m.LoadBegin, m.LoadEnd, r.Command)
	b.WriteString("| what | unit | Plumb | raw | ratio | |\n|---|---|---:|---:|---:|---|\n")
	for _, w := range r.Rows {
		b.WriteString("| " + strings.Join(w.cells(), " | ") + " |\n")
	}
	return b.String()
}

// write stores table.md and figures.json in dir and prints the table.
func (r *report) write(dir string) error {
	r.Machine.LoadEnd = load()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text := r.table()
	if err := os.WriteFile(filepath.Join(dir, "table.md"), []byte(text), 0o644); err != nil {
		return err
	}
	figures, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	fmt.Print(text)
	return os.WriteFile(filepath.Join(dir, "figures.json"), append(figures, '\n'), 0o644)
}

// times are durations of trials.
type times []time.Duration

func (t *times) add(d time.Duration) { *t = append(*t, d) }

// quantile is the smallest duration that at least the share q of the trials does not exceed.
func (t times) quantile(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	i := int(q * float64(len(sorted)))
	if float64(i) == q*float64(len(sorted)) {
		i--
	}
	return sorted[max(0, min(i, len(sorted)-1))]
}

func (t times) all() []float64 {
	out := make([]float64, 0, len(t))
	for _, d := range t {
		out = append(out, milliseconds(d))
	}
	return out
}

func seconds(d time.Duration) float64      { return d.Seconds() }
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func said(program string, args ...string) string {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return program + ": " + err.Error()
	}
	return strings.TrimSpace(string(out))
}

func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(b)); err == nil && len(fields) >= 3 {
		return strings.Join(fields[:3], " ")
	}
	return "unknown"
}

func memoryGiB() int64 {
	b, _ := os.ReadFile("/proc/meminfo") // zero where there is none
	var kib int64
	if _, err := fmt.Sscanf(string(b), "MemTotal: %d kB", &kib); err != nil {
		return 0
	}
	return (kib + 1<<19) >> 20
}

func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo") // unknown where there is none
	for line := range bytes.Lines(b) {
		if name, ok := bytes.CutPrefix(line, []byte("model name")); ok {
			return strings.TrimSpace(strings.TrimLeft(string(name), "\t :"))
		}
	}
	return runtime.GOARCH
}

func removeAll(dir, pattern string) error {
	if pattern == "" {
		return nil
	}
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	for _, path := range paths {
		if err == nil {
			err = os.RemoveAll(path)
		}
	}
	return err
}
