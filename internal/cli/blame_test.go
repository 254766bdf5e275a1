package cli

import (
	"errors"
	"testing"

	"github.com/spf13/cobra"
)

func TestBlameTakesAnObjectAndAtMostOneField(t *testing.T) {
	for want, args := range map[bool][][]string{
		true:  {{"deploy/shop/web"}, {"deploy/shop/web", ".spec.replicas"}},
		false: {nil, {"deploy/shop/web", ".spec", ".status"}},
	} {
		for _, a := range args {
			err := blameArgs(&cobra.Command{Use: "blame"}, a)
			var usage usageError
			if (err == nil) != want || (err != nil && !errors.As(err, &usage)) {
				t.Errorf("%q: %v, accepted %v is wanted, else an error of usage", a, err, want)
			}
		}
	}
}
