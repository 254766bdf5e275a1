//go:build !linux

package worker

import "os"

// isolate has less to offer outside Linux: an empty environment, and what renderers themselves refuse.
func isolate() ([]string, error) {
	os.Clearenv()
	return nil, nil
}
