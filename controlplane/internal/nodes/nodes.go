// Package nodes makes the simulated nodes and lets KWOK keep them alive: their status, conditions and leases.
package nodes

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Max is how many nodes there can be: their Pod networks, a /18 each, come out of 10.128.0.0/9.
const Max = 512

// KubeletPort is the port that every node advertises for its kubelet.
const KubeletPort = 10250

var (
	addresses = netip.MustParsePrefix("10.64.0.0/16")
	podRange  = netip.MustParseAddr("10.128.0.0")
)

// IsAddress reports whether a is in the range of node addresses.
func IsAddress(a netip.Addr) bool { return addresses.Contains(a) }

// Create creates the nodes 0..n-1 that do not exist yet.
func Create(ctx context.Context, client kubernetes.Interface, n int) error {
	for i := range n {
		_, err := client.CoreV1().Nodes().Create(ctx, node(i), metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// AllReady reports whether at least n nodes are ready and take Pods.
func AllReady(ctx context.Context, client kubernetes.Interface, n int) (bool, error) {
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return false, err
	}
	ready := 0
	for _, node := range list.Items {
		if len(node.Spec.Taints) == 0 && isReady(node.Status.Conditions) {
			ready++
		}
	}
	return ready >= n, nil
}

func isReady(conditions []corev1.NodeCondition) bool {
	for _, c := range conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func node(i int) *corev1.Node {
	name := fmt.Sprintf("node-%d", i)
	cidr := podCIDR(i)
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("1000"),
		corev1.ResourceMemory:           resource.MustParse("4Ti"),
		corev1.ResourceEphemeralStorage: resource.MustParse("100Ti"),
		corev1.ResourcePods:             resource.MustParse("16000"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
			Labels: map[string]string{
				corev1.LabelArchStable:          "amd64",
				corev1.LabelOSStable:            "linux",
				corev1.LabelHostname:            name,
				corev1.LabelTopologyRegion:      "local",
				corev1.LabelTopologyZone:        fmt.Sprintf("local-%c", 'a'+rune(i%3)),
				"node-role.kubernetes.io/agent": "",
			},
		},
		Spec: corev1.NodeSpec{PodCIDR: cidr, PodCIDRs: []string{cidr}},
		Status: corev1.NodeStatus{
			Allocatable: capacity,
			Capacity:    capacity,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: address(i).String()},
				{Type: corev1.NodeHostName, Address: name},
			},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: KubeletPort}},
		},
	}
}

func address(i int) netip.Addr {
	b := addresses.Addr().As4()
	b[2], b[3] = byte((i+1)>>8), byte(i+1)
	return netip.AddrFrom4(b)
}

func podCIDR(i int) string {
	b := podRange.As4()
	b[1] += byte(i >> 2)
	b[2] = byte(i << 6)
	return netip.PrefixFrom(netip.AddrFrom4(b), 18).String()
}
