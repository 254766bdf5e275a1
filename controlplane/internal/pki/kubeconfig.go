package pki

import (
	"os"

	"k8s.io/client-go/tools/clientcmd"
	api "k8s.io/client-go/tools/clientcmd/api"
)

// contextName is the name of the only context, cluster and user in the kubeconfigs written here.
const contextName = "plumb"

// WriteKubeconfig writes a self-contained kubeconfig to file: the client certificate name at the server URL.
func (d *Dir) WriteKubeconfig(file, server, name string) error {
	crt, err := os.ReadFile(d.Path(name + ".crt"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(d.Path(name + ".key"))
	if err != nil {
		return err
	}
	return d.write(file, server, &api.AuthInfo{ClientCertificateData: crt, ClientKeyData: key})
}

// WriteTokenKubeconfig is WriteKubeconfig with a bearer token.
func (d *Dir) WriteTokenKubeconfig(file, server, token string) error {
	return d.write(file, server, &api.AuthInfo{Token: token})
}

func (d *Dir) write(file, server string, user *api.AuthInfo) error {
	ca, err := os.ReadFile(d.Path("ca.crt"))
	if err != nil {
		return err
	}
	config := api.NewConfig()
	config.Clusters[contextName] = &api.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[contextName] = user
	config.Contexts[contextName] = &api.Context{Cluster: contextName, AuthInfo: contextName}
	config.CurrentContext = contextName
	return clientcmd.WriteToFile(*config, file)
}
