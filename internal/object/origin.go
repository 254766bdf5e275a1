package object

import "strconv"

// Origin is the place that an object was rendered from.
type Origin struct {
	Source   string `json:"source,omitempty"`   // name of the App's source; empty for the only one
	File     string `json:"file,omitempty"`     // path in the repository, or "chart/templates/x.yaml" of a fetched chart
	Line     int    `json:"line,omitempty"`     // first line of the document in File (of the template, for templates); 0: unknown
	Document int    `json:"document,omitempty"` // index of the document in File
}

// String is "path/file.yaml:12", with the source in front where there are several.
func (o Origin) String() string {
	s := o.File
	if o.Line > 0 {
		s += ":" + strconv.Itoa(o.Line)
	}
	if o.Source != "" {
		s = o.Source + ":" + s
	}
	return s
}
