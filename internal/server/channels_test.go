package server_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/notify/courier"
	"plumb.cd/plumb/internal/notify/outbox"
	"plumb.cd/plumb/internal/server"
)

// chats are two channels, of which that of team-b is in trouble.
type chats struct{ tested []string }

func (c *chats) Snapshots(context.Context) ([]courier.Snapshot, error) {
	return []courier.Snapshot{
		{Namespace: "team-a", Name: "chat", Type: "Slack", Target: "hooks.slack.com", Record: outbox.Record{Sent: now, Waiting: 2, Dead: 1, Dropped: 3}},
		{Namespace: "team-b", Name: "chat", Type: "Teams", Err: &fault.Error{Reason: fault.CredentialsMissing, Message: "the Secret does not exist", Where: "Secret/chat"}},
	}, nil
}

func (c *chats) Snapshot(context.Context, string, string) (courier.Snapshot, bool, error) {
	return courier.Snapshot{}, false, nil
}

func (c *chats) Test(_ context.Context, namespace, name string) error {
	c.tested = append(c.tested, namespace+"/"+name)
	switch name {
	case "chat":
		return nil
	case "broken":
		return &fault.Error{Reason: fault.DeliveryRefused, Message: "hooks.slack.com answered 404 Not Found: no_service", Next: "correct the address in the Secret"}
	}
	return courier.ErrUnknown
}

func chatting(t *testing.T) (*desk, *chats) {
	t.Helper()
	d, c := newDesk(t), &chats{}
	srv := httptest.NewServer(server.New(server.Options{
		Engine: d.engine, Access: staff, Intents: d.wishes, History: d.history, Registry: prometheus.NewRegistry(), Changes: d.changes,
		Version: "v1", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), Channels: server.ChannelOptions{Channels: c},
	}))
	t.Cleanup(srv.Close)
	d.http = srv
	return d, c
}

func TestChannelsAreListedToWhoMayListThem(t *testing.T) {
	d, _ := chatting(t)
	for _, c := range []struct{ who, query, want string }{
		{"ann", "", "team-a/chat"},
		{"zoe", "", "team-a/chat team-b/chat"},
		{"zoe", "?namespace=team-b", "team-b/chat"},
		{"ann", "?namespace=team-b", ""},
		{"eve", "", ""},
	} {
		code, body := d.call(c.who, http.MethodGet, "/api/v1/channels"+c.query, "")
		var list httpapi.List[httpapi.Channel]
		if err := json.Unmarshal([]byte(body), &list); err != nil || code != http.StatusOK || list.Items == nil {
			t.Errorf("%s%s: %d %s %v", c.who, c.query, code, body, err)
		}
		var got []string
		for _, one := range list.Items {
			got = append(got, one.Namespace+"/"+one.Name)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s%s sees %q, want %q", c.who, c.query, s, c.want)
		}
	}
	_, body := d.call("zoe", http.MethodGet, "/api/v1/channels", "")
	if !strings.Contains(body, `"waiting":2,"sent":"2026-03-01T12:00:00Z","dead":1,"dropped":3`) || !strings.Contains(body, `"reason":"CredentialsMissing"`) {
		t.Error(body)
	}
}

func TestAChannelIsTestedByWhoMayEditIt(t *testing.T) {
	d, c := chatting(t)
	for _, one := range []struct {
		who, channel string
		code         int
		body         string // a part of it
	}{
		{"ann", "team-a/chat", http.StatusOK, `{"ok":true}`},
		{"ann", "team-a/broken", http.StatusOK, `"ok":false,"problem":{"status":0,"reason":"DeliveryRefused","message":"hooks.slack.com answered 404 Not Found: no_service"`},
		{"ann", "team-a/nobody", http.StatusNotFound, "there is no team-a/nobody"},
		{"ann", "team-b/chat", http.StatusNotFound, "there is no team-b/chat"},
		{"bob", "team-a/chat", http.StatusForbidden, "may not update"},
		{"eve", "team-a/chat", http.StatusNotFound, ""},
		{"", "team-a/chat", http.StatusUnauthorized, ""},
	} {
		code, body := d.call(one.who, http.MethodPost, "/api/v1/channels/"+one.channel+"/test", "")
		if code != one.code || !strings.Contains(body, one.body) {
			t.Errorf("%s tests %s: %d %s", one.who, one.channel, code, body)
		}
	}
	if got := strings.Join(c.tested, " "); got != "team-a/chat team-a/broken team-a/nobody" {
		t.Errorf("tested were %s", got)
	}
}

func TestWithoutNotificationsThereAreNoChannels(t *testing.T) {
	d := newDesk(t)
	if code, body := d.call("zoe", http.MethodGet, "/api/v1/channels", ""); code != http.StatusOK || !strings.Contains(body, `"items":[]`) {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := d.call("ann", http.MethodPost, "/api/v1/channels/team-a/chat/test", ""); code != http.StatusNotFound {
		t.Errorf("%d", code)
	}
}
