package health

import "strings"

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func lower(s string) string { return strings.ToLower(s) }

// maxMessage is how much of a message is kept, in bytes.
const maxMessage = 1 << 10

func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + " ..."
}
