package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

// PortForwardAnnotation, on a Pod, is the host:port that every port of the Pod is forwarded to. The host must be
// loopback: whoever may create a Pod must not be able to reach the network of this host through it.
const PortForwardAnnotation = "plumb.cd/port-forward-to"

const (
	forwardIdle    = 4 * time.Hour // as long as a kubelet
	forwardTimeout = 30 * time.Second
)

func (s *Server) portForward(w http.ResponseWriter, r *http.Request) {
	pod, err := s.runner.pods.Pods(r.PathValue("namespace")).Get(r.PathValue("pod"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	target, err := forwardTarget(pod.Annotations[PortForwardAnnotation])
	if err != nil {
		http.Error(w, fmt.Sprintf("pod %s/%s: %v", pod.Namespace, pod.Name, err), http.StatusBadRequest)
		return
	}
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, forwarder(target), pod.Name, string(pod.UID), options,
		forwardIdle, forwardTimeout, portforward.SupportedProtocols)
}

func forwardTarget(value string) (string, error) {
	if value == "" {
		return "", errors.New("simulated Pods have no ports; the annotation " + PortForwardAnnotation +
			" names a host:port of this host to forward to")
	}
	host, _, err := net.SplitHostPort(value)
	if err != nil {
		return "", fmt.Errorf("annotation %s: %w", PortForwardAnnotation, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fmt.Errorf("annotation %s: %s is not a loopback address", PortForwardAnnotation, host)
	}
	return value, nil
}

// forwarder is the host:port that everything is forwarded to.
type forwarder string

// PortForward copies between stream and the target until the target or the client closes.
func (f forwarder) PortForward(ctx context.Context, _, _ string, _ int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", string(f))
	if err != nil {
		return err
	}
	defer conn.Close()
	go func() {
		_, _ = io.Copy(conn, stream) // ends with the client, or when conn is closed below
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	}()
	_, err = io.Copy(stream, conn)
	return err
}
