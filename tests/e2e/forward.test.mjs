// Forwarding to a real HTTP peer: what it receives, and what its responses mean.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { certificate } from './lib/certificate.mjs';
import { Daemon } from './lib/daemon.mjs';
import { newBody, newEvent, nowSeconds } from './lib/fedapay.mjs';
import { Peer } from './lib/peer.mjs';
import { limit, rootLimit, waitFor } from './lib/wait.mjs';

const QUICK = { attempts: 2, first: '50ms', max: '100ms' };
const ONCE = { attempts: 1 };

const forwarder = (forward, hook = {}) => ({ name: 'tell', source: 'fedapay', on: '*', retry: QUICK, ...hook, forward });

/** One peer, one daemon with one hook that forwards to it. */
async function withPeer(t, { answers, over = {}, hook = {}, peer: options, ...more } = {}) {
	const peer = await Peer.start(t, answers, options);
	const d = await Daemon.start(t, { ...more, hooks: (d) => [forwarder({ url: peer.url(),
		...(typeof over === 'function' ? over(d) : over) }, hook)] });
	return { peer, d };
}

/** newEvent's entity with `over`. */
const entity = (over) => ({ ...newEvent().entity, ...over });
const results = (delivery) => delivery.attempts.map((a) => a.result);
const only = async (d, event) => (await d.settled(event)).deliveries[0];

// ---- what the peer receives
test('the payload byte for byte, with its sender and its idempotency key', limit, async (t) => {
	const { peer, d } = await withPeer(t);
	const body = ` \t${JSON.stringify(newEvent({ odd: 'é\u2028 \\ /' })).replaceAll('/', '\\/')}\r\n\n`;
	const { event } = (await d.post(body)).json;
	const delivery = await only(d, event);
	assert.equal(delivery.state, 'DONE');
	const { method, url, headers, rawHeaders, body: got } = await peer.request();
	assert.equal(method, 'POST');
	assert.equal(url, '/in');
	assert.deepEqual(got, Buffer.from(body));
	assert.equal(headers['content-type'], 'application/json');
	assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
	assert.match(headers['user-agent'], /^hookd\/\S+$/);
	assert.equal(headers['webhook-id'], delivery.idempotency_key);
	assert.equal(headers.host, `127.0.0.1:${peer.port}`);
	assert.equal(headers['webhook-signature'], undefined);
	assert.equal(headers.authorization, undefined);
	const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
	assert.equal(new Set(names).size, names.length, names.join());
});

test('drop: what is left out, all else byte for byte, signed as sent', limit, async (t) => {
	const key = randomBytes(24);
	const peer = await Peer.start(t);
	const d = await Daemon.start(t, { hooks: (d) => [
		forwarder({ url: peer.url(), drop: ['account', 'entity.customer.email'], secret: { file: d.file('erp', `whsec_${key.toString('base64')}`, 0o600) } }, { on: 'transaction.*' }),
		forwarder({ url: peer.url(), drop: 'nothing.here' }, { name: 'typo', on: 'payout.*' }),
	] });
	assert.ok(d.logLines.some((line) => /hooks\[2\] "typo".*nothing\.here" is in no event of FedaPay/.test(line)), d.logLines.join('\n'));
	assert.ok(!d.logLines.some((line) => /account" is in no event/.test(line)));
	const body = '{"name": "transaction.approved","account":{"users":[{"email":"a@b"}]} ,\n "entity":{"id":7,"order":12345678901234567890,"rate":1.10,"customer":{"email":"x@y","\\u0061":"\\u0026\\/"}}}\r\n';
	const delivery = await only(d, (await d.post(body)).json.event);
	assert.equal(delivery.state, 'DONE');
	const { headers, body: got } = await peer.request();
	assert.equal(got.toString(), '{"name": "transaction.approved",\n "entity":{"id":7,"order":12345678901234567890,"rate":1.10,"customer":{"\\u0061":"\\u0026\\/"}}}\r\n');
	assert.equal(headers['content-length'], String(got.length));
	assert.equal(headers['webhook-signature'], `v1,${createHmac('sha256', key).update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`).update(got).digest('base64')}`);
	const text = await only(d, (await d.post('{"name":"transaction.created","entity":"{\\"id\\":8,\\"customer\\":{\\"email\\":\\"x@y\\"}}"}')).json.event);
	assert.equal(text.state, 'DEAD');
	assert.match(text.attempts[0].message, /forward\.drop: leads into a text/);
	assert.equal(peer.requests.length, 1, 'rather nothing than what was to be left out');
	const preview = await d.ctl('test', 'tell');
	assert.equal(preview.code, 0, preview.stderr);
});

test('payloads large and small', limit, async (t) => {
	const { peer, d } = await withPeer(t);
	for (const size of [0, 1, 1024, 65_536, 1_000_000]) {
		const body = newBody({ filler: 'x'.repeat(size) });
		assert.equal((await only(d, (await d.post(body)).json.event)).state, 'DONE', `${size} bytes`);
		assert.ok(peer.requests.at(-1).body.equals(Buffer.from(body)), `${size} bytes`);
		assert.equal(peer.requests.at(-1).headers['transfer-encoding'], undefined);
	}
});

/* How a secret is written in its file: [text, key]. */
const key = randomBytes(24);
const secrets = {
	'whsec_ and base64': [`whsec_${key.toString('base64')}`, key],
	'a text': ['a plain secret, not decoded: YWJj', Buffer.from('a plain secret, not decoded: YWJj')],
};

for (const [what, [text, bytes]] of Object.entries(secrets)) {
	test(`Standard Webhooks signature, secret is ${what}`, limit, async (t) => {
		const { peer, d } = await withPeer(t, {
			answers: [{ status: 503 }, {}],
			over: (d) => ({ secret: { file: d.file('erp-secret', `${text}\n`, 0o600) } }),
		});
		const before = nowSeconds();
		const event = await d.store();
		const delivery = await only(d, event);
		assert.deepEqual(results(delivery), ['tempfail', 'ok']);
		for (const { headers, body } of peer.requests) {
			const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = headers;
			assert.equal(id, delivery.idempotency_key, 'the same on each attempt');
			assert.match(at, /^\d+$/);
			assert.ok(Number(at) >= before && Number(at) <= nowSeconds(), at);
			const expected = createHmac('sha256', bytes).update(`${id}.${at}.`).update(body).digest('base64');
			assert.equal(signature, `v1,${expected}`);
		}
		assert.ok(!d.log.includes(text));
	});
}

test('headers from templates, method, bearer', limit, async (t) => {
	for (const method of ['PUT', 'PATCH', 'POST']) {
		const { peer, d } = await withPeer(t, { over: (d) => ({ method,
			headers: { 'X-Order': '{{entity.custom_metadata.order_id}}', 'X-Fixed': 'a: b; "c"',
				'X-Event': '{{hookd.event}}/{{hookd.type}}/{{hookd.attempt}}', Accept: 'text/plain' },
			bearer: { file: d.file('token', 'tok.en-123_/+=\n', 0o600) } }) });
		const event = await d.store();
		assert.equal((await only(d, event)).state, 'DONE');
		const { headers, method: seen, body } = await peer.request();
		assert.equal(seen, method);
		assert.ok(body.length > 100);
		assert.equal(headers['x-order'], '1042');
		assert.equal(headers['x-fixed'], 'a: b; "c"');
		assert.equal(headers['x-event'], `${event}/transaction.approved/1`);
		assert.equal(headers.accept, 'text/plain');
		assert.equal(headers.authorization, 'Bearer tok.en-123_/+=');
	}
});

test('secret and bearer leave no trace in log, store or hookctl', limit, async (t) => {
	const [bearer, secret] = ['bearer-4711-token', 'signing-4711-secret'];
	const { d } = await withPeer(t, { log: { level: 'debug' }, answers: { status: 500 }, over: (d) => ({
		bearer: { file: d.file('token', bearer, 0o600) }, secret: { file: d.file('erp', secret, 0o600) } }) });
	const event = await d.store();
	await d.settled(event);
	const told = [await d.ctl('show', String(event)), await d.ctl('show', String(event), '--json')];
	const left = Buffer.concat([d.logBytes, ...told.flatMap((x) => [x.bytes, Buffer.from(x.stderr)]),
		...readdirSync(d.dir).filter((name) => name.startsWith('hookd.db') && !name.endsWith('.control')).map((name) => readFileSync(join(d.dir, name)))]);
	for (const word of [bearer, secret]) assert.ok(!left.includes(word), word);
});

test('a header\'s value has control characters or is missing: given up, nothing is sent', limit, async (t) => {
	const { peer, d } = await withPeer(t, { over: { headers: { 'X-Note': 'n={{entity.description}}' } } });
	for (const description of ['x\r\nX-Injected: 1', 'x\nX-Injected: 1', 'x\r', 'x\0y', 'x\ty', 'x\x7f', '\x1b',
		'\r\n\r\nGET / HTTP/1.1\r\n\r\n', undefined]) {
		const delivery = await only(d, await d.store({ entity: entity({ description }) }));
		assert.deepEqual(results(delivery), ['permfail'], JSON.stringify(description));
		assert.match(delivery.attempts[0].message, /X-Note|header|entity\.description/i);
	}
	assert.equal(peer.connections, 0);
	assert.deepEqual(results(await only(d, await d.store({ entity: entity({ description: ': é "x" \u2028' }) }))), ['ok']);
	assert.equal(Buffer.from(peer.requests[0].headers['x-note'], 'latin1').toString(), 'n=: é "x" \u2028');
	assert.equal(peer.requests[0].headers['x-injected'], undefined);
});

test('connections are kept', limit, async (t) => {
	const { peer, d } = await withPeer(t, { hook: { concurrency: 1 } });
	for (let i = 0; i < 10; i++) await d.settled(await d.store());
	assert.equal(peer.requests.length, 10);
	assert.ok(peer.connections <= 3, `${peer.connections} connections`);
});

// ---- what responses mean
const statuses = { 200: 'ok', 201: 'ok', 202: 'ok', 204: 'ok', 301: 'permfail', 302: 'permfail', 307: 'permfail',
	400: 'permfail', 410: 'permfail', 413: 'permfail', 415: 'permfail', 422: 'permfail',
	401: 'tempfail', 403: 'tempfail', 404: 'tempfail', 409: 'tempfail', 421: 'tempfail', 423: 'tempfail',
	408: 'tempfail', 425: 'tempfail', 429: 'tempfail', 500: 'tempfail', 502: 'tempfail', 503: 'tempfail', 599: 'tempfail' };

test('what statuses mean; redirects are not followed', limit, async (t) => {
	const peer = await Peer.start(t, ({ url }) => ({ status: Number(url.slice(1)), headers: { Location: '/elsewhere' },
		body: url === '/204' ? undefined : `I answer ${url}` }));
	const d = await Daemon.start(t, { hooks: Object.keys(statuses)
		.map((status) => forwarder({ url: peer.url(`/${status}`) }, { name: `gets-${status}` })) });
	const { deliveries } = await d.settled(await d.store());
	for (const [status, result] of Object.entries(statuses)) {
		const delivery = deliveries.find((x) => x.hook === `gets-${status}`);
		assert.equal(delivery.state, result === 'ok' ? 'DONE' : 'DEAD', status);
		assert.deepEqual(results(delivery), result === 'tempfail' ? [result, result] : [result], status);
		for (const attempt of delivery.attempts) {
			if (status !== '204') assert.equal(attempt.output, `I answer /${status}`);
			if (result !== 'ok') assert.match(attempt.message, new RegExp(`\\b${status}\\b`));
		}
	}
	assert.ok(peer.requests.every(({ url }) => url !== '/elsewhere'));
});

test('a redirect to another host is not followed either', limit, async (t) => {
	const other = await Peer.start(t);
	for (const status of [301, 302, 303, 307, 308]) {
		const { d } = await withPeer(t, { answers: { status, headers: { Location: other.url() } } });
		const delivery = await only(d, await d.store());
		assert.deepEqual(results(delivery), ['permfail'], String(status));
	}
	assert.equal(other.connections, 0);
});

const DAY = 86_400;

/* Retry-After: [its value, the shortest and the longest delay in seconds]. */
const waits = {
	'in seconds': [() => '3600', 3600, 3660],
	'as a date': [() => new Date(Date.now() + 7_200_000).toUTCString(), 7190, 7260],
	'of more than a day': [() => '99999999', DAY, DAY],
	'of more than a day, as a date': [() => new Date(Date.now() + 30 * DAY * 1000).toUTCString(), DAY, DAY],
};

for (const [what, [value, least, most]] of Object.entries(waits)) {
	for (const status of [429, 503]) {
		test(`Retry-After ${what} is obeyed, ${status}`, limit, async (t) => {
			const { d } = await withPeer(t, { answers: () => ({ status, headers: { 'Retry-After': value() } }),
				hook: { retry: { attempts: 5, first: '50ms', max: '100ms' } } });
			const event = await d.store();
			const waiting = await d.delivery(event, (x) => x.failures === 1, 'the first attempt to fail');
			assert.equal(waiting.state, 'READY');
			const [{ ended_at }] = waiting.attempts;
			const wait = (Date.parse(waiting.due_at) - Date.parse(ended_at)) / 1000;
			assert.ok(wait >= least - 1 && wait <= most + 60, `due ${wait} s after the attempt`);
		});
	}
}

test('Retry-After shorter than the retry policy\'s delay does not shorten it; nonsense is ignored', limit, async (t) => {
	for (const value of ['0', '1', '-5', 'soon', '', '1e9', '99999999999999999999999', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Thu, 99 Foo 2999']) {
		const { d } = await withPeer(t, { answers: { status: 503, headers: { 'Retry-After': value } },
			hook: { retry: { attempts: 5, first: '1h', max: '2h' } } });
		const waiting = await d.delivery(await d.store(), (x) => x.failures === 1, 'the first attempt to fail');
		const wait = (Date.parse(waiting.due_at) - Date.parse(waiting.attempts[0].ended_at)) / 1000;
		assert.ok(wait >= 1799 && wait <= DAY + 1, `${value}: due ${wait} s after the attempt`);
	}
});

/* Broken responses: the result and a word of the message. */
const broken = {
	'a reset': [{ reset: true }, /reset|connection|recv/i],
	'a close without a word': [{ close: true }, /empty|closed|connection|nothing/i],
	'silence': [{ hang: true }, /time/i],
	'a header that comes byte by byte': [{ drip: 50 }, /time/i],
};

for (const [what, [answers, words]] of Object.entries(broken)) {
	test(`${what}: a failure for now`, limit, async (t) => {
		const { d, peer } = await withPeer(t, { answers, hook: { timeout: '1s' } });
		const delivery = await only(d, await d.store());
		assert.equal(delivery.state, 'DEAD');
		assert.deepEqual(results(delivery), ['tempfail', 'tempfail']);
		for (const { message } of delivery.attempts) assert.match(message, words);
		assert.ok(peer.requests.length >= 2);
	});
}

test('no server listens, or no such host: retried', limit, async (t) => {
	const peer = await Peer.start(t);
	const url = peer.url();
	await peer.close();
	const d = await Daemon.start(t, { hooks: [forwarder({ url }),
		forwarder({ url: 'http://no-such-host.invalid/in' }, { name: 'lost', timeout: '20s', retry: ONCE })] });
	const { deliveries } = await d.settled(await d.store());
	assert.deepEqual(results(deliveries.find((x) => x.hook === 'tell')), ['tempfail', 'tempfail']);
	assert.deepEqual(results(deliveries.find((x) => x.hook === 'lost')), ['tempfail']);
	assert.match(deliveries.find((x) => x.hook === 'lost').attempts[0].message, /no-such-host\.invalid|resolve/i);
});

for (const status of [200, 500]) {
	test(`an endless response, ${status}: its beginning is kept, reading stops there`, limit, async (t) => {
		const { d, peer } = await withPeer(t, { answers: { status, endless: true, body: 'It begins é ' },
			hook: { output: '4KiB', timeout: '60s', retry: ONCE } });
		const delivery = await only(d, await d.store());
		assert.deepEqual(results(delivery), [status === 200 ? 'ok' : 'tempfail']);
		const { output, started_at, ended_at } = delivery.attempts[0];
		assert.ok(output.startsWith('It begins é xxxx'));
		assert.ok(output.length >= 4000 && output.length <= 4096 + 64, `${output.length} bytes kept`);
		assert.ok(Date.parse(ended_at) - Date.parse(started_at) < 50_000, 'not at the timeout');
		assert.ok(peer.sent < 50_000_000, `the peer sent ${peer.sent} bytes`);
	});
}

test('a response with control characters and binary bytes is kept, not interpreted', limit, async (t) => {
	const { d } = await withPeer(t, { answers: { status: 500, body: Buffer.from('a\0b\x1b[31m\xff\r\nc', 'latin1') } });
	const event = await d.store();
	const delivery = await only(d, event);
	assert.match(delivery.attempts[0].output, /^a/);
	const shown = await d.ctl('show', String(event));
	assert.equal(shown.code, 0);
	for (const text of [shown.stdout, d.log]) assert.match(text, /^[^\0\x1b\r]*$/);
});

test('hookd\'s stop interrupts a forward; it is tried again after the start', limit, async (t) => {
	const { d, peer } = await withPeer(t, { answers: [{ hang: true }, {}], hook: { timeout: '10m' }, limits: { grace: '1s' } });
	const event = await d.store();
	await peer.request();
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	const [cut] = (await d.show(event)).deliveries;
	assert.equal(cut.state, 'READY');
	assert.deepEqual(results(cut), ['interrupted']);
	await d.start();
	const delivery = await only(d, event);
	assert.deepEqual(results(delivery), ['interrupted', 'ok']);
	assert.equal(new Set(peer.requests.map(({ headers }) => headers['webhook-id'])).size, 1);
});

test('20 forwards that hang delay no script and no other forward', limit, async (t) => {
	const hanging = await Peer.start(t, { hang: true });
	const good = await Peer.start(t);
	const d = await Daemon.start(t, { limits: { concurrency: 64, grace: '1s' }, hooks: (d) => [
		forwarder({ url: hanging.url() }, { name: 'hangs', on: 'payout.*', concurrency: 20, timeout: '10m' }),
		forwarder({ url: good.url() }, { name: 'good', on: 'transaction.*' }),
		d.hook('ship', 'echo "$HOOKD_EVENT_ID" >>"$OUT/shipped"', { on: 'transaction.*' })] });
	await Promise.all(Array.from({ length: 25 }, () => d.store({ name: 'payout.sent' })));
	await hanging.request(20);
	for (let i = 0; i < 5; i++) {
		const { deliveries } = await d.settled(await d.store());
		assert.deepEqual(deliveries.map(results), [['ok'], ['ok']]);
	}
	assert.equal(hanging.requests.length, 20, 'no more than the hook\'s concurrency');
	assert.equal(d.lines('shipped').length, 5);
	assert.equal(good.requests.length, 5);
});

// ---- TLS
async function withTls(t, over, { names, tls = {} } = {}) {
	const d = new Daemon(t);
	const own = await certificate(d.dir, 'peer', names);
	const client = await certificate(d.dir, 'client');
	const peer = await Peer.start(t, {}, { tls: { cert: own.cert, key: own.key, ...(tls.client && {
		ca: client.cert, requestCert: true, rejectUnauthorized: true }) } });
	d.configure({ hooks: [forwarder({ url: peer.url(), ...over({ own, client }) })] });
	await d.start();
	return { d, peer };
}

test('https with its authority in ca', limit, async (t) => {
	const { d, peer } = await withTls(t, ({ own }) => ({ ca: own.certFile }));
	assert.deepEqual(results(await only(d, await d.store())), ['ok']);
	assert.equal(peer.requests.length, 1);
});

const untrusted = {
	'without ca': [() => ({})],
	'with another ca': [({ client }) => ({ ca: client.certFile })],
	'of another host': [({ own }) => ({ ca: own.certFile }), 'DNS:other.example,IP:127.0.0.9'],
};

for (const [what, [over, names]] of Object.entries(untrusted)) {
	test(`a certificate ${what} is refused, nothing is sent`, limit, async (t) => {
		const { d, peer } = await withTls(t, over, { names });
		const delivery = await only(d, await d.store());
		assert.equal(delivery.state, 'DEAD');
		assert.deepEqual(results(delivery), ['tempfail', 'tempfail']);
		assert.match(delivery.attempts[0].message, /certificate|SSL|TLS/i);
		assert.equal(peer.requests.length, 0);
	});
}

test('verify_tls: false accepts any certificate, and hookd warns of it', limit, async (t) => {
	const { d, peer } = await withTls(t, () => ({ verify_tls: false }), { names: 'DNS:other.example' });
	assert.deepEqual(results(await only(d, await d.store())), ['ok']);
	assert.equal(peer.requests.length, 1);
	assert.match(d.log, /verify_tls/);
});

test('a client certificate', limit, async (t) => {
	const { d, peer } = await withTls(t, ({ own, client }) => ({ ca: own.certFile, certificate: client.certFile,
		key: client.keyFile }), { tls: { client: true } });
	assert.deepEqual(results(await only(d, await d.store())), ['ok']);
	assert.equal(peer.requests[0].client, 'client');
});

test('without the client certificate that the peer wants: retried', limit, async (t) => {
	const { d, peer } = await withTls(t, ({ own }) => ({ ca: own.certFile }), { tls: { client: true } });
	assert.deepEqual(results(await only(d, await d.store())), ['tempfail', 'tempfail']);
	assert.equal(peer.requests.length, 0);
});

// ---- URLs
/** RFC 3986: encodes all but the unreserved characters. */
const encoded = (text) => encodeURIComponent(text).replace(/[!'()*]/g,
	(c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

test('a path from a template, percent-encoded', limit, async (t) => {
	const { peer, d } = await withPeer(t, { over: (d) => ({}) });
	d.configure({ hooks: [forwarder({ url: `${peer.url('/orders/{{entity.description | url}}/paid?by={{entity.mode | url}}')}` })] });
	await d.restart();
	for (const description of ['1042', 'a/b?c#d', '../../admin', 'é %41 +&=', '@evil.example', 'x\r\nX-Injected: 1', 'a\0b',
		'~.-_!*\'()', '\u2028', '{}[]|\\^`"<>']) {
		const before = peer.requests.length;
		assert.deepEqual(results(await only(d, await d.store({ entity: entity({ description }) }))), ['ok'], description);
		assert.equal(peer.requests.length, before + 1);
		const { url, headers } = peer.requests.at(-1);
		assert.equal(url, `/orders/${encoded(description)}/paid?by=mtn_open`);
		assert.equal(headers['x-injected'], undefined);
	}
	const dots = await only(d, await d.store({ entity: entity({ description: '..' }) }));
	assert.ok(peer.requests.every(({ url }) => url.startsWith('/orders/')),
		`".." leads out of its place: ${peer.requests.at(-1).url}, ${results(dots)}`);
});

test('a value in a path or query is encoded; in none it makes a segment . or ..', limit, async (t) => {
	const { peer, d } = await withPeer(t);
	d.configure({ hooks: [forwarder({ url: peer.url('/orders/{{entity.description}}?of={{entity.description}}') })] });
	await d.restart();
	for (const [description, path] of [['../../admin/refund?all=1', '..%2F..%2Fadmin%2Frefund%3Fall%3D1'], ['7/x?y=z#é ', '7%2Fx%3Fy%3Dz%23%C3%A9%20'],
		['x\r\nX-Injected: 1', 'x%0D%0AX-Injected%3A%201'], ['%2e%2e', '%252e%252e'], ['x\0', 'x%00']]) {
		assert.deepEqual(results(await only(d, await d.store({ entity: entity({ description }) }))), ['ok']);
		assert.equal(peer.requests.at(-1).url, `/orders/${path}?of=${path}`);
	}
	const before = peer.requests.length;
	for (const [description, why] of [['.', /a segment \. or \.\./], ['..', /a segment \. or \.\./], ['', /^forward\.url: entity\.description is empty$/], [null, /is null$/], [undefined, /is missing$/]]) {
		const { state, attempts } = await only(d, await d.store({ entity: entity({ description }) }));
		assert.deepEqual([state, attempts.length, attempts[0].result], ['DEAD', 1, 'permfail']);
		assert.match(attempts[0].message, why);
	}
	assert.equal(peer.requests.length, before);
	d.configure({ hooks: [forwarder({ url: peer.url('/orders/x{{entity.description}}/{{entity.mode | default: "none"}}?of={{entity.description}}') })] });
	await d.restart();
	assert.deepEqual(results(await only(d, await d.store({ entity: entity({ description: '', mode: '' }) }))), ['ok']);
	assert.equal(peer.requests.at(-1).url, '/orders/x/none?of=');
});

test('raw in a URL: not encoded; control characters, spaces and segments . and .. are refused', limit, async (t) => {
	const { peer, d } = await withPeer(t);
	d.configure({ hooks: [forwarder({ url: peer.url('/orders/{{entity.description | raw}}') })] });
	await d.restart();
	for (const description of ['x\r\nX-Injected: 1', 'x\n', 'x\0y', 'x HTTP/1.1\r\nHost: evil\r\n\r\n', undefined,
		'../admin', 'a/../../admin', '%2e%2E/admin', '.%2e', 'x/.?a'])
		assert.deepEqual(results(await only(d, await d.store({ entity: entity({ description }) }))), ['permfail'], JSON.stringify(description));
	assert.deepEqual(peer.requests, []);
	assert.deepEqual(results(await only(d, await d.store({ entity: entity({ description: '7/x..?y=../z' }) }))), ['ok']);
	assert.equal(peer.requests[0].url, '/orders/7/x..?y=../z');
});

test('no secret goes to a host that the event chooses', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: [] });
	const place = { file: d.file('token', 'a-token-of-the-shop\n', 0o600) };
	for (const over of [{ bearer: place }, { secret: place }])
		for (const url of ['{{entity.callback_url}}', 'https://{{entity.description}}/x', 'https://erp.example.com:{{entity.id}}/', 'https://erp.example.com{{entity.description}}']) {
			d.configure({ hooks: [forwarder({ url, ...over })] });
			const { code, stderr } = await d.ctl('reload');
			assert.equal(code, 1, url);
			assert.match(stderr, /forward\.url: the event may choose the host/);
		}
});

test('no header with a secret goes to a host that the event chooses', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: [], env: { SHOP_TOKEN: 'a-token-4711' } });
	const reload = async (url, headers) => {
		d.configure({ hooks: [forwarder({ url, headers })] });
		return d.ctl('reload');
	};
	const fixed = 'https://erp.example.com/in/{{entity.id}}?key=${SHOP_TOKEN}';
	const chosen = ['{{entity.callback_url}}', 'https://{{entity.description}}/x', 'https://erp.example.com:{{entity.id}}/', 'https://erp.example.com{{entity.description}}'];
	for (const headers of [{ Authorization: 'Bearer abc' }, { authorization: 'Basic {{entity.id}}' }, { Cookie: 'session=1' }, { 'X-API-KEY': 'abc' },
		{ 'X-Auth-Token': 'abc' }, { 'Ocp-Apim-Subscription-Key': 'abc' }, { 'Proxy-Authorization': 'abc' }, { 'X_Secret': 'abc{{entity.id}}' },
		{ 'X-Token': '{{entity.token | default: "abc"}}' }, { 'X-Shop': '${SHOP_TOKEN}' }, { 'X-Shop': 'a{{entity.id}}${SHOP_TOKEN}' }]) {
		for (const url of chosen) {
			const { code, stderr } = await reload(url, headers);
			assert.equal(code, 1, `${url} ${JSON.stringify(headers)}`);
			assert.match(stderr, /:\d+:\d+: hooks\[1\] "tell": forward\.headers: ".*": the event may choose the host/);
			assert.doesNotMatch(stderr, /4711/);
		}
		const good = await reload(fixed, headers);
		assert.equal(good.code, 0, good.stderr);
	}
	for (const headers of [{ 'X-Shop': 'cotonou' }, { 'X-Author': 'cotonou' }, { 'Idempotency-Key': '{{hookd.idempotency_key}}' }, { Authorization: '{{entity.token}}' }])
		for (const url of chosen) assert.equal((await reload(url, headers)).code, 0, `${url} ${JSON.stringify(headers)}`);
	for (const url of ['https://{{entity.description}}/?key=${SHOP_TOKEN}', 'https://${SHOP_TOKEN}{{entity.description}}/']) {
		const { code, stderr } = await reload(url, {});
		assert.equal(code, 1, url);
		assert.match(stderr, /forward\.url: the event may choose the host, and with it who gets the environment's value/);
		assert.doesNotMatch(stderr, /4711/);
	}
});

test('a header whose value is blank is an empty one', limit, async (t) => {
	const { peer, d } = await withPeer(t, { over: { headers: { 'X-Note': '{{entity.description}}', 'X-Two': 'a{{entity.description}}', 'X-Blank': '  ' } } });
	for (const description of ['', ' ', '    ', ' b ']) {
		assert.deepEqual(results(await only(d, await d.store({ entity: entity({ description }) }))), ['ok']);
		const { headers } = peer.requests.at(-1);
		assert.equal(headers['x-note'], description.trim());
		assert.equal(headers['x-two'], `a${description}`.trim());
		assert.equal(headers['x-blank'], '');
	}
});

/** A peer on every address of this machine. */
const anywhere = (t) => Peer.start(t, {}, { host: '::' }).catch(() => Peer.start(t, {}, { host: '0.0.0.0' }));

/* Hosts that an event must not be able to reach. */
const hosts = ['127.0.0.1', 'localhost', '[::1]', '169.254.169.254', '0.0.0.0', '2130706433', '127.1', '0x7f000001',
	'0177.0.0.1', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::7f00:1]', '[fe80::1]',
	'224.0.0.1', '[ff02::1]', 'LOCALHOST'];

for (const host of hosts) {
	test(`the host comes from the event, ${host}: given up, never contacted`, limit, async (t) => {
		const peer = await anywhere(t);
		const d = await Daemon.start(t, { hooks: [
			forwarder({ url: `http://{{entity.description}}:${peer.port}/in` }, { name: 'host', timeout: '20s' }),
			forwarder({ url: '{{entity.callback_url}}' }, { name: 'url', timeout: '20s' }),
			forwarder({ url: `http://{{entity.mode}}${host}:${peer.port}/in` }, { name: 'part', timeout: '20s' })] });
		const { deliveries } = await d.settled(await d.store({ entity: entity({ description: host,
			callback_url: `http://${host}:${peer.port}/in`, mode: '' }) }));
		for (const delivery of deliveries) {
			assert.equal(delivery.state, 'DEAD', delivery.hook);
			assert.deepEqual(results(delivery), ['permfail'], `${delivery.hook}: ${delivery.attempts[0].message}`);
		}
		assert.equal(peer.connections, 0);
	});
}

test('the host comes from the event, public addresses of the machine itself: given up, never contacted', rootLimit, async (t) => {
	// on an interface, and routed to the machine without one
	const own = ['93.184.216.34', '[2606:2800:220:1::1]', '93.184.217.77', '[::ffff:93.184.216.34]'];
	const net = 'ip link set lo up && ip addr add 93.184.216.34/32 dev lo && ip -6 addr add 2606:2800:220:1::1/128 dev lo nodad && '
		+ 'ip route add local 93.184.217.0/24 dev lo && exec "$@"';
	const d = new Daemon(t, { wrap: ['unshare', '--net', 'sh', '-c', net, 'sh'],
		listen: (d) => [`unix:${join(d.dir, 'http.sock')}`, '*:8080'], hooks: [
			forwarder({ url: 'http://{{entity.description}}:8080/in' }, { name: 'host', timeout: '20s' }),
			forwarder({ url: '{{entity.callback_url}}' }, { name: 'url', timeout: '20s' }),
			...own.map((host, i) => forwarder({ url: `http://${host}:8080/in/{{entity.id}}` }, { name: `fixed${i}`, retry: ONCE }))] });
	await d.start();
	for (const host of own) {
		const { deliveries } = await d.settled(await d.store({ entity: entity({ description: host, callback_url: `http://${host}:8080/in` }) }));
		for (const { hook, attempts: [{ message, result }] } of deliveries) {
			if (hook.startsWith('fixed')) assert.match(message, /answered 404/, `${hook}: the config may name it`);
			else assert.match(`${result} ${message}`, /^permfail .*public addresses of other machines/, `${hook} of ${host}`);
		}
	}
});

test('an event leaves out the host: its path is no host', limit, async (t) => {
	const peer = await anywhere(t);
	const d = await Daemon.start(t, { hooks: [
		forwarder({ url: `http://{{entity.description}}/localhost:${peer.port}/in` }, { name: 'host', retry: ONCE }),
		forwarder({ url: `http://{{entity.description}}:${peer.port}/in` }, { name: 'port', retry: ONCE }),
		forwarder({ url: '{{entity.callback_url}}' }, { name: 'url', retry: ONCE })] });
	for (const callback_url of ['http:///example.com/', 'https:////example.com', 'http:example.com', 'http://?x', 'http://:80/', 'example.com/']) {
		const { deliveries } = await d.settled(await d.store({ entity: entity({ description: '', callback_url }) }));
		for (const delivery of deliveries) {
			assert.deepEqual(results(delivery), ['permfail'], `${delivery.hook} ${callback_url}`);
			assert.match(delivery.attempts[0].message, /^forward\.url: has no host/, callback_url);
		}
	}
	assert.equal(peer.connections, 0);
});

test('URLs from events in disguise: never contacted, never done', limit, async (t) => {
	const peer = await anywhere(t);
	const first = await Peer.start(t);
	const d = await Daemon.start(t, { hooks: [
		forwarder({ url: '{{entity.callback_url}}' }, { name: 'url', timeout: '20s', retry: ONCE }),
		forwarder({ url: `http://127.0.0.1:${first.port}{{entity.callback_url}}` }, { name: 'port', timeout: '20s', retry: ONCE }),
		forwarder({ url: `http://127.0.0.1{{entity.callback_url}}:${first.port}/` }, { name: 'end', timeout: '20s', retry: ONCE })] });
	for (const callback_url of [`http://example.com@127.0.0.1:${peer.port}/`, `@127.0.0.1:${peer.port}/`,
		`http://127.0.0.1:${peer.port}#@example.com/`, `http://127.0.0.1:${peer.port}\\@example.com/`,
		`//127.0.0.1:${peer.port}/`, `127.0.0.1:${peer.port}/`, `http:127.0.0.1:${peer.port}/`,
		`http:///127.0.0.1:${peer.port}/`, `file:///etc/passwd`, `gopher://127.0.0.1:${peer.port}/_x`,
		`ftp://127.0.0.1:${peer.port}/`, `smtp://127.0.0.1:${peer.port}/`, `telnet://127.0.0.1:${peer.port}`,
		`dict://127.0.0.1:${peer.port}/d:x`, `HTTP://127.0.0.1:${peer.port}/`, `http://127.0.0.1:${peer.port}\r\nX: y/`,
		` http://127.0.0.1:${peer.port}/`, `http://[::1%25lo]:${peer.port}/`, 'http://', 'http:', '', 'x', '/', '{{entity.reference}}',
		'http://{{', `http://１２７.0.0.1:${peer.port}/`, `http://127。0。0。1:${peer.port}/`,
		`http://127.0.0.1.:${peer.port}/`, `http://localhost.:${peer.port}/`, null, undefined]) {
		const { deliveries } = await d.settled(await d.store({ entity: entity({ callback_url }) }));
		for (const delivery of deliveries) {
			const at = `${delivery.hook} of ${JSON.stringify(callback_url)}`;
			if (delivery.hook === 'url') assert.equal(delivery.state, 'DEAD', at);
			if (/^http:\/\/(127[.0-9]*[0-9]:|example\.com@127)/i.test(callback_url ?? '') && delivery.hook === 'url')
				assert.deepEqual(results(delivery), ['permfail'], at);
		}
	}
	assert.equal(peer.connections, 0, 'the machine\'s own port');
	t.diagnostic(`the fixed one was asked for ${first.requests.map(({ url }) => url)}`);
});

test('a fixed url may be loopback, also with a template after the host', limit, async (t) => {
	const peer = await anywhere(t);
	const d = await Daemon.start(t, { hooks: [
		forwarder({ url: `http://127.0.0.1:${peer.port}/in` }, { name: 'address' }),
		forwarder({ url: `http://localhost:${peer.port}/in/{{entity.id}}` }, { name: 'name' }),
		forwarder({ url: `http://localhost:${peer.port}/?id={{entity.id}}` }, { name: 'query' })] });
	const { deliveries } = await d.settled(await d.store());
	for (const delivery of deliveries) assert.deepEqual(results(delivery), ['ok'], delivery.hook);
	assert.equal(peer.requests.length, 3);
});

test('proxies of the environment are not used', limit, async (t) => {
	const proxy = await Peer.start(t);
	const { peer, d } = await withPeer(t, { env: { http_proxy: proxy.url(''), HTTP_PROXY: proxy.url(''),
		ALL_PROXY: proxy.url(''), all_proxy: proxy.url(''), no_proxy: '' } });
	assert.deepEqual(results(await only(d, await d.store())), ['ok']);
	assert.equal(peer.requests.length, 1);
	assert.equal(proxy.connections, 0);
});

test('an event waits to be forwarded while hookd and the peer are down', limit, async (t) => {
	const peer = await Peer.start(t, [{ reset: true }, {}]);
	const d = await Daemon.start(t, { hooks: [forwarder({ url: peer.url() }, { retry: { attempts: 9, first: '2s', max: '2s' } })] });
	const event = await d.store();
	await d.delivery(event, (x) => x.failures === 1, 'the first attempt to fail');
	await d.kill();
	await d.start();
	assert.deepEqual(results(await only(d, event)), ['tempfail', 'ok']);
	await waitFor(() => peer.requests.length === 2, 'the second request');
	assert.deepEqual(peer.requests[0].body, peer.requests[1].body);
});
