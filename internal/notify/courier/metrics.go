package courier

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	sent, failed, dead, dropped *prometheus.CounterVec
	waiting                     *prometheus.GaugeVec
	lost                        prometheus.Counter
}

func newMetrics() *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"channel"})
	}
	return &metrics{
		sent:    counter("plumb_notifications_sent_total", "Messages that were delivered, by channel."),
		failed:  counter("plumb_notifications_failed_total", "Tries to deliver that failed, by channel."),
		dead:    counter("plumb_notifications_dead_total", "Messages that were given up, by channel."),
		dropped: counter("plumb_notifications_dropped_total", "Events that were not taken in because too many messages waited, by channel."),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "plumb_notifications_waiting", Help: "Messages in the outbox, by channel.",
		}, []string{"channel"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plumb_notifications_lost_total", Help: "Fights and healed drift that came faster than they could be looked at.",
		}),
	}
}

func (m *metrics) forget(channel string) {
	for _, v := range []*prometheus.CounterVec{m.sent, m.failed, m.dead, m.dropped} {
		v.DeleteLabelValues(channel)
	}
	m.waiting.DeleteLabelValues(channel)
}

// Collectors lists the measures for registration.
func (c *Courier) Collectors() []prometheus.Collector {
	m := c.metrics
	return []prometheus.Collector{m.sent, m.failed, m.dead, m.dropped, m.waiting, m.lost}
}
