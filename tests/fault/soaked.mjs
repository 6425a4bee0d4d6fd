// The hookd that soaks, with all that troubles it. Three sources: "fedapay" takes the load of
// tests/bench/load.c, which is counted; the events of "shop" are remembered one by one; those
// of "gone" come from clients that do not wait for the answer.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Daemon, HOOKCTL, HOOKD, wire } from '../e2e/lib/daemon.mjs';
import { newEvent } from '../e2e/lib/fedapay.mjs';
import { Raw } from '../e2e/lib/http.mjs';
import { Mailbox } from '../e2e/lib/mailbox.mjs';
import { Peer } from '../e2e/lib/peer.mjs';
import { run } from '../e2e/lib/program.mjs';
import { sleep } from '../e2e/lib/wait.mjs';

const BENCH = join(HOOKD, '..', 'bench');
const retry = { attempts: 6, first: '200ms', max: '5s' };

/* By event and attempt, so that each is tried again and most are done in the end. */
const SHIP = `case $(((HOOKD_EVENT_ID * 7 + HOOKD_ATTEMPT * 13) % 40)) in
0 | 1 | 2) exit 75 ;;
3) exec sleep 100 ;;
4) kill -9 $$ ;;
5) sleep 100 & ;;
6) head -c 300000 /dev/zero | tr '\\0' x ;;
7) exit 100 ;;
esac`;

/* Of all events only those whose number ends so, or the machine would only start programs. */
const ending = (digits) => ({ id: { matches: `${digits}$` } });

const troubles = [{ status: 500 }, { status: 503, headers: { 'Retry-After': '1' } }, { hang: true },
	{ close: true }, { reset: true }, { status: 400 }];

export class Soaked extends Daemon {
	static async start(t, next) {
		const d = new Soaked(t);
		Object.assign(d, { next, counted: 0, acked: new Map(), vanished: 0, reloads: 0, refusedReloads: 0, rotated: 0, calmed: false });
		d.peer = await Peer.start(t, () => d.answer());
		d.mailbox = await Mailbox.start(t);
		d.logFile = join(d.dir, 'log');
		d.wrap = ['sh', '-c', 'exec "$@" 2>>"$0"', d.logFile];
		d.configure({
			limits: { connections: 2000, backlog: 10_000_000, grace: '20s', concurrency: 12 },
			trusted_proxies: ['127.0.0.1'],
			email: { server: d.mailbox.url, tls: 'none', from: 'shop@example.com' },
			sources: ['fedapay', 'shop', 'gone'].map((name) => d.source({ name, path: `/webhooks/${name}` })),
			hooks: d.hooks(),
		});
		await Daemon.prototype.start.call(d);
		return d;
	}

	/* Written once: a program that runs cannot be written. */
	hook(name, body, over) {
		this.programs ??= {};
		this.programs[name] ??= this.script(name, body);
		return { name, source: 'fedapay', on: '*', run: [this.programs[name]], ...over };
	}

	hooks({ timeout = '1s', extra = true } = {}) {
		const failed = this.hook('failed', 'cat >/dev/null');
		return [
			this.hook('ship', SHIP, { when: ending('[05]0'), timeout, kill_after: '1s', retry,
				on_failure: { run: failed.run } }),
			this.hook('book', 'cat >/dev/null', { when: ending('25'), order: 'entity', retry }),
			{ name: 'erp', source: 'fedapay', on: '*', when: ending('[0-3]1'), timeout: '2s', retry,
				forward: { url: this.peer.url('/in/{{id}}') } },
			{ name: 'mail', source: 'fedapay', on: '*', when: ending('[05]33'), timeout: '5s', retry,
				email: { to: '{{entity.customer.email}}', subject: 'Paiement {{entity.reference}}', body: '{{entity.amount | money}}' } },
			{ name: 'tell', source: 'shop', on: '*', retry, timeout: '2s', forward: { url: this.peer.url('/shop') } },
			...(extra ? [this.hook('extra', 'exit 0', { when: ending('75'), retry })] : []),
		];
	}

	/** With the patience that a store of millions of events needs. */
	ctl(...args) { return run(HOOKCTL, ['--config', this.configFile, ...args], { ms: 1_800_000 }); }

	// ---- the log: standard error is a file, which is copied and cut (copytruncate)
	get logBytes() { return existsSync(this.logFile) ? readFileSync(this.logFile) : Buffer.alloc(0); }

	rotate() {
		const old = `${this.logFile}.1`;
		copyFileSync(this.logFile, old);
		truncateSync(this.logFile, 0);
		this.rotated++;
		const text = readFileSync(old, 'latin1');
		assert.ok(!text.startsWith('\0'), 'hookd writes at the end of what is there');
		assert.doesNotMatch(text, /(AddressSanitizer|ThreadSanitizer|runtime error:)/);
	}

	// ---- the load
	/** Runs tests/bench/load.c: { seconds, rate }; resolves to what it says. */
	async load({ seconds, rate }) {
		const args = ['--connections', 32, '--seconds', seconds.toFixed(2), '--warm-up', 0, '--secret-file', this.secretFile,
			...(rate ? ['--rate', rate] : []), `${this.at.host}:${this.at.port}`];
		const { code, stdout, stderr } = await run(join(BENCH, 'load'), args.map(String), { ms: seconds * 1000 + 120_000 });
		assert.equal(code, 0, stderr);
		const said = JSON.parse(stdout);
		assert.deepEqual([said.other, said.errors, said.unanswered], [0, 0, 0], stdout);
		this.counted += said.all_ok;
		return said;
	}

	/** A client whose events are known one by one. */
	async shop(span) {
		while (span.left > 0) {
			const event = newEvent(), body = JSON.stringify(event);
			const answer = await this.post(body, { path: '/webhooks/shop' });
			assert.equal(answer.status, 200, answer.text);
			this.acked.set(String(event.id), body);
			if (this.next() < 0.1) assert.equal((await this.post(body, { path: '/webhooks/shop' })).json.status, 'duplicate');
			await sleep(40);
		}
	}

	/** Clients that leave in the middle, by a reset or not. */
	async vanish(span) {
		while (span.left > 0) {
			const bytes = wire(this, undefined, { line: 'POST /webhooks/gone HTTP/1.1' });
			const raw = await Raw.open(this.at);
			const cut = this.next() < 0.3 ? bytes.length : Math.floor(this.next() * bytes.length);
			await new Promise((done) => raw.socket.write(bytes.subarray(0, cut), done));
			if (this.next() < 0.2) await sleep(this.next() * 200);
			if (this.next() < 0.5) raw.socket.resetAndDestroy(); else raw.destroy();
			this.vanished++;
			await sleep(50);
		}
	}

	// ---- the other side of forwards and mails
	answer() {
		this.peer.requests.length = 0; // nobody reads them
		if (this.calmed || this.next() > 0.15) return {};
		return troubles[Math.floor(this.next() * troubles.length)];
	}

	/** The SMTP server takes mails, refuses senders for now or for good, or hangs up. */
	async moods(span) {
		const { options } = this.mailbox;
		while (span.left > 0) {
			const mood = Math.floor(this.next() * 5);
			options.from = mood === 1 ? [451, 'not now'] : mood === 2 ? [550, 'not from you'] : undefined;
			options.greeting = mood === 3 ? [421, 'too busy'] : undefined;
			options.closeAfter = mood === 4 ? 1 : undefined;
			this.mailbox.arrived.length = this.mailbox.wires.length = 0;
			await sleep(500 + this.next() * 3000);
		}
	}

	/** From here on everything works. */
	async calm() {
		this.calmed = true;
		Object.assign(this.mailbox.options, { from: undefined, greeting: undefined, closeAfter: undefined });
		this.reload({ hooks: this.hooks({ timeout: '2s' }) });
	}

	// ---- the config
	/** The n-th reload: other limits, hooks, log; one of four is refused. */
	change(n) {
		if (n % 4 === 1) {
			writeFileSync(this.configFile, 'hooks: [{nonsense\n');
			this.signal('SIGHUP');
			this.refusedReloads++;
			return;
		}
		this.reload({
			limits: { ...this.config.limits, concurrency: n % 2 ? 8 : 16 },
			log: { level: 'info', format: n % 2 ? 'json' : 'text' },
			hooks: this.hooks({ timeout: n % 2 ? '1s' : '1500ms', extra: n % 2 === 0 }),
		});
		this.reloads++;
	}

	// ---- the end
	/** What was acknowledged is stored, once; resolves to the figures. */
	async compare() {
		const rows = new Map();
		const { code, stdout, stderr } = await this.ctl('export', '--format', 'ndjson', '--source', 'shop');
		assert.equal(code, 0, stderr);
		for (const line of stdout.split('\n').filter(Boolean)) {
			const row = JSON.parse(line);
			assert.ok(!rows.has(row.idempotency_key), `${row.idempotency_key} is stored twice`);
			rows.set(row.idempotency_key, row.payload);
		}
		for (const [id, body] of this.acked) assert.equal(rows.get(`id:${id}`), body, `event ${id}, acknowledged`);
		assert.equal(rows.size, this.acked.size);

		const all = JSON.parse((await run(join(BENCH, 'count'), [this.config.store.path], { ms: 600_000 })).stdout);
		const gone = all.events - this.counted - this.acked.size;
		assert.ok(gone >= 0, `${this.counted} events were acknowledged to the load, and ${this.acked.size} more; stored: ${all.events}`);
		assert.ok(gone <= this.vanished, `${gone} events too many are stored`);
		return { events: all.events, acknowledged: this.counted + this.acked.size, clients_vanished: this.vanished,
			stored_of_vanished: gone, attempts: all.attempts, deliveries: all.states ?? all.deliveries,
			reloads: this.reloads, reloads_refused: this.refusedReloads, logs_rotated: this.rotated };
	}
}
