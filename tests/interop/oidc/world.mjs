// A folder with a bundle and a configuration, an upstream that says what it heard, and sidegate between.

import { spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, writeFileSync, rmSync, readFileSync, existsSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ACCOUNT = '111122223333';

// A port that was free a moment ago.
export const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Tries until it is so; a busy machine may take its time.
export async function eventually(what, attempt, seconds = 40) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await attempt();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await sleep(100);
  }
}

// One request on a connection of its own, so that nothing is kept between two of them.
export const ask = (port, path, headers = {}) =>
  new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false, headers: { host: 'app', ...headers } }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (piece) => (body += piece));
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body }));
    });
    sent.on('error', reject).end();
  });

export class World {
  constructor(binary, providers, roles) {
    this.binary = binary;
    this.folder = mkdtempSync(join(tmpdir(), 'sidegate-oidc-'));
    this.write('policies/organization.yaml', {
      id: 'o-interop',
      management_account: ACCOUNT,
      root: { id: 'r-int1', accounts: [ACCOUNT] },
    });
    const account = `policies/accounts/${ACCOUNT}-app`;
    this.write(`${account}/account.yaml`, { id: ACCOUNT, name: 'app' });
    this.write('policies/routes/app.yaml', {
      service: 'app',
      account: ACCOUNT,
      region: 'us-east-1',
      upstream: 'app',
      routes: [{ match: 'GET /use', action: 'app:Use', resource: 'arn:{partition}:app::{account}:thing' }],
    });
    for (const [name, provider] of Object.entries(providers)) {
      this.write(`policies/identity-providers/${name}.yaml`, { type: 'oidc', account: ACCOUNT, ...provider });
    }
    for (const [name, statement] of Object.entries(roles)) {
      this.write(`${account}/roles/${name}.yaml`, {
        trust_policy: {
          Version: '2012-10-17',
          Statement: { Effect: 'Allow', Action: 'sts:AssumeRoleWithWebIdentity', ...statement },
        },
        inline_policies: {
          use: { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'app:Use', Resource: '*' } },
        },
      });
    }
  }

  // JSON is YAML.
  write(name, content) {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  }

  async upstream() {
    this.server = createServer((request, answer) => answer.end(JSON.stringify(request.headers)));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  async start() {
    const url = this.server ? `http://127.0.0.1:${this.server.address().port}` : await this.upstream();
    this.write('sidegate.yaml', {
      listeners: [{ name: 'ingress', address: '127.0.0.1:0', mode: 'proxy' }],
      upstreams: { app: { url } },
      bundle: { path: './policies' },
      health: { address: '127.0.0.1:0' },
      state: { path: './state/' },
      audit: { file: './audit/' },
    });
    this.log = '';
    const [command, ...rest] = [this.binary, 'run', '-c', join(this.folder, 'sidegate.yaml')];
    this.process = spawn(command, rest, { cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] });
    this.process.stderr.setEncoding('utf8').on('data', (piece) => (this.log += piece));
    const port = (name) => {
      const found = this.log.match(new RegExp(`listener="${name}" address=127\\.0\\.0\\.1:(\\d+)`));
      return found && Number(found[1]);
    };
    this.ingress = await eventually('the proxy listens', () => port('ingress'));
    this.health = await eventually('the health listener', () => port('health'));
    await eventually('readiness', async () => (await ask(this.health, '/readyz')).status === 200);
  }

  async stop() {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }

  use(token, headers = {}) {
    return ask(this.ingress, '/use', { authorization: `Bearer ${token}`, ...headers });
  }

  audit() {
    const path = join(this.folder, 'audit/audit.jsonl');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line)) : [];
  }

  async end() {
    await this.stop();
    this.server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
