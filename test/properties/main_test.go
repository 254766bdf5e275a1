package properties

import (
	"flag"
	"testing"

	"plumb.cd/plumb/internal/cptest"
)

// cases is how many random repositories a run of all tests looks at; -rapid.checks asks for more.
const cases = "60"

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", cases); err != nil {
		panic(err)
	}
	cptest.Main(m)
}
