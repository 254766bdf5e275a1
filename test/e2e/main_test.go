package e2e

import (
	"testing"

	"plumb.cd/plumb/test/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
