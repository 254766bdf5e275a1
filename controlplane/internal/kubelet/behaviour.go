// Package kubelet plays the kubelets of all simulated nodes: it moves Pods through their life as a real kubelet would,
// as far as the image says so, and serves their logs.
//
// Next is the whole behaviour, as a function of a Pod and the time. Runner carries it out.
package kubelet

import (
	"strconv"
	"strings"
	"time"
)

// kind is how a container behaves.
type kind int

const (
	works      kind = iota
	failsPull       // the image cannot be pulled
	crashes         // exits with code 1 as soon as it runs
	neverReady      // runs, fails its readiness probe, never ends
)

// behaviour is what the image of a container says about it.
type behaviour struct {
	kind kind
	// slow is how long a container takes to become ready or, in a Pod that runs to completion, to end.
	slow time.Duration
}

// words are the image tags, or last parts of an image name, with a meaning.
var words = map[string]kind{
	"fail-pull":   failsPull,
	"crash":       crashes,
	"fail":        crashes,
	"never-ready": neverReady,
}

// behaviourOf reads the convention: a word, or slow-<N>s, is the whole tag, the end of the tag after a dash, or the
// last part of the name. "shop/web:crash", "shop/web:1.4-crash" and "shop/crash:1.4" all crash.
func behaviourOf(image string) behaviour {
	image, _, _ = strings.Cut(image, "@")
	name := image[strings.LastIndexByte(image, '/')+1:]
	name, tag, _ := strings.Cut(name, ":")
	for _, part := range []string{tag, name} {
		if b, ok := parse(part); ok {
			return b
		}
	}
	for word, k := range words {
		// "never-fail" must not be taken for a word, but "1.4-crash" must: what precedes the word is a version.
		if prefix, ok := strings.CutSuffix(tag, "-"+word); ok && isVersion(prefix) {
			return behaviour{kind: k}
		}
	}
	if i := strings.LastIndex(tag, "-slow-"); i > 0 && isVersion(tag[:i]) {
		b, _ := parse(tag[i+1:])
		return b
	}
	return behaviour{}
}

func parse(part string) (behaviour, bool) {
	if k, ok := words[part]; ok {
		return behaviour{kind: k}, true
	}
	digits, ok := strings.CutPrefix(part, "slow-")
	if !ok {
		return behaviour{}, false
	}
	digits, ok = strings.CutSuffix(digits, "s")
	if !ok {
		return behaviour{}, false
	}
	seconds, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return behaviour{}, false
	}
	return behaviour{slow: time.Duration(seconds) * time.Second}, true
}

// isVersion reports whether s has a digit, as every version has.
func isVersion(s string) bool { return strings.ContainsAny(s, "0123456789") }
