package signin

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Config says how people sign in, in a file (plumb run --sign-in FILE). Every field may be left out.
type Config struct {
	PublicURL      string           `json:"publicURL,omitempty"`      // Plumb's own address, as people type it; providers need it
	BasePath       string           `json:"basePath,omitempty"`       // default: that of publicURL
	TrustedProxies []string         `json:"trustedProxies,omitempty"` // networks whose X-Forwarded-For and X-Forwarded-Proto count
	Providers      []ProviderConfig `json:"providers,omitempty"`
	Idle           Duration         `json:"idle,omitzero"`    // a session that nobody uses ends after this long; default 8h
	Longest        Duration         `json:"longest,omitzero"` // every session ends after this long; default 24h

	front Front
}

// ProviderConfig is one OpenID Connect provider.
type ProviderConfig struct {
	Name             string   `json:"name"`                       // on the sign-in page
	ID               string   `json:"id,omitempty"`               // in addresses; default: the name in small letters
	Issuer           string   `json:"issuer"`                     // https; http for loopback only
	ClientID         string   `json:"clientID"`                   //
	ClientSecretFile string   `json:"clientSecretFile,omitempty"` // read at each sign-in; none: a public client
	CAFile           string   `json:"caFile,omitempty"`           // certificates to trust beside the system's
	Scopes           []string `json:"scopes,omitempty"`           // default: openid and, of email, profile, groups, offline_access, what the provider has
	UserClaim        string   `json:"userClaim,omitempty"`        // default email
	UserPrefix       string   `json:"userPrefix,omitempty"`       // default "oidc:"; "-" is none
	GroupsClaim      string   `json:"groupsClaim,omitempty"`      // default groups; dots lead into objects
	GroupsPrefix     string   `json:"groupsPrefix,omitempty"`     // default "oidc:"; "-" is none
	EmailDomains     []string `json:"emailDomains,omitempty"`     // only addresses of these; default: any
	EndSession       bool     `json:"endSession,omitempty"`       // signing out of Plumb leads to the provider's sign-out too
	TrustEmail       bool     `json:"trustEmail,omitempty"`       // the provider gives only addresses that it has verified, and does not say so
}

// Duration is written as in Go: 8h, 30m.
type Duration struct{ time.Duration }

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	d.Duration, err = time.ParseDuration(string(text))
	return err
}

// ParseConfig reads the file of the sign-in. Relative paths in it begin at dir. Unknown fields are refused.
func ParseConfig(raw []byte, dir string) (Config, error) {
	var c Config
	if err := yaml.UnmarshalStrict(raw, &c); err != nil {
		return c, fmt.Errorf("the sign-in configuration: %w", err)
	}
	for i := range c.Providers {
		for _, path := range []*string{&c.Providers[i].ClientSecretFile, &c.Providers[i].CAFile} {
			if *path != "" && !filepath.IsAbs(*path) {
				*path = filepath.Join(dir, *path)
			}
		}
	}
	return c, nil
}

// newFront reads what is said of the way in: the public address, the base path (default: that of the address) and the
// networks of trusted proxies.
func newFront(public, base string, proxies []string) (Front, error) {
	f := Front{Base: base}
	if public != "" {
		u, err := url.Parse(strings.TrimRight(public, "/"))
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return f, fmt.Errorf("the public address %q: want something like https://plumb.example.com", public)
		}
		f.Public = u
		if base == "" {
			f.Base = u.Path
		} else if strings.Trim(base, "/") != strings.Trim(u.Path, "/") {
			return f, fmt.Errorf("the base path %q is not that of the public address %s", base, public)
		}
	}
	f.Base = "/" + strings.Trim(f.Base, "/") + "/"
	if f.Base == "//" {
		f.Base = "/"
	}
	if !basePath.MatchString(f.Base) {
		return f, fmt.Errorf("the base path %q: want letters, digits, dots, dashes and slashes", base)
	}
	for _, text := range proxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, alone := netip.ParseAddr(text)
			if alone != nil {
				return f, fmt.Errorf("trusted proxy %q: want an address or a network like 10.0.0.0/8", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		f.Trusted = append(f.Trusted, p.Masked())
	}
	return f, nil
}

var (
	basePath   = regexp.MustCompile(`^/([A-Za-z0-9_-][A-Za-z0-9._-]*/)*$`)
	providerID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$`)
	notInID    = regexp.MustCompile(`[^a-z0-9]+`)
)

const (
	defaultIdle    = 8 * time.Hour
	defaultLongest = 24 * time.Hour
	defaultPrefix  = "oidc:"
	noPrefix       = "-"
)

func (c Config) complete() (Config, error) {
	var err error
	if c.front, err = newFront(c.PublicURL, c.BasePath, c.TrustedProxies); err != nil {
		return c, err
	}
	if c.Idle.Duration == 0 {
		c.Idle.Duration = defaultIdle
	}
	if c.Longest.Duration == 0 {
		c.Longest.Duration = defaultLongest
	}
	if c.Idle.Duration < 0 || c.Longest.Duration < 0 {
		return c, fmt.Errorf("sign-in: idle and longest are durations above zero")
	}
	if len(c.Providers) > 0 && c.front.Public == nil {
		return c, fmt.Errorf("sign-in: providers send people back to Plumb's public address: give publicURL, or --public-url")
	}
	c.Providers = slices.Clone(c.Providers)
	seen := map[string]bool{tokenWay: true}
	for i := range c.Providers {
		p, err := c.Providers[i].complete()
		if err != nil {
			return c, fmt.Errorf("sign-in provider %q: %w", c.Providers[i].Name, err)
		}
		if seen[p.ID] {
			return c, fmt.Errorf("sign-in provider %q: the id %q is taken", p.Name, p.ID)
		}
		seen[p.ID] = true
		c.Providers[i] = p
	}
	return c, nil
}

func (p ProviderConfig) complete() (ProviderConfig, error) {
	if p.ID == "" {
		p.ID = strings.Trim(notInID.ReplaceAllString(strings.ToLower(p.Name), "-"), "-")
	}
	u, err := url.Parse(p.Issuer)
	switch {
	case p.Name == "":
		return p, fmt.Errorf("it has no name")
	case !providerID.MatchString(p.ID):
		return p, fmt.Errorf("the id %q: want small letters, digits and dashes", p.ID)
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return p, fmt.Errorf("the issuer %q: want its address, as the provider writes it", p.Issuer)
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return p, fmt.Errorf("the issuer %q: want https", p.Issuer)
	case p.ClientID == "":
		return p, fmt.Errorf("it has no clientID")
	}
	if p.UserClaim == "" {
		p.UserClaim = "email"
	}
	if p.GroupsClaim == "" {
		p.GroupsClaim = "groups"
	}
	for _, prefix := range []*string{&p.UserPrefix, &p.GroupsPrefix} {
		switch *prefix {
		case "":
			*prefix = defaultPrefix
		case noPrefix:
			*prefix = ""
		}
		if reserved(*prefix) {
			return p, fmt.Errorf("the prefix %q belongs to Kubernetes or to Plumb", *prefix)
		}
	}
	if len(p.Scopes) > 0 && !slices.Contains(p.Scopes, "openid") {
		p.Scopes = append([]string{"openid"}, p.Scopes...)
	}
	return p, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
