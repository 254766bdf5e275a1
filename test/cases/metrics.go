package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	pods        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	services    = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
)

const metricsAPI = "/apis/metrics.k8s.io/v1beta1"

// startMetrics serves the metrics of Pods, without which an autoscaler never becomes healthy: every container uses next
// to nothing. The function that it returns ends that.
func (l *lab) startMetrics(ctx context.Context) (stop func(), err error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+metricsAPI, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1",
			"resources": []any{map[string]any{
				"name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": []any{"get", "list"},
			}},
		})
	})
	mux.HandleFunc("GET "+metricsAPI+"/namespaces/{namespace}/pods", l.podMetrics)
	server := httptest.NewTLSServer(mux)
	at, err := url.Parse(server.URL)
	if err != nil {
		return server.Close, err
	}
	port, err := strconv.ParseInt(at.Port(), 10, 64)
	if err != nil {
		return server.Close, err
	}
	service := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "metrics"},
		"spec": map[string]any{"type": "ExternalName", "externalName": "localhost", "ports": []any{map[string]any{"port": port}}},
	}}
	if _, err := l.client.Resource(services).Namespace("kube-system").Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return server.Close, err
	}
	registration := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": "v1beta1.metrics.k8s.io"},
		"spec": map[string]any{
			"group": "metrics.k8s.io", "version": "v1beta1", "insecureSkipTLSVerify": true,
			"groupPriorityMinimum": int64(100), "versionPriority": int64(100),
			"service": map[string]any{"namespace": "kube-system", "name": "metrics", "port": port},
		},
	}}
	_, err = l.client.Resource(apiServices).Create(ctx, registration, metav1.CreateOptions{})
	return server.Close, err
}

func (l *lab) podMetrics(w http.ResponseWriter, r *http.Request) {
	namespace := r.PathValue("namespace")
	list, err := l.client.Resource(pods).Namespace(namespace).List(r.Context(), metav1.ListOptions{LabelSelector: r.URL.Query().Get("labelSelector")})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	items := []any{}
	for _, p := range list.Items {
		var used []any
		containers, _, _ := unstructured.NestedSlice(p.Object, "spec", "containers")
		for _, c := range containers {
			if c, ok := c.(map[string]any); ok {
				used = append(used, map[string]any{"name": c["name"], "usage": map[string]any{"cpu": "1m", "memory": "1Mi"}})
			}
		}
		items = append(items, map[string]any{
			"metadata":  map[string]any{"name": p.GetName(), "namespace": namespace, "labels": p.GetLabels()},
			"timestamp": time.Now().UTC().Format(time.RFC3339), "window": "1s", "containers": used,
		})
	}
	answer(w, map[string]any{"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": map[string]any{}, "items": items})
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // a reader that went away asks again
}
