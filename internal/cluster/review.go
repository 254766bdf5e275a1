package cluster

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumb.cd/plumb/internal/object"
)

// User is who a token belongs to.
type User struct {
	Name   string
	UID    string
	Groups []string
}

// Attributes are what somebody wants to do.
type Attributes struct {
	Verb      string
	Group     string
	Resource  string
	Namespace string // empty: cluster-wide, or in all namespaces
	Name      string // empty: any
}

// TokenReview asks the API server whose token it is. A token that it does not accept gives the zero User.
func (c *Cluster) TokenReview(ctx context.Context, token string) (User, error) {
	answer, err := c.review(ctx, "authentication.k8s.io", "TokenReview", map[string]any{"token": token})
	if err != nil {
		return User{}, err
	}
	if ok, _, _ := unstructured.NestedBool(answer, "status", "authenticated"); !ok {
		return User{}, nil
	}
	var u User
	u.Name, _, _ = unstructured.NestedString(answer, "status", "user", "username")
	u.UID, _, _ = unstructured.NestedString(answer, "status", "user", "uid")
	u.Groups, _, _ = unstructured.NestedStringSlice(answer, "status", "user", "groups")
	return u, nil
}

// CanI asks the API server (by SubjectAccessReview) whether u may do it, and why.
func (c *Cluster) CanI(ctx context.Context, u User, a Attributes) (allowed bool, reason string, err error) {
	groups := make([]any, 0, len(u.Groups))
	for _, g := range u.Groups {
		groups = append(groups, g)
	}
	answer, err := c.review(ctx, "authorization.k8s.io", "SubjectAccessReview", map[string]any{
		"user": u.Name, "uid": u.UID, "groups": groups,
		"resourceAttributes": map[string]any{
			"verb": a.Verb, "group": a.Group, "resource": a.Resource, "namespace": a.Namespace, "name": a.Name,
		},
	})
	if err != nil {
		return false, "", err
	}
	allowed, _, _ = unstructured.NestedBool(answer, "status", "allowed")
	reason, _, _ = unstructured.NestedString(answer, "status", "reason")
	return allowed, reason, nil
}

// review creates an object that is an answer and is not stored.
func (c *Cluster) review(ctx context.Context, group, kind string, spec map[string]any) (map[string]any, error) {
	gvk := schema.GroupVersionKind{Group: group, Version: "v1", Kind: kind}
	obj := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	obj.SetGroupVersionKind(gvk)
	body, err := obj.MarshalJSON()
	if err != nil {
		return nil, err
	}
	m, err := c.Mapping(ctx, gvk)
	if err != nil {
		return nil, err
	}
	r := c.rest.Post().AbsPath("/apis", group, gvk.Version, m.Resource.Resource).SetHeader("Content-Type", "application/json").Body(body)
	answer, err := c.send(ctx, r, about(gvk, object.ID{Group: group, Kind: kind}))
	if err != nil {
		return nil, err
	}
	return answer.Object, nil
}
