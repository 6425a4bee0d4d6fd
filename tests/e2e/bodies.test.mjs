// What strangers' bodies hold: those that no body could make authentic are not kept at all, the
// others share limits.bodies, and an ordinary event always finds room.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { test } from 'node:test';
import { certificate } from './lib/certificate.mjs';
import { Daemon, HOOKD, headOf, wire } from './lib/daemon.mjs';
import { newBody, nowSeconds } from './lib/fedapay.mjs';
import { Raw, send } from './lib/http.mjs';
import { limit, waitFor } from './lib/wait.mjs';

const MIB = 1024 * 1024;
const BUDGET = 8 * MIB;
const COUNT = 64; // bodies of 1 MiB: far more than the budget holds
const REFUSED = 16 * MIB; // refused requests that wait to be kept for a recheck
const POOL = 32 * 1024; // what a connection holds besides its body, generously
const filler = 'y'.repeat(MIB);
const reasonOf = ({ body }) => JSON.parse(body).reason;

/* A sanitizer's allocator holds much more. */
const sanitized = /__(asan|tsan)_init/.test(readFileSync(HOOKD, 'latin1'));

const memory = (d) => 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${d.pid}/status`, 'utf8'))[1]);

const limits = { body: '1MiB', bodies: '8MiB', connections: 1000, per_ip: 1000, request_time: '10m' };
const start = (t) => Daemon.start(t, { limits, hooks: (d) => [d.hook('few', 'true', { on: ['payout.*'] })] });

/** COUNT connections whose bodies lack the last byte. */
async function hold(t, d, signature) {
	const held = [];
	t.after(() => held.forEach((raw) => raw.destroy()));
	const head = ['POST /webhooks/fedapay HTTP/1.1', 'Host: test', `Content-Length: ${MIB}`,
		...(signature === null ? [] : [`X-FEDAPAY-SIGNATURE: ${signature}`])].join('\r\n');
	for (let i = 0; i < COUNT; i++) {
		held.push(await Raw.open(d.at));
		held[i].write(`${head}\r\n\r\n`);
	}
	await Promise.all(held.map((raw) => new Promise((done) => raw.socket.write(filler.slice(1), done))));
	return held;
}

/** The first answer to the head of a signed request that waits for permission to send its body. */
async function expectation(d, body) {
	const raw = await Raw.open(d.at);
	raw.write(headOf(wire(d, body, { extra: ['Expect: 100-continue'] })));
	await raw.until(1);
	raw.destroy();
	return raw.responses[0].status;
}

async function end(held) {
	for (const raw of held) raw.write('z');
	await Promise.all(held.map((raw) => raw.until(1)));
	return held.map((raw) => raw.responses[0]);
}

const impossible = {
	'no signature': [() => null, 'no signature header'],
	'a malformed signature': [() => 's=1', 'malformed signature header'],
	'none of the right kind': [() => `t=${nowSeconds()},v1=${'0'.repeat(64)}`, 'no known signature scheme in the header'],
	'none of the right length': [() => `t=${nowSeconds()},s=00`, 'no signature matches'],
	'an old time': [() => `t=${nowSeconds() - 1000},s=${'0'.repeat(64)}`, 'signature too old'],
	'a time to come': [() => `t=${nowSeconds() + 1000},s=${'0'.repeat(64)}`, 'signature too new'],
};

test(`what no body could make authentic: 401, and none of ${COUNT} bodies of a megabyte is kept`, limit, async (t) => {
	const d = await start(t);
	const before = memory(d);
	for (const [what, [signature, reason]] of Object.entries(impossible)) {
		const held = await hold(t, d, signature());
		for (const answer of await end(held)) assert.deepEqual([answer.status, reasonOf(answer)], [401, reason], what);
		held[0].write(wire(d)); // what was refused was read to its end: the connection is good for more
		await held[0].until(2);
		assert.equal(held[0].responses[1].status, 200, what);
		for (const raw of held) raw.destroy();
	}
	const grown = memory(d) - before;
	t.diagnostic(`${Math.round(grown / 1024)} KiB`);
	if (!sanitized) assert.ok(grown < COUNT * POOL + MIB, `${grown} bytes`);
});

test('… and 401 in place of 100', limit, async (t) => {
	const d = await start(t);
	for (const [what, [signature, reason]] of Object.entries(impossible)) {
		const header = signature() === null ? [] : [`X-FEDAPAY-SIGNATURE: ${signature()}`];
		const raw = await send(d.at, ['POST /webhooks/fedapay HTTP/1.1', 'Host: test', 'Content-Length: 100000',
			'Expect: 100-continue', ...header, '\r\n'].join('\r\n'));
		assert.deepEqual(raw.responses.map((answer) => [answer.status, reasonOf(answer)]), [[401, reason]], what);
		await d.logged(new RegExp(`request refused status=401 reason="${reason}"`));
	}
	assert.deepEqual(await d.events(), []);
});

test('a likely signature: all bodies together hold limits.bodies, small ones pass, the rest gets 503', limit, async (t) => {
	const d = await start(t);
	const before = memory(d);
	const held = await hold(t, d, `t=${nowSeconds()},s=${'0'.repeat(64)}`);
	await d.logged(/request refused status=503 reason="too many large bodies at once"/);

	const large = newBody({ filler: filler.slice(100_000) });
	await waitFor(() => expectation(d, large).then((status) => status === 503), '503 before the body is sent');
	for (let i = 0; i < 10; i++) assert.equal((await d.post()).status, 200, 'an ordinary event');

	const answers = await end(held);
	const kept = answers.filter(({ status }) => status === 401).length;
	const refused = answers.filter(({ status }) => status === 503);
	t.diagnostic(`${kept} bodies kept, ${refused.length} refused, ${Math.round((memory(d) - before) / 1024)} KiB`);
	assert.equal(kept + refused.length, COUNT);
	assert.ok(kept >= 1 && kept * MIB <= BUDGET, `${kept} bodies of 1 MiB were held`);
	for (const answer of refused) {
		assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
		assert.equal(reasonOf(answer), 'too many large bodies at once');
	}
	// 3/2: what a growing body leaves behind in malloc's heaps
	if (!sanitized) assert.ok(memory(d) - before < 1.5 * BUDGET + COUNT * POOL + REFUSED, `${memory(d) - before} bytes`);

	assert.equal((await d.post(large)).status, 200, 'what they held is free again');
	assert.equal((await d.events()).length, 11);
});

test('chunked bodies share it, too', limit, async (t) => {
	const d = await start(t);
	const held = [];
	t.after(() => held.forEach((raw) => raw.destroy()));
	const head = ['POST /webhooks/fedapay HTTP/1.1', 'Host: test', 'Transfer-Encoding: chunked',
		`X-FEDAPAY-SIGNATURE: t=${nowSeconds()},s=${'0'.repeat(64)}`, '\r\n'].join('\r\n');
	const chunk = `${(MIB - 100).toString(16)}\r\n${filler.slice(100)}\r\n`;
	for (let i = 0; i < COUNT; i++) held.push((await Raw.open(d.at)).write(head + chunk));
	await d.logged(/request refused status=503/);
	for (const raw of held) raw.write('0\r\n\r\n');
	await Promise.all(held.map((raw) => raw.until()));
	const statuses = held.map((raw) => raw.responses[0]?.status);
	const kept = statuses.filter((status) => status === 401).length;
	assert.ok(kept >= 1 && kept < COUNT, statuses.join());
	assert.deepEqual([...new Set(statuses)].sort(), [401, 503]);
	assert.equal((await d.post(newBody({ filler: filler.slice(100_000) }))).status, 200);
});

test('the largest body passes in the smallest budget, alone', limit, async (t) => {
	const d = await Daemon.start(t, { limits: { body: '1MiB', bodies: '2MiB' } });
	const body = newBody({ filler: '' });
	const full = newBody({ filler: filler.slice(body.length) });
	for (const chunked of [undefined, [full.slice(0, 1000), full.slice(1000)]]) {
		assert.ok(Buffer.byteLength(full) <= MIB && Buffer.byteLength(full) > MIB - 100);
		const answer = await d.post(full, { chunked });
		assert.equal(answer.status, 200, answer.text);
	}
});

test('a new limits.bodies is in force after SIGHUP', limit, async (t) => {
	const d = await Daemon.start(t, { limits: { body: '64KiB', bodies: '128KiB', request_time: '10m' } });
	const large = () => newBody({ filler: filler.slice(0, 60_000) });
	const held = await Raw.open(d.at);
	held.write(wire(d, large()).subarray(0, -1));
	await waitFor(() => expectation(d, large()).then((status) => status === 503), 'no room for two');
	assert.equal((await d.post(large())).status, 503);
	d.reload({ limits: { body: '64KiB', bodies: '1MiB' } });
	await d.logged(/config reloaded/);
	assert.equal((await d.post(large())).status, 200);
	held.destroy();
});

test('TLS: a handshake message of a megabyte ends its connection, a body of that size passes', limit, async (t) => {
	const d = new Daemon(t, { limits, hooks: (d) => [d.hook('few', 'true', { on: ['payout.*'] })],
		tls: (d) => ({ certificate: `${d.dir}/a.pem`, key: `${d.dir}/a.key` }) });
	const { cert } = await certificate(d.dir, 'a');
	await d.start();
	const before = memory(d);
	const message = Buffer.concat([Buffer.from([1, 15, 255, 255, 3, 3]), Buffer.alloc(MIB, 'x')]); // its length: 2^20 - 1
	const records = Array.from({ length: 64 }, (_, i) => Buffer.concat([Buffer.from([22, 3, 1, 0x3f, 0xff]),
		message.subarray(i * 0x3fff, (i + 1) * 0x3fff)]));
	await Promise.all(Array.from({ length: COUNT }, async () => {
		const raw = await Raw.open(d.at);
		for (const record of records) raw.write(record);
		await raw.until();
	}));
	const grown = memory(d) - before;
	t.diagnostic(`${Math.round(grown / 1024)} KiB`);
	if (!sanitized) assert.ok(grown < COUNT * 3 * POOL + MIB, `${grown} bytes`);

	const at = { ...d.at, tls: { ca: cert } };
	const agent = new https.Agent({ keepAlive: true });
	t.after(() => agent.destroy());
	const large = () => newBody({ filler: filler.slice(100_000) });
	for (let i = 0; i < 3; i++) assert.equal((await d.post(large(), { at, agent })).status, 200);
	const pieces = large().match(/[^]{1,1000}/g);
	assert.equal((await d.post(pieces.join(''), { at, agent, chunked: pieces })).status, 200);
	for (let i = 0; i < 100; i++) assert.equal((await d.post(newBody(), { at, agent })).status, 200);
});
