package git

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// SignatureHeader carries "sha256=" and the hexadecimal HMAC-SHA256 of the body, keyed by the webhook secret.
const SignatureHeader = "X-Plumb-Signature"

// maxWebhook bounds the body of a webhook.
const maxWebhook = 64 << 10

// minSecret is the shortest webhook secret that is accepted.
const minSecret = 16

// Webhook is what a signed generic webhook says: JSON {"repository": "<url>", "ref": "refs/heads/main"}, ref optional.
type Webhook struct {
	Repository string `json:"repository"`
	Ref        string `json:"ref,omitempty"`
}

// VerifyWebhook checks the signature over the raw body in constant time. Any failure is AuthenticationFailed.
func VerifyWebhook(secret, body []byte, header http.Header) error {
	refused := failf(fault.Invalid, fault.AuthenticationFailed, "sign the body with the Repository's webhook secret",
		"the webhook's %s does not fit its body", SignatureHeader)
	if len(secret) < minSecret {
		return failf(fault.Blocked, fault.CredentialsMissing, "", "the webhook secret is shorter than %d bytes", minSecret)
	}
	given := header.Values(SignatureHeader)
	if len(given) != 1 {
		return refused
	}
	text, ok := strings.CutPrefix(given[0], "sha256=")
	sum, err := hex.DecodeString(text)
	if !ok || err != nil || !hmac.Equal(sum, sign(secret, body)) {
		return refused
	}
	return nil
}

// SignWebhook is the value of SignatureHeader for a body.
func SignWebhook(secret, body []byte) string {
	return "sha256=" + hex.EncodeToString(sign(secret, body))
}

func sign(secret, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return mac.Sum(nil)
}

// ReadWebhook reads a body within the size limit, for VerifyWebhook and ParseWebhook.
func ReadWebhook(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxWebhook+1))
	if err != nil {
		return nil, fmt.Errorf("reading a webhook: %w", err)
	}
	if len(body) > maxWebhook {
		return nil, failf(fault.Invalid, fault.LimitExceeded, "", "the webhook's body has more than %d bytes", maxWebhook)
	}
	return body, nil
}

// ParseWebhook reads the body of a webhook. Its repository fits a Repository when their NormalizeURL are equal.
func ParseWebhook(body []byte) (Webhook, error) {
	var w Webhook
	if len(body) > maxWebhook {
		return w, failf(fault.Invalid, fault.LimitExceeded, "", "the webhook's body has more than %d bytes", maxWebhook)
	}
	if err := json.Unmarshal(body, &w); err != nil {
		return Webhook{}, failf(fault.Invalid, fault.SyntaxInvalid, "", `the webhook's body is not JSON of the form {"repository": "URL", "ref": "refs/heads/main"}`)
	}
	if _, err := parseURL(w.Repository); err != nil {
		return Webhook{}, err
	}
	if w.Ref != "" && !validRefName(w.Ref) {
		return Webhook{}, failf(fault.Invalid, fault.SyntaxInvalid, "", "the webhook's ref is not a ref name")
	}
	return w, nil
}
