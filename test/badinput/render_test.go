package badinput

import (
	"strings"
	"testing"

	"plumb.cd/plumb/api/v1alpha1"
	"plumb.cd/plumb/internal/gittest"
)

// badFile is a file web.yaml of the bad App, and what the App says of it.
type badFile struct {
	content string
	want    told
}

func (b badFile) run(t *testing.T) {
	s := stage(t, "")
	s.check(s.push(gittest.Files{"bad/web.yaml": b.content}), b.want)
	s.mend(gittest.Files{"bad/web.yaml": configMap("web", "1")})
}

func TestInvalidYAMLIsToldWithFileAndLine(t *testing.T) {
	badFile{"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n   labels: {}\n", told{
		state: "Failed", reason: "SyntaxInvalid", says: []string{"bad/web.yaml:5", "invalid YAML"},
	}}.run(t)
}

func TestAnUnknownKindIsToldWithFileAndLine(t *testing.T) {
	badFile{configMap("other", "1") + "---\napiVersion: v1\nkind: Gadget\nmetadata: {name: web}\n", told{
		state: "Failed", reason: "KindUnknown", says: []string{"bad/web.yaml:6", "no kind Gadget in v1"},
	}}.run(t)
}

func TestASchemaViolationIsToldWithFileObjectAndField(t *testing.T) {
	badFile{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: [a, b]\n", told{
		state: "Failed", reason: "SchemaViolation", says: []string{"ConfigMap/", "/web", ".data"}, file: "bad/web.yaml:1",
	}}.run(t)
}

func TestAnObjectThatIsDefinedTwiceIsToldWithBothPlaces(t *testing.T) {
	badFile{configMap("web", "1") + "---\n" + configMap("kept", "2"), told{
		state: "Failed", reason: "DuplicateObject", says: []string{"bad/kept.yaml:1", "bad/web.yaml:6", "ConfigMap/kept"}, next: "remove one",
	}}.run(t)
}

func TestAnOverLongNameIsToldBeforeTheAPIServerSeesIt(t *testing.T) {
	for what, file := range map[string]badFile{
		"of a Service": {"apiVersion: v1\nkind: Service\nmetadata: {name: " + strings.Repeat("x", 64) + "}\n", told{
			state: "Failed", reason: "ObjectInvalid", says: []string{"bad/web.yaml:1", "64 characters", "63"},
		}},
		"of a ConfigMap": {configMap(strings.Repeat("x", 254), "1"), told{
			state: "Failed", reason: "ObjectInvalid", says: []string{"bad/web.yaml:1", "254 characters", "253"},
		}},
	} {
		t.Run(what, file.run)
	}
}

func TestAnAliasBombFailsItsAppAlone(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		p := "*" + string(c-1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.Join([]string{p, p, p, p, p, p, p, p, p}, ", ") + "]\n"
	}
	badFile{bomb, told{state: "Failed", reason: "SyntaxInvalid", says: []string{"bad/web.yaml:1", "aliases expand"}}}.run(t)
}

// chart is a chart in the directory of the bad App.
func chart(template string) gittest.Files {
	return gittest.Files{
		"bad/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "bad/templates/web.yaml": template,
		"bad/templates/kept.yaml": configMap("kept", "1"), "bad/templates/leaving.yaml": configMap("leaving", "1"),
		"bad/kept.yaml": gittest.Delete, "bad/leaving.yaml": gittest.Delete,
	}
}

func TestAnEndlessTemplateFailsItsAppAlone(t *testing.T) {
	s := stage(t, "")
	files := chart("{{ define \"loop\" }}{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}{{ end }}{{ include \"loop\" . }}")
	s.push(files)
	status := s.WaitState("bad", "Failed")
	if status.Reason != "LimitExceeded" && status.Reason != "RenderTimeout" && status.Reason != "RenderCrashed" {
		t.Errorf("reason %s: %s", status.Reason, status.Message)
	}
	s.unharmed(s.repo.Head())
	s.unpruned()
	s.mend(chart(configMap("web", "1")))
}

func TestATemplateErrorIsToldWithFileAndLine(t *testing.T) {
	s := stage(t, "")
	s.check(s.push(chart("kind: ConfigMap\nmetadata:\n  name: {{ .Values.missing.name }}\n")), told{
		state: "Failed", reason: "RenderFailed", says: []string{"bad/templates/web.yaml:3"},
	})
}

func TestAChartWithoutItsDependencyIsToldWithWhatIsMissing(t *testing.T) {
	s := stage(t, "")
	files := chart(configMap("web", "1"))
	files["bad/Chart.yaml"] += "dependencies: [{name: redis, version: 1.x.x, repository: \"http://127.0.0.1:1/charts\"}]\n"
	s.check(s.push(files), told{state: "Failed", reason: "ChartDependency", says: []string{"bad/Chart.yaml", "redis 1.x.x"}, next: "helm dependency build"})
}

func TestASymlinkOutOfTheTreeIsRefused(t *testing.T) {
	s := stage(t, "")
	for _, target := range []string{"../../../etc/hostname", "/etc/hostname"} {
		s.check(s.push(gittest.Files{"bad/link.yaml": gittest.Link(target)}), told{
			state: "Failed", reason: "PathOutside", says: []string{"bad/link.yaml", target, "outside"},
		})
	}
	s.mend(gittest.Files{"bad/link.yaml": gittest.Delete})
}

func TestAnEmptyDirectoryNeverPrunes(t *testing.T) {
	s := stage(t, "")
	s.check(s.push(gittest.Files{"bad/kept.yaml": gittest.Delete, "bad/README.md": "moved elsewhere"}), told{
		state: "Failed", reason: "RendererUnknown", says: []string{"bad"},
	})
	s.check(s.push(gittest.Files{"bad/README.md": gittest.Delete}), told{state: "Failed", reason: "PathNotFound", says: []string{"bad"}})
	commit := s.push(gittest.Files{"bad/kustomization.yaml": "resources: []\n"})
	s.Until("bad", "says that nothing was rendered", func(st v1alpha1.AppStatus) bool {
		return strings.Contains(strings.Join(st.Warnings, "\n"), "kept is no longer in Git and stays: nothing was rendered")
	})
	s.unharmed(commit)
	s.unpruned()
	s.mend(gittest.Files{"bad/kept.yaml": configMap("kept", "1"), "bad/kustomization.yaml": gittest.Delete})
}
