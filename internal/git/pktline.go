package git

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// remoteRef is one ref as the server lists it.
type remoteRef struct {
	Name   string
	OID    string // a tag object for an annotated tag
	Peeled string // what an annotated tag points to, else empty
	Target string // the ref that a symbolic ref such as HEAD names
}

// maxRefs bounds one listing.
const maxRefs = 2_000_000

var errFlush = errors.New("flush packet")

// readPacket returns one packet's payload without its trailing newline; errFlush for 0000, 0001 and 0002.
func readPacket(r *bufio.Reader) (string, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	n, err := strconv.ParseUint(string(head[:]), 16, 16)
	if err != nil {
		return "", fmt.Errorf("malformed packet length %q", head)
	}
	if n < 4 {
		return "", errFlush
	}
	buf := make([]byte, n-4)
	if _, err := io.ReadFull(r, buf); err != nil {
		return "", err
	}
	s := strings.TrimSuffix(string(buf), "\n")
	if msg, ok := strings.CutPrefix(s, "ERR "); ok {
		return "", &exitError{program: "server", stderr: msg}
	}
	return s, nil
}

func packet(s string) string { return fmt.Sprintf("%04x%s\n", len(s)+5, s) }

// advertisement is the first thing that a server says.
type advertisement struct {
	version2 bool
	refs     []remoteRef // filled by servers without protocol version 2
}

// readAdvertisement reads up to and including the flush packet.
func readAdvertisement(r *bufio.Reader) (advertisement, error) {
	line, err := readPacket(r)
	if err == nil && strings.HasPrefix(line, "# service=") {
		if _, err = readPacket(r); errors.Is(err, errFlush) {
			line, err = readPacket(r)
		}
	}
	if err == nil && line == "version 1" {
		line, err = readPacket(r)
	}
	if err != nil && !errors.Is(err, errFlush) {
		return advertisement{}, err
	}
	if line == "version 2" {
		return advertisement{version2: true}, readCapabilities(r)
	}
	var refs []remoteRef
	var head string
	for first := true; err == nil; line, err = readPacket(r) {
		if first {
			var caps string
			line, caps, _ = strings.Cut(line, "\x00")
			head = symrefHead(caps)
			first = false
		}
		if refs, err = appendV0(refs, line); err != nil {
			return advertisement{}, err
		}
	}
	if !errors.Is(err, errFlush) {
		return advertisement{}, err
	}
	for i := range refs {
		if refs[i].Name == headName {
			refs[i].Target = head
		}
	}
	return advertisement{refs: refs}, nil
}

func readCapabilities(r *bufio.Reader) error {
	for {
		line, err := readPacket(r)
		if errors.Is(err, errFlush) {
			return nil
		}
		if err != nil {
			return err
		}
		if format, ok := strings.CutPrefix(line, "object-format="); ok && format != "sha1" {
			return failf(fault.Invalid, fault.RepositoryNotFound, "", "the repository uses %s object names, which are not supported", format)
		}
	}
}

func symrefHead(caps string) string {
	for _, c := range strings.Fields(caps) {
		if t, ok := strings.CutPrefix(c, "symref=HEAD:"); ok {
			return t
		}
	}
	return ""
}

func appendV0(refs []remoteRef, line string) ([]remoteRef, error) {
	oid, name, ok := strings.Cut(line, " ")
	switch {
	case !ok || len(oid) != 40 || !isHex(oid):
		if strings.HasPrefix(line, "shallow ") {
			return refs, nil
		}
		return nil, errors.New("malformed ref listing")
	case name == "capabilities^{}":
		return refs, nil
	case len(refs) >= maxRefs:
		return nil, errOutput
	}
	if base, peeled := strings.CutSuffix(name, "^{}"); peeled {
		if n := len(refs); n > 0 && refs[n-1].Name == base {
			refs[n-1].Peeled = oid
		}
		return refs, nil
	}
	return append(refs, remoteRef{Name: name, OID: oid}), nil
}

// lsRefsRequest asks a version 2 server for the refs below the prefixes.
func lsRefsRequest(prefixes []string) string {
	var b strings.Builder
	b.WriteString(packet("command=ls-refs") + packet("object-format=sha1") + "0001" + packet("peel") + packet("symrefs"))
	for _, p := range prefixes {
		b.WriteString(packet("ref-prefix " + p))
	}
	b.WriteString("0000")
	return b.String()
}

// readLsRefs reads the answer: "oid name [symref-target:x] [peeled:oid]" lines up to the flush packet.
func readLsRefs(r *bufio.Reader) ([]remoteRef, error) {
	var refs []remoteRef
	for {
		line, err := readPacket(r)
		if errors.Is(err, errFlush) {
			return refs, nil
		}
		if err != nil {
			return nil, err
		}
		f := strings.Split(line, " ")
		if len(f) < 2 || len(f[0]) != 40 || !isHex(f[0]) {
			return nil, errors.New("malformed ref listing")
		}
		if len(refs) >= maxRefs {
			return nil, errOutput
		}
		ref := remoteRef{Name: f[1], OID: f[0]}
		for _, attr := range f[2:] {
			if v, ok := strings.CutPrefix(attr, "symref-target:"); ok {
				ref.Target = v
			} else if v, ok := strings.CutPrefix(attr, "peeled:"); ok {
				ref.Peeled = v
			}
		}
		refs = append(refs, ref)
	}
}
