package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/server"
)

// views keeps saved views as ConfigMaps of one namespace, one a user. The name is a digest: user names are no names of
// objects.
type views struct {
	hub       client.Client
	namespace string
}

const (
	viewLabel  = "plumb.cd/views"
	viewUser   = "plumb.cd/user" // annotation: whose they are
	viewPrefix = "plumb-views-"
	viewData   = "views.json"
	viewWhere  = "ConfigMap of saved views"
)

func (v views) key(user string) client.ObjectKey {
	sum := sha256.Sum256([]byte(user))
	return client.ObjectKey{Namespace: v.namespace, Name: viewPrefix + hex.EncodeToString(sum[:20])}
}

// Views reads those of a user. A ConfigMap that somebody damaged counts as an empty one.
func (v views) Views(ctx context.Context, user string) ([]httpapi.View, string, error) {
	var got corev1.ConfigMap
	err := v.hub.Get(ctx, v.key(user), &got)
	if apierrors.IsNotFound(err) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", classify(viewWhere, err)
	}
	var out []httpapi.View
	if got.Annotations[viewUser] != user || json.Unmarshal([]byte(got.Data[viewData]), &out) != nil {
		out = nil
	}
	slices.SortFunc(out, func(a, b httpapi.View) int { return strings.Compare(a.Name, b.Name) }) // people edit ConfigMaps
	return out, got.ResourceVersion, nil
}

// KeepViews writes them, if what is there is what was read.
func (v views) KeepViews(ctx context.Context, user, version string, all []httpapi.View) error {
	raw, err := json.Marshal(all)
	if err != nil {
		return err
	}
	key := v.key(user)
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, Name: key.Name, ResourceVersion: version,
			Labels:      map[string]string{viewLabel: "true", "app.kubernetes.io/part-of": "plumb"},
			Annotations: map[string]string{viewUser: user},
		},
		Data: map[string]string{viewData: string(raw)},
	}
	switch {
	case version == "" && len(all) == 0:
		return nil
	case version == "":
		err = v.hub.Create(ctx, object)
	case len(all) == 0:
		err = v.hub.Delete(ctx, object, client.Preconditions{ResourceVersion: &version})
	default:
		err = v.hub.Update(ctx, object)
	}
	if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) || version != "" && apierrors.IsNotFound(err) {
		return server.ErrStale
	}
	return classify(viewWhere, err)
}
