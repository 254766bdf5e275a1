package httpapi

import "time"

// SignIn is the body of POST /api/v1/signin: a Kubernetes token. The answer is a session cookie and no content.
type SignIn struct {
	Token string `json:"token"`
}

// InvitationWish is the body of POST /api/v1/signin/link, which needs a bearer token: an address is made that signs its owner
// in to a browser, once.
type InvitationWish struct {
	Seconds int `json:"seconds,omitempty"` // how long it is good; default 120, at most 3600
}

// Invitation is an address that works once. Path is below the base path of the installation, as all paths in the API.
type Invitation struct {
	Path    string    `json:"path"`
	Expires time.Time `json:"expires"`
}

// SignedOut is the answer to POST /api/v1/signout. Next is where the provider's own session is ended, if there is such a place.
type SignedOut struct {
	Next string `json:"next,omitempty"`
}
