// Package telemetry sends traces of deployments to an OpenTelemetry collector (OTLP over HTTP), as the standard OTEL_*
// variables say. It is off unless an endpoint is named there. It never blocks: what the collector does not take is dropped.
package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Traces sends traces. The nil *Traces sends none.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// scope names what makes the spans.
const scope = "plumb.cd/plumb"

// Wanted reports whether the environment asks for traces, and refuses what it asks for and we cannot do.
func Wanted(getenv func(string) string) (bool, error) {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	switch exporter := getenv("OTEL_TRACES_EXPORTER"); exporter {
	case "", "otlp":
	case "none":
		return false, nil
	default:
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER=%s: only otlp and none are known", exporter)
	}
	if getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" && getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		return false, nil
	}
	protocol := getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	if protocol != "" && protocol != "http/protobuf" {
		return false, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL=%s: only http/protobuf is known", protocol)
	}
	return true, nil
}

// Start begins to send, where the environment asks for it; else it gives nil. The collector need not be there: it is
// tried with each batch, and told of in the log at most once a minute. getenv must be the process's own: the exporter
// reads the endpoint, headers, certificates and limits from there.
func Start(ctx context.Context, getenv func(string) string, version string, now func() time.Time, log *slog.Logger) (*Traces, error) {
	wanted, err := Wanted(getenv)
	if err != nil || !wanted {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("setting up traces: %w", err)
	}
	// The environment comes last: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "plumb"), attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("setting up traces: %w", err)
	}
	otel.SetErrorHandler(&complaints{log: log, now: now})
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Traces{provider: provider, tracer: provider.Tracer(scope, trace.WithInstrumentationVersion(version))}, nil
}

// Close sends what is left, until ctx ends.
func (t *Traces) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// complaints logs what the exporter has to say, once a minute at most.
type complaints struct {
	log  *slog.Logger
	now  func() time.Time
	mu   sync.Mutex
	last time.Time
}

const complainEvery = time.Minute

func (c *complaints) Handle(err error) {
	c.mu.Lock()
	now := c.now()
	quiet := now.Sub(c.last) < complainEvery
	if !quiet {
		c.last = now
	}
	c.mu.Unlock()
	if !quiet {
		c.log.Warn("traces could not be sent; they are dropped", "err", err)
	}
}
