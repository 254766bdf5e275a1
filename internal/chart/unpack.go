package chart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// ratioFloor is what any archive may unpack to, however small it is.
const ratioFloor = 1 << 20

// unpack gives the files of a packed chart below its one top directory. Links, devices, paths that leave the directory
// and files named twice are refused, and so is what exceeds the limits.
func unpack(archive []byte, l Limits) (map[string][]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, badArchive("it is no gzip file")
	}
	left := min(l.ChartBytes, max(int64(len(archive))*l.Ratio, ratioFloor))
	// Headers and padding count too: what the archive unpacks to is cut off there.
	u := unpacker{files: map[string][]byte{}, body: &meter{r: zr, left: left + int64(l.Entries)*1024}, left: left}
	tr := tar.NewReader(u.body)
	for n := 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, readError(err)
		}
		if n >= l.Entries {
			return nil, failf(fault.Invalid, fault.LimitExceeded, "", "it has more than %d entries", l.Entries)
		}
		if err := u.add(h, tr); err != nil {
			return nil, err
		}
	}
	if u.files["Chart.yaml"] == nil {
		return nil, badArchive("it has no Chart.yaml")
	}
	return u.files, nil
}

type unpacker struct {
	files map[string][]byte
	body  *meter
	left  int64
	top   string
}

func (u *unpacker) add(h *tar.Header, r io.Reader) error {
	switch h.Typeflag {
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return nil
	case tar.TypeReg:
	default:
		return badArchive("%q is a link or device; a chart holds files only", h.Name)
	}
	name, err := u.place(h.Name)
	if err != nil {
		return err
	}
	if _, twice := u.files[name]; twice {
		return badArchive("%q is in it twice", h.Name)
	}
	if h.Size > u.left {
		return tooLarge()
	}
	data := make([]byte, 0, h.Size)
	buf := bytes.NewBuffer(data)
	if _, err := io.Copy(buf, io.LimitReader(r, u.left+1)); err != nil {
		return readError(err)
	}
	if u.left -= int64(buf.Len()); u.left < 0 {
		return tooLarge()
	}
	u.files[name] = buf.Bytes()
	return nil
}

// place confines a name and takes the top directory, the same for all, from it.
func (u *unpacker) place(name string) (string, error) {
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return "", badArchive("%q leaves the archive", name)
		}
	}
	clean := path.Clean(name)
	if path.IsAbs(clean) || strings.ContainsAny(clean, "\\\x00") {
		return "", badArchive("%q is no relative path", name)
	}
	top, rest, ok := strings.Cut(clean, "/")
	if !ok || (u.top != "" && top != u.top) {
		return "", badArchive("%q is not in the chart's directory", name)
	}
	u.top = top
	return rest, nil
}

// meter fails when more is read than it was given.
type meter struct {
	r    io.Reader
	left int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if m.left -= int64(n); m.left < 0 {
		return 0, tooLarge()
	}
	return n, err
}

func tooLarge() error {
	return failf(fault.Invalid, fault.LimitExceeded, "", "it unpacks to more than a chart may have")
}

func badArchive(format string, args ...any) error {
	return failf(fault.Invalid, fault.RenderFailed, "", format, args...)
}

func readError(err error) error {
	if f := new(fault.Error); errors.As(err, &f) {
		return f
	}
	return badArchive("it cannot be read: %v", err)
}

// about puts the chart's name before what is wrong with its archive.
func about(err error, name string, ref Reference) error {
	f := fault.Of(err)
	out := *f
	out.Message = "the archive of chart " + name + " of " + showURL(ref.Repository) + " is not usable: " + f.Message
	return &out
}
