package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"plumb.cd/plumb/internal/engine"
	"plumb.cd/plumb/internal/fault"
	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/httpapi"
	"plumb.cd/plumb/internal/notify/courier"
)

// Channels is the courier, as the API needs it.
type Channels interface {
	Snapshots(ctx context.Context) ([]courier.Snapshot, error)
	Snapshot(ctx context.Context, namespace, name string) (courier.Snapshot, bool, error)
	Test(ctx context.Context, namespace, name string) error
}

// ChannelOptions are what notifications need.
type ChannelOptions struct {
	Channels Channels // nil: there are none
}

// channelResource is the resource of Channels, in rights.
const channelResource = "channels"

type channelQuery struct {
	Namespace string `query:"namespace" doc:"only those of this namespace"`
}

func (s *Server) channelCalls() []operation {
	return []operation{
		{
			method: "GET", path: "/api/v1/channels", needs: signedIn, query: channelQuery{}, answer: httpapi.List[httpapi.Channel]{},
			doc:    "Lists the Channels of the namespaces in which the reader may list Channels. Hosts are shown, addresses and credentials never.",
			handle: s.channels,
		},
		{
			method: "POST", path: "/api/v1/channels/{namespace}/{name}/test", needs: on(channelResource, "update"), answer: httpapi.ChannelTest{},
			doc:    "Sends a test through a Channel, now, and answers with what the receiver said. It takes the verb update on the Channel.",
			handle: s.testChannel,
		},
	}
}

func (s *Server) channels(c *call) error {
	q, err := queryOf[channelQuery](c)
	if err != nil {
		return err
	}
	out := httpapi.List[httpapi.Channel]{Items: []httpapi.Channel{}}
	if s.o.Channels.Channels == nil {
		return c.reply(out)
	}
	all, err := s.o.Channels.Channels.Snapshots(c.Context())
	if err != nil {
		return err
	}
	may := map[string]bool{}
	for _, one := range all {
		if q.Namespace != "" && q.Namespace != one.Namespace {
			continue
		}
		ok, asked := may[one.Namespace]
		if !asked {
			right := Right{Verb: "list", Resource: channelResource, Key: engine.Key{Namespace: one.Namespace}}
			if ok, err = s.o.Access.Allowed(c.Context(), c.user(), right); err != nil {
				return err
			}
			may[one.Namespace] = ok
		}
		if ok {
			out.Items = append(out.Items, channelView(one))
		}
	}
	out.Total = len(out.Items)
	return c.reply(out)
}

func channelView(s courier.Snapshot) httpapi.Channel {
	return httpapi.Channel{
		Namespace: s.Namespace, Name: s.Name, Type: s.Type, Target: s.Target, Waiting: s.Waiting, Sent: s.Sent,
		Dead: s.Dead, Dropped: s.Dropped, Problem: channelProblem(s.Err),
	}
}

func channelProblem(err error) *httpapi.Problem {
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	return &httpapi.Problem{Reason: string(f.Reason), Message: f.Message, Where: f.Where, Next: f.Next}
}

// testChannel answers with the receiver's words: that the test failed is an answer, not an error of the call.
func (s *Server) testChannel(c *call) error {
	if s.o.Channels.Channels == nil {
		return errAbsent(channelResource, c.key)
	}
	err := s.o.Channels.Channels.Test(c.Context(), c.key.Namespace, c.key.Name)
	switch {
	case errors.Is(err, courier.ErrUnknown):
		return errAbsent(channelResource, c.key)
	case c.Context().Err() != nil:
		return Problem{Status: http.StatusRequestTimeout, Message: "the reader went away"}
	}
	return c.reply(httpapi.ChannelTest{OK: err == nil, Problem: channelProblem(err)})
}

// FilterRow is an App as filters see it in lists: a Channel chooses Apps in the same way.
func FilterRow(s engine.Snapshot, f engine.RowFacts) *filter.Row {
	a := indexed(s, f)
	row := filter.Fold(&a.Row)
	row.Message, row.Images = strings.ToLower(a.Message), nil
	for _, image := range a.Images {
		row.Images = append(row.Images, strings.ToLower(image))
	}
	return &row
}
