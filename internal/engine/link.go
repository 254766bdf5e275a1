package engine

// Link is a place that a commit message names. The engine finds none: whoever knows the installation's patterns adds them.
type Link struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}
