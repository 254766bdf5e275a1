package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/object"
)

// PortForward opens a port on loopback that leads to a port of a Pod: the newest ready one that the label selector
// finds. address is "127.0.0.1:PORT"; stop ends it and waits.
func (c *Cluster) PortForward(ctx context.Context, namespace, selector string, port int) (address string, stop func(), err error) {
	pod, err := c.readyPod(ctx, namespace, selector)
	if err != nil {
		return "", nil, err
	}
	dialer, err := c.forwardDialer(pod)
	if err != nil {
		return "", nil, err
	}
	end, ready := make(chan struct{}), make(chan struct{})
	pf, err := portforward.NewOnAddressesForStreaming(dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, end, ready, io.Discard, io.Discard)
	if err != nil {
		return "", nil, classify(err, about(podKind, pod))
	}
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		failed = pf.ForwardPorts()
	}()
	stop = sync.OnceFunc(func() {
		close(end)
		<-done
	})
	select {
	case <-ready:
	case <-done:
		return "", nil, classify(failed, about(podKind, pod))
	case <-ctx.Done():
		stop()
		return "", nil, classify(ctx.Err(), about(podKind, pod))
	}
	ports, err := pf.GetPorts()
	if err != nil || len(ports) == 0 {
		stop()
		return "", nil, classify(err, about(podKind, pod))
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local), stop, nil
}

func (c *Cluster) forwardDialer(pod object.ID) (httpstream.Dialer, error) {
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, classify(err, about(podKind, pod))
	}
	base, err := url.Parse(c.config.Host)
	if err != nil {
		return nil, classify(err, about(podKind, pod))
	}
	if base.Scheme == "" { // a bare host:port
		base = &url.URL{Scheme: "https", Host: c.config.Host}
	}
	target := base.JoinPath("api", "v1", "namespaces", pod.Namespace, "pods", pod.Name, "portforward")
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	web, err := portforward.NewSPDYOverWebsocketDialerForStreaming(target, c.config)
	if err != nil {
		return nil, classify(err, about(podKind, pod))
	}
	return portforward.NewFallbackDialerForStreaming(web, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

func (c *Cluster) readyPod(ctx context.Context, namespace, selector string) (object.ID, error) {
	const enough = 100
	all, err := c.List(ctx, podKind, namespace, selector, enough)
	if err != nil {
		return object.ID{}, err
	}
	all = slices.DeleteFunc(all, func(u *unstructured.Unstructured) bool { return !podReady(u) })
	if len(all) == 0 {
		return object.ID{}, &fault.Error{Class: fault.Blocked, Reason: fault.ClusterUnreachable, Err: object.ErrNotFound,
			Message: fmt.Sprintf("no Pod with the labels %s is ready in the namespace %q", selector, namespace)}
	}
	newest := slices.MaxFunc(all, func(a, b *unstructured.Unstructured) int {
		return a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time)
	})
	return object.ID{Kind: "Pod", Namespace: newest.GetNamespace(), Name: newest.GetName()}, nil
}

func podReady(u *unstructured.Unstructured) bool {
	if u.GetDeletionTimestamp() != nil {
		return false
	}
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(e any) bool {
		m, _ := e.(map[string]any)
		return m["type"] == "Ready" && m["status"] == string(metav1.ConditionTrue)
	})
}
