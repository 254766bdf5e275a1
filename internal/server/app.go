package server

import (
	"context"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/history"
)

// WishEngine is what the calls that want something need of the engine.
type WishEngine interface {
	Revert(ctx context.Context, key engine.Key, req engine.RevertRequest) (engine.Reverted, error)
	Pushed(match func(engine.Repository) bool) int
}

const appPath = "/api/v1/apps/{namespace}/{name}"

type treeQuery struct {
	Children string `query:"children" enum:"unhealthy,all" doc:"List what controllers made of unhealthy objects, or of all; default: of none"`
}

type whyQuery struct {
	Object string `query:"object" doc:"ID of an object; default: the one that is to blame"`
}

type historyQuery struct {
	Object string   `query:"object" doc:"ID of an object"`
	Kind   []string `query:"kind" enum:"Deployment,Drift,Healed,Fight,Rollback,Request,Revision,Failure,Health" doc:"Only records of these kinds"`
	Limit  int      `query:"limit" minimum:"1" maximum:"1000" doc:"How many; default 50"`
	Before string   `query:"before" doc:"Cursor of an earlier answer"`
}

// appCalls are the calls of the command line on one App.
func (s *Server) appCalls() []operation {
	get := func(rest string, o operation) operation {
		o.method, o.path, o.needs = "GET", appPath+rest, onApp("get")
		return o
	}
	post := func(rest, verb string, o operation) operation {
		o.method, o.path, o.needs = "POST", appPath+rest, onApp(verb)
		if o.answer == nil {
			o.answer = Accepted{}
		}
		return o
	}
	return []operation{
		get("", operation{doc: "One App.", answer: AppView{}, handle: s.app}),
		get("/tree", operation{doc: "An App's objects by wave.", query: treeQuery{}, answer: List[engine.ObjectView]{}, handle: s.tree}),
		get("/why", operation{doc: "The chain of causes of an object, from the commit to its health.", query: whyQuery{}, answer: engine.Why{}, handle: s.why}),
		get("/plan", operation{doc: "What would be done now.", answer: engine.Preview{}, handle: s.plan}),
		get("/history", operation{doc: "What happened to an App, newest first.", query: historyQuery{}, answer: List[history.Event]{}, handle: s.history}),
		post("/sync", "sync", operation{doc: "Apply now. With a plan's digest: approve exactly that plan, which takes the right to approve too.", body: SyncBody{}, handle: s.sync}),
		post("/refresh", "refresh", operation{doc: "Look at Git now.", handle: s.refresh}),
		post("/cancel", "cancel", operation{doc: "Stop the attempt that runs.", handle: s.cancel}),
		post("/suspend", "suspend", operation{doc: "Stop working on the App until it is resumed.", handle: s.suspend}),
		post("/resume", "hold", operation{doc: "End a suspension and a hold. A suspension takes the right suspend too.", handle: s.resume}),
		post("/hold", "hold", operation{doc: "Stay at a revision or a bundle. A bundle takes the right rollback too.", body: HoldBody{}, handle: s.hold}),
		post("/adopt", "approve", operation{doc: "Take over objects that exist and belong to no App.", handle: s.adopt}),
		post("/revert", "rollback", operation{doc: "Restore the App's inputs in Git, by a commit.", body: engine.RevertRequest{}, answer: engine.Reverted{}, handle: s.revert}),
	}
}
