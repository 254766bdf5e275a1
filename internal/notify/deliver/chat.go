package deliver

import (
	"strings"
	"unicode"

	"plumb.cd/plumb/internal/notify"
)

// What comes from Git and from clusters is put where the receivers read no markup at all: Slack's rich_text elements and
// Teams' TextRuns are literal. Only Slack's fallback text, which other receivers of its format show, is escaped.

const (
	slackTitle = 150  // characters of a header block
	slackText  = 2900 // below the 3,000 of a text
	teamsLines = 60
	teamsText  = 8000 // a card has 28 kB
)

type object = map[string]any

func slackBody(m notify.Message) any {
	blocks := []any{
		object{"type": "header", "text": object{"type": "plain_text", "text": notify.Cut(m.Title, slackTitle), "emoji": false}},
	}
	if m.Text != "" {
		blocks = append(blocks, object{"type": "rich_text", "elements": []any{
			object{"type": "rich_text_section", "elements": []any{object{"type": "text", "text": notify.Cut(m.Text, slackText)}}},
		}})
	}
	if u := link(m); u != "" {
		blocks = append(blocks, object{"type": "rich_text", "elements": []any{
			object{"type": "rich_text_section", "elements": []any{object{"type": "link", "url": u, "text": "Open in Plumb"}}},
		}})
	}
	return object{
		"text": slackEscape(notify.Cut(m.Title+"\n"+m.Text, slackText)), "blocks": blocks,
		"mrkdwn": false, "parse": "none", "link_names": 0, "unfurl_links": false, "unfurl_media": false,
	}
}

var slackEntities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// slackEscape keeps a text from being read as a mention, a link or a command.
func slackEscape(s string) string { return slackEntities.Replace(noMention(s)) }

// noMention puts a character that shows nothing behind each @ that begins a word: no receiver then finds somebody to
// call. Addresses of e-mail stay as they are.
func noMention(s string) string {
	var b strings.Builder
	before := ' '
	for _, r := range s {
		b.WriteRune(r)
		if r == '@' && !unicode.IsLetter(before) && !unicode.IsDigit(before) {
			b.WriteRune('\u2060')
		}
		before = r
	}
	return b.String()
}

// link leads to the App that the message is about, if it is one.
func link(m notify.Message) string {
	if m.Count == 1 && len(m.Items) == 1 {
		return m.Items[0].Link
	}
	return ""
}

// teamsBody is an Adaptive Card, as a workflow that was made by "when a Teams webhook request is received" takes it.
func teamsBody(m notify.Message) any {
	body := []any{run(m.Title, object{"size": "Medium", "weight": "Bolder", "color": colour(m.Event)})}
	for i, line := range strings.Split(notify.Cut(m.Text, teamsText), "\n") {
		if i == teamsLines {
			body = append(body, run("…", nil))
			break
		}
		if line != "" {
			body = append(body, run(line, nil))
		}
	}
	card := object{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body}
	if u := link(m); u != "" {
		card["actions"] = []any{object{"type": "Action.OpenUrl", "title": "Open in Plumb", "url": u}}
	}
	return object{"type": "message", "attachments": []any{
		object{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card},
	}}
}

// run is a paragraph of literal text.
func run(text string, style object) object {
	inline := object{"type": "TextRun", "text": noMention(text)}
	for k, v := range style {
		inline[k] = v
	}
	return object{"type": "RichTextBlock", "inlines": []any{inline}}
}

func colour(e notify.Event) string {
	switch e {
	case notify.Deployed, notify.Recovered:
		return "Good"
	case notify.Failed, notify.Degraded, notify.RepositoryUnreachable, notify.ClusterUnreachable:
		return "Attention"
	case notify.Drifted, notify.Fight, notify.RolledBack, notify.WaitingForApproval:
		return "Warning"
	case notify.Test:
	}
	return "Default"
}
