package cli

import (
	"testing"
	"time"
)

func TestThePeriodOfMeasures(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 30, 0, 0, time.FixedZone("east", 3600))
	tests := map[string]struct {
		f        doraFlags
		from, to string // from empty: refused; to empty: now
	}{
		"without flags: thirty days, today among them": {doraFlags{}, "2026-10-23T00:00:00Z", ""},
		"one day is today":                    {doraFlags{last: "1d"}, "2026-11-21T00:00:00Z", ""},
		"weeks are seven days":                {doraFlags{last: "2w"}, "2026-11-08T00:00:00Z", ""},
		"hours go back from now":              {doraFlags{last: "24h"}, "2026-11-20T11:30:00Z", ""},
		"days of a month, the last one whole": {doraFlags{from: "2026-10-01", to: "2026-10-31"}, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"},
		"times are taken as they are":         {doraFlags{from: "2026-10-01T02:00:00+02:00", to: "2026-10-02T00:00:00Z"}, "2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z"},
		"thirty days up to a day":             {doraFlags{to: "2026-10-30"}, "2026-10-01T00:00:00Z", "2026-10-31T00:00:00Z"},
		"a period and its beginning":          {doraFlags{last: "30d", from: "2026-10-01"}, "", ""},
		"a period without a unit":             {doraFlags{last: "30"}, "", ""},
		"a unit without a period":             {doraFlags{last: "d"}, "", ""},
		"a period that is none":               {doraFlags{last: "-3d"}, "", ""},
		"a day that is none":                  {doraFlags{from: "2026-02-30"}, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			q, err := tt.f.query(now)
			if (err == nil) != (tt.from != "") {
				t.Fatalf("%v", err)
			}
			if err == nil && (q.Get("from") != tt.from || q.Get("to") != tt.to) {
				t.Errorf("from %s to %s", q.Get("from"), q.Get("to"))
			}
		})
	}
}

func TestDurationsAsPeopleSayThem(t *testing.T) {
	for seconds, want := range map[float64]string{0: "-", 0.25: "250ms", 61: "61s", 600: "10m", 9000: "2.5h", 864000: "10.0d"} {
		if got := span(seconds); got != want {
			t.Errorf("%v seconds: %s, want %s", seconds, got, want)
		}
	}
}
