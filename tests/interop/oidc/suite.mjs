// What an issuer's life brings: algorithms, audiences, rotation, outages, restarts; and what upstreams are told.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, SignJWT, importJWK } from 'jose';
import { Issuer, clientKey, key } from './issuer.mjs';
import { World, ask, eventually, freePort } from './world.mjs';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA'];
const ACCOUNT = '111122223333';
const SESSION = `arn:aws:sts::${ACCOUNT}:assumed-role/worker/worker`;

let passed = 0;
let failed = 0;

function check(what, right, seen) {
  if (right) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`FAIL ${what}: ${JSON.stringify(seen)}`);
  }
}

const issuer = new Issuer(await freePort());
const host = `127.0.0.1:${issuer.port}`;
const secrets = mkdtempSync(join(tmpdir(), 'sidegate-oidc-secret-'));
writeFileSync(join(secrets, 'gate'), 'a secret/of+the:gate\n', { mode: 0o600 });
const provider = {
  issuer: issuer.url,
  audiences: ['app', 'other-app'],
  keys: { discovery: true },
  algorithms: ALGORITHMS,
  token_type: 'at+jwt',
  introspection: { client_id: 'gate', client_secret_file: join(secrets, 'gate'), max_age: 3 },
  map: { role: '{claim:realm_access.roles}', session_name: '{claim:sub}', tags: { team: '{claim:team}' } },
};
const trust = {
  Action: ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession'],
  Principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/${host}` },
  Condition: { StringEquals: { [`${host}:oaud`]: 'app', [`${host}:sub`]: 'worker' } },
};
// Clients that sign what they ask with: one of each kind of key.
const clients = await Promise.all(
  ['ES256', 'EdDSA', 'RS256'].map(async (alg) => ({ id: `gate-${alg}`, ...(await clientKey(alg, `client-${alg}`)) })),
);
issuer.clients = clients;
for (const { id, pem } of clients) writeFileSync(join(secrets, id), pem, { mode: 0o600 });
const first = await Promise.all(ALGORITHMS.map((alg) => key(alg, `first-${alg}`)));
await issuer.start(first);
const world = new World(process.argv[2], { issuer: provider }, { worker: trust });

try {
  await world.start();
  await algorithms();
  await identityToken();
  await opaque();
  await clientKeys();
  await rotation();
  await sameName();
  await outage();
} catch (error) {
  failed += 1;
  console.log(`FAIL ${error.stack}`);
  console.log(world.log);
} finally {
  await world.end();
  await issuer.stop().catch(() => {});
  rmSync(secrets, { recursive: true, force: true });
}
console.log(`oidc: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

// Every algorithm; audiences; what was tampered with.
async function algorithms() {
  for (const alg of ALGORITHMS) {
    const token = await issuer.token(alg);
    const { alg: signed, typ } = decodeProtectedHeader(token);
    check(`${alg}: the issuer signs with it`, signed === alg && typ === 'at+jwt', { signed, typ });
    const answer = await world.use(token);
    check(`${alg}: allowed`, answer.status === 200, answer);
    check(`${alg}: whom the upstream hears`, JSON.parse(answer.body)['x-sidegate-principal-arn'] === SESSION, answer.body);
    const [head, body, signature] = token.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    bytes[7] ^= 1;
    const tampered = await world.use(`${head}.${body}.${bytes.toString('base64url')}`);
    check(`${alg}: another signature`, tampered.status === 401, tampered);
    const claims = { ...decodeJwt(token), sub: 'admin' };
    const other = Buffer.from(JSON.stringify(claims)).toString('base64url');
    check(`${alg}: another subject`, (await world.use(`${head}.${other}.${signature}`)).status === 401, other);
  }
  const stranger = await world.use(await issuer.token('ES256', 'strangers-app'));
  check('a token for a stranger', stranger.status === 401, stranger);
  const untrusted = await world.use(await issuer.token('ES256', 'other-app'));
  check('an audience that the trust policy does not name', untrusted.status === 403, untrusted);
  const own = await importJWK(first[6], 'ES256');
  const sign = (header, claims) =>
    new SignJWT({ ...decodeJwtSafe, ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'first-ES256', ...header }).sign(own);
  const now = Math.floor(Date.now() / 1000);
  const decodeJwtSafe = { iss: issuer.url, aud: 'app', sub: 'worker', team: 'interop', realm_access: { roles: ['worker'] }, iat: now, exp: now + 60 };
  for (const [what, header, claims, status] of [
    ['the same, signed by jose', { typ: 'at+jwt' }, {}, 200],
    ['media type in full', { typ: 'application/at+jwt' }, {}, 200],
    ['no type', {}, {}, 401],
    ['another type', { typ: 'JWT' }, {}, 401],
    ['expired', { typ: 'at+jwt' }, { iat: now - 120, exp: now - 60 }, 401],
    ['not yet', { typ: 'at+jwt' }, { nbf: now + 120 }, 401],
    ['no expiry', { typ: 'at+jwt' }, { exp: undefined }, 401],
    ['another issuer', { typ: 'at+jwt' }, { iss: `${issuer.url}/` }, 401],
    ['another subject', { typ: 'at+jwt' }, { sub: 'intruder' }, 403],
    ['no role', { typ: 'at+jwt' }, { realm_access: { roles: [] } }, 403],
  ]) {
    const answer = await world.use(await sign(header, claims));
    check(what, answer.status === status, answer);
  }
}

// X-Sidegate-Identity, verified by jose through the published keys.
async function identityToken() {
  const heard = JSON.parse((await world.use(await issuer.token('RS256'), { 'x-sidegate-identity': 'a.b.c' })).body);
  const keys = createRemoteJWKSet(new URL(`http://127.0.0.1:${world.health}/.well-known/jwks.json`));
  const { payload } = await jwtVerify(heard['x-sidegate-identity'], keys, { issuer: 'sidegate', audience: 'app' });
  check('the identity token verifies', payload.sub === SESSION, payload);
  check('what it says', payload.account === ACCOUNT && payload.tags.team === 'interop' && payload.session_name === 'worker', payload);
  check('it lives for five minutes', payload.exp - payload.iat === 300, payload);
  const forOthers = jwtVerify(heard['x-sidegate-identity'], keys, { audience: 'payments' });
  check('it is for one upstream', await forOthers.then(() => false, () => true));
  const published = (await ask(world.health, '/.well-known/jwks.json')).body;
  check('no private half is published', JSON.parse(published).keys.every((jwk) => !('d' in jwk)), published);
}

// Opaque tokens: the issuer is asked what they are, once for all who wait, and again when the answer is old.
async function opaque() {
  const token = await issuer.token('opaque');
  check('it is opaque', !token.includes('.'), token);
  const before = issuer.questions;
  const answers = await Promise.all(Array.from({ length: 20 }, () => world.use(token)));
  check('an opaque token is allowed', answers.every(({ status }) => status === 200), answers[0]);
  check('and asked about once', issuer.questions - before === 1, issuer.questions - before);
  check('whom the upstream hears', JSON.parse(answers[0].body)['x-sidegate-principal-arn'] === SESSION, answers[0].body);
  const madeUp = await world.use('made-up');
  check('a made-up one', madeUp.status === 401 && madeUp.headers['www-authenticate'].includes('invalid_token'), madeUp);
  const stranger = await world.use(await issuer.token('opaque', 'strangers-app'));
  check('an opaque token for a stranger', stranger.status === 401, stranger);
  await issuer.revoke(token);
  await eventually('a revoked one is refused when the answer is old', async () => (await world.use(token)).status === 401, 20);
  const known = await issuer.token('opaque');
  const jwt = await issuer.token('ES256');
  check('another one', (await world.use(known)).status === 200);
  await issuer.stop();
  const down = await world.use('asked-of-nobody');
  check('503 for a token that nobody can be asked about', down.status === 503, down);
  check('its code', JSON.parse(down.body).code === 'ProviderUnavailable', down.body);
  check('tokens that prove themselves go on', (await world.use(jwt)).status === 200);
  await eventually('503 when the answer is old', async () => (await world.use(known)).status === 503, 20);
  await issuer.start(first);
  const later = await issuer.token('opaque');
  await eventually('the issuer is back', async () => (await world.use(later)).status === 200);
  check('no token in the log', ![token, known, later, 'made-up'].some((text) => world.log.includes(text)), world.log);
}

// The issuer is asked by a client that proves itself by its own key (private_key_jwt).
async function clientKeys() {
  const change = async (introspection) => {
    const count = () => world.log.split('a new bundle is served').length;
    const before = count();
    world.write('policies/identity-providers/issuer.yaml', { type: 'oidc', account: ACCOUNT, ...provider, introspection });
    await eventually('the change is served', () => count() > before);
  };
  for (const { id } of clients) {
    const token = await issuer.token('opaque');
    await change({ client_id: id, client_key_file: join(secrets, id), client_key_id: id.replace('gate', 'client'), max_age: 3 });
    const answer = await world.use(token);
    check(`${id}: allowed`, answer.status === 200, answer);
  }
  const { id } = clients[0];
  await change({ client_id: id, client_key_file: join(secrets, clients[1].id), max_age: 3 });
  const wrong = await world.use(await issuer.token('opaque'));
  check("another client's key: nobody can be asked", wrong.status === 503, wrong);
  await change(provider.introspection);
  const token = await issuer.token('opaque');
  await eventually('and the secret again', async () => (await world.use(token)).status === 200);
  const log = world.log;
  check('no key in the log', !log.includes('PRIVATE KEY') && !log.includes('client_assertion'), log.slice(-2000));
}

// A new key beside the old ones, then alone.
async function rotation() {
  const old = await issuer.token('ES256');
  const second = await key('ES256', 'second-ES256');
  await issuer.stop();
  await issuer.start([second, ...first]);
  const fresh = await issuer.token('ES256');
  check('the new key signs', decodeProtectedHeader(fresh).kid === 'second-ES256', decodeProtectedHeader(fresh));
  // The first unknown key fetches at once, unless one was fetched within the last ten seconds.
  await eventually('the new key is known', async () => (await world.use(fresh)).status === 200);
  check('the old key is good still', (await world.use(old)).status === 200);
  const before = issuer.fetches;
  const forged = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const pair = await key('ES256', `forged-${index}`);
      const signing = await importJWK(pair, 'ES256');
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ iss: issuer.url, aud: 'app', sub: 'worker', iat: now, exp: now + 60 })
        .setProtectedHeader({ alg: 'ES256', kid: pair.kid, typ: 'at+jwt' })
        .sign(signing);
    }),
  );
  const started = Date.now();
  const answers = await Promise.all(forged.map((token) => world.use(token)));
  const allowed = 1 + Math.ceil((Date.now() - started) / 10_000);
  check('200 unknown keys are refused', answers.every(({ status }) => status === 401), answers.find(({ status }) => status !== 401));
  check(`and cost ${allowed} fetches at most`, issuer.fetches - before <= allowed, issuer.fetches - before);

  await issuer.stop();
  const third = await key('ES256', 'third-ES256');
  await issuer.start([third]);
  const latest = await issuer.token('ES256');
  await eventually('the latest key is known', async () => (await world.use(latest)).status === 200);
  check('a withdrawn key is good no longer', (await world.use(old)).status === 401);
  check('nor the second', (await world.use(fresh)).status === 401);
}

// Another key under the name of the one before, and those who only pretend that there is one.
async function sameName() {
  const old = await issuer.token('ES256');
  check('before the key is replaced', (await world.use(old)).status === 200);
  await issuer.stop();
  await issuer.start([await key('ES256', 'third-ES256')]);
  const fresh = await issuer.token('ES256');
  check('the name is the same', decodeProtectedHeader(fresh).kid === decodeProtectedHeader(old).kid);
  // Within the ten seconds after another fetch the last one's keys count.
  await eventually('the key that took its name is known', async () => (await world.use(fresh)).status === 200);
  check('the one before is good no longer', (await world.use(old)).status === 401);
  const stranger = await importJWK(await key('ES256', 'third-ES256'), 'ES256');
  const forged = await Promise.all(
    Array.from({ length: 200 }, (_, index) => {
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ iss: issuer.url, aud: 'app', sub: `worker-${index}`, iat: now, exp: now + 60 })
        .setProtectedHeader({ alg: 'ES256', kid: 'third-ES256', typ: 'at+jwt' })
        .sign(stranger);
    }),
  );
  const [before, started] = [issuer.fetches, Date.now()];
  const answers = await Promise.all(forged.map((token) => world.use(token)));
  const allowed = 1 + Math.ceil((Date.now() - started) / 10_000);
  check('200 wrong signatures are refused', answers.every(({ status }) => status === 401), answers.find(({ status }) => status !== 401));
  check(`and cost ${allowed} fetches at most`, issuer.fetches - before <= allowed, issuer.fetches - before);
  check('and the good one is good', (await world.use(fresh)).status === 200);
}

// The issuer is down: what is known goes on, over a restart too; what is not known is 503, never 401.
async function outage() {
  const known = await issuer.token('ES256');
  check('before', (await world.use(known)).status === 200);
  const unknown = await key('ES256', 'fourth-ES256');
  const signing = await importJWK(unknown, 'ES256');
  const now = Math.floor(Date.now() / 1000);
  const token = await new SignJWT({ iss: issuer.url, aud: 'app', sub: 'worker', iat: now, exp: now + 600 })
    .setProtectedHeader({ alg: 'ES256', kid: 'fourth-ES256', typ: 'at+jwt' })
    .sign(signing);
  await issuer.stop();
  check('the issuer is down', (await world.use(known)).status === 200);
  const answer = await eventually('503 for an unknown key', async () => {
    const answer = await world.use(token);
    return answer.status === 503 && answer;
  });
  check('its code', JSON.parse(answer.body).code === 'ProviderUnavailable', answer.body);
  await world.stop();
  await world.start();
  const restarted = await world.use(known);
  check('after a restart, with the keys on disk', restarted.status === 200, restarted);
  await issuer.start([unknown]);
  await eventually('the issuer is back', async () => (await world.use(token)).status !== 503);
}
