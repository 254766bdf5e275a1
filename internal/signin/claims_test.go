package signin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/fault"
)

func TestClaimsBecomeAUser(t *testing.T) {
	many, err := json.Marshal(make([]string, mostGroups+1))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config ProviderConfig
		claims string
		user   string // name and groups
		left   string
		refuse string
	}{
		"an address that is verified":               {claims: `{"email":"a@b.c","email_verified":true,"groups":["x","y","x"]}`, user: "oidc:a@b.c oidc:x oidc:y"},
		"one that is verified, in a string":         {claims: `{"email":"a@b.c","email_verified":"true"}`, user: "oidc:a@b.c"},
		"one that is not":                           {claims: `{"email":"a@b.c","email_verified":false}`, refuse: "not verified"},
		"one that may be":                           {claims: `{"email":"a@b.c"}`, refuse: "trustEmail"},
		"one that may be, of a provider that knows": {config: ProviderConfig{TrustEmail: true}, claims: `{"email":"a@b.c"}`, user: "oidc:a@b.c"},
		"not even trust makes a no a yes":           {config: ProviderConfig{TrustEmail: true}, claims: `{"email":"a@b.c","email_verified":false}`, refuse: "not verified"},
		"no address":                                {claims: `{"sub":"1"}`, refuse: `the claim "email" is missing`},
		"something that is no address":              {claims: `{"email":"@","email_verified":true}`, refuse: "does not give your e-mail"},
		"another claim":                             {config: ProviderConfig{UserClaim: "sub"}, claims: `{"sub":"17"}`, user: "oidc:17"},
		"a claim that is a number":                  {config: ProviderConfig{UserClaim: "sub"}, claims: `{"sub":17}`, refuse: "is missing"},
		"another claim, and a domain":               {config: ProviderConfig{UserClaim: "sub", EmailDomains: []string{"b.c"}}, claims: `{"sub":"17","email":"a@B.C","email_verified":true}`, user: "oidc:17"},
		"another domain":                            {config: ProviderConfig{EmailDomains: []string{"b.c"}}, claims: `{"email":"a@x.b.c","email_verified":true}`, refuse: "addresses of x.b.c may not"},
		"a domain, and an address with two @":       {config: ProviderConfig{EmailDomains: []string{"b.c"}}, claims: `{"email":"a@b.c@evil.example","email_verified":true}`, refuse: "evil.example"},
		"no prefix":                                 {config: ProviderConfig{UserClaim: "sub", UserPrefix: "-", GroupsPrefix: "-"}, claims: `{"sub":"ann","groups":"one"}`, user: "ann one"},
		"no prefix, and Kubernetes' own names":      {config: ProviderConfig{UserClaim: "sub", UserPrefix: "-", GroupsPrefix: "-"}, claims: `{"sub":"ann","groups":["system:masters","ops"]}`, user: "ann ops", left: "system:masters"},
		"a prefix does not whiten a name":           {config: ProviderConfig{UserClaim: "sub"}, claims: `{"sub":"system:admin"}`, refuse: "belongs to Kubernetes"},
		"nor a group":                               {config: ProviderConfig{UserClaim: "sub"}, claims: `{"sub":"ann","groups":["system:masters","plumb:x"]}`, user: "oidc:ann", left: "system:masters plumb:x"},
		"the local user's name":                     {config: ProviderConfig{UserClaim: "sub", UserPrefix: "-"}, claims: `{"sub":"plumb:local"}`, refuse: "belongs to Kubernetes or to Plumb"},
		"a prefix that completes a reserved name":   {config: ProviderConfig{UserClaim: "sub", UserPrefix: "sys"}, claims: `{"sub":"tem:admin"}`, refuse: "belongs to Kubernetes"},
		"a group inside an object":                  {config: ProviderConfig{UserClaim: "sub", GroupsClaim: "realm_access.roles"}, claims: `{"sub":"a","realm_access":{"roles":["r"]}}`, user: "oidc:a oidc:r"},
		"a claim whose name has dots":               {config: ProviderConfig{UserClaim: "sub", GroupsClaim: "https://x.y/groups"}, claims: `{"sub":"a","https://x.y/groups":["r"]}`, user: "oidc:a oidc:r"},
		"groups that are no names":                  {config: ProviderConfig{UserClaim: "sub"}, claims: `{"sub":"a","groups":[{"x":1}]}`, refuse: "want names"},
		"groups that are an object":                 {config: ProviderConfig{UserClaim: "sub"}, claims: `{"sub":"a","groups":{"x":1}}`, refuse: "want names"},
		"too many groups":                           {config: ProviderConfig{UserClaim: "sub"}, claims: `{"sub":"a","groups":` + string(many) + `}`, refuse: "more than"},
		"a name with a line break":                  {config: ProviderConfig{UserClaim: "sub"}, claims: `{"sub":"a\nb"}`, refuse: "cannot be one"},
		"a name that has no end":                    {config: ProviderConfig{UserClaim: "sub"}, claims: `{"sub":"` + strings.Repeat("a", 300) + `"}`, refuse: "cannot be one"},
		"groups that are said elsewhere":            {config: ProviderConfig{UserClaim: "sub"}, claims: `{"sub":"a","_claim_names":{"groups":"src1"}}`, refuse: "too many"},
		"groups without a name":                     {config: ProviderConfig{UserClaim: "sub"}, claims: `{"sub":"a","groups":["",  "g"]}`, user: "oidc:a oidc:g"},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Name, c.config.Issuer, c.config.ClientID = "P", "https://p.example", "plumb"
			config, err := c.config.complete()
			if err != nil {
				t.Fatal(err)
			}
			claims := map[string]any{}
			if err := json.Unmarshal([]byte(c.claims), &claims); err != nil {
				t.Fatal(err)
			}
			u, left, err := config.person(claims)
			if c.refuse != "" {
				if !fault.Is(err, fault.AuthenticationFailed) || !strings.Contains(err.Error(), c.refuse) {
					t.Errorf("%+v, %v; want %q", u, err, c.refuse)
				}
				return
			}
			left = slices.DeleteFunc(left, func(g string) bool { return g == "" })
			if got := strings.Join(append([]string{u.Name}, u.Groups...), " "); err != nil || got != c.user || strings.Join(left, " ") != c.left {
				t.Errorf("%q, left out %q, %v; want %q, %q", got, left, err, c.user, c.left)
			}
		})
	}
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	const good = "name: P\n  issuer: https://p.example\n  clientID: plumb\n"
	for name, c := range map[string]struct{ text, says string }{
		"a field that does not exist": {"provider: []", "unknown field"},
		"no issuer":                   {"providers:\n- name: P\n  clientID: x", "the issuer"},
		"an issuer without TLS":       {"providers:\n- name: P\n  clientID: x\n  issuer: http://p.example", "want https"},
		"no client":                   {"providers:\n- name: P\n  issuer: https://p.example", "clientID"},
		"no name":                     {"providers:\n- issuer: https://p.example", "no name"},
		"two of one name":             {"providers:\n- " + good + "- " + good, "is taken"},
		"the token's own id":          {"providers:\n- id: token\n  " + good, "is taken"},
		"an id that is no path":       {"providers:\n- id: a/b\n  " + good, "small letters"},
		"a name without letters":      {"providers:\n- name: '***'\n  issuer: https://p.example\n  clientID: x", "small letters"},
		"a prefix of Kubernetes":      {"providers:\n- groupsPrefix: 'system:'\n  " + good, "belongs to Kubernetes"},
		"a time below zero":           {"idle: -1h", "above zero"},
		"a time that is none":         {"idle: soon", "soon"},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := ParseConfig([]byte(c.text), "/etc/plumb")
			if err == nil {
				config.PublicURL = "https://plumb.example.com"
				_, err = config.complete()
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
	c, err := ParseConfig([]byte("idle: 30m\nproviders:\n- clientSecretFile: client-secret\n  caFile: /etc/ca.pem\n  "+good), "/etc/plumb")
	if err != nil || c.Providers[0].ClientSecretFile != "/etc/plumb/client-secret" || c.Providers[0].CAFile != "/etc/ca.pem" {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := c.complete(); err == nil || !strings.Contains(err.Error(), "publicURL") {
		t.Errorf("without a public address: %v", err)
	}
	c.PublicURL = "https://plumb.example.com"
	c, err = c.complete()
	if p := c.Providers[0]; err != nil || p.ID != "p" || p.UserPrefix != "oidc:" || fmt.Sprint(c.Idle.Duration, c.Longest.Duration) != "30m0s 24h0m0s" {
		t.Errorf("%+v, %v", c, err)
	}
}
