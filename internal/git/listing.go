package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"

	"plumb.cd/plumb/internal/fault"
)

// list asks the server for the refs that start with one of the prefixes, in one conversation. Servers without protocol
// version 2 answer with all their refs. It may move e.at to where the server redirects within the same origin.
func (s *Store) list(ctx context.Context, e *endpoint, prefixes []string) ([]remoteRef, error) {
	var refs []remoteRef
	var err error
	switch e.at.scheme {
	case "http", "https":
		refs, err = s.listHTTP(ctx, e, prefixes)
	case "ssh":
		refs, err = s.listPipe(ctx, command{
			program: s.ssh, args: e.remoteCommand("git-upload-pack"), env: []string{"GIT_PROTOCOL=version=2"},
		}, prefixes)
	default:
		if _, serr := os.Stat(e.at.path); serr != nil {
			return nil, failf(fault.Blocked, fault.RepositoryNotFound, "check the URL", "%s: there is no such directory", e.at)
		}
		refs, err = s.listPipe(ctx, command{
			args: []string{"upload-pack", e.at.path}, env: []string{"GIT_PROTOCOL=version=2"},
		}, prefixes)
	}
	return refs, e.classify(err)
}

// listPipe talks to an upload-pack on the other end of a child's standard streams.
func (s *Store) listPipe(ctx context.Context, c command, prefixes []string) (refs []remoteRef, err error) {
	cmd := s.prepare(ctx, c)
	errs := &tailBuffer{}
	cmd.Stderr = errs
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, exitFailure(c, err, "")
	}
	refs, talk := converse(bufio.NewReader(out), in, prefixes)
	_ = in.Close()
	if talk != nil {
		_, _ = io.CopyN(io.Discard, out, 1<<20) // lets the child end by itself; WaitDelay bounds it
	}
	wait := cmd.Wait()
	var told *exitError
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case talk == nil:
		return refs, nil
	case errors.As(talk, &told):
		return nil, talk
	case wait != nil:
		return nil, exitFailure(c, wait, errs.String())
	}
	return nil, talk
}

func converse(r *bufio.Reader, w io.Writer, prefixes []string) ([]remoteRef, error) {
	ad, err := readAdvertisement(r)
	if err != nil {
		return nil, err
	}
	if !ad.version2 {
		_, _ = io.WriteString(w, "0000") // a goodbye that the server need not hear
		return ad.refs, nil
	}
	if _, err := io.WriteString(w, lsRefsRequest(prefixes)); err != nil {
		return nil, err
	}
	refs, err := readLsRefs(r)
	if err == nil {
		_, _ = io.WriteString(w, "0000")
	}
	return refs, err
}

const (
	adType     = "application/x-git-upload-pack-advertisement"
	askType    = "application/x-git-upload-pack-request"
	answerType = "application/x-git-upload-pack-result"
)

func (s *Store) listHTTP(ctx context.Context, e *endpoint, prefixes []string) ([]remoteRef, error) {
	client := &http.Client{Transport: s.transport(e.auth.CA), CheckRedirect: e.checkRedirect}
	res, err := e.do(ctx, client, http.MethodGet, "/info/refs?service=git-upload-pack", "")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if err := e.follow(res.Request.URL); err != nil {
		return nil, err
	}
	if err := e.checkAnswer(res, adType); err != nil {
		return nil, err
	}
	ad, err := readAdvertisement(bufio.NewReader(res.Body))
	if err != nil || !ad.version2 {
		return ad.refs, err
	}
	_, _ = io.CopyN(io.Discard, res.Body, 1024)
	_ = res.Body.Close()
	answer, err := e.do(ctx, client, http.MethodPost, "/git-upload-pack", lsRefsRequest(prefixes))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if err := e.checkAnswer(answer, answerType); err != nil {
		return nil, err
	}
	return readLsRefs(bufio.NewReader(answer.Body))
}

func (e *endpoint) do(ctx context.Context, client *http.Client, method, path, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(e.at.String(), "/")+path, strings.NewReader(body))
	if err != nil {
		return nil, badURL(e.at.String(), "is malformed")
	}
	req.Header.Set("User-Agent", "git/2.39.0 (plumb)")
	req.Header.Set("Git-Protocol", "version=2")
	req.Header.Set("Accept", "*/*")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", askType)
		req.Header.Set("Accept", answerType)
	}
	if h := e.auth.header(); h != "" {
		req.Header.Set("Authorization", h)
	}
	res, err := client.Do(req)
	var ue *url.Error
	if errors.As(err, &ue) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		err = ue.Err // without the URL, which the message names already
	}
	return res, err
}

// checkRedirect follows redirects within the origin, and others only while there are no credentials to lose.
func (e *endpoint) checkRedirect(req *http.Request, via []*http.Request) error {
	to, err := parseURL(req.URL.Scheme + "://" + req.URL.Host + req.URL.EscapedPath())
	switch {
	case len(via) >= 5:
		return failf(fault.Blocked, fault.RepositoryNotFound, "check the URL", "%s: too many redirects", e.at)
	case err != nil:
		return failf(fault.Blocked, fault.RepositoryNotFound, "check the URL", "%s: the server redirects to an unusable address", e.at)
	case to.origin() == e.at.origin():
		return nil
	case e.auth.hasHTTP() || e.at.scheme == "https" && to.scheme != "https":
		return failf(fault.Blocked, fault.RepositoryNotFound, "use the new address as the URL",
			"%s: the server redirects to %s, where these credentials do not belong", e.at, to.origin())
	}
	return nil
}

// follow moves e to where the listing was really found.
func (e *endpoint) follow(found *url.URL) error {
	path, ok := strings.CutSuffix(found.EscapedPath(), "/info/refs")
	if !ok {
		return failf(fault.Blocked, fault.RepositoryNotFound, "check the URL", "%s: the server redirects to a page that is no repository", e.at)
	}
	to, err := parseURL(found.Scheme + "://" + found.Host + path)
	if err != nil {
		return err
	}
	e.at = to
	return nil
}

func (e *endpoint) checkAnswer(res *http.Response, want string) error {
	if res.StatusCode != http.StatusOK {
		return e.classifyStatus(res.StatusCode)
	}
	got, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if got != want {
		return failf(fault.Blocked, fault.RepositoryNotFound, "check the URL",
			"%s: the answer is %s, not that of a Git server that speaks the smart protocol", e.at, fmt.Sprintf("%q", got))
	}
	return nil
}
