// Each request of the table that two parsers may read differently, through nginx with connections
// to hookd kept alive: hookd sees the requests that nginx saw, no other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon } from '../e2e/lib/daemon.mjs';
import { newBody } from '../e2e/lib/fedapay.mjs';
import { Raw } from '../e2e/lib/http.mjs';
import { limit, waitFor } from '../e2e/lib/wait.mjs';
import { context, keyOf, storedEvents } from './hostile_client.mjs';
import { smuggling } from './hostile_requests.mjs';
import { KINDS, Nginx } from './nginx.mjs';

const AT_ONCE = 32;

/* Sends a row, then a good request on a connection of its own: nginx gives it one to hookd that
 * the row may have left bytes on. */
async function play(d, at, row) {
	const c = context(d);
	const raw = await Raw.open(at);
	const good = newBody();
	raw.write(Buffer.from(row.bytes(c), 'latin1'));
	await raw.until(1, 5000).catch(() => {});
	const answer = await d.post(good, { at });
	raw.destroy();
	return { row, c, good, answer };
}

test('through nginx nothing is smuggled', limit, async (t) => {
	const d = await Daemon.start(t, { trusted_proxies: ['127.0.0.1/32'], limits: { body: '64KiB', request_time: '20s' },
		hooks: (d) => [d.hook('few', 'true', { on: ['payout.*'] })] });
	const nginx = await Nginx.start(t, d);
	const played = [];
	for (const port of nginx.ports) {
		const left = smuggling.filter((row) => row.bytes);
		await Promise.all(Array.from({ length: AT_ONCE }, async () => {
			while (left.length > 0) played.push(await play(d, { host: '127.0.0.1', port }, left.shift()));
		}));
	}

	const faults = played.filter(({ answer }) => answer.status !== 200 || answer.json.status !== 'stored');
	assert.deepEqual(faults.map(({ row, answer }) => `${row.group} ${row.name}: ${answer.status} ${answer.text}`), [],
		'each good client is answered 200');
	const numbers = new Map((await d.events()).map((event) => [event.idempotency_key, event.id]));
	for (const { good, answer, row } of played)
		assert.equal(answer.json.event, numbers.get(keyOf(good)), `${row.name}: the answer is that to its own request`);

	const forwarded = () => nginx.log.filter((request) => request.answered).length;
	await waitFor(() => forwarded() === nginx.answers, `as many answers of hookd as nginx was waiting for`, 10_000)
		.catch(() => assert.equal(nginx.answers, forwarded(), 'hookd has seen what nginx has sent'));

	// A request within another is one only where nginx itself saw one.
	const stored = await storedEvents(d);
	const seen = new Set(nginx.log.map(({ uri }) => uri));
	const inner = played.flatMap(({ c, row }) => c.innerBodies.map((body) => ({ key: keyOf(body), row })));
	const smuggled = inner.filter(({ key }) => stored.has(key) && !seen.has(`/webhooks/fedapay?inner=${key.slice('id:'.length)}`));
	assert.deepEqual(smuggled.map(({ row }) => `${row.group} ${row.name}`), []);

	const expected = new Set(played.flatMap(({ c, good }) => [good, c.body, ...c.innerBodies].map(keyOf)));
	assert.deepEqual([...stored.keys()].filter((key) => !expected.has(key)), [], 'nothing else was stored');
	const kept = nginx.answers / nginx.connections;
	assert.ok(kept > 1.2, `connections to hookd were kept alive: ${nginx.answers} answers on ${nginx.connections}`);
	t.diagnostic(`${played.length} rows by ${Object.keys(KINDS).length} kinds of proxy: ${nginx.log.length} requests seen by nginx, ` +
		`${nginx.answers} by hookd on ${nginx.connections} connections; ${inner.length} requests to be smuggled, ` +
		`${inner.filter(({ key }) => stored.has(key)).length} of which nginx took for requests of their own`);
});
