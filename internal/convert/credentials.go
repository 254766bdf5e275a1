package convert

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"plumb.cd/plumb/internal/chart"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/git"
)

// Keys of a Secret with credentials. The first of a list that is there counts.
var (
	userKeys     = []string{"username"}
	passwordKeys = []string{"password"}
	tokenKeys    = []string{"token", "bearerToken"}
	sshKeys      = []string{"identity", "ssh-privatekey", "sshPrivateKey"}
	hostKeys     = []string{"known_hosts"}
	caKeys       = []string{"ca.crt", "caFile"}
	dockerKeys   = []string{".dockerconfigjson"}
)

func first(data map[string][]byte, keys []string) []byte {
	for _, k := range keys {
		if v := data[k]; len(v) > 0 {
			return v
		}
	}
	return nil
}

// line is a value without the line break that editors and echo leave behind.
func line(b []byte) string { return strings.TrimRight(string(b), "\r\n") }

// credentials reads a Secret in any of the shapes in use, for the repository at address.
func credentials(name string, data map[string][]byte, address string) (git.Auth, chart.Auth, error) {
	data, err := secretData(name, data)
	if err != nil {
		return git.Auth{}, chart.Auth{}, err
	}
	a := git.Auth{
		Username:      line(first(data, userKeys)),
		Password:      line(first(data, passwordKeys)),
		Token:         line(first(data, tokenKeys)),
		SSHKey:        first(data, sshKeys),
		SSHKnownHosts: first(data, hostKeys),
		CA:            first(data, caKeys),
	}
	if config := first(data, dockerKeys); config != nil {
		if a.Username, a.Password, err = dockerLogin(name, config, address); err != nil {
			return git.Auth{}, chart.Auth{}, err
		}
	}
	switch {
	case a.Username == "" && a.Password == "" && a.Token == "" && len(a.SSHKey) == 0 && len(a.CA) == 0:
		return a, chart.Auth{}, lacks(name, "credentials: none of username, password, token, identity, ssh-privatekey, ca.crt and .dockerconfigjson is there")
	case isSSH(address) && len(a.SSHKey) == 0:
		return a, chart.Auth{}, lacks(name, "the key identity (or ssh-privatekey), which an ssh address needs")
	case isSSH(address) && len(a.SSHKnownHosts) == 0:
		return a, chart.Auth{}, lacks(name, "the key known_hosts: the server could not be told from an impostor")
	}
	return a, chartAuth(a), nil
}

// chartAuth has the credentials for a chart repository.
func chartAuth(a git.Auth) chart.Auth {
	return chart.Auth{Username: a.Username, Password: a.Password, Token: a.Token, CA: a.CA}
}

func isSSH(address string) bool {
	if scheme, _, ok := strings.Cut(address, "://"); ok {
		return scheme == "ssh"
	}
	user, rest, ok := strings.Cut(address, "@")
	return ok && !strings.Contains(user, "/") && strings.Contains(rest, ":")
}

func secretData(name string, data map[string][]byte) (map[string][]byte, error) {
	if data == nil {
		return nil, &fault.Error{
			Class: fault.Blocked, Reason: fault.CredentialsMissing, Where: "Secret/" + name,
			Message: "the Secret does not exist", Next: "create the Secret " + name,
		}
	}
	return data, nil
}

func lacks(name, what string) error {
	return &fault.Error{
		Class: fault.Blocked, Reason: fault.CredentialsMissing, Where: "Secret/" + name,
		Message: "the Secret lacks " + what, Next: "correct the Secret " + name,
	}
}

// dockerLogin finds the login for address in a docker configuration: the entry with the longest match of host and path.
func dockerLogin(name string, config []byte, address string) (user, password string, err error) {
	var c struct {
		Auths map[string]struct{ Username, Password, Auth string }
	}
	if json.Unmarshal(config, &c) != nil { // its error could show what is in the Secret
		return "", "", lacks(name, "a readable docker configuration under .dockerconfigjson")
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", "", invalid("spec.url", "not an address")
	}
	want, best := u.Host+u.Path, ""
	for key := range c.Auths {
		host := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://"), "/")
		if (want == host || strings.HasPrefix(want, host+"/")) && (best == "" || len(key) > len(best)) {
			best = key
		}
	}
	if best == "" {
		return "", "", lacks(name, "a login for "+u.Host)
	}
	login := c.Auths[best]
	if login.Username == "" && login.Auth != "" {
		plain, err := base64.StdEncoding.DecodeString(login.Auth)
		user, password, ok := strings.Cut(string(plain), ":")
		if err != nil || !ok {
			return "", "", lacks(name, "a readable login for "+u.Host)
		}
		return user, password, nil
	}
	return login.Username, login.Password, nil
}
