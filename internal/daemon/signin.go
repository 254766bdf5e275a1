package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/cli"
	"plumb.cd/plumb/internal/server"
	"plumb.cd/plumb/internal/signin"
	"plumb.cd/plumb/ui"
)

// security is what the API needs for people at browsers: sign-in, sessions and the console.
func security(o cli.DaemonOptions, who *access, hub client.Client, log *slog.Logger) (server.SecurityOptions, error) {
	var out server.SecurityOptions
	config, err := signInConfig(o.SignIn, log)
	if err != nil {
		return out, err
	}
	store, err := sessionStore(o, hub)
	if err != nil {
		return out, err
	}
	out.SignIn, err = signin.New(signin.Options{Config: config, Store: store, Now: time.Now, Log: log, Owner: who.owner})
	if err != nil || o.SignIn.NoConsole {
		return out, err
	}
	console, err := ui.New(out.SignIn.Front().Base)
	if err != nil {
		return out, err
	}
	if !console.Built() {
		log.Info("this program was built without the console")
	}
	out.Console = http.Handler(console)
	return out, nil
}

// owner is Authenticate for sessions.
func (a *access) owner(ctx context.Context, token string) (signin.User, error) {
	u, err := a.Authenticate(ctx, token)
	return signin.User(u), err
}

// signInConfig reads the file; what the command line says goes before it. A file that is not there, in a directory that is
// (an optional Secret that nobody made), says nothing.
func signInConfig(o cli.SignInOptions, log *slog.Logger) (signin.Config, error) {
	var c signin.Config
	if o.File != "" {
		raw, err := os.ReadFile(o.File)
		if errors.Is(err, fs.ErrNotExist) {
			if _, there := os.Stat(filepath.Dir(o.File)); there == nil {
				log.Info("there is no sign-in configuration", "file", o.File)
				err = nil
			}
		}
		if err != nil {
			return c, fmt.Errorf("the sign-in configuration: %w", err)
		}
		if c, err = signin.ParseConfig(raw, filepath.Dir(o.File)); err != nil {
			return c, fmt.Errorf("%s: %w", o.File, err)
		}
	}
	if o.PublicURL != "" {
		c.PublicURL, c.BasePath = o.PublicURL, ""
	}
	if o.BasePath != "" {
		c.BasePath = o.BasePath
	}
	if len(o.TrustedProxies) > 0 {
		c.TrustedProxies = o.TrustedProxies
	}
	return c, nil
}

func sessionStore(o cli.DaemonOptions, hub client.Client) (signin.Store, error) {
	switch o.SignIn.Sessions {
	case "", "files":
		return signin.OpenDir(filepath.Join(o.Dir, "sessions"))
	case "secrets":
		return secrets{hub, o.Namespace}, nil
	}
	return nil, fmt.Errorf("sessions are kept in files or in secrets, not in %q", o.SignIn.Sessions)
}
