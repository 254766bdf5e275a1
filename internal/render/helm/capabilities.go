package helm

import (
	"fmt"
	"maps"
	"slices"

	"helm.sh/helm/v4/pkg/chart/common"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/render"
)

// capabilities is what templates see as .Capabilities: Helm's own, but that the questions about API versions are noted.
type capabilities struct {
	*common.Capabilities
	asked *asked
}

// allVersions stands in Result.AskedAPIs for "any": the chart looked at the whole list.
const allVersions = "*"

// asked notes what a chart wanted to know. A render is one goroutine.
type asked struct {
	versions map[string]bool
	reads    int // how often .Capabilities.APIVersions was taken
	has      int // how often it was taken to call Has
}

func (a *asked) list() []string {
	if a.reads > a.has {
		a.versions[allVersions] = true
	}
	return slices.Sorted(maps.Keys(a.versions))
}

func newCapabilities(t render.Target) (*capabilities, error) {
	caps := common.DefaultCapabilities.Copy()
	if t.KubeVersion != "" {
		v, err := common.ParseKubeVersion(t.KubeVersion)
		if err != nil {
			return nil, invalid(fault.InvalidSpec, "", fmt.Sprintf("%q is no Kubernetes version", t.KubeVersion), err)
		}
		caps.KubeVersion = *v
	}
	if len(t.APIVersions) > 0 {
		caps.APIVersions = t.APIVersions
	}
	return &capabilities{Capabilities: caps, asked: &asked{versions: map[string]bool{}}}, nil
}

// APIVersions hides the field of that name: templates prefer methods.
func (c *capabilities) APIVersions() versionSet {
	c.asked.reads++
	set := make(versionSet, 0, len(c.Capabilities.APIVersions)+1)
	for _, v := range c.Capabilities.APIVersions {
		set = append(set, v)
	}
	return append(set, c.asked)[:len(set)]
}

// versionSet is a list of strings to every template function. The element after its end, which no template can reach,
// is the *asked to tell.
type versionSet []any

// Has reports whether the cluster has the version ("apps/v1") or kind ("apps/v1/Deployment").
func (s versionSet) Has(version string) bool {
	if a, ok := s[:len(s)+1][len(s)].(*asked); ok {
		a.has++
		a.versions[version] = true
	}
	return slices.Contains(s, any(version))
}
