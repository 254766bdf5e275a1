package index

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
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

// something stands for what differs from App to App.
const something = "…"

var (
	hexadecimal = regexp.MustCompile(`^(sha256:)?[0-9a-f]{7,64}$`)
	uuid        = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	number      = regexp.MustCompile(`[0-9]+`)
	objectID    = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*(\.[a-z0-9.-]+)?/[^\s]+$`) // Deployment.apps/shop/web
	fileLine    = regexp.MustCompile(`^[^\s:]+\.(ya?ml|json|jsonnet|cue|tpl)(:[0-9]+)?$`)
)

// normalize leaves out of a message what is particular to one App: its names, objects, files, numbers, hashes. What is
// left is equal for Apps that suffer from the same thing.
func normalize(message, namespace, name string) string {
	words := strings.Fields(message)
	for i, w := range words {
		core := strings.TrimFunc(w, func(r rune) bool { return unicode.IsPunct(r) && r != '/' })
		if core == "" {
			continue
		}
		if s := common(core, namespace, name); s != core {
			words[i] = strings.Replace(w, core, s, 1)
		}
	}
	out := strings.Join(words, " ")
	if runes := []rune(out); len(runes) > maxSample {
		out = string(runes[:maxSample]) + something
	}
	return out
}

const maxSample = 200 // characters

func common(word, namespace, name string) string {
	low := strings.ToLower(word)
	switch {
	case objectID.MatchString(word):
		kind, _, _ := strings.Cut(word, "/")
		kind, _, _ = strings.Cut(kind, ".")
		return kind + " " + something
	case fileLine.MatchString(low), uuid.MatchString(low), hexadecimal.MatchString(low) && strings.ContainsAny(low, "0123456789"):
		return something
	case low == strings.ToLower(name), low == strings.ToLower(namespace), low == strings.ToLower(namespace+"/"+name):
		return something
	case strings.ContainsAny(word, "./:"):
		return word // an address, an image: what is common to the Apps may be exactly this
	}
	return number.ReplaceAllString(word, "#")
}
