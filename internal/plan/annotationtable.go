package plan

const ours = "plumb.cd"

var (
	pruneOff     = option("prune", func(o *Options) { o.Prune = Off })
	pruneConfirm = option("prune", func(o *Options) { o.Prune, o.ConfirmPrune = Inherit, true })
	pruneOn      = option("prune", func(o *Options) { o.Prune = On })

	deleteOff     = option("delete", func(o *Options) { o.Delete = Off })
	deleteConfirm = option("delete", func(o *Options) { o.Delete, o.ConfirmDelete = Inherit, true })
	deleteOn      = option("delete", func(o *Options) { o.Delete = On })

	replaceOn  = option("replace", func(o *Options) { o.Replace = On })
	replaceOff = option("replace", func(o *Options) { o.Replace = Off })
	forceOn    = option("force", func(o *Options) { o.Force = On })
	forceOff   = option("force", func(o *Options) { o.Force = Off })

	createOnly = option("skip-if-exists", func(o *Options) { o.SkipIfExists = true })
	unmanaged  = option("reconcile", func(o *Options) { o.Unmanaged = true })
	merge      = option("merge", func(o *Options) { o.Merge = true })
	noHealth   = option("health", func(o *Options) { o.IgnoreHealth = true })
)

func both(f, g func(*reader)) func(*reader) {
	return func(r *reader) { f(r); g(r) }
}

func propagation(p string) func(*reader) {
	return option("propagation", func(o *Options) { o.Propagation = p })
}

// skippedHook is a hook that never runs. Beside phases that do run it means nothing.
func skippedHook(r *reader) { r.helmHook, r.helmSkipped = true, true }

func helmPhase(p Phase) func(*reader) {
	return func(r *reader) {
		r.helmHook = true
		phase(p)(r)
	}
}

// table is what Plumb understands, in order of precedence. A key that several families have (a wave, a hook, ...) is
// decided by the first that is there.
var table = []annotation{
	{key: "plumb.cd/wave", form: "<whole number>", effect: "wave in which the object is applied, lowest first; default 0", read: readWave},
	{key: "plumb.cd/hook", list: true, choices: []choice{
		{"before", "runs before anything is applied", phase(Before)},
		{"during", "runs in its wave, with the objects", phase(Main)},
		{"after", "runs when everything is applied and healthy", phase(After)},
		{"on-failure", "runs when the attempt failed", phase(OnFailure)},
		{"before-delete", "runs before the App's objects are deleted", phase(BeforeDelete)},
		{"after-delete", "runs when the App's objects are gone", phase(AfterDelete)},
	}},
	{key: "plumb.cd/hook-delete", list: true, choices: []choice{
		{"before", "the hook's object is deleted before it runs again (the default)", cleanup(func(h *HookSpec) { h.DeleteBefore = true })},
		{"success", "... when it succeeded", cleanup(func(h *HookSpec) { h.DeleteOnSuccess = true })},
		{"failure", "... when it failed", cleanup(func(h *HookSpec) { h.DeleteOnFailure = true })},
		{"never", "... never", cleanup(func(h *HookSpec) { *h = HookSpec{InRollback: h.InRollback} })},
	}},
	{key: "plumb.cd/hook-in-rollback", choices: []choice{
		{"enabled", "the hook runs in rollbacks too", func(r *reader) { r.deletes.InRollback = true }},
		{"disabled", "the hook does not run in rollbacks (the default)", nil},
	}},
	{key: "plumb.cd/prune", choices: []choice{
		{"disabled", "stays when it leaves Git", pruneOff},
		{"confirm", "its deletion waits for approval when it leaves Git", pruneConfirm},
		{"enabled", "is deleted when it leaves Git, whatever the App says, and without the guard for its kind", pruneOn},
	}},
	{key: "plumb.cd/delete", choices: []choice{
		{"disabled", "stays when the App is deleted", deleteOff},
		{"confirm", "its deletion waits for approval when the App is deleted", deleteConfirm},
		{"enabled", "is deleted with the App, without the guard for its kind", deleteOn},
	}},
	{key: "plumb.cd/replace", choices: []choice{
		{"enabled", "is replaced whole (PUT) instead of applied field by field", replaceOn},
		{"disabled", "is applied, whatever the App says", replaceOff},
	}},
	{key: "plumb.cd/force", choices: []choice{
		{"enabled", "is deleted and created again when the API server says that a changed field is immutable", forceOn},
		{"disabled", "never", forceOff},
	}},
	{key: "plumb.cd/skip-if-exists", choices: []choice{
		{"enabled", "is created when absent, and never changed", createOnly},
		{"disabled", "no effect (the default)", nil},
	}},
	{key: "plumb.cd/reconcile", choices: []choice{
		{"disabled", "is neither applied nor deleted", unmanaged},
		{"enabled", "no effect (the default)", nil},
	}},
	{key: "plumb.cd/merge", choices: []choice{
		{"enabled", "what people's tools add to it stays", merge},
		{"disabled", "no effect (the default)", nil},
	}},
	{key: "plumb.cd/ignore-fields", form: "<paths, by comma or line: .spec.replicas, /spec/replicas>", effect: "these fields are left to whoever owns them", read: readIgnoreFields},
	{key: "plumb.cd/ignore-health", choices: []choice{
		{"enabled", "its health counts for neither wave nor App", noHealth},
		{"disabled", "no effect (the default)", nil},
	}},
	{key: "plumb.cd/adopt", form: "enabled, or <NAMESPACE/APP>", effect: "is taken over when no App owns it; or from the App that is named", read: readAdopt},
	{key: "plumb.cd/substitute", choices: []choice{
		{"disabled", "its text is left as it is by the App's variable substitution", nil},
	}},

	{key: "argocd.argoproj.io/sync-wave", form: "<whole number>", effect: "as plumb.cd/wave", read: readWave},
	{key: "argocd.argoproj.io/hook", list: true, choices: []choice{
		{"PreSync", "as plumb.cd/hook: before", phase(Before)},
		{"Sync", "as plumb.cd/hook: during", phase(Main)},
		{"PostSync", "as plumb.cd/hook: after", phase(After)},
		{"SyncFail", "as plumb.cd/hook: on-failure", phase(OnFailure)},
		{"PreDelete", "as plumb.cd/hook: before-delete", phase(BeforeDelete)},
		{"PostDelete", "as plumb.cd/hook: after-delete", phase(AfterDelete)},
		{"Skip", "as plumb.cd/reconcile: disabled", unmanaged},
	}},
	{key: "argocd.argoproj.io/hook-delete-policy", list: true, choices: []choice{
		{"BeforeHookCreation", "as plumb.cd/hook-delete: before", cleanup(func(h *HookSpec) { h.DeleteBefore = true })},
		{"HookSucceeded", "as plumb.cd/hook-delete: success", cleanup(func(h *HookSpec) { h.DeleteOnSuccess = true })},
		{"HookFailed", "as plumb.cd/hook-delete: failure", cleanup(func(h *HookSpec) { h.DeleteOnFailure = true })},
	}},
	{key: "argocd.argoproj.io/sync-options", list: true, choices: argoSyncOptions},
	{key: "argocd.argoproj.io/compare-options", list: true, choices: []choice{
		{"IgnoreExtraneous", "when Git does not have it, the App is not OutOfSync for it", option("extraneous", func(o *Options) { o.IgnoreExtraneous = true })},
		{"ServerSideDiff=true", "no effect: drift is told from the fields that were applied", nil},
		{"ServerSideDiff=false", "no effect: drift is told from the fields that were applied", nil},
		{"IncludeMutationWebhook=true", "no effect: what admission changed is known from the answer to the apply", nil},
	}},
	{key: "argocd.argoproj.io/ignore-healthcheck", choices: []choice{
		{"true", "as plumb.cd/ignore-health: enabled", noHealth},
		{"false", "no effect (the default)", nil},
	}},

	{key: "helm.sh/hook", list: true, choices: []choice{
		{"pre-install", "as plumb.cd/hook: before (at every attempt, as pre-upgrade)", helmPhase(Before)},
		{"pre-upgrade", "as plumb.cd/hook: before", helmPhase(Before)},
		{"post-install", "as plumb.cd/hook: after (at every attempt, as post-upgrade)", helmPhase(After)},
		{"post-upgrade", "as plumb.cd/hook: after", helmPhase(After)},
		{"pre-delete", "as plumb.cd/hook: before-delete", helmPhase(BeforeDelete)},
		{"post-delete", "as plumb.cd/hook: after-delete", helmPhase(AfterDelete)},
		{"pre-rollback", "skipped: a rollback applies an earlier bundle", skippedHook},
		{"post-rollback", "skipped: a rollback applies an earlier bundle", skippedHook},
		{"test", "skipped", skippedHook},
		{"test-success", "skipped", skippedHook},
		{"test-failure", "skipped", skippedHook},
		{"crd-install", "no effect: an ordinary object, and CRDs come first anyway", nil},
	}},
	{key: "helm.sh/hook-weight", form: "<whole number>", effect: "on hooks, as plumb.cd/wave", read: readWeight},
	{key: "helm.sh/hook-delete-policy", list: true, choices: []choice{
		{"before-hook-creation", "as plumb.cd/hook-delete: before", cleanup(func(h *HookSpec) { h.DeleteBefore = true })},
		{"hook-succeeded", "as plumb.cd/hook-delete: success", cleanup(func(h *HookSpec) { h.DeleteOnSuccess = true })},
		{"hook-failed", "as plumb.cd/hook-delete: failure", cleanup(func(h *HookSpec) { h.DeleteOnFailure = true })},
	}},
	{key: "helm.sh/resource-policy", choices: []choice{
		{"keep", "as plumb.cd/prune and plumb.cd/delete: disabled", both(pruneOff, deleteOff)},
	}},

	{key: "kustomize.toolkit.fluxcd.io/ssa", labels: true, choices: []choice{
		{"Override", "no effect (the default)", nil},
		{"Merge", "as plumb.cd/merge: enabled", merge},
		{"IfNotPresent", "as plumb.cd/skip-if-exists: enabled", createOnly},
		{"Ignore", "as plumb.cd/reconcile: disabled", unmanaged},
	}},
	{key: "kustomize.toolkit.fluxcd.io/force", labels: true, choices: []choice{
		{"enabled", "as plumb.cd/force: enabled", forceOn},
		{"disabled", "as plumb.cd/force: disabled", forceOff},
	}},
	{key: "kustomize.toolkit.fluxcd.io/prune", labels: true, choices: []choice{
		{"disabled", "as plumb.cd/prune and plumb.cd/delete: disabled", both(pruneOff, deleteOff)},
		{"enabled", "no effect (the default)", nil},
	}},
	{key: "kustomize.toolkit.fluxcd.io/reconcile", labels: true, choices: []choice{
		{"disabled", "as plumb.cd/reconcile: disabled", unmanaged},
		{"enabled", "no effect (the default)", nil},
	}},
	{key: "kustomize.toolkit.fluxcd.io/substitute", labels: true, choices: []choice{
		{"disabled", "as plumb.cd/substitute: disabled", nil},
		{"enabled", "no effect (the default)", nil},
	}},

	{key: "config.kubernetes.io/depends-on", form: "<GROUP/namespaces/NAMESPACE/KIND/NAME or GROUP/KIND/NAME, by comma>",
		effect: "its wave is raised to one after theirs", read: readDependsOn},
	{key: "client.lifecycle.config.k8s.io/deletion", choices: []choice{
		{"detach", "as plumb.cd/prune and plumb.cd/delete: disabled", both(pruneOff, deleteOff)},
	}},
	{key: "cli-utils.sigs.k8s.io/on-remove", choices: []choice{
		{"keep", "as plumb.cd/prune and plumb.cd/delete: disabled", both(pruneOff, deleteOff)},
	}},
}

var argoSyncOptions = []choice{
	{"Prune=false", "as plumb.cd/prune: disabled", pruneOff},
	{"Prune=confirm", "as plumb.cd/prune: confirm", pruneConfirm},
	{"Prune=true", "no effect: the App decides", nil},
	{"Delete=false", "as plumb.cd/delete: disabled", deleteOff},
	{"Delete=confirm", "as plumb.cd/delete: confirm", deleteConfirm},
	{"Delete=true", "no effect (the default)", nil},
	{"Replace=true", "as plumb.cd/replace: enabled", replaceOn},
	{"Replace=false", "as plumb.cd/replace: disabled", replaceOff},
	{"Force=true", "as plumb.cd/force: enabled", forceOn},
	{"Force=false", "as plumb.cd/force: disabled", forceOff},
	{"PrunePropagationPolicy=foreground", "its deletion waits for what it owns", propagation("Foreground")},
	{"PrunePropagationPolicy=background", "what it owns is deleted after it (the default)", propagation("Background")},
	{"PrunePropagationPolicy=orphan", "what it owns stays when it is deleted", propagation("Orphan")},
	{"SkipDryRunOnMissingResource=true", "its kind may appear while earlier waves run", option("late-kind", func(o *Options) { o.LateKind = true })},
	{"SkipDryRunOnMissingResource=false", "no effect (the default)", nil},
	{"Validate=true", "no effect: the API server validates", nil},
	{"Validate=false", "no effect: the API server validates, and nothing else does", nil},
	{"ApplyOutOfSyncOnly=true", "no effect: objects that are in sync are not sent", nil},
	{"ApplyOutOfSyncOnly=false", "no effect: an option of the App", nil},
	{"PruneLast=true", "no effect: deletions always come last", nil},
	{"PruneLast=false", "no effect: deletions always come last", nil},
	{"ServerSideApply=true", "no effect: everything is applied server-side", nil},
	{"ServerSideApply=false", "no effect: everything is applied server-side", nil},
	{"ClientSideApplyMigration=true", "no effect: fields of client-side apply are taken over at adoption", nil},
	{"ClientSideApplyMigration=false", "no effect: fields of client-side apply are taken over at adoption", nil},
	{"FailOnSharedResource=true", "no effect: an object of another App is always refused", nil},
	{"FailOnSharedResource=false", "no effect: an object of another App is always refused", nil},
	{"RespectIgnoreDifferences=true", "no effect: ignored fields are never sent once another manager owns them", nil},
	{"RespectIgnoreDifferences=false", "no effect: ignored fields are never sent once another manager owns them", nil},
	{"CreateNamespace=true", "no effect on an object: an option of the App", nil},
	{"CreateNamespace=false", "no effect on an object: an option of the App", nil},
}
