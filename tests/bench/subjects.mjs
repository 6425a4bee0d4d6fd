// The programs that are measured: each started in a directory of its own under
// build/bench, on a port of its own, with the same secret.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync,
	writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BUILD = resolve(ROOT, process.env.BUILD ?? 'build');
export const OUT = join(BUILD, 'bench');
const EXPRESS = join(ROOT, 'tests/bench/express');
const SECRET = 'wh_sandbox_4f1b0f9d2c7a4e6d8b3a5c9e';
const PATH = '/webhooks/fedapay';

/** What a service gets from systemd, and not what Node asks for itself. */
const DESCRIPTORS = 1024;

/** Hooks whose deliveries wait: one script runs forever. */
export const waiting = (n) => Array.from({ length: n }, (_, i) => ({ name: `wait-${i}`,
	run: ['/bin/sleep', '100000'], timeout: '1d', concurrency: 1 }));

export const tool = (name) => join(OUT, name);
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Runs a tool of ours that prints JSON. */
export const ask = (name, ...args) => new Promise((done, fail) => {
	execFile(tool(name), args.map(String), (error, out, err) => {
		if (error) fail(new Error(`${name} ${args.join(' ')}: ${err || error.message}`));
		else done(JSON.parse(out));
	});
});

const freePort = () => new Promise((done) => {
	const server = createServer().listen(0, '127.0.0.1', () => {
		const { port } = server.address();
		server.close(() => done(port));
	});
});

const accepts = (port) => new Promise((done) => {
	const socket = connect(port, '127.0.0.1');
	socket.once('connect', () => { socket.destroy(); done(true); });
	socket.once('error', () => done(false));
});

export const hasWebhook = () => existsSync('/usr/bin/webhook');
export const hasExpress = () => existsSync(join(EXPRESS, 'node_modules/better-sqlite3/build'));

const children = new Set();
process.on('exit', () => { for (const c of children) c.kill('SIGKILL'); });
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

let made = 0;

export class Subject {
	/** kind: hookd, ceiling, handed, insert, bare, webhook or express. For hookd: `hooks`, or
	 * `tick` for one whose runs are counted; `log`, its level; `limits`; `store`, a file
	 * that stays; `full`: it is sent what FedaPay sends, 6.8 KB. */
	static async start(kind, options = {}) {
		const s = new Subject(kind, options);
		const began = process.hrtime.bigint();
		await s.launch();
		s.startMs = Number(process.hrtime.bigint() - began) / 1e6;
		return s;
	}

	constructor(kind, { hooks = waiting(1), tick = false, log = 'warn', store, limits = {}, full = false, name } = {}) {
		this.kind = kind;
		this.name = name ?? kind;
		this.dir = join(OUT, 'run', `${process.pid}-${++made}-${kind}`);
		rmSync(this.dir, { recursive: true, force: true });
		mkdirSync(this.dir, { recursive: true });
		this.secretFile = this.file('secret', `${SECRET}\n`, 0o600);
		this.store = store ?? join(this.dir, 'hookd.db');
		this.ticks = join(this.dir, 'ticks');
		Object.assign(this, { log, limits, full });
		this.hooks = tick ? [this.tickHook()] : hooks;
	}

	file(name, content, mode = 0o644) {
		const path = join(this.dir, name);
		writeFileSync(path, content, { mode });
		return path;
	}

	/** JSON is YAML too. */
	config() {
		return this.file('hookd.yaml', JSON.stringify({
			listen: `127.0.0.1:${this.port}`,
			trusted_proxies: ['127.0.0.1'],
			limits: { connections: 2000, backlog: 100000000, concurrency: 16, grace: '0s',
				...this.limits },
			store: { path: this.store, retention: 0 },
			log: { level: this.log },
			sources: [{ name: 'fedapay', path: PATH, scheme: 'fedapay',
				secrets: [{ file: this.secretFile }] }],
			hooks: this.hooks.map((h) => ({ source: 'fedapay', on: '*', ...h,
				...(h.run === undefined ? {} : { user: userInfo().username }) })),
		}, null, 1));
	}

	webhookHooks() {
		return this.file('hooks.json', JSON.stringify([{ id: 'fedapay',
			'execute-command': tool('tick'),
			'pass-arguments-to-command': [{ source: 'string', name: this.ticks }],
			'trigger-rule': { match: { type: 'payload-hmac-sha256', secret: SECRET,
				parameter: { source: 'header', name: 'X-Signature' } } } }]));
	}

	argv() {
		switch (this.kind) {
		case 'hookd':
			return [join(BUILD, 'hookd'), '--config', this.config()];
		case 'webhook':
			return ['webhook', '-ip', '127.0.0.1', '-port', this.port, '-hooks',
				this.webhookHooks()];
		case 'express':
			return ['node', join(EXPRESS, 'server.mjs'), this.port, this.store, this.secretFile];
		default:
			return [tool('receiver'), this.kind, this.config()];
		}
	}

	async launch() {
		this.port = await freePort();
		const log = join(this.dir, 'log');
		this.child = spawn('sh', ['-c', `ulimit -Sn ${DESCRIPTORS}; exec "$@" 2>"$0" >&2`, log,
			...this.argv().map(String)], { stdio: 'ignore', env: { ...process.env,
			NODE_ENV: 'production' } });
		children.add(this.child);
		this.exited = new Promise((done) => this.child.once('exit', (code, signal) => {
			children.delete(this.child);
			this.running = false;
			done({ code, signal });
		}));
		this.running = true;
		this.logFile = log;
		for (let i = 0; !await accepts(this.port); i++) {
			if (!this.running || i > 20000)
				throw new Error(`${this.name} does not start: ${readFileSync(log, 'utf8')}`);
			await sleep(2);
		}
	}

	get pid() { return this.child.pid; }

	/** Loads it: { connections, seconds, warmUp, count, rate } */
	load({ connections = 64, seconds = 2, warmUp = 0.5, count, rate } = {}) {
		if (!this.running)
			throw new Error(`${this.name} has ended: ${readFileSync(this.logFile, 'utf8')}`);
		const args = ['--connections', connections, '--seconds', seconds, '--warm-up', warmUp,
			'--secret-file', this.secretFile];
		if (count) args.push('--count', count);
		if (rate) args.push('--rate', rate);
		if (this.full) args.push('--scheme', 'full');
		if (this.kind === 'webhook') args.push('--scheme', 'plain', '--path', '/hooks/fedapay');
		return ask('load', ...args, `127.0.0.1:${this.port}`);
	}

	/** The script that is counted, as a hook. */
	tickHook() {
		return { name: 'tick', run: [tool('tick'), this.ticks], concurrency: 16 };
	}

	/** Scripts that have run. */
	get ran() {
		return existsSync(this.ticks)
			? Number(execFileSync('wc', ['-l', this.ticks], { encoding: 'utf8' }).split(' ')[0]) : 0;
	}

	states() { return ask('count', '--states', this.store); }

	count(...more) { return ask('count', this.store, ...more); }

	status(field) {
		const text = readFileSync(`/proc/${this.pid}/status`, 'utf8');
		return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)[1]);
	}

	get memoryMiB() { return this.status('VmRSS') / 1024; }

	/** How often its threads have been given the processor. */
	get switches() {
		let sum = 0;
		for (const task of readdirSync(`/proc/${this.pid}/task`)) {
			const text = readFileSync(`/proc/${this.pid}/task/${task}/status`, 'utf8');
			for (const [, n] of text.matchAll(/ctxt_switches:\s+(\d+)/g)) sum += Number(n);
		}
		return sum;
	}

	get storeBytes() {
		return ['', '-wal'].map((end) => this.store + end).filter(existsSync)
			.reduce((sum, file) => sum + statSync(file).size, 0);
	}

	async stop() {
		if (this.running) this.child.kill('SIGTERM');
		await this.exited;
	}

	async end() {
		await this.stop();
		rmSync(this.dir, { recursive: true, force: true });
	}
}
