package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"plumb.cd/plumb/internal/fault"
)

func restConfig(cfg Config) (*rest.Config, error) {
	switch {
	case cfg.RESTConfig != nil:
		return cfg.RESTConfig, nil
	case len(cfg.Kubeconfig) > 0:
		return fromKubeconfig(cfg.Kubeconfig, cfg.TrustKubeconfig)
	case cfg.InCluster:
		rc, err := rest.InClusterConfig()
		if err != nil {
			return nil, &fault.Error{Class: fault.Blocked, Reason: fault.CredentialsMissing, Err: err,
				Message: "no service account of a Pod: " + err.Error()}
		}
		return rc, nil
	}
	return nil, badKubeconfig(errNoConfig)
}

func fromKubeconfig(data []byte, trusted bool) (*rest.Config, error) {
	config, err := clientcmd.Load(data)
	if err != nil {
		// The parser's message may quote the input, which holds credentials.
		return nil, badKubeconfig(errors.New("it is not a kubeconfig"))
	}
	if !trusted {
		if err := selfContained(config); err != nil {
			return nil, badKubeconfig(err)
		}
	}
	rc, err := clientcmd.NewDefaultClientConfig(*config, nil).ClientConfig()
	if err != nil {
		return nil, badKubeconfig(err)
	}
	return rc, nil
}

func badKubeconfig(err error) error {
	return &fault.Error{Class: fault.Invalid, Reason: fault.InvalidSpec, Err: err,
		Message: "the kubeconfig cannot be used: " + err.Error(),
		Next:    "give a kubeconfig that holds its certificates and token itself (kubectl config view --flatten --minify)"}
}

// selfContained refuses a kubeconfig that would run a program or read a file here: whoever wrote it need not be whoever
// runs this process.
func selfContained(config *api.Config) error {
	for name, user := range config.AuthInfos {
		switch {
		case user.Exec != nil:
			return fmt.Errorf("user %q names a program to run (exec)", name)
		case user.AuthProvider != nil:
			return fmt.Errorf("user %q uses an auth-provider", name)
		case cmp.Or(user.TokenFile, user.ClientCertificate, user.ClientKey) != "":
			return fmt.Errorf("user %q refers to a file", name)
		}
	}
	for name, cluster := range config.Clusters {
		if cluster.CertificateAuthority != "" {
			return fmt.Errorf("cluster %q refers to a file", name)
		}
	}
	return nil
}

// LoadKubeconfig reads a person's kubeconfig as kubectl does: the file at path, or the usual places when path is empty.
// kubeContext chooses a context other than the current one. The bytes hold that context alone, files included;
// namespace is the context's ("default" when it names none).
func LoadKubeconfig(path, kubeContext string) (data []byte, namespace string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	client := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: kubeContext})
	raw, err := client.RawConfig()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", &fault.Error{Class: fault.Blocked, Reason: fault.CredentialsMissing, Err: err,
			Message: "no kubeconfig at " + path, Next: "name another with --kubeconfig"}
	}
	if err != nil {
		return nil, "", badKubeconfig(err)
	}
	raw.CurrentContext = cmp.Or(kubeContext, raw.CurrentContext)
	if raw.Contexts[raw.CurrentContext] == nil {
		return nil, "", noContext(raw)
	}
	if err := api.MinifyConfig(&raw); err != nil {
		return nil, "", badKubeconfig(err)
	}
	if err := api.FlattenConfig(&raw); err != nil {
		return nil, "", badKubeconfig(err)
	}
	if data, err = clientcmd.Write(raw); err != nil {
		return nil, "", badKubeconfig(err)
	}
	return data, cmp.Or(raw.Contexts[raw.CurrentContext].Namespace, "default"), nil
}

func noContext(raw api.Config) error {
	if raw.CurrentContext == "" {
		return &fault.Error{Class: fault.Blocked, Reason: fault.CredentialsMissing,
			Message: "no kubeconfig, or none of its contexts is current", Next: "set KUBECONFIG, or name a file with --kubeconfig"}
	}
	return &fault.Error{Class: fault.Invalid, Reason: fault.InvalidSpec,
		Message: fmt.Sprintf("the kubeconfig has no context %q", raw.CurrentContext), Next: "kubectl config get-contexts"}
}
