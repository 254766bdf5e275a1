package cli

import "github.com/spf13/pflag"

// SignInOptions say how browsers reach the daemon and sign in to it.
type SignInOptions struct {
	File           string   // providers and limits of sessions; empty: no providers
	PublicURL      string   // these three go before what the file says
	BasePath       string   //
	TrustedProxies []string //
	TLSCert        string   // files; empty: plain HTTP
	TLSKey         string   //
	Sessions       string   // "files" below Dir, or "secrets" in the daemon's namespace, which several replicas share
	NoConsole      bool     // the API alone
}

func (o *SignInOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.File, "sign-in", "", "file that names OpenID Connect providers, see docs/sign-in.md")
	f.StringVar(&o.PublicURL, "public-url", "", "address of this Plumb as people type it, e.g. https://plumb.example.com")
	f.StringVar(&o.BasePath, "base-path", "", "path below which everything is served (default: that of --public-url)")
	f.StringSliceVar(&o.TrustedProxies, "trusted-proxies", nil, "networks whose X-Forwarded-For and X-Forwarded-Proto are believed")
	f.StringVar(&o.TLSCert, "tls-cert", "", "certificate file to serve TLS with; read again when it changes")
	f.StringVar(&o.TLSKey, "tls-key", "", "key file of --tls-cert")
	f.StringVar(&o.Sessions, "sessions", "files", "where sessions are kept: files (below --dir), or secrets (in --lease-namespace, for several replicas)")
	f.BoolVar(&o.NoConsole, "no-console", false, "serve the API alone")
}

// scheme of the address that the daemon listens on.
func (o SignInOptions) scheme() string {
	if o.TLSCert != "" {
		return "https://"
	}
	return "http://"
}
