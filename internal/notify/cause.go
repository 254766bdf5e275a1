package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// maxCause is how much of a message tells causes apart.
const maxCause = 2048

var (
	hexRun  = regexp.MustCompile(`\b[0-9a-f]*[0-9][0-9a-f]{5,}\b|\b[0-9a-f]{8}-[0-9a-f-]{20,}\b`)
	digits  = regexp.MustCompile(`[0-9]+`)
	suffix  = regexp.MustCompile(`\*(-[a-z0-9#*]+)+`)
	objects = regexp.MustCompile(`\b([A-Z][A-Za-z]+(?:\.[a-z0-9.-]+)?)/(?:[a-z0-9*#.-]+/)?[a-z0-9*#.:-]*[a-z0-9*#]`)
)

// Normalise takes out of a message what differs between Apps that suffer from one cause: their names, the names of
// objects, digests and numbers.
func Normalise(f Facts, message string) string {
	message = Cut(OneLine(message), maxCause)
	for _, name := range []string{f.Object, f.Name, f.Namespace} {
		if len(name) > 1 {
			message = replaceWord(message, name)
		}
	}
	message = hexRun.ReplaceAllString(message, "#")
	message = objects.ReplaceAllString(message, "$1/*")
	message = digits.ReplaceAllString(message, "#")
	return suffix.ReplaceAllString(message, "*")
}

// replaceWord replaces name where it stands for itself, not inside of a longer word.
func replaceWord(s, name string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, name)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		end := i + len(name)
		if (i > 0 && wordy(s[i-1])) || (end < len(s) && wordy(s[end])) {
			b.WriteString(s[:end])
		} else {
			b.WriteString(s[:i] + "*")
		}
		s = s[end:]
	}
}

func wordy(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
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
		parts = []string{Normalise(f, f.RolledBackWhy)}
	case WaitingForApproval:
		parts = []string{f.Reason}
	default:
		parts = []string{f.Reason, Normalise(f, f.Message)}
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
