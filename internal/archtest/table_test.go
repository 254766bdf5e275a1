package archtest

// rule says what the packages that match from may import. Patterns are paths below the module ("internal/plan"), a
// trailing "/..." takes in everything below.
type rule struct {
	from   string
	except []string // packages that match from and have a rule of their own
	// may are all the packages of this module that the subject imports; nil leaves that to never.
	may   []string
	never []ban
	pure  bool // may and the bans of purity hold through every import, not only the direct ones
}

// ban is a forbidden import: a package of this module, of another one, or of the standard library.
type ban struct {
	path, reason string
	through      bool // also when another package drags it in
}

const (
	kubeClients = "only cluster, the controllers and the wiring talk to an API server"
	decides     = "it decides by values; observing and acting are somebody else's"
	stageOnly   = "engine is the only package that knows the order of the stages"
)

// outside are the parts of the module that no rule of a stage may reach: they sit above the engine.
var outside = []ban{
	{path: "internal/engine", reason: "a stage does not know the order of the stages"},
	{path: "internal/controller/...", reason: "a stage does not know our custom resources"},
	{path: "api/v1alpha1", reason: "a stage does not know our custom resources; convert does"},
	{path: "internal/server", reason: "a stage does not know who asks"},
	{path: "internal/cli", reason: "a stage does not know who asks"},
}

// pureBans hold for the packages that only compute.
var pureBans = []ban{
	{path: "k8s.io/client-go/...", reason: decides, through: true},
	{path: "sigs.k8s.io/controller-runtime/...", reason: decides, through: true},
	{path: "net", reason: decides},
	{path: "net/http", reason: decides},
	{path: "os", reason: decides},
	{path: "os/exec", reason: decides},
	{path: "log/slog", reason: "a pure package returns what it has to say"},
	{path: "context", reason: "a pure package does not wait"},
	{path: "math/rand", reason: "randomness arrives as an argument"},
	{path: "math/rand/v2", reason: "randomness arrives as an argument"},
}

var noKubernetes = []ban{
	{path: "k8s.io/client-go/...", reason: kubeClients, through: true},
	{path: "k8s.io/apimachinery/...", reason: "it knows files and commits, not objects", through: true},
}

// noNetwork holds for renderers; what Helm's and Kustomize's own libraries drag in is told apart by a test that renders
// with the network closed.
var noNetwork = []ban{
	{path: "net", reason: "a renderer has no network"},
	{path: "net/http", reason: "a renderer has no network"},
	{path: "os", reason: "a renderer reads through Files alone"},
	{path: "os/exec", reason: "a renderer starts no program"},
	{path: "internal/cluster", reason: "a renderer does not look things up", through: true},
	{path: "internal/git", reason: "a renderer reads a tree, it does not know where it comes from", through: true},
}

// rules is the table. The order is that of the flow.
var rules = []rule{
	{from: "api/v1alpha1", may: []string{}, never: []ban{{path: "k8s.io/client-go/...", reason: "types are types", through: true}}},

	{from: "internal/fault", may: []string{}, pure: true, never: pureBans},
	{from: "internal/object", may: []string{}, pure: true, never: pureBans},

	{from: "internal/git", may: []string{"internal/fault"}, never: join(noKubernetes, outside)},
	{from: "internal/chart", may: []string{"internal/fault", "internal/object"}, never: join(noKubernetes[:1], outside)},
	{from: "internal/tree", may: []string{"internal/fault", "internal/git", "internal/object"}, never: join(noKubernetes[:1], outside)},

	{from: "internal/render", may: []string{"internal/fault", "internal/object"}, never: join(noNetwork, outside)},
	{from: "internal/render/plain", may: renderer, never: join(noNetwork, outside)},
	{from: "internal/render/kustomize", may: renderer, never: join(noNetwork, outside)},
	{from: "internal/render/helm", may: renderer, never: join(noNetwork, outside)},
	{from: "internal/render/jsonnet", may: renderer, never: join(noNetwork, outside)},
	{from: "internal/render/cue", may: renderer, never: join(noNetwork, outside)},
	// The pool starts processes; it renders nothing itself.
	{from: "internal/render/worker", may: renderer, never: join([]ban{
		{path: "net", reason: "a worker has no network"},
		{path: "net/http", reason: "a worker has no network"},
		{path: "helm.sh/helm/v4/...", reason: "renderers are handed in by the wiring", through: true},
		{path: "sigs.k8s.io/kustomize/api/...", reason: "renderers are handed in by the wiring", through: true},
	}, outside)},

	{from: "internal/transform", may: []string{"internal/fault", "internal/object"}, never: join(outside, []ban{
		{path: "internal/cluster", reason: "steps get what they need as arguments", through: true},
		{path: "net/http", reason: "steps get what they need as arguments"},
		{path: "os", reason: "steps get what they need as arguments"},
		{path: "log/slog", reason: "a step sees secrets"},
	})},
	{from: "internal/bundle", may: []string{"internal/fault", "internal/object"}, never: join(outside, []ban{
		{path: "internal/render", reason: "a bundle is the seam: it does not know who made it", through: true},
		{path: "internal/cluster", reason: "a bundle is the seam: it does not know where it goes", through: true},
		{path: "k8s.io/client-go/...", reason: kubeClients, through: true},
	})},
	// bundle's store is in the import path of plan; what plan itself does stays pure.
	{from: "internal/plan", may: []string{"internal/bundle", "internal/fault", "internal/object"}, pure: true, never: pureBans},
	{from: "internal/apply", may: []string{"internal/fault", "internal/health", "internal/object", "internal/plan"}, never: join(outside, []ban{
		{path: "internal/bundle", reason: "a plan is all that apply accepts"},
		{path: "internal/cluster", reason: "the caller's interface is declared in apply", through: true},
		{path: "k8s.io/client-go/...", reason: kubeClients, through: true},
	})},
	{from: "internal/health", may: []string{"internal/fault", "internal/object"}, pure: true, never: pureBans},
	{from: "internal/drift", may: []string{"internal/fault", "internal/object"}, pure: true, never: pureBans},
	{from: "internal/blame", may: []string{}, pure: true, never: pureBans},
	{from: "internal/compare", may: []string{"internal/drift", "internal/fault", "internal/object"}, pure: true, never: pureBans},

	{from: "internal/cluster", may: []string{"internal/fault", "internal/object"}, never: join(outside, []ban{
		{path: "internal/plan", reason: "cluster decides nothing", through: true},
		{path: "internal/apply", reason: "cluster decides nothing", through: true},
		{path: "sigs.k8s.io/controller-runtime/...", reason: "its caches hold full objects", through: true},
	})},
	{from: "internal/dora", may: []string{}, pure: true, never: pureBans},
	{from: "internal/history", may: []string{"internal/fault", "internal/object"}, never: outside},
	{from: "internal/history/sqlite", may: []string{"internal/fault", "internal/history", "internal/object"}, never: outside},

	{from: "internal/engine", never: []ban{
		{path: "api/v1alpha1", reason: "convert turns custom resources into the engine's inputs", through: true},
		{path: "internal/convert", reason: "convert turns custom resources into the engine's inputs", through: true},
		{path: "internal/controller/...", reason: "the engine is driven, it does not drive", through: true},
		{path: "internal/server", reason: "the engine does not know who asks", through: true},
		{path: "go.opentelemetry.io/otel/...", reason: "the engine tells what it did; who sends it is the wiring's choice"},
		{path: "internal/cli", reason: "the engine does not know who asks", through: true},
		{path: "k8s.io/client-go/...", reason: kubeClients},
		{path: "internal/history/sqlite", reason: "which history it is, is the wiring's choice", through: true},
		{path: "helm.sh/helm/v4/...", reason: "renderers run in workers", through: true},
		{path: "sigs.k8s.io/kustomize/api/...", reason: "renderers run in workers", through: true},
	}},
	{from: "internal/httpapi", may: []string{}, pure: true, never: pureBans},
	{from: "internal/links", may: []string{"internal/httpapi"}, pure: true, never: pureBans},
	{from: "internal/filter", may: []string{"internal/httpapi"}, pure: true, never: pureBans},
	{from: "internal/cause", may: []string{}, pure: true, never: pureBans},
	{from: "internal/index", may: []string{"internal/cause", "internal/filter", "internal/httpapi"}, pure: true, never: pureBans},
	{from: "internal/notify", may: []string{"internal/cause"}, pure: true, never: pureBans},
	{from: "internal/notify/outbox", may: []string{"internal/notify"}, never: join([]ban{
		{path: "internal/notify/deliver", reason: "the outbox keeps what is said, never what opens a door"},
		{path: "net/http", reason: "the outbox sends nothing"},
	}, outside)},
	{from: "internal/notify/deliver", may: []string{"internal/fault", "internal/notify"}, never: join([]ban{
		{path: "os", reason: "no proxy and no credential out of the environment"},
		{path: "k8s.io/client-go/...", reason: kubeClients, through: true},
	}, outside)},
	{from: "internal/notify/courier", may: []string{
		"internal/fault", "internal/filter", "internal/httpapi", "internal/notify", "internal/notify/deliver", "internal/notify/outbox",
	}, never: join([]ban{{path: "k8s.io/client-go/...", reason: kubeClients, through: true}}, outside)},

	{from: "internal/telemetry", may: []string{"internal/engine"}, never: []ban{
		{path: "os", reason: "the environment arrives as an argument"},
		{path: "k8s.io/client-go/...", reason: kubeClients},
	}},
	{from: "internal/convert", never: []ban{
		{path: "os", reason: "convert turns values into values"},
		{path: "net/http", reason: "convert turns values into values"},
		{path: "context", reason: "convert turns values into values"},
		{path: "internal/cluster", reason: "convert turns values into values"},
		{path: "internal/controller/...", reason: "convert turns values into values", through: true},
		{path: "internal/server", reason: "convert turns values into values", through: true},
		{path: "k8s.io/client-go/...", reason: kubeClients},
	}},
	{from: "internal/controller", never: controllerBans},
	{from: "internal/controller/app", never: join(controllerBans, siblings("repository", "cluster", "channel"))},
	{from: "internal/controller/repository", never: join(controllerBans, siblings("app", "cluster", "channel"))},
	{from: "internal/controller/cluster", never: join(controllerBans, siblings("app", "repository", "channel"))},
	{from: "internal/controller/channel", never: join(controllerBans, siblings("app", "repository", "cluster"))},
	{from: "internal/controller/events", may: []string{"api/v1alpha1", "internal/engine", "internal/fault", "internal/history"}, never: controllerBans},
	{from: "internal/controller/wake", may: []string{"internal/fault", "internal/object"}, never: controllerBans},
	// signin says who somebody is; what they may do is asked elsewhere, by the name that it gives.
	{from: "internal/signin", may: []string{"internal/fault", "internal/httpapi"}, never: join(outside, []ban{
		{path: "internal/cluster", reason: "tokens are asked about through a function that the wiring hands in", through: true},
		{path: "k8s.io/client-go/...", reason: kubeClients, through: true},
	})},
	{from: "ui", may: []string{}, never: []ban{{path: "k8s.io/apimachinery/...", reason: "the console speaks the API alone", through: true}}},
	{from: "internal/server", never: []ban{
		{path: "internal/apply", reason: "a server writes intent, it does not act"},
		{path: "internal/plan", reason: "plans come from the engine"},
		{path: "internal/cluster", reason: "a server reads the engine and the history"},
		{path: "internal/controller/...", reason: "a server writes intent, controllers read it", through: true},
		{path: "internal/cli", reason: "the server does not know who asks", through: true},
		{path: "k8s.io/client-go/...", reason: kubeClients},
	}},
	{from: "internal/cli", never: []ban{
		{path: "internal/controller/...", reason: "commands do not reconcile", through: true},
		{path: "internal/apply", reason: "what is applied goes through the engine"},
		{path: "internal/transform", reason: stageOnly},
		{path: "internal/drift", reason: stageOnly},
		{path: "k8s.io/client-go/...", reason: kubeClients},
	}},
	// It measures the engine beside a client-go loop, on a cluster of somebody's own.
	{from: "internal/benchmark", may: []string{"internal/cluster", "internal/engine", "internal/fault", "internal/plan", "internal/render"}, never: []ban{
		{path: "api/v1alpha1", reason: "it tells the engine about Apps itself"},
		{path: "internal/apply", reason: "what is applied goes through the engine, or through client-go alone"},
		{path: "internal/cli", reason: "the bench does not know who asks", through: true},
	}},
	{from: "internal/...", except: []string{
		"internal/benchmark", "internal/cluster", "internal/controller/...", "internal/daemon", "internal/install", "internal/cptest",
	}, never: []ban{{path: "k8s.io/client-go/...", reason: kubeClients}}},
	{from: "internal/...", except: testSupport, never: []ban{
		{path: "testing", reason: "test support stays out of the product"},
		{path: "internal/gittest", reason: "test support stays out of the product", through: true},
		{path: "internal/cptest", reason: "test support stays out of the product", through: true},
		{path: "internal/oidctest", reason: "test support stays out of the product", through: true},
	}},
}

var renderer = []string{"internal/fault", "internal/object", "internal/render"}

var testSupport = []string{"internal/cptest", "internal/gittest", "internal/rendertest", "internal/oidctest", "internal/history/historytest"}

// controllerBans: a controller calls the engine, never a single stage.
var controllerBans = []ban{
	{path: "internal/render", reason: stageOnly},
	{path: "internal/transform", reason: stageOnly},
	{path: "internal/bundle", reason: stageOnly},
	{path: "internal/plan", reason: stageOnly},
	{path: "internal/apply", reason: stageOnly},
	{path: "internal/health", reason: stageOnly},
	{path: "internal/drift", reason: stageOnly},
	{path: "internal/tree", reason: stageOnly},
	{path: "internal/server", reason: "the server reads what controllers write", through: true},
	{path: "internal/cli", reason: "commands come from outside", through: true},
}

func siblings(names ...string) []ban {
	var out []ban
	for _, n := range names {
		out = append(out, ban{path: "internal/controller/" + n, reason: "a controller knows one kind", through: true})
	}
	return out
}

func join(lists ...[]ban) []ban {
	var out []ban
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}
