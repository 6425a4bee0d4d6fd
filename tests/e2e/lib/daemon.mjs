// A real hookd in a directory of its own, with its config, secret and scripts.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync,
	rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join, resolve } from 'node:path';
import { newBody, newSecret, sign } from './fedapay.mjs';
import { request } from './http.mjs';
import { run } from './program.mjs';
import { yaml } from './yaml.mjs';
import { waitFor, within } from './wait.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const BUILD = resolve(ROOT, process.env.BUILD ?? 'build');
export const HOOKD = join(BUILD, 'hookd');
export const HOOKCTL = join(BUILD, 'hookctl');

const SANITIZER = /(AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:)/;
const URL_PATH = '/webhooks/fedapay';

/* What the hook "record" runs: leaves a line per run, and each payload. */
const RECORD = 'cat >"$OUT/payload.$HOOKD_EVENT_ID"\n' +
	'echo "$HOOKD_HOOK $HOOKD_EVENT_ID $HOOKD_ATTEMPT $HOOKD_IDEMPOTENCY_KEY" >>"$OUT/runs"\n';

/** A directory with config and scripts; `start` makes a daemon of it.
 * options: top-level config keys, plus `wrap` (argv put before hookd's), `env`
 * (added to the daemon's), `stdio` (further descriptors). A list of hooks
 * replaces the one called "record", which wants everything. */
export class Daemon {
	constructor(t, { wrap = [], env = {}, stdio = [], ...config } = {}) {
		this.dir = mkdtempSync(join(tmpdir(), 'hookd-e2e-'));
		this.out = join(this.dir, 'out');
		mkdirSync(this.out);
		mkdirSync(join(this.dir, 'bin'));
		Object.assign(this, { wrap, env, stdio, child: null, chunks: [], faults: [] });
		this.plain = false; // is the config to be written without a user for each script?
		this.secret = newSecret();
		this.secretFile = this.file('secret', `${this.secret}\n`, 0o600);
		this.configFile = join(this.dir, 'hookd.yaml');
		this.config = {
			listen: '127.0.0.1:0',
			store: { path: join(this.dir, 'hookd.db') },
			sources: [this.source()],
			hooks: [this.hook('record', RECORD)],
		};
		this.configure(config);
		t.after(() => this.cleanUp());
	}

	static async start(t, options) {
		const d = new Daemon(t, options);
		await d.start();
		return d;
	}

	// ---- what is in the directory
	file(name, content, mode = 0o644) {
		const path = join(this.dir, name);
		writeFileSync(path, content, { mode });
		chmodSync(path, mode);
		return path;
	}

	script(name, body) {
		return this.file(`bin/${name}`, `#!/bin/sh\nOUT='${this.out}'\n${body}\n`, 0o755);
	}

	source(over = {}) {
		return { name: 'fedapay', path: URL_PATH, scheme: 'fedapay',
			secrets: [{ file: this.secretFile }], tolerance: '5m', ...over };
	}

	/** A hook that runs a new script of its name. */
	hook(name, body, { on = ['*'], args = [], ...over } = {}) {
		return { name, source: 'fedapay', on, run: [this.script(name, body), ...args], ...over };
	}

	/** Writes the config. `config` is keys, or a function of this daemon that gives them. */
	configure(config) {
		const keys = Object.fromEntries(Object.entries(config)
			.map(([key, value]) => [key, typeof value === 'function' ? value(this) : value]));
		Object.assign(this.config, keys);
		this.config.limits = { grace: '5s', ...this.config.limits };
		writeFileSync(this.configFile, yaml(this.plain ? this.config : withUsers(this.config)));
	}

	/* What scripts left in $OUT, and what they wait for there. */
	has(name) { return existsSync(join(this.out, name)); }
	touch(name) { writeFileSync(join(this.out, name), ''); }
	read(name) { return this.has(name) ? readFileSync(join(this.out, name), 'utf8') : ''; }
	lines(name) { return this.read(name).split('\n').filter(Boolean); }

	/** The runs of "record": [{hook, event, attempt, key}]. */
	get runs() {
		return this.lines('runs').map((line) => {
			const [hook, event, attempt, ...key] = line.split(' ');
			return { hook, event: Number(event), attempt: Number(attempt), key: key.join(' ') };
		});
	}

	// ---- the process
	/** Spawns; `exited` is a promise of {code, signal}. */
	spawn(args = []) {
		const argv = [...this.wrap, HOOKD, '--config', this.configFile, ...args];
		this.chunks = [];
		this.child = spawn(argv[0], argv.slice(1), { cwd: '/', env: { ...process.env, ...this.env },
			stdio: ['ignore', 'ignore', 'pipe', ...this.stdio] });
		this.pid = this.child.pid;
		this.child.stderr.on('data', (part) => this.chunks.push(part));
		this.exited = new Promise((done) => this.child.once('close',
			(code, signal) => done({ code, signal })));
		this.running = true;
		this.asked = false; // to end
		this.exited.then((end) => {
			this.running = false;
			if (!this.asked) this.faults.push(`hookd ended by itself, ${JSON.stringify(end)}`);
			if (SANITIZER.test(this.log)) this.faults.push('a sanitizer speaks');
			if (this.faults.length > 0) this.faults.push(this.log);
		});
		return this;
	}

	async start() {
		this.spawn();
		await waitFor(() => {
			if (!this.running) throw new Error(`hookd ended at start:\n${this.log}`);
			return /hookd is ready/.test(this.log);
		}, 'the line "hookd is ready"');
		return this.listening();
	}

	/** Once it listens, although it may not be ready. */
	async listening() {
		await this.logged(/listening address=/);
		this.addresses = [...this.log.matchAll(/listening address=(\S+)/g)].map((m) => m[1]);
		this.at = place(this.addresses[0]);
		return this;
	}

	get logBytes() { return Buffer.concat(this.chunks); }
	get log() { return this.logBytes.toString('utf8'); }
	get logLines() { return this.log.split('\n').filter(Boolean); }

	/** The first log line that matches; waits for it. */
	async logged(pattern, from = 0) {
		try {
			return await waitFor(() => this.logLines.slice(from).find((line) => pattern.test(line)),
				`a log line like ${pattern}`);
		} catch (error) {
			throw new Error(`${error.message}; the log:\n${this.logLines.slice(from).join('\n')}`);
		}
	}

	signal(name) { process.kill(this.pid, name); }

	async stop(signal = 'SIGTERM') {
		this.asked = true;
		this.signal(signal);
		return within(this.exited, `hookd's end after ${signal}`);
	}

	kill() { return this.stop('SIGKILL'); }

	async restart() {
		if (this.running) assert.deepEqual(await this.stop(), { code: 0, signal: null });
		return this.start();
	}

	reload(config = {}) {
		this.configure(config);
		this.signal('SIGHUP');
	}

	get descriptors() { return readdirSync(`/proc/${this.pid}/fd`).length; }

	/** Those that are sockets: the store opens its files once more when its WAL is long.
	 * Only root can see them; for others there are none, before and after. */
	get sockets() {
		if (process.getuid() !== 0) return 0;
		const dir = `/proc/${this.pid}/fd`;
		return readdirSync(dir).filter((fd) => {
			try { return readlinkSync(`${dir}/${fd}`).startsWith('socket:'); } catch { return false; }
		}).length;
	}

	/** States of the daemon's children, as in /proc/PID/stat: {pid: 'S'}. */
	get children() {
		const found = {};
		for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
			const stat = statOf(pid);
			if (stat && stat.parent === this.pid) found[pid] = stat.state;
		}
		return found;
	}

	// ---- clients
	/** Signs and posts: body a text or Buffer (default: a new event). */
	post(body = newBody(), { secret = this.secret, timestamp, header, headers = {}, at = this.at,
		path = URL_PATH, ...more } = {}) {
		const signature = header ?? sign(Buffer.from(body), secret, timestamp);
		return request(at, { path, body, ...more, headers: { 'Content-Type': 'application/json',
			...(header === null ? {} : { 'X-FEDAPAY-SIGNATURE': signature }), ...headers } });
	}

	/** Posts a new event that must be stored; resolves to its number. */
	async store(over, options) {
		const answer = await this.post(newBody(over), options);
		assert.equal(answer.status, 200, answer.text);
		assert.equal(answer.json.status, 'stored');
		return answer.json.event;
	}

	get(path, headers) { return request(this.at, { method: 'GET', path, headers }); }

	// ---- the store, through hookctl
	ctl(...args) { return run(HOOKCTL, ['--config', this.configFile, ...args], { env: this.env }); }

	async events(...args) {
		const { code, stdout, stderr } = await this.ctl('events', '--json', '--limit', '100000', ...args);
		assert.equal(code, 0, stderr);
		return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
	}

	async show(event) {
		const { code, stdout, stderr } = await this.ctl('show', String(event), '--json');
		assert.equal(code, 0, stderr);
		return JSON.parse(stdout);
	}

	async payload(event) {
		const { code, bytes, stderr } = await this.ctl('show', String(event), '--payload');
		assert.equal(code, 0, stderr);
		return bytes;
	}

	/** Waits until every delivery of the event is in a final state; resolves to `show`. */
	settled(event) {
		return waitFor(async () => {
			const seen = await this.show(event);
			return seen.deliveries.every((d) => ['DONE', 'DEAD', 'SKIPPED'].includes(d.state)) && seen;
		}, `the deliveries of event ${event} to end`);
	}

	/** Waits until the event's only delivery satisfies cond; resolves to it. */
	delivery(event, cond, what) {
		return waitFor(async () => {
			const [delivery] = (await this.show(event)).deliveries;
			return delivery && cond(delivery) && delivery;
		}, what ?? `a delivery of event ${event} with ${cond}`);
	}

	async cleanUp() {
		try {
			if (this.running) {
				this.touch('go'); // what scripts that block wait for
				const end = await this.stop().catch((error) => error);
				if (end instanceof Error) await this.kill();
				assert.deepEqual(end, { code: 0, signal: null }, `the log:\n${this.log}`);
			}
			assert.deepEqual(this.faults, []);
		} finally {
			await this.last?.(); // what the directory needs before it can go
			if (process.env.KEEP === undefined) rmSync(this.dir, { recursive: true, force: true });
		}
	}
}

/* A hookd that runs as root wants a user for each script: root, unless the test says which. */
function withUsers(config) {
	if (process.getuid() !== 0) return config;
	const complete = (action) => (action?.run === undefined ? action : { user: 'root', ...action });
	const whole = (hook) => (hook?.on_failure === undefined ? complete(hook)
		: { ...complete(hook), on_failure: complete(hook.on_failure) });
	const found = { ...config };
	for (const key of ['on_failure', 'digest', 'silence', 'alert'])
		if (found[key] !== undefined) found[key] = complete(found[key]);
	if (Array.isArray(found.hooks)) found.hooks = found.hooks.map(whole);
	return found;
}

/** "127.0.0.1:80", "[::1]:80" or "unix:/path" as options for node:net. */
export function place(address) {
	assert.ok(address, 'no line "listening address=..." in the log');
	if (address.startsWith('unix:')) return { socketPath: address.slice('unix:'.length) };
	const [, host, port] = /^\[?([^\]]+)\]?:(\d+)$/.exec(address);
	return { host, port: Number(port) };
}

/** A request as the bytes on the wire, signed; for the raw client. */
export function wire(d, body = newBody(), { line = `POST ${URL_PATH} HTTP/1.1`, host = 'Host: test',
	framing = `Content-Length: ${Buffer.byteLength(body)}`, extra = [], secret = d.secret } = {}) {
	const signature = `X-FEDAPAY-SIGNATURE: ${sign(Buffer.from(body), secret)}`;
	return Buffer.concat([
		Buffer.from([line, host, framing, signature, ...extra].filter((part) => part !== null)
			.map((part) => `${part}\r\n`).join('') + '\r\n', 'latin1'),
		Buffer.from(body),
	]);
}

/** A request's bytes up to its body. */
export const headOf = (bytes) => bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4);

/** {state, parent, session} of a process, or null when there is none. */
export function statOf(pid) {
	try {
		const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
		const [state, parent, , session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
		return { state, parent: Number(parent), session: Number(session) };
	} catch {
		return null;
	}
}

/** Gone, or a zombie that its parent has not reaped yet. */
export const isGone = (pid) => ['Z', 'X', undefined].includes(statOf(pid)?.state);
