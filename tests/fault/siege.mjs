// Clients that try to keep others out: silent connections, and the table of hostile requests
// again and again; and the good client that must still be served.
import assert from 'node:assert/strict';
import net from 'node:net';
import { join } from 'node:path';
import { HOOKD } from '../e2e/lib/daemon.mjs';
import { Raw } from '../e2e/lib/http.mjs';
import { run } from '../e2e/lib/program.mjs';
import { sleep } from '../e2e/lib/wait.mjs';
import { context } from './hostile_client.mjs';
import { rows } from './hostile_requests.mjs';

/** Silent connections, `each` from an address of 127.1.0.0/16; one that hookd closes is opened
 * again after a while. */
export class Silence {
	constructor(at, count, each, { again = false } = {}) {
		Object.assign(this, { at, count, each, again, open: 0, opened: 0, ended: false, sockets: new Set() });
	}

	static async start(...args) {
		const silence = new Silence(...args);
		for (let i = 0; i < silence.count; i += 100)
			await Promise.all(Array.from({ length: Math.min(100, silence.count - i) }, (_, k) => silence.connect(i + k)));
		return silence;
	}

	connect(i) {
		const from = Math.floor(i / this.each);
		return new Promise((done) => {
			const socket = net.connect({ ...this.at, localAddress: `127.1.${from >> 8}.${1 + (from & 255)}` });
			this.sockets.add(socket);
			socket.on('error', () => {});
			socket.on('connect', () => { this.open++; this.opened++; socket.up = true; done(); });
			socket.on('end', () => socket.destroy());
			socket.on('close', () => {
				this.sockets.delete(socket);
				if (socket.up) this.open--;
				if (this.again && !this.ended) setTimeout(() => this.ended || this.connect(i), 1000);
				done();
			});
			socket.resume();
		});
	}

	async end() {
		this.ended = true;
		for (const socket of this.sockets) socket.destroy();
		while (this.sockets.size > 0) await sleep(20);
	}
}

/** The table, row after row at `rate` a second, from `clients` at once. The answers are not
 * checked here: hostile.test.mjs does that. */
export class Table {
	constructor(d, { clients = 4, rate = 60 } = {}) {
		Object.assign(this, { d, ended: false, sent: 0, pause: (1000 * clients) / rate });
		this.rows = rows.filter((row) => !row.slow && !row.tls);
		this.done = Promise.all(Array.from({ length: clients }, () => this.client()));
	}

	async client() {
		while (!this.ended) {
			const row = this.rows[this.sent++ % this.rows.length];
			const c = context(this.d);
			const raw = await Raw.open({ ...this.d.at, localAddress: '127.2.0.1' }).catch(() => null);
			if (!raw) continue;
			if (row.steps) await row.steps(raw, c).catch(() => {});
			else raw.write(Buffer.from(row.bytes(c), 'latin1'));
			await sleep(this.pause);
			raw.destroy();
		}
	}

	end() {
		this.ended = true;
		return this.done;
	}
}

/** Runs tests/bench/load, which signs with the secret in d.secretFile, for some seconds or `count`
 * requests. Resolves to its JSON. */
export async function client(d, { connections, seconds = 60, count }) {
	const load = join(HOOKD, '../bench/load');
	const extent = count ? ['--count', String(count), '--warm-up', '0'] : ['--warm-up', '0.2'];
	const { code, stdout, stderr } = await run(load, ['--connections', String(connections), '--seconds', String(seconds),
		...extent, '--secret-file', d.secretFile, `127.0.0.1:${d.at.port}`]);
	assert.equal(code, 0, stderr);
	return JSON.parse(stdout);
}

export function median(list) {
	const sorted = [...list].sort((a, b) => a - b);
	return (sorted[(list.length - 1) >> 1] + sorted[list.length >> 1]) / 2;
}
