package notify

import (
	"fmt"
	"strings"
	"time"
)

// MaxApps is how many subjects a message names; the others are counted.
const MaxApps = 10

// Message is what is sent: plain text, which each way of delivery puts into its own form. Nothing in it is markup, and
// nothing in it is a credential.
type Message struct {
	ID       string    `json:"id"` // the same at each try
	Event    Event     `json:"event"`
	At       time.Time `json:"at"` // of the first event in it
	Title    string    `json:"title"`
	Text     string    `json:"text"`
	Count    int       `json:"count"`
	Items    []Item    `json:"items,omitempty"` // at most MaxApps
	Reason   string    `json:"reason,omitempty"`
	Message  string    `json:"message,omitempty"`
	Next     string    `json:"next,omitempty"`
	Again    bool      `json:"again,omitempty"`    // it was told before, and lasts
	Flaps    bool      `json:"flaps,omitempty"`    // it comes and goes
	Dropped  int64     `json:"dropped,omitempty"`  // events before this one that were not taken in
	Verbatim bool      `json:"verbatim,omitempty"` // Text is the whole body of a webhook
	Status   *Status   `json:"status,omitempty"`   // for a commit status: all else is empty
}

// Item is one subject in a message.
type Item struct {
	Kind      Kind   `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Cluster   string `json:"cluster,omitempty"`
	State     string `json:"state,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Message   string `json:"message,omitempty"`
	Next      string `json:"next,omitempty"`
	Object    string `json:"object,omitempty"`
	File      string `json:"file,omitempty"`
	Commit    Commit `json:"commit,omitzero"`
	Link      string `json:"link,omitempty"` // to the console
}

// Gathered is a group of notices of one cause, ready to be told.
type Gathered struct {
	ID      string
	Event   Event
	Again   bool
	Flaps   bool
	At      time.Time
	Count   int
	Facts   []Facts // the first ones
	Dropped int64
}

// Surroundings are what a message says besides the facts.
type Surroundings struct {
	Channel string // namespace/name
	Console string // address of the console, without a slash at its end; empty: no links
}

const (
	maxTitle   = 200
	maxField   = 1000
	maxMessage = 4000
)

// Write makes the message of a group, with the channel's template. What a failing template would have said is said in
// the built-in form: an alarm is not lost by a typing error.
func Write(g Gathered, t *Template, s Surroundings) Message {
	m := Message{ID: g.ID, Event: g.Event, At: g.At, Count: g.Count, Again: g.Again, Flaps: g.Flaps, Dropped: g.Dropped}
	for i, f := range g.Facts {
		if i == MaxApps {
			break
		}
		m.Items = append(m.Items, item(g.Event, f, s))
	}
	if len(m.Items) > 0 {
		m.Reason, m.Message, m.Next = m.Items[0].Reason, m.Items[0].Message, m.Items[0].Next
	}
	m.Title, m.Text = title(m), text(m)
	if t == nil {
		return m
	}
	own, err := t.apply(m, s)
	if err != nil {
		m.Text += "\n\nThe template of " + s.Channel + " failed, this is the built-in form: " + Cut(OneLine(err.Error()), 300)
		return m
	}
	return own
}

func item(e Event, f Facts, s Surroundings) Item {
	if e == RolledBack {
		f.Message, f.Reason = f.RolledBackWhy, string(RolledBack)
	}
	i := Item{
		Kind: f.Kind, Namespace: f.Namespace, Name: f.Name, Cluster: f.Cluster, State: f.State, Reason: f.Reason,
		Message: Cut(Plain(f.Message), maxMessage), Next: Cut(OneLine(f.Next), maxField), Object: Cut(OneLine(f.Object), maxField),
		File: Cut(OneLine(f.File), maxField), Commit: f.Commit,
	}
	i.Commit.Subject = Cut(OneLine(f.Commit.Subject), 200)
	i.Commit.Author = Cut(OneLine(f.Commit.Author), 100)
	i.Commit.Ref = Cut(OneLine(f.Commit.Ref), 200)
	if s.Console != "" && f.Kind == App {
		i.Link = s.Console + "/a/" + f.Namespace + "/" + f.Name // names have no character that a path must escape
	}
	return i
}

// phrases are what an event says of one subject, and of many.
var phrases = map[Event][2]string{
	Deployed:              {"%s was deployed", "%d Apps were deployed"},
	Failed:                {"%s failed", "%d Apps failed"},
	Degraded:              {"%s is degraded", "%d Apps are degraded"},
	Drifted:               {"%s drifted", "%d Apps drifted"},
	Fight:                 {"%s yields to another manager", "%d Apps yield to another manager"},
	WaitingForApproval:    {"%s waits for approval", "%d Apps wait for approval"},
	RolledBack:            {"%s was rolled back", "%d Apps were rolled back"},
	Recovered:             {"%s recovered", "%d recovered"},
	RepositoryUnreachable: {"Repository %s cannot be reached", "%d Repositories cannot be reached"},
	ClusterUnreachable:    {"Cluster %s cannot be reached", "%d Clusters cannot be reached"},
	Test:                  {"A test from Plumb: %s", "%d tests"},
}

func title(m Message) string {
	p := phrases[m.Event]
	var out string
	switch {
	case m.Count == 1 && len(m.Items) == 1:
		name := Subject{Namespace: m.Items[0].Namespace, Name: m.Items[0].Name}.String()
		if m.Event == ClusterUnreachable && m.Items[0].Kind == App {
			p[0] = "%s is out of sight: its cluster cannot be reached"
		}
		out = fmt.Sprintf(p[0], name)
	default:
		if m.Event == ClusterUnreachable && len(m.Items) > 0 && m.Items[0].Kind == App {
			p[1] = "%d Apps are out of sight: their cluster cannot be reached"
		}
		out = fmt.Sprintf(p[1], m.Count)
	}
	if m.Again {
		out += " (still)"
	}
	if m.Flaps {
		out += " (comes and goes)"
	}
	return Cut(out, maxTitle)
}

// text is the built-in form: the message, and a line for each subject.
func text(m Message) string {
	var b strings.Builder
	if m.Message != "" {
		b.WriteString(m.Message + "\n")
	}
	if m.Count == 1 && len(m.Items) == 1 {
		one(&b, m.Items[0])
	} else {
		many(&b, m)
	}
	if m.Next != "" {
		b.WriteString("Next: " + m.Next + "\n")
	}
	if m.Flaps {
		b.WriteString("It comes and goes. Its recoveries are not told, and this once an hour, until it stays well for an hour.\n")
	}
	if m.Dropped > 0 {
		fmt.Fprintf(&b, "%d events before this one were not told: too many messages waited.\n", m.Dropped)
	}
	return strings.TrimRight(b.String(), "\n")
}

func one(b *strings.Builder, i Item) {
	line := func(name, value string) {
		if value != "" {
			b.WriteString(name + ": " + value + "\n")
		}
	}
	line("Object", i.Object)
	line("File", i.File)
	line("Cluster", i.Cluster)
	line("Commit", commit(i.Commit))
	line("Reason", i.Reason)
}

func commit(c Commit) string {
	if c.SHA == "" {
		return ""
	}
	out := ShortSHA(c.SHA)
	if c.Subject != "" {
		out += " " + c.Subject
	}
	if c.Author != "" {
		out += ", by " + c.Author
	}
	return out
}

func many(b *strings.Builder, m Message) {
	if m.Event == Deployed && len(m.Items) > 0 {
		if c := commit(m.Items[0].Commit); c != "" {
			b.WriteString("Commit: " + c + "\n")
		}
	}
	if m.Reason != "" {
		b.WriteString("Reason: " + m.Reason + "\n")
	}
	for _, i := range m.Items {
		b.WriteString("- " + Subject{Namespace: i.Namespace, Name: i.Name}.String())
		if i.Cluster != "" {
			b.WriteString(" on " + i.Cluster)
		}
		b.WriteString("\n")
	}
	if more := m.Count - len(m.Items); more > 0 {
		fmt.Fprintf(b, "and %d more\n", more)
	}
}

// Sample is a message of a test.
func Sample(id string, at time.Time, t *Template, s Surroundings) Message {
	namespace, name, _ := strings.Cut(s.Channel, "/")
	g := Gathered{ID: id, Event: Test, At: at, Count: 1, Facts: []Facts{{
		Subject: Subject{Kind: App, Namespace: namespace, Name: name}, State: "Synced", Reason: "Synced",
		Message: "This is a test of Channel " + s.Channel + ". Nothing happened.",
	}}}
	m := Write(g, t, s)
	for i := range m.Items {
		m.Items[i].Link = ""
	}
	return m
}
