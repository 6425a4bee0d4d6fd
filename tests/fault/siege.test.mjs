// With 5,000 silent connections and the table of hostile requests all the time, a good client is
// served as before. LONG=1 is the long form: SIEGE=9 rounds with and without, in turns.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon } from '../e2e/lib/daemon.mjs';
import { newBody } from '../e2e/lib/fedapay.mjs';
import { limit, rootLimit, waitFor } from '../e2e/lib/wait.mjs';
import { Silence, Table, client, median } from './siege.mjs';

const LONG = process.env.LONG !== undefined;
const ROUNDS = Number(process.env.SIEGE ?? (LONG ? 9 : 2));
const SILENT = 5000;
const VISITS = LONG ? 200 : 20;
const KEPT = LONG ? 0.8 : 0.4; // of the throughput; in the short form the noise is larger than the loss
const hooks = (d) => [d.hook('few', 'true', { on: ['payout.*'] })];
const timeout = { timeout: limit.timeout + ROUNDS * 60_000 };

test('with 5,000 silent connections and hostile requests a good client keeps its throughput', timeout, async (t) => {
	const d = await Daemon.start(t, { hooks, trusted_proxies: ['10.0.0.0/8'],
		limits: { connections: 8000, per_ip: 200, request_time: '10m', body: '64KiB' } });
	d.reload({ log: { level: 'warn' } }); // or this process would have to read a line for each event
	const kinds = LONG ? [1, 16, 64] : [16];
	const rates = {};
	for (let round = 0; round < ROUNDS; round++)
		for (const attacked of round % 2 ? [true, false] : [false, true]) {
			const silence = attacked && await Silence.start(d.at, SILENT, 100);
			const table = attacked && new Table(d);
			for (const connections of kinds) {
				const seen = await client(d, { connections, seconds: LONG ? 2 : 1 });
				assert.deepEqual([seen.other, seen.errors, seen.unanswered], [0, 0, 0], 'each request is answered 200');
				(rates[`${connections} ${attacked}`] ??= []).push(seen.per_second);
			}
			if (attacked) {
				assert.equal(silence.open, SILENT, 'the silent are there, all the time');
				assert.ok(table.sent > 0);
				await table.end();
				await silence.end();
			}
		}
	for (const connections of kinds) {
		// In turns: others use the machine too, and its speed drifts by more than the loss.
		const [without, under] = [false, true].map((attacked) => rates[`${connections} ${attacked}`]);
		const kept = median(without.map((rate, i) => under[i] / rate));
		t.diagnostic(`${connections} connections: ${median(without)} a second, under attack ${median(under)}; ` +
			`round by round ${kept.toFixed(2)} of it is kept`);
		assert.ok(kept >= KEPT, `${connections} connections: ${JSON.stringify(rates)}`);
	}
});

/** Opens new connections one after the other, with a request on each. */
async function visit(d, count, options) {
	for (let i = 0; i < count; i++) {
		const answer = await d.post(newBody(), options);
		assert.equal(answer.status, 200, answer.text);
	}
}

test('limits by default, one silent address: it has per_ip connections, others are served', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const silence = await Silence.start(d.at, 1000, 1000, { again: true });
	await waitFor(() => silence.open <= 100, 'its connections to be bounded');
	await visit(d, 100);
	assert.ok(silence.open <= 100 + 50, `${silence.open} open`); // some are just being closed
	await silence.end();
});

test('limits by default, 5,000 silent connections from 50 addresses, again and again: others are served', { ...rootLimit, ...timeout },
	async (t) => {
		const d = await Daemon.start(t, { hooks, trusted_proxies: ['127.9.0.1'] });
		d.reload({ log: { level: 'warn' } });
		const before = d.descriptors;
		const kept = await client(d, { connections: 8, seconds: 0.5 });
		const silence = await Silence.start(d.at, SILENT, 100, { again: true });
		let most = 0;
		const watch = setInterval(() => { most = Math.max(most, d.descriptors - before); }, 20);
		t.after(() => clearInterval(watch));
		const [seen] = await Promise.all([
			client(d, { connections: 8, seconds: LONG ? 20 : 2 }), // connections that are kept
			visit(d, VISITS), // new ones
			visit(d, VISITS, { at: { ...d.at, localAddress: '127.9.0.1' }, headers: { 'X-Forwarded-For': '203.0.113.5' } }),
		]);
		clearInterval(watch);
		assert.deepEqual([seen.other, seen.errors, seen.unanswered], [0, 0, 0], 'each request is answered 200');
		assert.ok(silence.opened > SILENT, 'evicted connections were opened again');
		assert.ok(most <= 1000 + 20, `never more than limits.connections: ${most}`);
		t.diagnostic(`${kept.per_second} a second before, ${seen.per_second} meanwhile; ${silence.opened} silent connections, at most ${most} at once`);
		await silence.end();
	});
