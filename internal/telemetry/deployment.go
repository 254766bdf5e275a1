package telemetry

import (
	"context"
	"encoding/hex"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"plumb.cd/plumb/internal/engine"
)

// Deployment sends the trace of one attempt: a root span "deployment" from the first thing that is known of it to its end,
// linked to its commit, and a span below it for each part. It never blocks.
func (t *Traces) Deployment(ctx context.Context, d engine.Trace) {
	if t == nil {
		return
	}
	began := d.Attempt.Started
	for _, s := range d.Spans {
		if s.Began.Before(began) {
			began = s.Began
		}
	}
	options := []trace.SpanStartOption{
		trace.WithNewRoot(), trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindInternal), trace.WithAttributes(about(d)...),
	}
	if link, ok := commitLink(commit(d)); ok {
		options = append(options, trace.WithLinks(link))
	}
	ctx, root := t.tracer.Start(ctx, "deployment", options...)
	for _, s := range d.Spans {
		t.part(ctx, s)
	}
	if d.Attempt.Outcome == "Failed" {
		root.SetStatus(codes.Error, string(d.Attempt.Reason))
		root.AddEvent("failed", trace.WithTimestamp(d.Attempt.Ended), trace.WithAttributes(attribute.String("message", clip(d.Attempt.Message))))
	}
	root.End(trace.WithTimestamp(d.Attempt.Ended))
}

func (t *Traces) part(ctx context.Context, s engine.Span) {
	var attributes []attribute.KeyValue
	switch s.Name {
	case engine.SpanApply:
		attributes = append(group(s), attribute.Int("plumb.steps", s.Steps))
	case engine.SpanWait:
		attributes = group(s)
	}
	_, span := t.tracer.Start(ctx, s.Name, trace.WithTimestamp(s.Began), trace.WithAttributes(attributes...))
	span.End(trace.WithTimestamp(latest(s.Began, s.Ended)))
}

func group(s engine.Span) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.Int("plumb.group", s.Group), attribute.String("plumb.phase", string(s.Phase)), attribute.Int("plumb.wave", s.Wave),
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// about describes the attempt. Names are those of the documentation; those that OpenTelemetry has words for are its own.
func about(d engine.Trace) []attribute.KeyValue {
	out := []attribute.KeyValue{
		attribute.String("plumb.app.namespace", d.App.Namespace), attribute.String("plumb.app.name", d.App.Name),
		attribute.String("plumb.attempt", d.Attempt.ID), attribute.String("plumb.mode", string(d.Attempt.Mode)),
		attribute.String("plumb.outcome", d.Attempt.Outcome), attribute.String("plumb.bundle", string(d.Attempt.Bundle)),
	}
	for _, a := range []attribute.KeyValue{
		attribute.String("plumb.cluster", d.Facts.Cluster), attribute.String("plumb.trigger", string(d.Facts.Trigger)),
		attribute.String("plumb.reason", string(d.Attempt.Reason)), attribute.String("vcs.ref.head.revision", commit(d)),
		attribute.String("vcs.repository.url.full", repository(d)),
	} {
		if a.Value.AsString() != "" {
			out = append(out, a)
		}
	}
	if lead, ok := d.Facts.LeadTime(commit(d), d.Attempt.Ended); ok && d.Attempt.Outcome == "Succeeded" {
		out = append(out, attribute.Float64("plumb.lead_time_seconds", lead.Seconds()))
	}
	return out
}

func commit(d engine.Trace) string {
	if len(d.Attempt.Revisions) == 0 {
		return ""
	}
	return d.Attempt.Revisions[0].Commit
}

// repository is the address of the first source, without what may be secret in it.
func repository(d engine.Trace) string {
	if len(d.Attempt.Revisions) == 0 {
		return ""
	}
	u, err := url.Parse(d.Attempt.Revisions[0].URL)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// commitLink is the context that stands for a commit: the first 32 digits of its name are the trace, the last 16 the span.
// Whoever makes a span for the commit under these (a build, for example) finds the deployments that it led to.
func commitLink(sha string) (trace.Link, bool) {
	raw, err := hex.DecodeString(sha)
	if err != nil || len(raw) < 20 {
		return trace.Link{}, false
	}
	var id trace.TraceID
	var span trace.SpanID
	copy(id[:], raw)
	copy(span[:], raw[len(raw)-len(span):])
	c := trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span, Remote: true})
	return trace.Link{SpanContext: c, Attributes: []attribute.KeyValue{attribute.String("vcs.ref.head.revision", sha)}}, c.IsValid()
}

func clip(s string) string {
	const limit = 1000
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}
