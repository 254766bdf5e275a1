package chart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"

	"plumb.cd/plumb/internal/fault"
)

func archiveOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(tw, zeros{}, h.Size); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestArchivesThatAreRefused(t *testing.T) {
	chartYAML := tar.Header{Name: "web/Chart.yaml", Size: 5}
	many := []tar.Header{chartYAML}
	for i := range 20_000 {
		many = append(many, tar.Header{Name: fmt.Sprintf("web/d%d/", i), Typeflag: tar.TypeDir})
	}
	for _, row := range []struct {
		name    string
		archive []byte
		want    fault.Reason
	}{
		{"no gzip", []byte("PK"), fault.RenderFailed},
		{"cut off", archiveOf(t, chartYAML)[:40], fault.RenderFailed},
		{"no Chart.yaml", archiveOf(t, tar.Header{Name: "web/values.yaml"}), fault.RenderFailed},
		{"a path upwards", archiveOf(t, chartYAML, tar.Header{Name: "web/../../x"}), fault.RenderFailed},
		{"a path upwards that stays inside", archiveOf(t, chartYAML, tar.Header{Name: "web/a/../x"}), fault.RenderFailed},
		{"an absolute path", archiveOf(t, chartYAML, tar.Header{Name: "/etc/passwd"}), fault.RenderFailed},
		{"a backslash", archiveOf(t, chartYAML, tar.Header{Name: `web/..\x`}), fault.RenderFailed},
		{"another top directory", archiveOf(t, chartYAML, tar.Header{Name: "other/x"}), fault.RenderFailed},
		{"no top directory", archiveOf(t, tar.Header{Name: "Chart.yaml"}), fault.RenderFailed},
		{"a file twice", archiveOf(t, chartYAML, chartYAML), fault.RenderFailed},
		{"a symbolic link", archiveOf(t, chartYAML, tar.Header{Name: "web/l", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), fault.RenderFailed},
		{"a hard link", archiveOf(t, chartYAML, tar.Header{Name: "web/l", Typeflag: tar.TypeLink, Linkname: "web/Chart.yaml"}), fault.RenderFailed},
		{"a device", archiveOf(t, chartYAML, tar.Header{Name: "web/d", Typeflag: tar.TypeChar}), fault.RenderFailed},
		{"a pipe", archiveOf(t, chartYAML, tar.Header{Name: "web/p", Typeflag: tar.TypeFifo}), fault.RenderFailed},
		{"too many entries", archiveOf(t, many...), fault.LimitExceeded},
		{"a small file that unpacks to a large one", archiveOf(t, chartYAML, tar.Header{Name: "web/bomb", Size: 64 << 20}), fault.LimitExceeded},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := unpack(row.archive, DefaultLimits)
			if !fault.Is(err, row.want) {
				t.Errorf("want %s, got %v", row.want, err)
			}
		})
	}
}

func TestArchiveOfEverydayShape(t *testing.T) {
	files, err := unpack(archiveOf(t, tar.Header{Name: "./web/", Typeflag: tar.TypeDir}, tar.Header{Name: "./web/Chart.yaml", Size: 3},
		tar.Header{Name: "./web/templates/a.yaml", Size: 0}, tar.Header{Name: "./web/" + strings.Repeat("long/", 60) + "x", Size: 1}), DefaultLimits)
	if err != nil || len(files) != 3 || len(files["Chart.yaml"]) != 3 {
		t.Error(files, err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(archiveOf(f, tar.Header{Name: "web/Chart.yaml", Size: 5}))
	f.Add(archiveOf(f, tar.Header{Name: "web/Chart.yaml", Size: 5}, tar.Header{Name: "web/../x"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := unpack(b, Limits{IndexBytes: 1, ArchiveBytes: 1 << 20, ChartBytes: 1 << 20, Ratio: 100, Entries: 100})
		total := 0
		for name, data := range files {
			total += len(data)
			if strings.HasPrefix(name, "/") || strings.Contains("/"+name+"/", "/../") {
				t.Errorf("left the chart: %q", name)
			}
		}
		if total > 1<<20 || (err != nil && files != nil) {
			t.Error(total, err)
		}
	})
}
