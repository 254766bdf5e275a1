package index

import (
	"crypto/sha256"
	"encoding/hex"

	"plumb.cd/plumb/internal/cause"
)

// hasCause says whether a state is trouble, so that Apps can share it.
func hasCause(state string) bool {
	return state == "Failed" || state == "Degraded" || state == "Drifted" || state == "Unknown"
}

// causeID names a cause; it is a value of the filter's key "cause".
func causeID(state, reason, sample string) string {
	sum := sha256.Sum256([]byte(state + "\x00" + reason + "\x00" + sample))
	return hex.EncodeToString(sum[:6])
}

// normalize is what a message has in common with those of other Apps, as much of it as is shown.
func normalize(message, namespace, name string) string {
	out := cause.Common(message, namespace+"/"+name, name, namespace)
	if runes := []rune(out); len(runes) > maxSample {
		out = string(runes[:maxSample]) + cause.Particular
	}
	return out
}

const maxSample = 200 // characters
