package server_test

import (
	"context"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/object"
)

// detailStub says of one App what a test wants.
type detailStub struct {
	compares int
	compared engine.Compared
	plan     engine.PlanState
	logs     func(context.Context, engine.LogRequest, engine.LogReader) (int, error)
	failure  error                         // of all of them
	changers map[string]*engine.CommitView // by "namespace/name commit"
}

func (s *detailStub) Graph(context.Context, engine.Key, engine.GraphRequest) (engine.Forest, error) {
	return engine.Forest{}, s.failure
}

func (s *detailStub) Compare(_ context.Context, _ engine.Key, req engine.CompareRequest) (engine.Compared, error) {
	s.compares++
	out := s.compared
	out.Left, out.Right = req.Left, req.Right
	return out, s.failure
}

func (s *detailStub) Manifest(context.Context, engine.Key, object.ID, engine.Side) (engine.ManifestView, error) {
	return engine.ManifestView{}, s.failure
}

func (s *detailStub) Blame(context.Context, engine.Key, engine.BlameRequest) (engine.BlameView, error) {
	return engine.BlameView{}, s.failure
}

func (s *detailStub) EventsOf(context.Context, engine.Key, *object.ID) ([]engine.Notice, error) {
	return nil, s.failure
}

func (s *detailStub) Containers(context.Context, engine.Key, object.ID) ([]engine.ContainerView, error) {
	return []engine.ContainerView{{Pod: "web-1", Name: "web", State: "Running"}}, s.failure
}

func (s *detailStub) Logs(ctx context.Context, _ engine.Key, req engine.LogRequest, to engine.LogReader) (int, error) {
	if s.logs == nil {
		return 1, nil
	}
	return s.logs(ctx, req, to)
}

func (s *detailStub) PlanNow(context.Context, engine.Key, engine.PlanRequest) (engine.PlanView, error) {
	return engine.PlanView{}, s.failure
}

func (s *detailStub) PlanDigest(context.Context, engine.Key, engine.PlanRequest) (engine.PlanState, error) {
	return s.plan, s.failure
}

func (s *detailStub) Deployments(context.Context, engine.Key, int64, int) ([]engine.DeploymentView, int64, error) {
	return nil, 0, s.failure
}

func (s *detailStub) DeploymentOf(context.Context, engine.Key, string) (engine.DeploymentView, error) {
	return engine.DeploymentView{}, s.failure
}

func (s *detailStub) DeploymentsBetween(context.Context, engine.Key, engine.DeploymentView, engine.DeploymentView) ([]engine.CommitView, []engine.ImageChange, error) {
	return nil, nil, s.failure
}

func (s *detailStub) Changer(_ context.Context, key engine.Key, commit string) *engine.CommitView {
	return s.changers[key.String()+" "+commit]
}

func (s *detailStub) TestRepository(context.Context, engine.Key) (engine.RepositoryAnswer, error) {
	return engine.RepositoryAnswer{}, s.failure
}
