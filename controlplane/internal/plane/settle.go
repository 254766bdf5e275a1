package plane

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumb.cd/plumb/controlplane/internal/nodes"
	"plumb.cd/plumb/controlplane/internal/supply"
)

// EngineNamespace and EngineAccount name the service account of the engine's kubeconfig.
const (
	EngineNamespace = "plumb-system"
	EngineAccount   = "plumb"
)

// engineBinding differs from anything that an installation of the engine creates.
const engineBinding = "plumb-controlplane-engine"

const (
	tokenLifetime = 365 * 24 * time.Hour
	settleTimeout = time.Minute
	settlePoll    = 15 * time.Millisecond
)

// settle fills the cluster with what it should have and waits until it is usable: the nodes are ready, the namespace
// "default" has its service account, and a Deployment becomes available.
func (p *Plane) settle(ctx context.Context) error {
	if err := nodes.Create(ctx, p.client, p.o.Nodes); err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	if err := supply.CreateClass(ctx, p.client); err != nil {
		return fmt.Errorf("storage class: %w", err)
	}
	if err := p.engineAccount(ctx); err != nil {
		return fmt.Errorf("account of the engine: %w", err)
	}
	err := until(ctx, "the nodes are ready", func() (bool, error) { return nodes.AllReady(ctx, p.client, p.o.Nodes) })
	if err != nil {
		return err
	}
	err = until(ctx, "the namespace default has a service account", func() (bool, error) {
		_, err := p.client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err == nil, ignore(err, apierrors.IsNotFound)
	})
	if err != nil || p.o.Nodes == 0 {
		return err
	}
	return p.probe(ctx)
}

// engineAccount makes the service account and writes its kubeconfig. It is subject to RBAC and to API Priority and
// Fairness as an engine in a Pod is.
func (p *Plane) engineAccount(ctx context.Context) error {
	core := p.client.CoreV1()
	_, err := core.Namespaces().Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: EngineNamespace}}, metav1.CreateOptions{})
	if ignore(err, apierrors.IsAlreadyExists) != nil {
		return err
	}
	accounts := core.ServiceAccounts(EngineNamespace)
	_, err = accounts.Create(ctx,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: EngineAccount}}, metav1.CreateOptions{})
	if ignore(err, apierrors.IsAlreadyExists) != nil {
		return err
	}
	_, err = p.client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: engineBinding},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{
			Kind: rbacv1.ServiceAccountKind, Namespace: EngineNamespace, Name: EngineAccount,
		}},
	}, metav1.CreateOptions{})
	if ignore(err, apierrors.IsAlreadyExists) != nil {
		return err
	}
	seconds := int64(tokenLifetime / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	token, err := accounts.CreateToken(ctx, EngineAccount, request, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	return p.keys.WriteTokenKubeconfig(p.EngineKubeconfig, p.Server, token.Status.Token)
}

// probe rolls out a Deployment and removes it: the controllers, the scheduler and the nodes work, whatever the state in
// the database says about them.
func (p *Plane) probe(ctx context.Context) error {
	const namespace, name = metav1.NamespaceDefault, "plumb-controlplane-probe"
	deployments := p.client.AppsV1().Deployments(namespace)
	pods := p.client.CoreV1().Pods(namespace)
	background := metav1.DeletePropagationBackground
	remove := func() error {
		err := deployments.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &background})
		return ignore(err, apierrors.IsNotFound)
	}
	if err := remove(); err != nil { // left by a process that was killed
		return err
	}
	labels := map[string]string{"app.kubernetes.io/name": name}
	err := until(ctx, "a Deployment can be created", func() (bool, error) {
		_, err := deployments.Create(ctx, probe(name, labels), metav1.CreateOptions{})
		return err == nil, ignore(err, apierrors.IsAlreadyExists)
	})
	if err != nil {
		return err
	}
	err = until(ctx, "a Deployment is available", func() (bool, error) {
		d, err := deployments.Get(ctx, name, metav1.GetOptions{})
		return err == nil && d.Status.ObservedGeneration == d.Generation && d.Status.AvailableReplicas == 1, err
	})
	if err != nil {
		return err
	}
	if err := remove(); err != nil {
		return err
	}
	return until(ctx, "the Pod of a deleted Deployment is gone", func() (bool, error) {
		list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(metav1.SetAsLabelSelector(labels))})
		return err == nil && len(list.Items) == 0, err
	})
}

func probe(name string, labels map[string]string) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: metav1.SetAsLabelSelector(labels),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					TerminationGracePeriodSeconds: new(int64),
					Containers:                    []corev1.Container{{Name: "probe", Image: "probe"}},
				},
			},
		},
	}
}

// until polls done until it says yes, returns an error, or ctx or the time is over. what completes "not within a
// minute: ".
func until(ctx context.Context, what string, done func() (bool, error)) error {
	limited, cancel := context.WithTimeoutCause(ctx, settleTimeout, fmt.Errorf("not within %v: %s", settleTimeout, what))
	defer cancel()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-limited.Done():
			return context.Cause(limited)
		case <-time.After(settlePoll):
		}
	}
}

// ignore returns nil for an error that is expected.
func ignore(err error, expected func(error) bool) error {
	if expected(err) {
		return nil
	}
	return err
}
