// An OpenID Connect provider for tests: a real one, with people whose passwords are known.
//
//   node server.mjs '{"port": 1234, "redirect": "http://127.0.0.1:1/auth/oidc/x/callback", "idToken": 3600, ...}'
//
// It prints READY when it listens. POST /control with JSON changes it while it runs:
//   {"rotate": true}                  signs with a new key; the old one is no longer published
//   {"hang": true}                    answers nothing but /control
//   {"people": {"ada": {...}}}        changes what is known of somebody; null: they are gone
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const options = {
  client: 'plumb', secret: 'client-secret', idToken: 3600, refresh: true, userInfoOnly: false,
  ...JSON.parse(process.argv[2]),
};
const issuer = `http://127.0.0.1:${options.port}`;

const people = new Map(Object.entries({
  ada: { password: 'ada-password', email: 'ada@example.com', email_verified: true, groups: ['platform', 'system:masters'] },
  bob: { password: 'bob-password', email: 'bob@example.com', email_verified: false, groups: ['dev'] },
  eve: { password: 'eve-password', email: 'eve@elsewhere.example', email_verified: true, groups: [] },
  sam: { password: 'sam-password', email: 'system:admin@example.com', email_verified: true, groups: [] },
}));

function account(id) {
  const who = people.get(id);
  if (!who) return undefined;
  const { password, ...claims } = who;
  return { accountId: id, claims: () => ({ sub: id, preferred_username: id, ...claims }) };
}

function newKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: `key-${process.hrtime.bigint()}` };
}

// What is stored (sessions, grants, codes) belongs to the process, so a provider with a new key takes over from the old one.
function start() {
  const p = new Provider(issuer, {
    clients: [{
      client_id: options.client, client_secret: options.secret, redirect_uris: [options.redirect],
      post_logout_redirect_uris: options.signedOut ? [options.signedOut] : [],
      grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    }],
    jwks: { keys: [newKey()] },
    cookies: { keys: ['for tests'] },
    scopes: ['openid', 'email', 'profile', 'groups'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['preferred_username'], groups: ['groups'] },
    conformIdTokenClaims: options.userInfoOnly,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, revocation: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    issueRefreshToken: async () => options.refresh,
    rotateRefreshToken: true,
    findAccount: (_, id) => account(id),
    interactions: { url: (_, i) => `/sign-in/${i.uid}` },
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid email profile groups');
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: options.idToken, IdToken: options.idToken, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600 },
  });
  return { provider: p, answer: p.callback() };
}

let current = start();

async function read(req) {
  let text = '';
  for await (const part of req) text += part;
  return text;
}

async function control(req, res) {
  const change = JSON.parse(await read(req));
  if (change.rotate) current = start();
  if ('hang' in change) options.hang = change.hang;
  for (const [id, who] of Object.entries(change.people ?? {})) {
    if (who === null) people.delete(id);
    else people.set(id, { ...people.get(id), ...who });
  }
  res.end('ok');
}

async function signIn(req, res) {
  if (req.method !== 'POST') {
    res.setHeader('content-type', 'text/html');
    res.end('<form method="post"><input name="name"><input name="password" type="password"><button>Sign in</button></form>');
    return;
  }
  const form = new URLSearchParams(await read(req));
  if (form.get('cancel')) {
    await current.provider.interactionFinished(req, res, { error: 'access_denied', error_description: 'the person said no' });
    return;
  }
  const who = people.get(form.get('name'));
  if (!who || who.password !== form.get('password')) {
    res.statusCode = 401;
    res.end('wrong name or password');
    return;
  }
  await current.provider.interactionFinished(req, res, { login: { accountId: form.get('name') } }, { mergeWithLastSubmission: false });
}

createServer((req, res) => {
  const fail = (err) => { res.statusCode = 500; res.end(String(err)); };
  if (req.url === '/control') control(req, res).catch(fail);
  else if (options.hang) return; // for ever
  else if (req.url.startsWith('/sign-in/')) signIn(req, res).catch(fail);
  else current.answer(req, res);
}).listen(options.port, '127.0.0.1', () => console.log('READY'));
