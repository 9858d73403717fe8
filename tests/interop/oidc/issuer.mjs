// An issuer: oidc-provider with its discovery, its JWKS, its access tokens (RFC 9068), and opaque ones (RFC 7662).

import { createServer } from 'node:http';
import Provider from 'oidc-provider';
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose';

// A private key as a JWK.
export async function key(alg, kid) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, kid, use: 'sig' };
}

// A private key in PEM, and its public half as a JWK.
export async function clientKey(alg, kid) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { pem: await exportPKCS8(privateKey), jwk: { ...(await exportJWK(publicKey)), alg, kid, use: 'sig' } };
}

export class Issuer {
  constructor(port) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.fetches = 0;
    this.questions = 0;
  }

  // Starts (again) with these keys; the first of an algorithm signs.
  async start(keys) {
    const client = {
      client_id: 'worker',
      client_secret: 'a-secret-of-the-client',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: keys[0].alg,
    };
    const gate = { ...client, client_id: 'gate', client_secret: 'a secret/of+the:gate' };
    // Clients that prove themselves by a key of their own.
    const keyed = (this.clients ?? []).map(({ id, jwk }) => {
      const { client_secret: _, ...rest } = client;
      return { ...rest, client_id: id, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } };
    });
    const provider = new Provider(this.url, {
      jwks: { keys },
      clients: [client, gate, ...keyed],
      scopes: ['read', 'write'],
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        introspection: { enabled: true },
        revocation: { enabled: true },
        resourceIndicators: {
          enabled: true,
          // urn:AUDIENCE:ALGORITHM, or urn:AUDIENCE:opaque
          getResourceServerInfo: (_, resource) => {
            const [, audience, alg] = resource.split(':');
            if (alg === 'opaque') return { scope: 'read write', audience, accessTokenTTL: 600, accessTokenFormat: 'opaque' };
            return { scope: 'read write', audience, accessTokenTTL: 600, accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
          },
        },
      },
      // An answer about a client's own token has no subject.
      extraTokenClaims: () => ({ realm_access: { roles: ['worker'] }, team: 'interop', sub: 'worker' }),
    });
    provider.on('server_error', (_, error) => console.error(error));
    const callback = provider.callback();
    this.server = createServer((request, answer) => {
      if (request.url === '/jwks') this.fetches += 1;
      if (request.url === '/token/introspection') this.questions += 1;
      callback(request, answer);
    });
    await new Promise((resolve, reject) => this.server.once('error', reject).listen(this.port, '127.0.0.1', resolve));
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  // What a client posts.
  post(path, form) {
    return fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from('worker:a-secret-of-the-client').toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
        connection: 'close',
      },
      body: new URLSearchParams(form),
    });
  }

  async revoke(token) {
    const answer = await this.post('/token/revocation', { token });
    if (answer.status !== 200) throw new Error(`not revoked: ${answer.status} ${await answer.text()}`);
  }

  // An access token, as a client gets one.
  async token(alg, audience = 'app') {
    const form = { grant_type: 'client_credentials', scope: 'read', resource: `urn:${audience}:${alg}` };
    const body = await (await this.post('/token', form)).json();
    if (!body.access_token) throw new Error(`no token for ${alg}: ${JSON.stringify(body)}`);
    return body.access_token;
  }
}
