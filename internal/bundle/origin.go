package bundle

import (
	"fmt"

	"plumb.cd/plumb/internal/object"
)

// Where writes an origin for people: "file:line", with the source in front where the App has several.
func Where(o object.Origin) string {
	s := o.File
	if o.Line > 0 {
		s = fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	if o.Source != "" {
		s = o.Source + " " + s
	}
	return s
}
