package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/object"
)

// DetailEngine is what the calls on one App read.
type DetailEngine interface {
	Tree(ctx context.Context, key engine.Key, children engine.WithChildren) ([]engine.ObjectView, error)
	Why(ctx context.Context, key engine.Key, id *object.ID) (engine.Why, error)
	Preview(ctx context.Context, key engine.Key) (engine.Preview, error)

	Graph(ctx context.Context, key engine.Key, req engine.GraphRequest) (engine.Forest, error)
	Compare(ctx context.Context, key engine.Key, req engine.CompareRequest) (engine.Compared, error)
	Manifest(ctx context.Context, key engine.Key, id object.ID, side engine.Side) (engine.ManifestView, error)
	Blame(ctx context.Context, key engine.Key, req engine.BlameRequest) (engine.BlameView, error)
	EventsOf(ctx context.Context, key engine.Key, id *object.ID) ([]engine.Notice, error)
	Containers(ctx context.Context, key engine.Key, id object.ID) ([]engine.ContainerView, error)
	Logs(ctx context.Context, key engine.Key, req engine.LogRequest, to engine.LogReader) (int, error)
	PlanNow(ctx context.Context, key engine.Key, req engine.PlanRequest) (engine.PlanView, error)
	PlanDigest(ctx context.Context, key engine.Key, req engine.PlanRequest) (engine.PlanState, error)
	Deployments(ctx context.Context, key engine.Key, before int64, limit int) ([]engine.DeploymentView, int64, error)
	DeploymentOf(ctx context.Context, key engine.Key, id string) (engine.DeploymentView, error)
	DeploymentsBetween(ctx context.Context, key engine.Key, left, right engine.DeploymentView) ([]engine.CommitView, []engine.ImageChange, error)
	Changer(ctx context.Context, key engine.Key, commit string) *engine.CommitView
	TestRepository(ctx context.Context, key engine.Key) (engine.RepositoryAnswer, error)
}

// DetailOptions are what the calls on one App need besides. Zero values mean the defaults.
type DetailOptions struct {
	RecheckEvery time.Duration // of the right to a log that is followed; 10 s
	FlushEvery   time.Duration // lines of a log are collected for this long; 100 ms
	Resources    Resources     // nil: the configuration of Apps is not told
}

// details are the calls on one App. They read the cluster while somebody looks; what they keep is bounded.
type details struct {
	*Server
	reading chan struct{} // bounds the expensive ones that run at the same time
	logging chan struct{}
	diffs   diffCache
}

// Limits of what is read at the same time: comparisons, forests and plans, each for so long; and logs.
const (
	manyReading = 8
	longReading = 50 * time.Second
	manyLogs    = 100
)

func (s *Server) detailCalls() []operation {
	d := &details{Server: s, reading: make(chan struct{}, manyReading), logging: make(chan struct{}, manyLogs)}
	get := func(rest string, o operation) operation {
		o.method, o.path = "GET", appPath+rest
		if o.needs == (need{}) {
			o.needs = onApp("get")
		}
		return o
	}
	return []operation{
		get("/graph", operation{doc: "An App's objects with what controllers made of them, folded.", query: graphQuery{}, answer: httpapi.Graph{}, handle: d.graph}),
		get("/diff", operation{
			doc:   "Two sides of an App, field by field. A side is git, applied, live or deployment:<id>; every difference says where it comes from.",
			query: diffQuery{}, answer: httpapi.Diff{}, handle: d.diff,
		}),
		get("/manifest", operation{doc: "One object as YAML, as Git says it or as it is live.", query: manifestQuery{}, answer: httpapi.Manifest{}, handle: d.manifest}),
		get("/blame", operation{
			doc:   "Where the fields of an object come from: the file and line that sets each, and the commit that changed it last.",
			query: blameQuery{}, answer: httpapi.Blame{}, handle: d.blame,
		}),
		get("/config", operation{doc: "What an App is told to do: its resource, as people wrote it.", answer: httpapi.AppConfig{}, handle: d.config}),
		get("/events", operation{doc: "Kubernetes events of an App's objects, newest first.", query: objectQuery{}, answer: httpapi.List[httpapi.Event]{}, handle: d.events}),
		get("/logs", operation{
			doc:   "Logs of an object's containers, line by line. Events: lines, dropped, problem, end.",
			needs: onApp("logs"), query: logsQuery{}, media: eventStream, answer: []httpapi.LogLine{}, handle: d.logs,
		}),
		get("/logs/containers", operation{
			doc: "The containers that have a log.", needs: onApp("logs"), query: neededObjectQuery{}, answer: httpapi.List[httpapi.Container]{}, handle: d.containers,
		}),
		{
			method: "POST", path: appPath + "/plan", needs: onApp("get"), body: PlanBody{}, answer: httpapi.Plan{}, handle: d.makePlan,
			doc: "What a sync would do now, tried against the API server. Its digest, given to sync, has exactly this plan carried out, or nothing.",
		},
		get("/deployments", operation{doc: "What was deployed, newest first.", query: pageQuery{}, answer: httpapi.List[httpapi.Deployment]{}, handle: d.deployments}),
		get("/deployments/{id}", operation{doc: "One deployment, by its ID.", answer: httpapi.Deployment{}, handle: d.deployment}),
		get("/deployments/compare", operation{doc: "The difference between two deployments.", query: compareQuery{}, answer: httpapi.Comparison{}, handle: d.compareDeployments}),
		{
			method: "GET", path: "/api/v1/changes", needs: signedIn, query: changesQuery{}, answer: httpapi.List[httpapi.Change]{}, handle: d.changes,
			doc: "What happened, newest first, repeats folded.",
		},
		{
			method: "POST", path: "/api/v1/repositories/{namespace}/{name}/test", needs: on("repositories", "get"), answer: httpapi.RepositoryTest{}, handle: d.testRepository,
			doc: "Ask the server of a Repository now, with its credentials.",
		},
	}
}

type objectQuery struct {
	Object string `query:"object" doc:"ID of an object of the App, or of one that stems from it; default: all"`
}

type neededObjectQuery struct {
	Object string `query:"object" doc:"ID of a Pod, or of what Pods stem from; required"`
}

// turn waits for a place among the expensive readings.
func (d *details) turn(ctx context.Context) (done func(), err error) {
	select {
	case d.reading <- struct{}{}:
		return func() { <-d.reading }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// objectOf reads an object's ID; nil when none was given.
func objectOf(text string) (*object.ID, error) {
	if text == "" {
		return nil, nil
	}
	id, err := object.ParseID(text)
	if err != nil {
		return nil, badParameter("object", err.Error())
	}
	return &id, nil
}

func neededObject(text string) (object.ID, error) {
	id, err := objectOf(text)
	if err != nil {
		return object.ID{}, err
	}
	if id == nil {
		return object.ID{}, badParameter("object", "want the ID of an object, e.g. Deployment.apps/shop/web")
	}
	return *id, nil
}

// answered gives the errors of the engine's detail calls their status: what is not there, what has to wait.
func answered(err error) error {
	var f *fault.Error
	if err == nil || !errors.As(err, &f) {
		return err
	}
	p := Problem{Status: statusOf(f), Reason: f.Reason, Message: f.Message, Where: f.Where, Next: f.Next}
	switch {
	case errors.Is(err, object.ErrNotFound), f.Reason == fault.RefNotFound, f.Reason == fault.RepositoryUnknown:
		p.Status = http.StatusNotFound
	case f.Reason == fault.Initializing && f.Class == fault.Transient:
		p.Status = http.StatusServiceUnavailable
	case f.Reason == fault.Initializing:
		p.Status = http.StatusConflict
	}
	return p
}

// told is an error as part of an answer.
func told(f *fault.Error) httpapi.Problem {
	return httpapi.Problem{Status: statusOf(f), Reason: string(f.Reason), Message: f.Message, Where: f.Where, Next: f.Next}
}

func toldAll(list []*fault.Error) []httpapi.Problem {
	var out []httpapi.Problem
	for _, f := range list {
		out = append(out, told(f))
	}
	return out
}

// repositoryURL is the address of an App's first Git source.
func (s *Server) repositoryURL(key engine.Key) string {
	snap, _ := s.o.Engine.Snapshot(key)
	for _, deployed := range []*engine.Deployed{snap.Desired, snap.Memory.Applied} {
		if deployed == nil {
			continue
		}
		for _, rev := range deployed.Revisions {
			if rev.Tree != "" {
				return rev.URL
			}
		}
	}
	return ""
}

func (d *details) testRepository(c *call) error {
	if err := d.allow(c, Right{Verb: "refresh", Resource: AppResource, Key: engine.Key{Namespace: c.key.Namespace}}); err != nil {
		return err
	}
	answer, err := d.o.Engine.TestRepository(c.Context(), c.key)
	if errors.Is(err, engine.ErrNoRepository) {
		return errAbsent("repositories", c.key)
	}
	if err != nil {
		return err
	}
	out := httpapi.RepositoryTest{OK: answer.Err == nil, Took: answer.Took.Seconds(), Refs: answer.Refs}
	if answer.Err != nil {
		p := told(answer.Err)
		out.Problem = &p
	}
	return c.reply(out)
}

// errStale says that a plan is not the current one any more.
func errStale(given, now object.Digest, key engine.Key) error {
	return Problem{
		Status: http.StatusConflict, Reason: fault.PlanStale,
		Message: fmt.Sprintf("the plan %s is no longer the current one (%s): something changed meanwhile", given.Short(), now.Short()),
		Next:    "look at the new plan: plumb plan " + key.Name,
	}
}
