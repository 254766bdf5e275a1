package chart

import (
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"plumb.cd/plumb/internal/fault"
)

// choose gives the version that ref wants of those that exist: the very one when it is written out, the highest in the
// range otherwise, the highest that is no pre-release when nothing is said.
func choose(versions []string, ref Reference) (string, error) {
	if slices.Contains(versions, ref.Version) {
		return ref.Version, nil
	}
	want := ref.Version
	if want == "" {
		want = "*"
	}
	constraint, err := semver.NewConstraint(want)
	if err != nil {
		return "", failf(fault.Invalid, fault.InvalidSpec, "", "%s: %q is neither a version nor a range of versions", ref.Name, ref.Version)
	}
	best, text := (*semver.Version)(nil), ""
	for _, s := range versions {
		v, err := semver.NewVersion(s)
		if err != nil || !constraint.Check(v) {
			continue
		}
		if best == nil || v.GreaterThan(best) {
			best, text = v, s
		}
	}
	if best == nil {
		return "", failf(fault.Blocked, fault.ChartNotFound, "check the version", "%s: %s", strings.TrimSpace(Reference{Repository: ref.Repository, Name: ref.Name}.String()), noVersion(versions, ref.Version))
	}
	return text, nil
}

func noVersion(versions []string, want string) string {
	var stable, any *semver.Version
	for _, s := range versions {
		v, err := semver.NewVersion(s)
		if err != nil {
			continue
		}
		if any == nil || v.GreaterThan(any) {
			any = v
		}
		if v.Prerelease() == "" && (stable == nil || v.GreaterThan(stable)) {
			stable = v
		}
	}
	if stable == nil {
		stable = any
	}
	out := "there is no version " + want
	if want == "" {
		out = "there is no version that is no pre-release"
	}
	if stable != nil {
		out += "; the newest is " + stable.Original()
	}
	return out
}

// exact reports whether a version is written out in full, "1.2.3" or "v1.2.3", so that it needs no list to choose from.
func exact(version string) bool {
	_, err := semver.StrictNewVersion(strings.TrimPrefix(version, "v"))
	return err == nil
}
