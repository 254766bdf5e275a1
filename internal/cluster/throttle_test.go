package cluster

import (
	"testing"

	"k8s.io/client-go/util/flowcontrol"

	"plumb.cd/plumb/internal/cptest"
)

// TestNothingThrottlesOnOurSide connects by a configuration that asks for client-go's own throttle.
func TestNothingThrottlesOnOurSide(t *testing.T) {
	t.Parallel()
	config := cptest.Shared(t).EngineConfig(t)
	config.QPS, config.Burst, config.RateLimiter = 1, 1, flowcontrol.NewTokenBucketRateLimiter(1, 1)
	c, err := Connect(t.Context(), Config{RESTConfig: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if l := c.rest.GetRateLimiter(); l != nil {
		t.Errorf("requests pass through %T", l)
	}
	if c.config.QPS >= 0 || c.config.RateLimiter != nil {
		t.Errorf("clients are made with %v requests a second, and %T", c.config.QPS, c.config.RateLimiter)
	}
}
