package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"plumb.cd/plumb/internal/cause"
)

// maxCause is how much of a message tells causes apart.
const maxCause = 2048

// common is what a message shares with those about other Apps that suffer from the same.
func common(f Facts, message string) string {
	return cause.Common(Cut(OneLine(message), maxCause), f.Object, f.Namespace+"/"+f.Name, f.Name, f.Namespace)
}

// Cause identifies what notices share that belong into one message. It is opaque.
func Cause(n Notice) string {
	f := n.Facts
	var parts []string
	switch n.Event {
	case Deployed:
		parts = []string{f.Commit.Repository, f.Commit.SHA}
	case Recovered:
		parts = []string{string(n.Ends)}
	case RolledBack:
		parts = []string{common(f, f.RolledBackWhy)}
	case WaitingForApproval:
		parts = []string{f.Reason}
	default:
		parts = []string{f.Reason, common(f, f.Message)}
	}
	if n.Again {
		parts = append(parts, "again")
	}
	if n.Flaps {
		parts = append(parts, "flaps")
	}
	sum := sha256.Sum256([]byte(string(n.Event) + "\n" + strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:16])
}
