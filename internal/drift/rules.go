package drift

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Rules say what counts as drift. The zero value is the default for every App.
type Rules struct {
	// People names the field managers of people's tools: what they add on top of ours is hashed and undone. An entry
	// that ends in "*" is a prefix. Nil means DefaultPeople; an empty list that is not nil means nobody, so that only
	// our own fields count.
	People []string
	// Restarts says what a rollout restart (the annotation kubectl.kubernetes.io/restartedAt of a pod template) is.
	Restarts Restarts
	// Ignores are fields that count in neither hash nor attribution. Nil ignores nothing.
	Ignores *Ignores
	// Schema gives what else, beside the apiVersion, the meaning of a hash depends on: for a custom resource the
	// generation of its CRD. Nil, and the empty string, mean nothing. It must be safe for concurrent use.
	Schema func(schema.GroupVersionKind) string
}

// Restarts is a choice about rollout restarts.
type Restarts string

const (
	RestartsAllowed Restarts = ""       // a restart is an operation, no drift
	RestartsDrift   Restarts = "Undone" // a restart is drift like any other change
)

// DefaultPeople are the field managers that people's tools are known to write under. "Mozilla" is what the API server
// makes of a browser's user agent (dashboards), "before-first-apply" is what it calls everything that was written before
// an object's first server-side apply. Names that controllers use as well (those of client libraries, for one) are left out:
// what a controller adds must stay.
var DefaultPeople = []string{
	"kubectl", "kubectl-*", "oc", "oc-*",
	"k9s", "Mozilla", "dashboard", "kubernetes-dashboard", "headlamp*", "Lens", "OpenLens",
	"helm", "Helm", "curl", "before-first-apply",
}

// OtherEngines are the field managers of other GitOps tools. They count as people's tools only while an object is
// adopted from them: see Adoptable.
var OtherEngines = []string{
	"argocd-controller", "argocd-application-controller", "argocd-server", "kustomize-controller", "helm-controller",
	"flux-client-side-apply", "flux", "fleetagent", "config-sync*", "configsync*", "kapp-server-side-apply",
	"terraform", "Terraform", "pulumi-*",
}

// names matches field managers against exact names and prefixes.
type names struct {
	exact    map[string]bool
	prefixes []string
}

func compileNames(list []string) names {
	n := names{exact: make(map[string]bool, len(list))}
	for _, s := range list {
		if p, ok := strings.CutSuffix(s, "*"); ok {
			n.prefixes = append(n.prefixes, p)
		} else {
			n.exact[s] = true
		}
	}
	return n
}

func (n names) has(manager string) bool {
	if n.exact[manager] {
		return true
	}
	for _, p := range n.prefixes {
		if strings.HasPrefix(manager, p) {
			return true
		}
	}
	return false
}
