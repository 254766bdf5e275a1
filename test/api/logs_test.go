package api

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/gittest"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/test/e2e/harness"
)

// read gives the events of a stream until stop says so, or it ends.
func read(t *testing.T, res *http.Response, stop func(event, data string) bool) {
	t.Helper()
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 4<<20)
	event := ""
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			event = v
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && stop(event, data) {
			return
		}
	}
}

func TestLogsOfAnAppsPodsAreFollowed(t *testing.T) {
	t.Parallel()
	p := harness.Shared(t)
	p.Repo("shop", gittest.Files{"a.yaml": documents(deployment("web", "shop/web:1.0", 2), deployment("bad", "shop/web:1.0-crash", 1))})
	p.App("shop", "source: {repository: shop}")
	known(p, "shop")
	object := "Deployment.apps/" + p.Namespace + "/web"
	p.Eventually("two containers run", func() bool {
		status, body := p.Read(at(p, "shop", "logs/containers", "object", object))
		return status == http.StatusOK && strings.Count(body, `"Running"`) == 2
	})
	containers := ask[httpapi.List[httpapi.Container]](p, "shop", "logs/containers", "object", object).Items
	if len(containers) != 2 || containers[0].Name != "main" || !strings.HasPrefix(containers[0].Pod, "web-") {
		t.Fatalf("containers: %+v", containers)
	}
	res := p.Open(at(p, "shop", "logs", "object", object, "follow", "true", "tail", "5"))
	if ct := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || ct != "text/event-stream" {
		t.Fatalf("%s %s", res.Status, ct)
	}
	got := map[string]int{}
	read(t, res, func(event, data string) bool {
		if event != "lines" {
			t.Errorf("%s %s", event, data)
			return true
		}
		var batch []httpapi.LogLine
		if err := json.Unmarshal([]byte(data), &batch); err != nil {
			t.Fatal(err)
		}
		for _, l := range batch {
			if l.At.IsZero() || l.Container != "main" || !strings.Contains(l.Text, l.Pod) {
				t.Errorf("a line: %+v", l)
			}
			got[l.Pod]++
		}
		return len(got) == 2 && got[containers[0].Pod] > 1 && got[containers[1].Pod] > 1
	})
	inOrder(t, p.Open(at(p, "shop", "logs", "object", object, "tail", "50")), 2)
	pod := "Pod/" + p.Namespace + "/" + containers[0].Pod
	ended := false
	read(t, p.Open(at(p, "shop", "logs", "object", pod, "tail", "1")), func(event, data string) bool {
		ended = event == "end" && strings.Contains(data, "ended")
		return ended
	})
	if !ended {
		t.Error("a log that is not followed has no end")
	}

	bad := "Deployment.apps/" + p.Namespace + "/bad"
	p.Eventually("the container was started again", func() bool {
		list := ask[httpapi.List[httpapi.Container]](p, "shop", "logs/containers", "object", bad).Items
		return len(list) == 1 && list[0].Restarts > 0
	})
	last := ""
	read(t, p.Open(at(p, "shop", "logs", "object", bad, "previous", "true")), func(event, data string) bool {
		if event == "lines" {
			last = data
		}
		return event == "end"
	})
	if last == "" {
		t.Error("the container before the last restart said nothing")
	}
	var problem string
	read(t, p.Open(at(p, "shop", "logs", "object", bad, "container", "nope")), func(event, data string) bool {
		if event == "problem" {
			problem = data
		}
		return event == "end"
	})
	if !strings.Contains(problem, "has a container nope") {
		t.Errorf("a container that is not there: %s", problem)
	}
}

// inOrder reads a log to its end, and says what is wrong with the order of its lines. They come from so many Pods.
func inOrder(t *testing.T, res *http.Response, pods int) {
	t.Helper()
	var all []httpapi.LogLine
	from := map[string]bool{}
	read(t, res, func(event, data string) bool {
		var batch []httpapi.LogLine
		if event == "lines" {
			if err := json.Unmarshal([]byte(data), &batch); err != nil {
				t.Fatal(err)
			}
		}
		for _, l := range batch {
			from[l.Pod] = true
		}
		all = append(all, batch...)
		return event == "end"
	})
	if len(from) != pods || !slices.IsSortedFunc(all, func(a, b httpapi.LogLine) int { return a.At.Compare(b.At) }) {
		t.Errorf("%d lines of %d Pods are not in order, or not all: %+v", len(all), len(from), all)
	}
}
