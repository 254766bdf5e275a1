package convert

import (
	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/health"
	"plumb.cd/plumb/internal/object"
)

func healthRules(rules []v1alpha1.HealthRule) []health.Rule {
	var out []health.Rule
	for _, r := range rules {
		rule := health.Rule{Group: r.Group, Kind: r.Kind, Lua: r.Lua}
		if c := r.CEL; c != nil {
			rule.CEL = &health.CELRule{
				Current: c.Healthy, InProgress: c.Progressing, Failed: c.Degraded, Suspended: c.Suspended, Level: c.Level, Message: c.Message,
			}
		}
		out = append(out, rule)
	}
	return out
}

func appHealth(s engine.Snapshot) *v1alpha1.AppHealth {
	if s.Health.Status.Level == "" {
		return nil
	}
	out := &v1alpha1.AppHealth{Level: string(s.Health.Status.Level), Message: short(s.Health.Status.Message)}
	if s.Health.ID != (object.ID{}) {
		out.Object = s.Health.ID.String()
	}
	return out
}
