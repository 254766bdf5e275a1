package cause_test

import (
	"testing"

	"plumb.cd/plumb/internal/cause"
)

func TestWhatIsParticularIsLeftOut(t *testing.T) {
	for message, want := range map[string]string{
		"shop is not there":                                         "… is not there",
		"team-a/shop: Shop is gone":                                 "…: … is gone",
		"pod shop-7f9c4d5b6-abcde: ImagePullBackOff":                "pod …: ImagePullBackOff",
		"the webshop is closed":                                     "the webshop is closed",
		"Deployment.apps/team-a/web is Degraded":                    "Deployment … is Degraded",
		"base/kustomization.yaml:12: no such file":                  "…: no such file",
		"2 of 13 replicas\nare  ready":                              "# of # replicas are ready",
		"no bundle sha256:0123456789abcdef":                         "no bundle …",
		"the facade is added":                                       "the facade is added",
		"cannot pull registry.example.com/base:1.2":                 "cannot pull registry.example.com/base:1.2",
		"request 6ba7b810-9dad-11d1-80b4-00c04fd430c8 was refused.": "request … was refused.",
		"apps/shop/values: no such directory":                       "apps/…/values: no such directory",
		"":                                                          "",
	} {
		if got := cause.Common(message, "team-a/shop", "shop", "team-a", "x"); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}
