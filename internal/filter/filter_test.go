package filter_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumb.cd/plumb/internal/filter"
	"plumb.cd/plumb/internal/httpapi"
)

var update = flag.Bool("update", false, "write testdata/cases.json anew")

// golden is one case of testdata/cases.json, which the console's tests read too.
type golden struct {
	Input     string      `json:"input"`
	Canonical string      `json:"canonical,omitempty"`
	Terms     []string    `json:"terms,omitempty"`
	Facets    []string    `json:"facets,omitempty"` // of the terms
	Error     *goldenFail `json:"error,omitempty"`
}

type goldenFail struct {
	At      int    `json:"at"` // in code points, from 0
	Term    string `json:"term,omitempty"`
	Message string `json:"message"`
}

func outcome(input string) golden {
	g := golden{Input: input}
	f, err := filter.Parse(input)
	var wrong *filter.Error
	if errors.As(err, &wrong) {
		g.Error = &goldenFail{At: wrong.At, Term: wrong.Term, Message: wrong.Message}
		return g
	}
	g.Canonical = f.String()
	for _, t := range f.Terms {
		g.Terms, g.Facets = append(g.Terms, t.String()), append(g.Facets, t.Facet())
	}
	return g
}

func TestTheGrammarIsThatOfTheSharedCases(t *testing.T) {
	const path = "testdata/cases.json"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want []golden
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	var got []golden
	for _, c := range want {
		got = append(got, outcome(c.Input))
	}
	if *update {
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(got); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(want) < 40 {
		t.Errorf("only %d cases", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func row() filter.Row {
	r := filter.Fold(&httpapi.AppRow{
		Namespace: "team-a", Name: "payments-prod", Cluster: "prod-eu", Environment: "prod", Component: "payments", State: "Failed", Sync: "OutOfSync",
		Health: "Degraded", Since: now.Add(-14 * time.Minute), Reason: "AdmissionDenied", Message: "The webhook said: No, 100% no",
		Labels: httpapi.Labels{"team": "Payments", "app.kubernetes.io/name": "payments"}, Images: []string{"payments:2.14.1", "redis:7"},
		Commit:     &httpapi.CommitRef{SHA: "9f2c1ab0", Subject: "Bump to 2.14.1", Author: "Ana Ruiz"},
		DeployedAt: now.Add(-48 * time.Hour), Source: "git.example.com/shop apps/payments",
	})
	return r
}

func TestWhatMatches(t *testing.T) {
	for input, want := range map[string]bool{
		"":                                 true,
		"state:failed":                     true,
		"state:Failed,Drifted":             true,
		"state:drifted":                    false,
		"-state:drifted":                   true,
		"-state:failed":                    false,
		"cluster:prod-*":                   true,
		"cluster:*-eu":                     true,
		"cluster:*":                        true,
		"cluster:prod":                     false,
		"cluster:p*o*eu":                   true,
		"cluster:prod-eu*prod-eu":          false,
		`cluster:"prod-*"`:                 false,
		"team=payments":                    true,
		"team=PAYMENTS,orders":             true,
		"team=orders":                      false,
		"-team=orders":                     true,
		"owner=ana":                        false,
		"label:team":                       true,
		"label:owner":                      false,
		"-label:owner":                     true,
		"app.kubernetes.io/name=pay*":      true,
		"image:*:2.14.*":                   true,
		"image:2.14":                       true,
		"image:redis:7":                    true,
		"image:redis:8":                    false,
		"since:<1h":                        true,
		"since:1h":                         true,
		"since:<10m":                       false,
		"since:>10m":                       true,
		"deployed:>1d":                     true,
		"deployed:<1d12h":                  false,
		"author:ana":                       true,
		"author:ruiz":                      true,
		"author:*ruiz":                     true,
		"author:*ana":                      false,
		"commit:9f2c":                      true,
		"commit:bump":                      true,
		"reason:AdmissionDenied":           true,
		"message:webhook":                  true,
		`message:"said: no, 100%"`:         true,
		"source:shop":                      true,
		"namespace:team-a":                 true,
		"ns:team-*":                        true,
		"env:prod":                         true,
		`environment:""`:                   false,
		`cluster:"",prod-eu`:               true,
		"app:team-a/payments-prod":         true,
		"payments":                         true,
		"ments-p":                          true,
		"bump":                             true,
		"webhook":                          true,
		"team-a":                           false,
		"payments nope":                    false,
		"payments -nope":                   true,
		"-payments":                        false,
		`"the webhook"`:                    true,
		`"webhook the"`:                    false,
		"the*no":                           true,
		"health:degraded sync:outofsync":   true,
		"component:payments state:d*,f*":   true,
		"component:payments state:synced":  false,
		"environment:prod name:*-staging":  false,
		"environment:prod name:payments-*": true,
	} {
		f, err := filter.Parse(input)
		if err != nil {
			t.Errorf("%s: %v", input, err)
			continue
		}
		r := row()
		if got := f.Match(&r, now); got != want {
			t.Errorf("%s: %v", input, got)
		}
	}
}

func TestAnAppWithoutACommitIsNobodys(t *testing.T) {
	r := filter.Fold(&httpapi.AppRow{Name: "x", State: "Unknown"})
	for input, want := range map[string]bool{"author:ana": false, "-author:ana": true, `author:""`: true, "since:<1h": false, "since:>1h": false, "image:x": false, "deployed:>1s": false} {
		f, err := filter.Parse(input)
		if err != nil {
			t.Fatal(err)
		}
		if f.Match(&r, now) != want {
			t.Errorf("%s: want %v", input, want)
		}
	}
}

func TestAFilterIsLimited(t *testing.T) {
	for name, input := range map[string]string{
		"bytes":  strings.Repeat("x", filter.MaxLength+1),
		"terms":  strings.Repeat("x ", filter.MaxTerms+1),
		"values": "name:" + strings.Repeat("x,", filter.MaxValues) + "x",
		"utf8":   "a\xff",
		"nul":    "a\x00",
	} {
		if _, err := filter.Parse(input); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestManyStarsAreNoTrap(t *testing.T) {
	f, err := filter.Parse("name:" + strings.Repeat("a*", 500) + "b")
	if err != nil {
		t.Fatal(err)
	}
	r := filter.Fold(&httpapi.AppRow{Name: strings.Repeat("a", 5000)})
	if f.Match(&r, now) {
		t.Error("it matches")
	}
}

func TestTermsCanBeLeftOut(t *testing.T) {
	f, err := filter.Parse("state:failed team=a -team=b shop")
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Without("label:team").String(); got != "state:failed shop" {
		t.Error(got)
	}
	if got := f.Drop(1).String(); got != "state:failed -label:team=b shop" {
		t.Error(got)
	}
	if got := f.String(); got != "state:failed label:team=a -label:team=b shop" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`state:failed cluster:prod-* team=x "a b" -c:"",d`, `"`, `-`, `-"-x*"*`, `a:b:c=d`, `label:"x=y"=z`, `since:>1h`, `"\\\""`, "İ:İ", `""*`} {
		f.Add(s)
	}
	r := row()
	f.Fuzz(func(t *testing.T, input string) {
		one, err := filter.Parse(input)
		if err != nil {
			var wrong *filter.Error
			if !errors.As(err, &wrong) || wrong.Message == "" || wrong.At < 0 || wrong.At > len(input) {
				t.Fatalf("%q: %v", input, err)
			}
			return
		}
		text := one.String()
		if len(text) > filter.MaxLength {
			return // quotes were added
		}
		two, err := filter.Parse(text)
		if err != nil {
			t.Fatalf("%q became %q: %v", input, text, err)
		}
		if again := two.String(); again != text {
			t.Fatalf("%q became %q, then %q", input, text, again)
		}
		if one.Match(&r, now) != two.Match(&r, now) {
			t.Fatalf("%q and %q differ", input, text)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	f, err := filter.Parse("cluster:prod-* team=payments image:*:2.14.* author:ana webhook")
	if err != nil {
		b.Fatal(err)
	}
	r := row()
	b.ReportAllocs()
	for b.Loop() {
		if !f.Match(&r, now) {
			b.Fatal("no match")
		}
	}
}
