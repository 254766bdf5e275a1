package harness

import (
	"encoding/json"
	"io"
	"net/http"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"plumb.cd/plumb/api/v1alpha1"
)

// Annotate writes an annotation of an App, past the API.
func (e *Env) Annotate(app, name, value string) {
	e.t.Helper()
	raw, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{name: value}}})
	if err != nil {
		e.t.Fatal(err)
	}
	a := e.ref(v1alpha1.GroupVersion.String(), "App", app)
	if err := e.hub.Patch(e.t.Context(), a, client.RawPatch("application/merge-patch+json", raw), client.FieldOwner("somebody")); err != nil {
		e.t.Fatal(err)
	}
}

// Read makes a reading call of the API with the local token and gives the answer as it came.
func (e *Env) Read(path string) (status int, body string) {
	e.t.Helper()
	res := e.Open(path)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

// Open is Read for a stream: the caller closes the body.
func (e *Env) Open(path string) *http.Response {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodGet, "http://"+e.Address()+path, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+localToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	return res
}
