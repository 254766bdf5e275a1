package signin

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"plumb.cd/plumb/internal/fault"
)

// A sign-in that has begun is known to the browser alone: a cookie holds a secret, and state, nonce and the PKCE verifier
// are derived from it. Any replica can end what another began, and nobody can fill a store by beginning.
func (s secret) state() string    { return base64.RawURLEncoding.EncodeToString(s.derive("state", 24)) }
func (s secret) nonce() string    { return base64.RawURLEncoding.EncodeToString(s.derive("nonce", 24)) }
func (s secret) verifier() string { return base64.RawURLEncoding.EncodeToString(s.derive("pkce", 48)) }

// authURL is where the browser goes to sign in.
func (p *provider) authURL(ctx context.Context, key secret) (string, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	c, err := p.oauth(d)
	if err != nil {
		return "", err
	}
	return c.AuthCodeURL(key.state(), oidc.Nonce(key.nonce()), oauth2.S256ChallengeOption(key.verifier())), nil
}

// redeem turns the code that a browser brought back into a session. left are groups that were left out.
func (p *provider) redeem(ctx context.Context, key secret, code string) (in session, left []string, err error) {
	d, c, ctx, err := p.speak(ctx)
	if err != nil {
		return in, nil, err
	}
	token, err := c.Exchange(ctx, code, oauth2.VerifierOption(key.verifier()))
	if err != nil {
		return in, nil, p.classify(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return in, nil, Away{p.c.Name, "it gave no ID token: is this client allowed the scope openid?"}
	}
	id, err := p.verify(ctx, d, raw)
	if err != nil {
		return in, nil, err
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(key.nonce())) != 1 {
		return in, nil, refused("the provider's answer belongs to another sign-in")
	}
	return p.sessionOf(ctx, d, id, token, raw)
}

// refresh asks the provider about somebody who is signed in. The answer has the newest groups and refresh token.
func (p *provider) refresh(ctx context.Context, in session) (session, error) {
	d, c, ctx, err := p.speak(ctx)
	if err != nil {
		return in, err
	}
	token, err := c.TokenSource(ctx, &oauth2.Token{RefreshToken: in.Refresh}).Token()
	if err != nil {
		return in, p.classify(err)
	}
	raw, _ := token.Extra("id_token").(string)
	var out session
	if raw == "" {
		out, err = p.sessionOfUserInfo(ctx, d, token)
		out.IDToken = in.IDToken
	} else {
		var id *oidc.IDToken
		if id, err = p.verify(ctx, d, raw); err != nil {
			return in, err
		}
		out, _, err = p.sessionOf(ctx, d, id, token, raw)
	}
	if err != nil {
		return in, err
	}
	if out.Subject != in.Subject || out.User.Name != in.User.Name {
		return in, refused("the provider answered about somebody else")
	}
	if out.Refresh == "" {
		out.Refresh = in.Refresh
	}
	return out, nil
}

// speak prepares a conversation: every request of it goes through our own client.
func (p *provider) speak(ctx context.Context) (*discovered, *oauth2.Config, context.Context, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return nil, nil, ctx, err
	}
	c, err := p.oauth(d)
	return d, c, oidc.ClientContext(ctx, p.client), err
}

func (p *provider) verify(ctx context.Context, d *discovered, raw string) (*oidc.IDToken, error) {
	var trouble error
	id, err := d.verifier.Verify(context.WithValue(ctx, keyTrouble{}, &trouble), raw)
	if err != nil {
		return nil, p.classify(errors.Join(trouble, err))
	}
	return id, nil
}

func (p *provider) sessionOf(ctx context.Context, d *discovered, id *oidc.IDToken, token *oauth2.Token, raw string) (session, []string, error) {
	if id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil {
		return session{}, nil, refused("the provider's answer does not fit together")
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return session{}, nil, refused("the provider's ID token cannot be read")
	}
	if err := p.complete(ctx, d, claims, id.Subject, token); err != nil {
		return session{}, nil, err
	}
	user, left, err := p.c.person(claims)
	out := session{Way: p.c.ID, User: user, Subject: id.Subject, Check: p.checkAt(id.Expiry), Refresh: token.RefreshToken, IDToken: raw}
	if out.Refresh == "" {
		out.Until = out.Check // nobody can be asked after that
	}
	return out, left, err
}

// complete adds what the provider says in its userinfo only: many leave groups out of the ID token.
func (p *provider) complete(ctx context.Context, d *discovered, claims map[string]any, subject string, token *oauth2.Token) error {
	if claims[p.c.UserClaim] != nil && claim(claims, p.c.GroupsClaim) != nil || d.oidc.UserInfoEndpoint() == "" {
		return nil
	}
	more, err := p.userInfo(ctx, d, token)
	if err != nil {
		return err
	}
	if more["sub"] != subject {
		return refused("the provider answered about somebody else")
	}
	maps.DeleteFunc(more, func(k string, _ any) bool { _, signed := claims[k]; return signed })
	maps.Copy(claims, more)
	return nil
}

func (p *provider) userInfo(ctx context.Context, d *discovered, token *oauth2.Token) (map[string]any, error) {
	info, err := d.oidc.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, p.classify(err)
	}
	claims := map[string]any{}
	if err := info.Claims(&claims); err != nil {
		return nil, refused("the provider's answer about you cannot be read")
	}
	return claims, nil
}

const usualExpiry = time.Hour

// sessionOfUserInfo is for providers that give no new ID token with a refresh.
func (p *provider) sessionOfUserInfo(ctx context.Context, d *discovered, token *oauth2.Token) (session, error) {
	if d.oidc.UserInfoEndpoint() == "" {
		return session{}, refused("the provider gave no new ID token")
	}
	claims, err := p.userInfo(ctx, d, token)
	if err != nil {
		return session{}, err
	}
	user, _, err := p.c.person(claims)
	subject, _ := claims["sub"].(string)
	until := token.Expiry
	if until.IsZero() { // it does not say
		until = p.now().Add(usualExpiry)
	}
	return session{Way: p.c.ID, User: user, Subject: subject, Check: p.checkAt(until), Refresh: token.RefreshToken}, err
}

// checkAt is when a person has to be asked about again: when the token ends that vouches for them.
func (p *provider) checkAt(expiry time.Time) time.Time {
	const soonest = time.Second
	if first := p.now().Add(soonest); expiry.Before(first) {
		return first
	}
	return expiry
}

// revoke gives a refresh token back. It is a courtesy: nothing depends on it.
func (p *provider) revoke(ctx context.Context, refresh string) {
	p.mu.Lock()
	d := p.known
	p.mu.Unlock()
	if d == nil || d.revoke == "" {
		return
	}
	c, err := p.oauth(d)
	if err != nil {
		return
	}
	const courtesy = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), courtesy)
	defer cancel()
	form := url.Values{"token": {refresh}, "token_type_hint": {"refresh_token"}}
	if c.ClientSecret == "" {
		form.Set("client_id", c.ClientID)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.revoke, strings.NewReader(form.Encode()))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.ClientSecret != "" {
		req.SetBasicAuth(url.QueryEscape(c.ClientID), url.QueryEscape(c.ClientSecret))
	}
	if res, err := p.client.Do(req); err == nil {
		res.Body.Close()
	}
}

// logoutURL is where a browser ends the provider's own session; empty: there is no such place, or nobody wants it.
func (p *provider) logoutURL(idToken, back string) string {
	p.mu.Lock()
	d := p.known
	p.mu.Unlock()
	if d == nil || d.logout == "" || !p.c.EndSession {
		return ""
	}
	u, err := url.Parse(d.logout)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", p.c.ClientID)
	if idToken != "" {
		q.Set("id_token_hint", idToken)
	}
	if back != "" {
		q.Set("post_logout_redirect_uri", back)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// classify tells a provider that is away from one that says no.
func (p *provider) classify(err error) error {
	var away Away
	var f *fault.Error
	if errors.As(err, &away) || errors.As(err, &f) {
		return err
	}
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) {
		words := cut(answer.ErrorDescription)
		if words == "" {
			words = cut(answer.ErrorCode)
		}
		if answer.ErrorCode == "invalid_client" || answer.ErrorCode == "unauthorized_client" {
			return Away{p.c.Name, "it does not accept Plumb's client: " + words}
		}
		return refused("the provider refused: " + words)
	}
	var u *url.Error
	if errors.As(err, &u) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		a := p.away(err)
		p.failed(a)
		return a
	}
	return refused("the provider's answer is not accepted: " + cut(err.Error()))
}

func refused(message string) error {
	return &fault.Error{Class: fault.Invalid, Reason: fault.AuthenticationFailed, Message: message, Next: "sign in again"}
}
