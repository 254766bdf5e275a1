package compare

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"plumb.cd/plumb/internal/drift"
	"plumb.cd/plumb/internal/object"
)

func parse(t testing.TB, text string) map[string]any {
	t.Helper()
	if text == "" {
		return nil
	}
	var out map[string]any
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}

func TestTwoStatesOfGit(t *testing.T) {
	tests := map[string]struct {
		id          string
		left, right string
		want        []string // action, risk, then fields
	}{
		"equal objects are left out": {"ConfigMap/a/b", "data: {k: v}", "data: {k: v}", nil},
		"what the API server does not tell from absent is no difference": {
			"Deployment.apps/a/b", "spec: {strategy: {}, tolerations: [], x: null}", "spec: {}", nil,
		},
		"what the API server keeps for itself is no difference": {
			"ConfigMap/a/b", "{metadata: {uid: x, resourceVersion: '1', generation: 3}, status: {a: 1}}", "{metadata: {}}", nil,
		},
		"an image is found by its container's name": {
			"Deployment.apps/a/b",
			"spec: {template: {spec: {containers: [{name: a, image: x}, {name: b, image: w}]}}}",
			"spec: {template: {spec: {containers: [{name: b, image: z}, {name: a, image: x}]}}}",
			[]string{"changed", "", ".spec.template.spec.containers[name=b].image w>z"},
		},
		"ports of one number and two protocols are two elements": {
			"Service/a/b",
			"spec: {ports: [{name: t, port: 53, protocol: TCP}, {name: u, port: 53, protocol: UDP}]}",
			"spec: {ports: [{name: t, port: 53, protocol: TCP}, {name: u, port: 54, protocol: UDP}]}",
			[]string{"changed", "", ".spec.ports[name=u].port 53>54"},
		},
		"a list of words is told as a whole": {
			"Deployment.apps/a/b", "spec: {args: [a, b]}", "spec: {args: [a, x, b]}",
			[]string{"changed", "", `.spec.args ["a","b"]>["a","x","b"]`},
		},
		"elements without a key go by their place": {
			"NetworkPolicy.networking.k8s.io/a/b", "spec: {ingress: [{from: [{a: 1}]}, {from: []}]}", "spec: {ingress: [{from: [{a: 2}]}]}",
			[]string{"changed", "", ".spec.ingress[0].from[0].a 1>2"},
		},
		"a new object is told leaf by leaf": {
			"ConfigMap/a/b", "", "{apiVersion: v1, kind: ConfigMap, metadata: {name: b, labels: {x: z}}, data: {k: v}}",
			[]string{"added", "", ".apiVersion ->v1", ".data.k ->v", ".metadata.labels.x ->z"},
		},
		"a deletion is a risk": {"ConfigMap/a/b", "data: {k: v}", "", []string{"removed", "delete", ".data.k v>-"}},
		"a volume that goes takes data along": {
			"PersistentVolumeClaim/a/b", "spec: {volumeName: x}", "", []string{"removed", "data", ".spec.volumeName x>-"},
		},
		"a selector cannot be changed in place": {
			"Deployment.apps/a/b", "spec: {selector: {matchLabels: {a: b}}}", "spec: {selector: {matchLabels: {a: c}}}",
			[]string{"changed", "immutable", ".spec.selector.matchLabels.a b>c"},
		},
		"only the fields of that name are immutable": {
			"Service/a/b", "spec: {clusterIPs: [a]}", "spec: {clusterIPs: [b]}", []string{"changed", "", `.spec.clusterIPs ["a"]>["b"]`},
		},
		"an immutable ConfigMap is": {
			"ConfigMap/a/b", "{immutable: true, data: {k: a}}", "{immutable: true, data: {k: b}}", []string{"changed", "immutable", ".data.k a>b"},
		},
		"rights are a risk": {
			"Role.rbac.authorization.k8s.io/a/b", "rules: [{verbs: [get]}]", "rules: [{verbs: ['*']}]",
			[]string{"changed", "rbac", `.rules[0].verbs ["get"]>["*"]`},
		},
		"a definition that loses a version loses data": {
			"CustomResourceDefinition.apiextensions.k8s.io/x",
			"spec: {versions: [{name: v1, served: true, storage: true}, {name: v2, served: true}]}",
			"spec: {versions: [{name: v1, served: true, storage: true}]}",
			[]string{"changed", "data", `.spec.versions[name=v2] {"name":"v2","served":true}>-`},
		},
		"another change of a definition is a smaller risk": {
			"CustomResourceDefinition.apiextensions.k8s.io/x", "spec: {names: {shortNames: [a]}}", "spec: {names: {shortNames: [b]}}",
			[]string{"changed", "crd", `.spec.names.shortNames ["a"]>["b"]`},
		},
		"clear text and data of a Secret are one": {
			"Secret/a/b", "{stringData: {k: hello}}", "{data: {k: aGVsbG8=}}", nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := object.ParseID(tt.id)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			if r, ok := Compare(Object{ID: id, Left: parse(t, tt.left), Right: parse(t, tt.right)}, Rules{}); ok {
				got = []string{string(r.Action), string(r.Risk)}
				for _, f := range r.Fields {
					if f.Class != Ours {
						t.Errorf("%s is %s", f.Path, f.Class)
					}
					got = append(got, f.Path+" "+short(f.Left)+">"+short(f.Right))
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func short(v any) string {
	if v == nil {
		return "-"
	}
	raw, _ := json.Marshal(v)
	return strings.Trim(string(raw), `"`)
}

// managed is a live object: fields that it has, and who holds them.
func managed(t *testing.T, body string, holds ...string) map[string]any {
	t.Helper()
	out := parse(t, body)
	var entries []any
	for i, h := range holds {
		manager, fields, _ := strings.Cut(h, " ")
		manager, op, _ := strings.Cut(manager, "/")
		var set map[string]any
		if err := json.Unmarshal([]byte(fields), &set); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, map[string]any{
			"manager": manager, "operation": op, "fieldsV1": set, "time": fmt.Sprintf("2026-01-31T12:00:%02dZ", i),
		})
	}
	meta, _ := out["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		out["metadata"] = meta
	}
	meta["managedFields"] = entries
	return out
}

func TestClassesAgainstTheLiveState(t *testing.T) {
	ignores, err := drift.CompileIgnores([]drift.Ignore{
		{Kind: "Deployment", Group: "apps", Paths: []string{".spec.replicas"}},
		{Pointers: []string{"/data/left"}, Managers: []string{"vault-*"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rules := ourRules
	rules.Ignored = ignores.ForObject
	tests := map[string]struct {
		id         string
		want       string
		live       map[string]any
		random     []string
		merge      bool
		fields     []string
		notApplied bool
	}{
		"a field left to others by a rule is told with the rule": {
			id: "Deployment.apps/a/b", want: "spec: {replicas: 1}",
			live:   managed(t, "spec: {replicas: 5}", `hpa/Update {"f:spec":{"f:replicas":{}}}`),
			fields: []string{"ignored .spec.replicas hpa (.spec.replicas)"},
		},
		"a rule about a manager covers what it holds": {
			id: "ConfigMap/a/b", want: "data: {left: a, k: a}",
			live:   managed(t, "data: {left: b, k: b}", `vault-agent/Update {"f:data":{"f:k":{}}}`),
			fields: []string{"ignored .data.k vault-agent (fields of vault-agent)", "ignored .data.left (/data/left)"},
		},
		"what we still hold and is not what we sent was changed at admission": {
			id: "ConfigMap/a/b", want: "data: {k: a}", live: managed(t, "data: {k: b}", `plumb/Apply {"f:data":{"f:k":{}}}`),
			fields: []string{"mutated .data.k"},
		},
		"an element that nobody holds was put in at admission": {
			id: "Deployment.apps/a/b", want: "spec: {c: [{name: web, image: x}]}",
			live: managed(t, "spec: {c: [{name: web, image: x}, {name: proxy, image: envoy}]}",
				`plumb/Apply {"f:spec":{"f:c":{"k:{\"name\":\"web\"}":{".":{},"f:name":{},"f:image":{}}}}}`),
			fields: []string{"mutated .spec.c[name=proxy]"},
		},
		"a quantity in another spelling is no difference": {
			id: "Deployment.apps/a/b", want: "spec: {cpu: 1000m}", live: managed(t, "spec: {cpu: '1'}", `plumb/Apply {"f:spec":{"f:cpu":{}}}`),
		},
		"a value that is made once is kept": {
			id: "ConfigMap/a/b", want: "data: {password: new}", random: []string{".data.password"},
			live:   managed(t, "data: {password: old}", `plumb/Apply {"f:data":{"f:password":{}}}`),
			fields: []string{"ignored .data.password (a random value: it is made once and kept)"},
		},
		"what people add is theirs where the object says so": {
			id: "ConfigMap/a/b", want: "data: {k: a}", merge: true,
			live:   managed(t, "data: {k: a, extra: b}", `plumb/Apply {"f:data":{"f:k":{}}}`, `kubectl-edit/Update {"f:data":{"f:extra":{}}}`),
			fields: []string{"other .data.extra kubectl-edit"},
		},
		"two ports of one number are told apart by what the API server tells them apart by": {
			id: "Service/a/b", want: "spec: {ports: [{port: 53, protocol: UDP, targetPort: 1}, {port: 53, targetPort: 2}]}",
			live: managed(t, "spec: {ports: [{port: 53, protocol: TCP, targetPort: 2}, {port: 53, protocol: UDP, targetPort: 9}]}",
				`plumb/Apply {"f:spec":{"f:ports":{"k:{\"port\":53,\"protocol\":\"TCP\"}":{".":{},"f:port":{},"f:targetPort":{}},"k:{\"port\":53,\"protocol\":\"UDP\"}":{".":{},"f:port":{},"f:protocol":{}}}}}`,
				`kubectl-edit/Update {"f:spec":{"f:ports":{"k:{\"port\":53,\"protocol\":\"UDP\"}":{"f:targetPort":{}}}}}`),
			fields: []string{"drift .spec.ports[port=53,protocol=UDP].targetPort kubectl-edit", "defaulted .spec.ports[port=53,protocol=TCP].protocol"},
		},
		"before anything was applied all that Git wants is ours": {
			id: "ConfigMap/a/b", want: "data: {k: a, m: c}", live: managed(t, "data: {k: b}", `kubectl/Update {"f:data":{"f:k":{}}}`), notApplied: true,
			fields: []string{"ours .data.k kubectl", "ours .data.m"},
		},
		"what we hold, of which it is no longer known what was sent, Git took out": {
			id: "ConfigMap/a/b", want: "data: {k: a}", live: managed(t, "data: {k: b, m: c}", `plumb/Apply {"f:data":{"f:k":{},"f:m":{}}}`), notApplied: true,
			fields: []string{"ours .data.k", "ours .data.m"},
		},
		"an object without managedFields can be compared": {
			id: "ConfigMap/a/b", want: "data: {k: a}", live: parse(t, "data: {k: b}"), fields: []string{"drift .data.k"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := object.ParseID(tt.id)
			if err != nil {
				t.Fatal(err)
			}
			o := Object{ID: id, Left: parse(t, tt.want), Right: tt.live, Live: RightSide, Sent: parse(t, tt.want), Random: tt.random, Merge: tt.merge}
			if tt.notApplied {
				o.Sent = nil
			}
			r, _ := Compare(o, rules)
			var got []string
			for _, f := range r.Fields {
				line := strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Class, f.Path, f.Owner))
				if f.Rule != "" {
					line += " (" + f.Rule + ")"
				}
				got = append(got, line)
			}
			if d := cmp.Diff(tt.fields, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestResultsComeRiskFirst(t *testing.T) {
	result := func(id string, risk Risk, a Action, c Class) Result {
		parsed, err := object.ParseID(id)
		if err != nil {
			t.Fatal(err)
		}
		return Result{ID: parsed, Risk: risk, Action: a, Counts: map[Class]int{c: 1}}
	}
	want := []Result{
		result("Namespace/x", DataLoss, Removed, Ours), result("ConfigMap/a/b", Deleted, Removed, Ours),
		result("Deployment.apps/a/b", Immutable, Changed, Ours), result("Role.rbac.authorization.k8s.io/a/b", RBAC, Added, Ours),
		result("ConfigMap/a/c", NoRisk, Changed, Drift), result("ConfigMap/a/d", NoRisk, Changed, Ours), result("ConfigMap/a/a", NoRisk, Added, Ours),
		result("ConfigMap/a/e", NoRisk, Changed, Defaulted),
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, Order)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNoValueOfASecretIsLeftInARedactedResult(t *testing.T) {
	const marker = "hunter2"
	left := parse(t, "{metadata: {annotations: {a: hunter2}, labels: {l: open}}, data: {same: aHVudGVyMg==, k: hunter2}, stringData: {s: hunter2}}")
	right := parse(t, "{metadata: {annotations: {a: hunter2-b}}, data: {same: aHVudGVyMg==, k: hunter2-b, m: hunter2}}")
	r, _ := Compare(Object{ID: object.ID{Kind: "Secret", Namespace: "a", Name: "b"}, Left: left, Right: right}, Rules{})
	var got []string
	for _, f := range r.Redact().Fields {
		got = append(got, f.Path+" "+short(f.Left)+">"+short(f.Right))
	}
	want := []string{
		".data.k [redacted]>[redacted, changed]", ".data.m ->[redacted]", ".data.s [redacted]>-",
		".metadata.annotations.a [redacted]>[redacted, changed]", ".metadata.labels.l open>-",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	raw, err := json.Marshal(RedactBody(left, right))
	if err != nil || strings.Contains(string(raw), marker) || strings.Contains(string(raw), "aHVudGVyMg") {
		t.Errorf("%s %v", raw, err)
	}
	data := RedactBody(left, right)["data"].(map[string]any)
	if data["same"] != "[redacted]" || data["k"] != "[redacted, changed]" || left["data"].(map[string]any)["k"] != "hunter2" {
		t.Errorf("%v; and the input is %v", data, left)
	}
}

func TestLongValuesAreCutAroundTheirFirstDifference(t *testing.T) {
	long := strings.Repeat("a line of a long file\n", 2000)
	f := Field{Left: long + "left\n" + long, Right: long + "right\n" + long}.Clip()
	left, _ := f.Left.(string)
	right, _ := f.Right.(string)
	if !f.Cut || len(left) > MaxValue+10 || !strings.Contains(left, "\nleft\n") || !strings.Contains(right, "\nright\n") || !strings.HasPrefix(left, "…a line") {
		t.Errorf("%v %d %.80q", f.Cut, len(left), left)
	}
	for _, r := range []rune{'é', '字'} { // never in the middle of a character
		f = Field{Left: strings.Repeat(string(r), 3000), Right: "x"}.Clip()
		if s, _ := f.Left.(string); strings.ContainsRune(s, '\uFFFD') || !f.Cut {
			t.Errorf("%.20q", s)
		}
	}
	if f := (Field{Left: map[string]any{"k": "v"}, Right: "x"}).Clip(); f.Cut || f.Right != "x" {
		t.Errorf("%+v", f)
	}
}

func TestFrictionGrowsWithWhatIsLost(t *testing.T) {
	id := func(kind string, n int) []object.ID {
		var out []object.ID
		for i := range n {
			out = append(out, object.ID{Kind: kind, Name: fmt.Sprint(i)})
		}
		return out
	}
	for name, tt := range map[string]struct {
		deleted []object.ID
		total   int
		want    Friction
	}{
		"nothing is deleted": {nil, 10, Click},
		"a few of many":      {id("ConfigMap", 2), 10, ListThem},
		"more than a fifth":  {id("ConfigMap", 3), 10, TypeAName},
		"a volume":           {id("PersistentVolumeClaim", 1), 100, TypeAName},
		"a namespace":        {id("Namespace", 1), 100, TypeAName},
		"everything of an App that has one object": {id("ConfigMap", 1), 1, TypeAName},
	} {
		if got := FrictionOf(tt.deleted, tt.total); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestLosses(t *testing.T) {
	crd := object.ID{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "x.example.com"}
	pvc := object.ID{Kind: "PersistentVolumeClaim", Namespace: "a", Name: "disk"}
	for name, tt := range map[string]struct {
		id          object.ID
		left, right string
		want        string
	}{
		"a version that is gone":       {crd, "spec: {versions: [{name: v1}, {name: v2}]}", "spec: {versions: [{name: v2}]}", "no longer has the version v1"},
		"a version that is not served": {crd, "spec: {versions: [{name: v1, served: true}]}", "spec: {versions: [{name: v1}]}", "no longer serves"},
		"another storage version":      {crd, "spec: {versions: [{name: v1, storage: true}]}", "spec: {versions: [{name: v1}]}", "no longer stores"},
		"a claim that shrinks":         {pvc, "spec: {resources: {requests: {storage: 10Gi}}}", "spec: {resources: {requests: {storage: 9Gi}}}", "shrink"},
		"a claim that grows":           {pvc, "spec: {resources: {requests: {storage: 9Gi}}}", "spec: {resources: {requests: {storage: 10Gi}}}", ""},
		"a claim that goes":            {pvc, "spec: {}", "", "may be lost"},
		"a claim that comes":           {pvc, "", "spec: {}", ""},
	} {
		got := strings.Join(Losses(tt.id, parse(t, tt.left), parse(t, tt.right)), "; ")
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestComparingChangesNothing(t *testing.T) {
	c := load(t, "sidecar")
	before := clone(t, c.Event)
	Compare(Object{ID: idOf(c.Event), Left: c.Want, Right: c.Event, Sent: c.Want, Live: RightSide}, ourRules)
	if d := cmp.Diff(before, c.Event); d != "" {
		t.Error(d)
	}
	secret := parse(t, "{data: {a: b}, stringData: {k: v}}")
	keep := maps.Clone(secret)
	Compare(Object{ID: object.ID{Kind: "Secret"}, Left: secret, Right: secret}, Rules{})
	if d := cmp.Diff(keep, secret); d != "" {
		t.Error(d)
	}
}

func BenchmarkCompareADeployment(b *testing.B) {
	var t testing.T
	c := load(&t, "sidecar")
	o := Object{ID: idOf(c.Event), Left: c.Want, Right: c.Event, Sent: c.Want, Live: RightSide}
	for b.Loop() {
		Compare(o, ourRules)
	}
}
