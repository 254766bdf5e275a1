package health

import "strings"

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func lower(s string) string { return strings.ToLower(s) }
