package main

import (
	"slices"
	"testing"
)

func TestWhatIsAskedForIsMeasured(t *testing.T) {
	for asked, want := range map[string][]string{
		"flux": {"flux", "standing"}, "standing": {"standing"}, "sync": {"sync"}, "drift": {"drift"},
	} {
		var got []string
		for _, sc := range scenes {
			for _, a := range sc.acts {
				if (config{only: []string{asked}}).wantsAct(a) {
					got = append(got, a.name)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("-only %s measures %v, not %v", asked, got, want)
		}
	}
	for _, name := range measures() {
		if err := (config{only: []string{name}, plumb: "main.go", plane: "main.go"}).check(); err != nil {
			t.Errorf("-only %s: %v", name, err)
		}
	}
}
