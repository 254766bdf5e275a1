package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"

	"plumb.cd/plumb/internal/fault"
)

// PortForward opens a port of this machine's loopback to a port of a running Pod that the selector finds. stop ends it.
func (c *Cluster) PortForward(ctx context.Context, namespace, selector string, port int) (address string, stop func(), err error) {
	pods, err := c.List(ctx, podKind, namespace, selector, 50)
	if err != nil {
		return "", nil, err
	}
	name := ""
	for _, p := range pods {
		if status, ok := p.Object["status"].(map[string]any); ok && status["phase"] == "Running" && p.GetDeletionTimestamp() == nil {
			name = p.GetName()
			break
		}
	}
	if name == "" {
		return "", nil, &fault.Error{
			Class: fault.Blocked, Reason: fault.ClusterUnreachable,
			Message: fmt.Sprintf("no running Pod with %s in namespace %s", selector, namespace),
		}
	}
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return "", nil, err
	}
	url := c.rest.Post().AbsPath("/api/v1/namespaces", namespace, "pods", name, "portforward").URL()
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	done, ready := make(chan struct{}), make(chan struct{})
	var problems strings.Builder
	fw, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf(":%d", port)}, done, ready, io.Discard, &problems)
	if err != nil {
		return "", nil, err
	}
	failed := make(chan error, 1)
	go func() { failed <- fw.ForwardPorts() }()
	select {
	case <-ctx.Done():
		close(done)
		return "", nil, ctx.Err()
	case err := <-failed:
		return "", nil, &fault.Error{
			Class: fault.Transient, Reason: fault.ClusterUnreachable, Message: fmt.Sprintf("the port-forward to Pod %s/%s failed: %v", namespace, name, err), Err: err,
		}
	case <-ready:
	}
	ports, err := fw.GetPorts()
	if err != nil {
		close(done)
		return "", nil, err
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local), func() { close(done) }, nil
}
