// Package install makes the manifest that puts Plumb into a cluster, and applies it.
package install

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"text/template"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/yaml"

	"plumb.cd/plumb/config"
)

// DefaultNamespace is where Plumb lives unless told otherwise.
const DefaultNamespace = "plumb-system"

// Options of an installation.
type Options struct {
	// Image of the daemon. Empty leaves the daemon out: definitions, roles and policies only, for one that runs elsewhere.
	Image string
	// Namespace for the daemon; empty means DefaultNamespace.
	Namespace string
	// Storage is the size of a volume for the history ("10Gi"). Empty keeps it as long as the Pod lives.
	Storage string
}

var imageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,510}$`)

func (o Options) complete() (Options, error) {
	if o.Namespace == "" {
		o.Namespace = DefaultNamespace
	}
	if problems := validation.IsDNS1123Label(o.Namespace); len(problems) > 0 {
		return o, fmt.Errorf("namespace %q: %s", o.Namespace, problems[0])
	}
	if o.Image != "" && !imageName.MatchString(o.Image) {
		return o, fmt.Errorf("image %q is no image reference", o.Image)
	}
	if o.Storage != "" {
		q, err := resource.ParseQuantity(o.Storage)
		if err != nil || q.Sign() <= 0 {
			return o, fmt.Errorf("storage %q is no size like 10Gi", o.Storage)
		}
		o.Storage = q.String()
	}
	return o, nil
}

//go:embed manifests/*.yaml
var manifests embed.FS

// Manifest is one YAML stream for kubectl apply, in the order in which it must be applied. It has no custom resource of
// ours: kubectl would look for their kinds before it has created them. The daemon knows its own cluster without.
func Manifest(o Options) ([]byte, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	names := []string{"namespace", "", "rbac", "policies", "workload"} // "": the definitions
	if o.Image == "" {
		names = names[:len(names)-1]
	}
	var out bytes.Buffer
	for i, name := range names {
		if i > 0 {
			out.WriteString("---\n")
		}
		if name == "" {
			out.Write(bytes.TrimPrefix(CRDs(), []byte("---\n")))
			continue
		}
		t, err := template.ParseFS(manifests, "manifests/"+name+".yaml")
		if err != nil {
			return nil, err
		}
		if err := t.Execute(&out, o); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// CRDs are the custom resource definitions as one YAML stream.
func CRDs() []byte {
	var out []byte
	names, _ := fs.Glob(config.CRDs, "crd/*.yaml") // the pattern is well formed
	for _, name := range names {
		b, _ := config.CRDs.ReadFile(name) // it was just listed
		out = append(out, b...)
	}
	return out
}

// Objects are the objects of a YAML stream, in its order.
func Objects(stream []byte) ([]*unstructured.Unstructured, error) {
	d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(stream), 4096)
	var out []*unstructured.Unstructured
	for {
		u := &unstructured.Unstructured{}
		if err := d.Decode(&u.Object); err != nil {
			if errors.Is(err, io.EOF) {
				return slices.Clip(out), nil
			}
			return nil, fmt.Errorf("reading the manifest: %w", err)
		}
		if len(u.Object) > 0 {
			out = append(out, u)
		}
	}
}
