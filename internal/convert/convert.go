// Package convert turns custom resources into what the engine takes, and what the engine tells into their status. It is
// the only code that knows both. It is pure: no API calls, no clock.
//
// What cannot be converted becomes the Err of the engine's value, a fault that names the field, so that the resource
// says it in its status.
package convert

import (
	"fmt"
	"time"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/fault"
)

// invalid is a fault about one field of a resource.
func invalid(field, format string, args ...any) error {
	return &fault.Error{
		Class: fault.Invalid, Reason: fault.InvalidSpec, Where: field,
		Message: fmt.Sprintf(format, args...), Next: "correct " + field,
	}
}

// duration reads a Duration; empty is zero. The API server lets no bad one pass, files on disk may have one.
func duration(field string, d v1alpha1.Duration) (time.Duration, error) {
	if d == "" {
		return 0, nil
	}
	v, err := time.ParseDuration(string(d))
	if err != nil || v <= 0 {
		return 0, invalid(field, "%q is no duration like 90s, 5m or 1h30m", d)
	}
	return v, nil
}

func timestamp(field string, t v1alpha1.Timestamp) (time.Time, error) {
	if t == "" {
		return time.Time{}, nil
	}
	v, err := time.Parse(time.RFC3339, string(t))
	if err != nil {
		return time.Time{}, invalid(field, "%q is no time like 2026-01-31T18:00:00Z", t)
	}
	return v, nil
}

// share reads a Percent as 0..1; empty is zero.
func share(field string, p v1alpha1.Percent) (float64, error) {
	if p == "" {
		return 0, nil
	}
	var n int
	var rest string
	if c, _ := fmt.Sscanf(string(p), "%d%s", &n, &rest); c != 2 || rest != "%" || n < 1 || n > 100 {
		return 0, invalid(field, "%q is no share between 1%% and 100%%", p)
	}
	return float64(n) / 100, nil
}

// enabled is a switch that is on unless it is switched off.
func enabled(b *bool) bool { return b == nil || *b }
