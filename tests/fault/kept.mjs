// What hookd has acknowledged while something was wrong, and whether it is there in the end.
import assert from 'node:assert/strict';
import { newEvent } from '../e2e/lib/fedapay.mjs';
import { waitFor } from '../e2e/lib/wait.mjs';

/** Events that were posted: what was answered, and what was sent. */
export class Posted {
	/** short: of memory, so that a 503 may be without its Retry-After. */
	constructor(d, { short = false } = {}) { Object.assign(this, { d, short, sent: new Map(), acked: new Map(), statuses: new Map() }); }

	/** Posts one new event; resolves to the status, 0 when there was no answer. */
	async post(over = {}) {
		const event = newEvent(over);
		this.sent.set(String(event.id), JSON.stringify(event));
		return this.send(String(event.id));
	}

	/** Posts again what was not acknowledged, as FedaPay does. */
	async send(id) {
		const answer = await this.d.post(this.sent.get(id)).catch(() => ({ status: 0 }));
		this.statuses.set(answer.status, (this.statuses.get(answer.status) ?? 0) + 1);
		if (answer.status === 200) this.acked.set(id, answer.json.event);
		if (answer.status === 503 && !this.short) assert.ok(Number(answer.headers['retry-after']) > 0, 'Retry-After');
		return answer.status;
	}

	async posts(count, over) {
		for (let i = 0; i < count; i++) await this.post(over);
	}

	/** Until hookd takes events again, by itself. */
	async until200(what) {
		await waitFor(async () => await this.post() === 200, `hookd to take events again after ${what}`);
	}

	async resendAll() {
		for (const id of this.sent.keys()) if (!this.acked.has(id)) assert.equal(await this.send(id), 200);
	}

	/** Each acknowledged event is there once, byte for byte; each has run with every hook and none is dead. */
	async check({ hooks = ['record'] } = {}) {
		const { d } = this;
		const { stdout, code, stderr } = await d.ctl('export', '--format', 'ndjson');
		assert.equal(code, 0, stderr);
		const rows = new Map();
		for (const row of stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line))) {
			assert.ok(!rows.has(row.idempotency_key), `${row.idempotency_key} is stored twice`);
			rows.set(row.idempotency_key, row.payload);
		}
		for (const id of this.acked.keys()) assert.equal(rows.get(`id:${id}`), this.sent.get(id), `event ${id}, acknowledged`);
		await waitFor(async () => {
			const states = (await d.ctl('stats', '--by', 'hook', '--json')).stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
			for (const { hook, dead } of states) assert.equal(dead, 0, `${hook}: dead`);
			return hooks.every((hook) => states.some((s) => s.hook === hook && s.waiting === 0 && s.done === rows.size));
		}, 'all deliveries to be done', 240_000);
		assert.match((await d.ctl('check', '--full')).stdout, /sound/);
		return rows.size;
	}
}
