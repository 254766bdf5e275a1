package git

import (
	"strings"

	"github.com/Masterminds/semver/v3"

	"plumb.cd/plumb/internal/fault"
)

// Ref asks for one commit of a repository. Exactly one field is set; the zero value asks for the remote's HEAD. It is
// comparable, so it can be a map key.
type Ref struct {
	Branch string // "main"
	Tag    string // "v1.2.3"
	Semver string // a range over the tags, such as ">=1.2.0 <2" or "1.x"; the highest match wins
	Commit string // full, or at least 7 digits of it
	Name   string // a full ref name, such as "refs/pull/12/head"
}

// String is how messages name the ref.
func (r Ref) String() string {
	switch {
	case r.Branch != "":
		return "branch " + r.Branch
	case r.Tag != "":
		return "tag " + r.Tag
	case r.Semver != "":
		return "semver " + r.Semver
	case r.Commit != "":
		return "commit " + r.Commit
	case r.Name != "":
		return "ref " + r.Name
	}
	return "HEAD"
}

// minShort is the shortest abbreviation of a commit that is accepted.
const minShort = 7

// Validate reports what is wrong with the ref as it is written, as an Invalid fault with reason RefNotFound.
func (r Ref) Validate() error {
	set := 0
	for _, f := range []string{r.Branch, r.Tag, r.Semver, r.Commit, r.Name} {
		if f != "" {
			set++
		}
	}
	if set > 1 {
		return badRef(r, "names more than one of branch, tag, semver, commit and name")
	}
	switch {
	case r.Semver != "":
		if _, err := semver.NewConstraint(r.Semver); err != nil {
			return badRef(r, "is not a semantic version range")
		}
	case r.Commit != "":
		if !isHex(r.Commit) || len(r.Commit) < minShort || len(r.Commit) > 40 {
			return badRef(r, "is not 7 to 40 hexadecimal digits")
		}
	case r.Name != "" && !strings.HasPrefix(r.Name, "refs/"):
		return badRef(r, `does not start with "refs/"`)
	}
	if name := r.remoteName(); name != "" && name != headName && !validRefName(name) {
		return badRef(r, "is not a valid ref name")
	}
	return nil
}

func badRef(r Ref, why string) error {
	return failf(fault.Invalid, fault.RefNotFound, "", "%s %s", r, why)
}

const (
	headName   = "HEAD"
	headPrefix = "refs/heads/"
	tagPrefix  = "refs/tags/"
)

// remoteName is the ref on the server that r names by itself, empty for ranges and commits.
func (r Ref) remoteName() string {
	switch {
	case r.Branch != "":
		return headPrefix + r.Branch
	case r.Tag != "":
		return tagPrefix + r.Tag
	case r.Name != "":
		return r.Name
	case r.Semver != "" || r.Commit != "":
		return ""
	}
	return headName
}

// validRefName follows the rules of git-check-ref-format.
func validRefName(name string) bool {
	if strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, ".") || len(name) > 1024 {
		return false
	}
	for _, part := range strings.Split(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`~^:?*[\`, c) })
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return s != ""
}

// bestTag picks the highest of the ref names under refs/tags/ that the range allows, and "" when none does. Tags may
// start with "v"; those that are no versions do not count. Equal versions go to the greater name.
func bestTag(constraint string, names []string) string {
	c, err := semver.NewConstraint(constraint)
	if err != nil {
		return ""
	}
	var best *semver.Version
	var bestName string
	for _, name := range names {
		tag, ok := strings.CutPrefix(name, tagPrefix)
		if !ok {
			continue
		}
		v, err := semver.NewVersion(tag)
		if err != nil || !c.Check(v) {
			continue
		}
		if cmp := compareVersion(v, best); cmp > 0 || cmp == 0 && name > bestName {
			best, bestName = v, name
		}
	}
	return bestName
}

func compareVersion(v, best *semver.Version) int {
	if best == nil {
		return 1
	}
	return v.Compare(best)
}
