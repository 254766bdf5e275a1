package cli

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"

	"plumb.cd/plumb/internal/httpapi"
)

// fetch reads one list of the API.
func fetch[T any](ctx context.Context, e *env, path string, q url.Values) (httpapi.List[T], error) {
	var list httpapi.List[T]
	ctx, cancel := e.withTimeout(ctx, 0)
	defer cancel()
	c, err := e.connect(ctx)
	if err != nil {
		return list, err
	}
	defer c.close()
	return list, cause(ctx, c.do(ctx, http.MethodGet, path+"?"+q.Encode(), nil, &list))
}

func (e *env) getRepositories(ctx context.Context) error {
	q := url.Values{}
	if e.namespace != "" {
		q.Set("namespace", e.namespace)
	}
	list, err := fetch[httpapi.Repository](ctx, e, "/api/v1/repositories", q)
	if err != nil {
		return err
	}
	return e.print(list, func() error {
		var rows [][]string
		for _, r := range list.Items {
			state, message := "Ready", ""
			if p := r.Problem; p != nil {
				state, message = p.Reason, p.Message
			}
			rows = append(rows, []string{
				r.Namespace + "/" + r.Name, state, strconv.Itoa(r.Apps), age(e.Now(), r.Checked), age(e.Now(), r.Changed), r.URL, clip(plain(message), 90),
			})
		}
		return e.rows([]string{"REPOSITORY", "STATE", "APPS", "CHECKED", "CHANGED", "URL", "MESSAGE"}, rows)
	})
}

func (e *env) getClusters(ctx context.Context) error {
	list, err := fetch[httpapi.Cluster](ctx, e, "/api/v1/clusters", nil)
	if err != nil {
		return err
	}
	return e.print(list, func() error {
		var rows [][]string
		for _, t := range list.Items {
			state, message := "Connecting", ""
			if t.Connected {
				state = "Ready"
			}
			if p := t.Problem; p != nil {
				state, message = p.Reason, p.Message
			}
			rows = append(rows, []string{
				t.Name, state, age(e.Now(), t.Since), cmp.Or(t.Version, "-"), strconv.Itoa(t.Objects), clip(plain(message), 90),
			})
		}
		return e.rows([]string{"CLUSTER", "STATE", "SINCE", "VERSION", "OBJECTS", "MESSAGE"}, rows)
	})
}
