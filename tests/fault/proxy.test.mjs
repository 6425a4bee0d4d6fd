// Sends each request of the table that two parsers may read differently through a reverse proxy
// that keeps its connections to hookd alive: hookd sees the requests that the proxy saw, no others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon } from '../e2e/lib/daemon.mjs';
import { newBody } from '../e2e/lib/fedapay.mjs';
import { Raw } from '../e2e/lib/http.mjs';
import { limit, waitFor } from '../e2e/lib/wait.mjs';
import { context, keyOf, storedEvents } from './hostile_client.mjs';
import { smuggling } from './hostile_requests.mjs';
import { proxies } from './proxies.mjs';
import { Proxy } from './proxy.mjs';

const AT_ONCE = 48;

/* Sends a row, then a good request on a new connection: the proxy forwards it on a connection to
 * hookd on which the row may have left bytes. */
async function play(d, at, row) {
	const c = context(d);
	const raw = await Raw.open(at);
	const good = newBody();
	raw.write(Buffer.from(row.bytes(c), 'latin1'));
	await raw.until(1, 3000).catch(() => {});
	const answer = await d.post(good, { at });
	raw.destroy();
	return { row, c, good, answer };
}

for (const [name, program] of Object.entries(proxies)) test(`through ${name} nothing is smuggled`, { timeout: limit.timeout * 2 }, async (t) => {
	const d = await Daemon.start(t, { trusted_proxies: ['127.0.0.1/32'], limits: { body: '64KiB', request_time: '20s' },
		hooks: (d) => [d.hook('few', 'true', { on: ['payout.*'] })] });
	const proxy = await Proxy.start(t, d, program);
	const played = [];
	const left = proxy.ports.flatMap((port) => smuggling.filter((row) => row.bytes).map((row) => ({ at: { host: '127.0.0.1', port }, row })));
	await Promise.all(Array.from({ length: AT_ONCE }, async () => {
		for (let next; (next = left.shift());) played.push(await play(d, next.at, next.row));
	}));

	const faults = played.filter(({ answer }) => answer.status !== 200 || answer.json.status !== 'stored');
	assert.deepEqual(faults.map(({ row, answer }) => `${row.group} ${row.name}: ${answer.status} ${answer.text}`), [],
		'each good client is answered 200');
	const numbers = new Map((await d.events()).map((event) => [event.idempotency_key, event.id]));
	for (const { good, answer, row } of played)
		assert.equal(answer.json.event, numbers.get(keyOf(good)), `${row.name}: the answer is that to its own request`);

	const answered = () => proxy.log.filter((request) => request.answered).length;
	const most = () => (program.instead ? proxy.log.length : answered());
	await waitFor(() => proxy.answers >= answered() && proxy.answers <= most(), `as many answers of hookd as ${name} was waiting for`, 10_000)
		.catch(() => assert.equal(proxy.answers, answered(), `hookd has seen what ${name} has sent`));

	const stored = await storedEvents(d);
	for (const port of proxy.ports) { // whatever X-Forwarded-For a client sends
		const answer = await d.post(newBody(), { at: { host: '127.0.0.1', port, localAddress: '127.9.0.1' }, headers: { 'X-Forwarded-For': '203.0.113.5' } });
		assert.equal((await d.show(answer.json.event)).remote_addr, '127.9.0.1', `the client's own address`);
	}

	// A request within another counts only where the proxy itself saw one.
	const seen = new Set(proxy.log.map(({ uri }) => uri));
	const inner = played.flatMap(({ c, row }) => c.innerBodies.map((body) => ({ key: keyOf(body), row })));
	const smuggled = inner.filter(({ key }) => stored.has(key) && !seen.has(`/webhooks/fedapay?inner=${key.slice('id:'.length)}`));
	assert.deepEqual(smuggled.map(({ row }) => `${row.group} ${row.name}`), []);

	const expected = new Set(played.flatMap(({ c, good }) => [good, c.body, ...c.innerBodies].map(keyOf)));
	assert.deepEqual([...stored.keys()].filter((key) => !expected.has(key)), [], 'nothing else was stored');
	const kept = proxy.answers / proxy.connections;
	assert.ok(kept > 1.2, `connections to hookd were kept alive: ${proxy.answers} answers on ${proxy.connections}`);
	t.diagnostic(`${played.length} rows by ${proxy.ports.length} kinds: ${proxy.log.length} requests seen by ${name}, ` +
		`${proxy.answers} by hookd on ${proxy.connections} connections; ${inner.length} requests to be smuggled, ` +
		`${inner.filter(({ key }) => stored.has(key)).length} of which ${name} took for requests of their own`);
});
