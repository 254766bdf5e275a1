package deliver_test

import (
	"encoding/json"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/notify"
	"plumb.cd/plumb/internal/notify/deliver"
)

// sent gives what a channel of type typ posts for m.
func sent(t *testing.T, typ deliver.Type, m notify.Message) map[string]any {
	t.Helper()
	s, got := server(t, ok)
	if err := open(t, deliver.Config{Type: typ, URL: deliver.Secret(s.URL)}, options).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal((<-got).body, &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// texts are the strings below v, by the type of the element that holds them.
func texts(v any, out map[string][]string) map[string][]string {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			texts(e, out)
		}
	case map[string]any:
		kind, _ := v["type"].(string)
		if s, ok := v["text"].(string); ok {
			out[kind] = append(out[kind], s)
		}
		for _, e := range v {
			texts(e, out)
		}
	}
	return out
}

func TestSlackReadsNoMarkupInWhatCommitsSay(t *testing.T) {
	body := sent(t, deliver.Slack, message())
	kinds := texts(body["blocks"], map[string][]string{})
	for kind := range kinds {
		if kind != "plain_text" && kind != "text" && kind != "link" {
			t.Errorf("a text of type %s, which Slack reads as markup", kind)
		}
	}
	if got := kinds["text"]; len(got) != 1 || got[0] != message().Text {
		t.Errorf("%q", got)
	}
	fallback := body["text"].(string)
	for _, bad := range []string{"<!channel>", "@everyone", "<script>"} {
		if strings.Contains(fallback, bad) {
			t.Errorf("%q in the fallback %q", bad, fallback)
		}
	}
	if body["mrkdwn"] != false || body["parse"] != "none" || body["unfurl_links"] != false {
		t.Errorf("%v", body)
	}
}

func TestTeamsGetsACardWithoutMarkup(t *testing.T) {
	body := sent(t, deliver.Teams, message())
	attachment := body["attachments"].([]any)[0].(map[string]any)
	if body["type"] != "message" || attachment["contentType"] != "application/vnd.microsoft.card.adaptive" {
		t.Errorf("%v", body)
	}
	kinds := texts(attachment["content"], map[string][]string{})
	if len(kinds["TextBlock"]) > 0 || len(kinds["TextRun"]) != 3 {
		t.Errorf("%q", kinds)
	}
	for _, s := range kinds["TextRun"] {
		if strings.Contains(s, "@everyone") {
			t.Errorf("a mention in %q", s)
		}
	}
}

func TestLongMessagesFitTheirReceivers(t *testing.T) {
	m := message()
	m.Title, m.Text = strings.Repeat("t", 1000), strings.Repeat("a line of text\n", 10_000)
	slack, err := json.Marshal(sent(t, deliver.Slack, m))
	if err != nil || len(slack) > 12_000 {
		t.Errorf("Slack gets %d bytes, %v", len(slack), err)
	}
	teams, err := json.Marshal(sent(t, deliver.Teams, m))
	if err != nil || len(teams) > 28_000 {
		t.Errorf("Teams gets %d bytes, %v", len(teams), err)
	}
}

func TestALinkIsOnlyToOneApp(t *testing.T) {
	m := message()
	m.Count = 2
	raw, err := json.Marshal(sent(t, deliver.Slack, m))
	if err != nil || strings.Contains(string(raw), `"link"`) {
		t.Errorf("%s, %v", raw, err)
	}
}
