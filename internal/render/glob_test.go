package render

import (
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// naiveMatch tries everything that "**" may stand for.
func naiveMatch(pattern, name []string) bool {
	if len(pattern) == 0 {
		return len(name) == 0
	}
	if pattern[0] == "**" {
		for i := range len(name) + 1 {
			if naiveMatch(pattern[1:], name[i:]) {
				return true
			}
		}
		return false
	}
	if len(name) == 0 {
		return false
	}
	ok, err := path.Match(pattern[0], name[0])
	return ok && err == nil && naiveMatch(pattern[1:], name[1:])
}

func TestAGlobMatchesWhateverItsStarsMayStandFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.SliceOfN(rapid.SampledFrom([]string{"**", "a", "b", "*", "a*"}), 1, 6).Draw(t, "pattern")
		name := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab"}), 1, 7).Draw(t, "name")
		got, err := matchParts(pattern, name)
		if want := naiveMatch(pattern, name); err != nil || got != want {
			t.Fatalf("%v on %v: %v, %v; want %v", pattern, name, got, err, want)
		}
	})
}

func TestAGlobOfManyStarsEnds(t *testing.T) {
	pattern := strings.Repeat("**/a/", 40) + "nothing"
	if ok, err := Match(pattern, strings.Repeat("a/", 60)+"x"); ok || err != nil {
		t.Error(ok, err)
	}
	if _, err := Match("a/[", "a/b"); err == nil {
		t.Error("a malformed pattern was accepted")
	}
}
