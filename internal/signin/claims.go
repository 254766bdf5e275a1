package signin

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"plumb.cd/plumb/internal/fault"
)

const (
	longestName = 256
	mostGroups  = 1000
)

// person turns a provider's claims into a user of Kubernetes. left are the groups that nobody may bring along.
//
// The rules are those of kube-apiserver's own OIDC, with two differences: prefixes are there unless turned off, and an
// address counts only when the provider says that it is verified.
func (p ProviderConfig) person(claims map[string]any) (u User, left []string, err error) {
	name, _ := claims[p.UserClaim].(string)
	if name == "" {
		return u, nil, unfit("the provider does not say who you are: the claim %q is missing", p.UserClaim)
	}
	if p.UserClaim == "email" || len(p.EmailDomains) > 0 {
		if err := p.address(claims); err != nil {
			return u, nil, err
		}
	}
	u.Name = p.UserPrefix + name
	if !fit(name) {
		return u, nil, unfit("the name that the provider gives cannot be one in Kubernetes")
	}
	if reserved(name) || reserved(u.Name) {
		return u, nil, unfit("the name %q belongs to Kubernetes or to Plumb; a provider cannot give it", name)
	}
	if elsewhere, _ := claims["_claim_names"].(map[string]any); elsewhere[p.GroupsClaim] != nil {
		return u, nil, unfit("the provider does not list your groups, because they are too many: let it give only those that matter to Plumb")
	}
	groups, err := namesOf(claim(claims, p.GroupsClaim))
	if err != nil {
		return u, nil, unfit("the claim %q: %v", p.GroupsClaim, err)
	}
	for _, g := range groups {
		if !fit(g) || reserved(g) || reserved(p.GroupsPrefix+g) {
			left = append(left, g)
			continue
		}
		u.Groups = append(u.Groups, p.GroupsPrefix+g)
	}
	slices.Sort(u.Groups)
	u.Groups = slices.Compact(u.Groups)
	return u, left, nil
}

// address checks the e-mail address that somebody signs in by.
func (p ProviderConfig) address(claims map[string]any) error {
	address, _ := claims["email"].(string)
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return unfit("the provider does not give your e-mail address")
	}
	verified, said := claims["email_verified"]
	if s, ok := verified.(string); ok { // some write "true"
		verified = s == "true"
	}
	switch {
	case said && verified != true:
		return unfit("your e-mail address is not verified at the provider")
	case !said && !p.TrustEmail:
		return unfit("the provider does not say whether your e-mail address is verified (trustEmail: true accepts that)")
	}
	if len(p.EmailDomains) > 0 && !slices.ContainsFunc(p.EmailDomains, func(d string) bool { return strings.EqualFold(d, address[at+1:]) }) {
		return unfit("addresses of %s may not sign in here", address[at+1:])
	}
	return nil
}

// reserved names are those that mean something to Kubernetes, or to Plumb itself.
func reserved(name string) bool {
	return strings.HasPrefix(name, "system:") || strings.HasPrefix(name, "plumb:")
}

func fit(name string) bool {
	return name != "" && len(name) <= longestName && !strings.ContainsFunc(name, func(c rune) bool { return unicode.IsControl(c) || c == unicode.ReplacementChar })
}

// claim finds a claim by its name or, where there is none of that name, by a path with dots.
func claim(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok {
		return v
	}
	head, rest, more := strings.Cut(name, ".")
	inner, ok := claims[head].(map[string]any)
	if !more || !ok {
		return nil
	}
	return claim(inner, rest)
}

// namesOf reads one name or a list of them.
func namesOf(v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		if len(v) > mostGroups {
			return nil, fmt.Errorf("%d groups are more than %d", len(v), mostGroups)
		}
		out := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, fmt.Errorf("want names of groups")
			}
			out = append(out, s)
		}
		return out, nil
	}
	return nil, fmt.Errorf("want names of groups")
}

// unfit refuses a person whom the provider did sign in.
func unfit(format string, args ...any) error {
	return &fault.Error{Class: fault.Invalid, Reason: fault.AuthenticationFailed, Message: fmt.Sprintf(format, args...), Next: "ask whoever runs the provider, or Plumb"}
}
