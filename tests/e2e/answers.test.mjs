// hookd's answers, row by row of the table in hookd(8), "The answer to a request".
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import { Daemon, wire } from './lib/daemon.mjs';
import { Webhook, hmac, newBody, newEvent, newSecret, nowSeconds, sign } from './lib/fedapay.mjs';
import { request, send } from './lib/http.mjs';
import { run } from './lib/program.mjs';
import { limit, waitFor } from './lib/wait.mjs';

const PATH = '/webhooks/fedapay';

test('authentic: 200 {"status":"stored","event":N}, stored and run', limit, async (t) => {
	const d = await Daemon.start(t);
	const event = newEvent();
	const answer = await d.post(JSON.stringify(event));
	assert.equal(answer.status, 200);
	assert.match(answer.headers['content-type'], /^application\/json\b/);
	assert.equal(typeof answer.json.event, 'number');
	assert.deepEqual(answer.json, { status: 'stored', event: answer.json.event });
	assert.equal(answer.text.trim(), `{"status":"stored","event":${answer.json.event}}`);

	const seen = await d.settled(answer.json.event);
	assert.equal(seen.id, answer.json.event);
	assert.equal(seen.source, 'fedapay');
	assert.equal(seen.type, 'transaction.approved');
	assert.equal(seen.entity_kind, 'transaction');
	assert.equal(String(seen.entity_id), '98446301');
	assert.equal(String(seen.provider_event_id), String(event.id));
	assert.equal(seen.duplicates, 0);
	assert.equal(seen.conflicts, 0);
	assert.ok(!seen.quarantined);
	assert.equal(seen.deliveries.length, 1);
	assert.equal(seen.deliveries[0].hook, 'record');
	assert.equal(seen.deliveries[0].state, 'DONE');
	assert.equal(d.runs.length, 1);
});

test('authentic, no hook wants its type: 200, stored', limit, async (t) => {
	const d = await Daemon.start(t, {
		hooks: (d) => [d.hook('approved', 'echo x >>"$OUT/ran"', { on: ['transaction.approved'] }),
			d.hook('payouts', 'echo x >>"$OUT/paid"', { on: 'payout.*' })],
	});
	const unwanted = await d.store({ name: 'customer.created' });
	assert.deepEqual((await d.show(unwanted)).deliveries, []);
	const wanted = await d.store({ name: 'transaction.approved' });
	assert.deepEqual((await d.settled(wanted)).deliveries.map((x) => x.hook), ['approved']);
	const globbed = await d.store({ name: 'payout.sent' });
	assert.deepEqual((await d.settled(globbed)).deliveries.map((x) => x.hook), ['payouts']);
	assert.equal(d.lines('ran').length, 1);
	assert.equal(d.lines('paid').length, 1);
});

test('the type is in "name" or in "type"', limit, async (t) => {
	const d = await Daemon.start(t);
	const event = await d.store({ name: undefined, type: 'transaction.updated' });
	assert.equal((await d.show(event)).type, 'transaction.updated');
});

test('authentic but not JSON, or without a type: 200 quarantined, payload unchanged, no hook runs', limit,
	async (t) => {
		const d = await Daemon.start(t);
		const strange = {
			'not JSON': 'name=transaction.approved',
			'cut off': newBody().slice(0, -20),
			'no type': JSON.stringify({ id: 1, entity: {} }),
			'type is not a string': JSON.stringify({ id: 2, name: 5 }),
			'type is empty': JSON.stringify({ id: 3, name: '' }),
			'type is very long': JSON.stringify({ id: 4, name: 'x'.repeat(5000) }),
			'a list': '[1, 2]',
			'a text': '"transaction.approved"',
			'null': 'null',
			'not UTF-8': Buffer.from('{"id": 5, "name": "transaction.\xe9t\xe9 "}', 'latin1'),
			'bytes': Buffer.from([0, 1, 2, 0xff, 0xfe, 0, 10]),
			'empty': '',
			'deep lists': '['.repeat(100_000),
			'deep objects': `{"id":6,"name":"transaction.approved","x":${'{"a":'.repeat(60_000)}1` +
				`${'}'.repeat(60_000)}}`,
			'two documents': `${newBody()} ${newBody()}`,
		};
		for (const [what, body] of Object.entries(strange)) {
			const answer = await d.post(body);
			assert.equal(answer.status, 200, `${what}: ${answer.text}`);
			assert.equal(answer.json.status, 'quarantined', what);
			assert.equal(typeof answer.json.event, 'number', what);
			const seen = await d.show(answer.json.event);
			assert.ok(seen.quarantined, what);
			assert.deepEqual(seen.deliveries, [], what);
			assert.ok((await d.payload(answer.json.event)).equals(Buffer.from(body)), what);
		}
		const good = await d.store();
		await d.settled(good);
		assert.deepEqual(d.runs.map((run) => run.event), [good]);
		assert.equal((await d.events()).filter((event) => event.quarantined).length,
			Object.keys(strange).length);
	});

test('the same quarantined body again is a duplicate', limit, async (t) => {
	const d = await Daemon.start(t);
	const first = await d.post('not JSON');
	const second = await d.post('not JSON');
	assert.deepEqual(second.json, { status: 'duplicate', event: first.json.event });
});

test('the payload is stored and passed on byte for byte', limit, async (t) => {
	const d = await Daemon.start(t);
	const { id } = newEvent();
	const body = `\n {"id" :\t${id}, "name":"transaction.approved" ,"u":"https:\\/\\/x\\/y\\u00e9é",\r\n` +
		'   "big": 1.2300e+5,  "dup":1, "dup":2, "entity": {"amount": 5000.00}}  \n';
	const answer = await d.post(body);
	assert.equal(answer.json.status, 'stored');
	await d.settled(answer.json.event);
	assert.equal(d.read(`payload.${answer.json.event}`), body);
	assert.equal((await d.payload(answer.json.event)).toString(), body);
});

/* For each: the request's header, and the reason that the log must give. */
const refusals = {
	'no header': { header: () => null, log: /no .*header|header .*(missing|absent)|missing .*header/i },
	'malformed': { header: () => 'garbage', log: /malformed|cannot be read|unreadable/i },
	'no t': { header: (body, d) => `s=${hmac(body, d.secret, nowSeconds())}`, log: /malformed|cannot be/i },
	't is not a number': { header: (body, d) => `t=soon,s=${hmac(body, d.secret, 'soon')}`,
		log: /malformed|cannot be/i },
	'no known scheme': { header: (body, d) => `t=${nowSeconds()},v1=${hmac(body, d.secret, nowSeconds())}`,
		log: /scheme|kind/i },
	'no match': { header: (body) => sign(body, newSecret()), log: /match/i },
	'too old': { header: (body, d) => sign(body, d.secret, nowSeconds() - 1000), log: /too old.*\b100[0-9]/i },
	'too new': { header: (body, d) => sign(body, d.secret, nowSeconds() + 1000),
		log: /too new.*\b(99[0-9]|1000)/i },
};

for (const [what, { header, log }] of Object.entries(refusals)) {
	test(`signature refused (${what}): 401, a JSON reason, nothing stored, the log gives the reason`, limit,
		async (t) => {
			const d = await Daemon.start(t);
			const body = Buffer.from(newBody());
			const from = d.logLines.length;
			const answer = await d.post(body, { header: header(body, d) });
			assert.equal(answer.status, 401);
			assert.match(answer.headers['content-type'], /^application\/json\b/);
			assert.equal(typeof answer.json, 'object');
			assert.ok(answer.text.length < 200, 'a short reason');
			assert.match(answer.text, /signature|header|old|new|time/i);
			await d.logged(log, from);
			assert.deepEqual(await d.events(), []);
		});
}

test('too new: the log asks about this machine\'s clock', limit, async (t) => {
	const d = await Daemon.start(t);
	await d.post(newBody(), { timestamp: nowSeconds() + 3600 });
	await d.logged(/clock/i);
});

test('further invalid signatures: all 401, nothing stored', limit, async (t) => {
	const d = await Daemon.start(t);
	const body = Buffer.from(newBody());
	const now = nowSeconds();
	const good = hmac(body, d.secret, now);
	const bad = {
		'upper-case hex': `t=${now},s=${good.toUpperCase()}`,
		'cut off': `t=${now},s=${good.slice(0, -1)}`,
		'longer': `t=${now},s=${good}0`,
		'empty s': `t=${now},s=`,
		'empty t': `t=,s=${good}`,
		'no s': `t=${now}`,
		'empty header': '',
		'only commas': ',,,',
		'other t than signed': `t=${now - 1},s=${good}`,
		't with more after it': `t=${now}x,s=${good}`,
		't beyond all numbers': `t=${'9'.repeat(40)},s=${hmac(body, d.secret, '9'.repeat(40))}`,
		't negative': `t=-${now},s=${hmac(body, d.secret, `-${now}`)}`,
		'upper-case S': `t=${now},S=${good}`,
		'base64': `t=${now},s=${Buffer.from(good, 'hex').toString('base64')}`,
	};
	for (const [what, header] of Object.entries(bad))
		assert.equal((await d.post(body, { header })).status, 401, what);
	assert.equal((await d.post(`${body} `, { header: `t=${now},s=${good}` })).status, 401, 'body changed');
	assert.deepEqual(await d.events(), []);
	assert.equal((await d.post(body, { header: `t=${now},s=${good}` })).status, 200);
});

test('valid signatures: within the tolerance, several s=, unknown keys', limit, async (t) => {
	const d = await Daemon.start(t);
	const now = nowSeconds();
	assert.equal((await d.post(newBody(), { timestamp: now - 200 })).json.status, 'stored');
	assert.equal((await d.post(newBody(), { timestamp: now + 200 })).json.status, 'stored');
	const shapes = [(s) => `t=${now},s=${'0'.repeat(64)},s=${s}`, (s) => `t=${now},s=${s},s=${'0'.repeat(64)}`,
		(s) => `t=${now},v1=zz,s=${s}`, (s) => `t=${now},v1=${'0'.repeat(64)},s=${s},x=1`,
		(s) => `s=${s},t=${now}`, (s) => `t=${now},s=short,s=${s}`];
	for (const shape of shapes) {
		const body = newBody();
		const header = shape(hmac(body, d.secret, now));
		Webhook.constructEvent(body, header, d.secret); // the official SDK accepts it
		assert.equal((await d.post(body, { header })).json.status, 'stored', header);
	}
});

test('several secrets: the first is current, all are accepted; from file and environment', limit,
	async (t) => {
		const old = newSecret();
		const d = await Daemon.start(t, {
			env: { HOOKD_TEST_OLD: old },
			sources: (d) => [d.source({ secrets: [{ file: d.secretFile }, { env: 'HOOKD_TEST_OLD' }] })],
		});
		assert.equal((await d.post()).status, 200);
		assert.equal((await d.post(newBody(), { secret: old })).status, 200);
		assert.equal((await d.post(newBody(), { secret: newSecret() })).status, 401);
	});

test('a tolerance of 0 turns the time check off', limit, async (t) => {
	const d = await Daemon.start(t, { sources: (d) => [d.source({ tolerance: 0 })] });
	assert.equal((await d.post(newBody(), { timestamp: 1 })).json.status, 'stored');
	assert.equal((await d.post(newBody(), { timestamp: nowSeconds() + 1e6 })).json.status, 'stored');
	assert.equal((await d.post(newBody(), { secret: newSecret() })).status, 401);
});

test('neither a secret nor an expected signature appears in the log or an answer', limit, async (t) => {
	const d = await Daemon.start(t, { log: { level: 'debug' } });
	const body = newBody();
	const now = nowSeconds();
	const answers = [];
	for (const options of [{ secret: newSecret(), timestamp: now }, { timestamp: now - 9999 },
		{ header: `t=${now},s=${'0'.repeat(64)}` }, { header: null }, { timestamp: now }])
		answers.push((await d.post(body, options)).text);
	const everything = answers.join('\n') + d.log;
	assert.ok(!everything.includes(d.secret));
	for (const at of [now, now - 9999]) assert.ok(!everything.includes(hmac(body, d.secret, at)));
});

test('other method: 405 with Allow: POST and one line for a person', limit, async (t) => {
	const d = await Daemon.start(t);
	for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
		const answer = await request(d.at, { method, path: PATH });
		assert.equal(answer.status, 405, method);
		assert.equal(answer.headers.allow, 'POST', method);
		assert.match(answer.headers['content-type'], /^text\/plain\b/, method);
		assert.match(answer.text, /^[^\n]{10,}\n?$/, method);
	}
	const head = await request(d.at, { method: 'HEAD', path: PATH });
	assert.equal(head.status, 405);
	assert.equal(head.headers.allow, 'POST');
	assert.equal(head.text, '');
});

test('other path: 404', limit, async (t) => {
	const d = await Daemon.start(t);
	for (const path of ['/', '/webhooks', '/webhooks/fedapay/', '/webhooks/fedapayx', '/WEBHOOKS/FEDAPAY',
		'//webhooks/fedapay', '/x/../webhooks/fedapay', '/webhooks/%66edapay/x']) {
		assert.equal((await d.post(newBody(), { path })).status, 404, path);
		assert.equal((await d.get(path)).status, 404, path);
	}
	assert.deepEqual(await d.events(), []);
});

test('too large: 413, by Content-Length and while reading a chunked body', limit, async (t) => {
	const d = await Daemon.start(t, { limits: { body: '2KiB' } });
	const sized = (length) => {
		const body = newBody();
		return body + ' '.repeat(length - Buffer.byteLength(body));
	};
	assert.equal((await d.post(sized(2048))).json.status, 'stored');
	assert.equal((await d.post(sized(2049))).status, 413);
	const whole = sized(2048);
	assert.equal((await d.post(whole, { chunked: [whole] })).json.status, 'stored');
	const chunked = `${wire(d, '', { framing: 'Transfer-Encoding: chunked' })}` +
		`400\r\n${'x'.repeat(1024)}\r\n`.repeat(3);
	const raw = await send(d.at, chunked); // sends nothing more: the answer comes while the body is read
	assert.deepEqual(raw.responses.map((r) => r.status), [413]);
	const announced = await send(d.at, wire(d, '', { framing: 'Content-Length: 99999999' }));
	assert.deepEqual(announced.responses.map((r) => r.status), [413]);
	assert.equal((await d.events()).length, 2);
});

test('address not allowed: 403', limit, async (t) => {
	const d = await Daemon.start(t, {
		sources: (d) => [d.source({ allow: ['10.0.0.0/8', '2001:db8::/32'] }),
			d.source({ name: 'near', path: '/near', allow: ['127.0.0.0/8'] })],
	});
	assert.equal((await d.post()).status, 403);
	assert.equal((await d.post(newBody(), { path: '/near' })).status, 200);
	assert.equal((await d.events()).length, 1);
});

test('the store fails (disk full): 503 with Retry-After, 200 again afterwards', limit, async (t) => {
	const d = new Daemon(t);
	const disk = `${d.dir}/disk`;
	mkdirSync(disk);
	if ((await run('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=0755', 'tmpfs', disk])).code !== 0)
		return t.skip('mounting a small disk is not permitted here');
	d.last = () => run('umount', ['-l', disk]);
	d.configure({ store: { path: `${disk}/hookd.db` } });
	await d.start();
	const before = await d.store();
	await d.settled(before);
	for (const size of [1 << 20, 1 << 16, 1 << 12, 1 << 10, 1])
		try {
			for (let i = 0; i < 4096; i++) writeFileSync(`${disk}/fill.${size}.${i}`, Buffer.alloc(size, 1));
		} catch {} // full
	const full = await waitFor(async () => {
		const answer = await d.post(newBody({ filler: 'x'.repeat(100_000) }));
		return answer.status === 200 ? null : answer;
	}, 'the full disk to be reported');
	assert.equal(full.status, 503);
	assert.match(full.headers['retry-after'], /^\d+$/);
	await run('sh', ['-c', `rm -f ${disk}/fill.*`]);
	const after = await waitFor(async () => {
		const answer = await d.post();
		return answer.status === 200 && answer.json.event;
	}, 'events to be accepted again');
	assert.equal((await d.settled(after)).deliveries[0].state, 'DONE');
	assert.equal((await d.settled(before)).deliveries[0].state, 'DONE');
});

test('keep-alive: many requests over one connection', limit, async (t) => {
	const d = await Daemon.start(t);
	const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
	t.after(() => agent.destroy());
	const ports = new Set();
	for (let i = 0; i < 200; i++) {
		const answer = await d.post(newBody(), i % 10 === 9 ? { agent, secret: 'wrong' } : { agent });
		assert.equal(answer.status, i % 10 === 9 ? 401 : 200);
		ports.add(answer.port);
	}
	assert.equal(ports.size, 1);
	assert.equal((await d.events()).length, 180);
});

test('key seen before: 200 duplicate, counted, run once', limit, async (t) => {
	const d = await Daemon.start(t);
	const event = newEvent();
	const body = JSON.stringify(event);
	const first = await d.post(body);
	const now = nowSeconds();
	for (let i = 1; i <= 5; i++) {
		const again = await d.post(body, { timestamp: now - i }); // a retry has a new signature
		assert.equal(again.status, 200);
		assert.deepEqual(again.json, { status: 'duplicate', event: first.json.event });
		assert.equal((await d.show(first.json.event)).duplicates, i);
	}
	const asText = await d.post(JSON.stringify({ ...event, id: String(event.id) }));
	assert.deepEqual(asText.json, { status: 'duplicate', event: first.json.event });
	await d.settled(first.json.event);
	assert.equal((await d.events()).length, 1);
	await d.settled(await d.store()); // by now a second run would have begun
	assert.equal(d.runs.filter((run) => run.event === first.json.event).length, 1);
});

test('100 of the same at once: one event, one run per hook', limit, async (t) => {
	const d = await Daemon.start(t, {
		hooks: (d) => [d.hook('one', 'echo 1 >>"$OUT/one"'), d.hook('two', 'echo 2 >>"$OUT/two"')],
	});
	const body = newBody();
	const answers = await Promise.all(Array.from({ length: 100 }, () => d.post(body)));
	assert.ok(answers.every((answer) => answer.status === 200));
	assert.equal(answers.filter((answer) => answer.json.status === 'stored').length, 1);
	assert.equal(answers.filter((answer) => answer.json.status === 'duplicate').length, 99);
	assert.equal(new Set(answers.map((answer) => answer.json.event)).size, 1);
	assert.equal((await d.settled(answers[0].json.event)).duplicates, 99);
	await d.settled(await d.store());
	assert.equal(d.lines('one').length, 2);
	assert.equal(d.lines('two').length, 2);
	assert.equal((await d.events()).length, 2);
});

test('the same key with another body: duplicate, counted as a conflict and logged', limit, async (t) => {
	const d = await Daemon.start(t);
	const event = newEvent();
	const first = await d.post(JSON.stringify(event));
	const from = d.logLines.length;
	const other = await d.post(JSON.stringify({ ...event, entity: { amount: 1 } }));
	assert.deepEqual(other.json, { status: 'duplicate', event: first.json.event });
	await d.logged(/conflict|another body|other body|differ/i, from);
	const seen = await d.show(first.json.event);
	assert.equal(seen.conflicts, 1);
	assert.equal((await d.payload(first.json.event)).toString(), JSON.stringify(event), 'the first stays');
});

test('idempotency key without an id: type, entity id and updated_at, else the body', limit, async (t) => {
	const d = await Daemon.start(t);
	const status = async (over) => (await d.post(newBody({ id: undefined, ...over }))).json.status;
	const entity = { id: 5, updated_at: '2026-01-01T00:00:00.000Z', amount: 1 };
	assert.equal(await status({ entity }), 'stored');
	assert.equal(await status({ entity: { ...entity, amount: 2 } }), 'duplicate');
	assert.equal(await status({ entity: { ...entity, updated_at: '2026-01-01T00:00:01.000Z' } }), 'stored');
	assert.equal(await status({ entity, name: 'transaction.declined' }), 'stored');
	assert.equal(await status({ entity: JSON.stringify(entity) }), 'duplicate', 'an entity as JSON text');
	assert.equal(await status({ entity: { x: 1 } }), 'stored');
	assert.equal(await status({ entity: { x: 1 } }), 'duplicate');
	assert.equal(await status({ entity: { x: 2 } }), 'duplicate', 'the same object_id and time: one state');
	assert.equal(await status({ entity: { x: 2 }, created_at: undefined }), 'stored', 'no time: the body');
	assert.equal(await status({ entity: { x: 2 }, created_at: undefined }), 'duplicate');
	assert.equal(await status({ entity: { x: 3 }, created_at: undefined }), 'stored');
});

test('one state of an entity is one event, however and whenever it is written', limit, async (t) => {
	const d = await Daemon.start(t);
	const entity = { id: 7, approved_at: '2026-06-30T22:50:28.841Z', updated_at: '2026-06-30T22:50:28.900Z', status: 'approved' };
	const of = (over, top) => newBody({ id: undefined, created_at: undefined, account_id: undefined, entity: { ...entity, ...over }, ...top });
	const first = await d.post(of());
	const again = [of({ updated_at: '2026-07-07T10:00:00.000Z', receipt_url: 'https://receipt' }), of({ id: '7', updated_at: '2026-06-30T22:50:29.000Z' }),
		of({ approved_at: '2026-07-01T00:50:28.841+02:00', updated_at: null }),
		of(0, { entity: JSON.stringify({ ...entity, updated_at: '2026-06-30T22:50:30.000Z' }) })];
	const from = d.logLines.length;
	for (const body of again) assert.deepEqual((await d.post(body)).json, { status: 'duplicate', event: first.json.event });
	const canceled = (at) => of({ approved_at: null, canceled_at: at, updated_at: at }, { name: 'transaction.canceled' });
	assert.equal((await d.post(canceled('2026-06-30T22:50:01.000Z'))).json.status, 'stored');
	assert.equal((await d.post(canceled('2026-06-30T22:50:02.000Z'))).json.status, 'stored', 'canceled twice');
	const seen = await d.show(first.json.event);
	assert.deepEqual([seen.duplicates, seen.conflicts, seen.state_key], [4, 0, `state:transaction.approved:7:${Date.parse('2026-06-30T22:50:28.841Z')}`]);
	assert.equal(seen.idempotency_key, 'entity:transaction.approved:7:2026-06-30T22:50:28.900Z', 'what scripts get is what it was');
	assert.ok(!d.logLines.slice(from).some((line) => /another body/.test(line)));
	assert.equal((await d.settled(first.json.event)).deliveries.length, 1);
});

test('no part of a body is logged, whatever becomes of it, not even at debug level', limit, async (t) => {
	const closed = 'http://127.0.0.1:1/in';
	const d = await Daemon.start(t, { log: { level: 'debug' }, hooks: (d) => [
		d.hook('good', 'cat >/dev/null'), d.hook('bad', 'cat >/dev/null; exit 1', { retry: { attempts: 1 } }),
		d.hook('when', 'true', { when: { 'entity.note': { matches: 'nothing' } } }),
		{ name: 'sends', source: 'fedapay', on: '*', retry: { attempts: 1 }, forward: { url: closed, drop: ['account'] } },
	] });
	const marked = (over) => ({ id: undefined, created_at: undefined, account: { users: [{ email: 'MARK-staff@shop' }], api_keys: ['MARK-key'] },
		entity: { id: 5, approved_at: '2026-06-30T22:50:28.841Z', note: 'MARK-note', custom_metadata: '{"MARK-own": 1}' }, ...over });
	const bodies = [marked(), marked(), marked({ entity: { id: 5, approved_at: '2026-06-30T22:50:28.841Z', note: 'MARK-other' } }), marked({ name: undefined })];
	for (const body of bodies) assert.equal((await d.post(newBody(body))).status, 200);
	assert.equal((await d.post('MARK, not JSON')).status, 200);
	assert.equal((await d.post('{"name":"MARK", broken')).status, 200);
	assert.equal((await d.post(newBody(marked()), { headers: { 'X-FEDAPAY-SIGNATURE': `t=${nowSeconds()},s=${'0'.repeat(64)}` } })).status, 401);
	assert.equal((await d.post(newBody(marked()), { headers: { 'X-FEDAPAY-SIGNATURE': 'sha256=0' } })).status, 401);
	const [event] = (await d.events()).slice(-1);
	await d.settled(event.id);
	await d.logged(/delivery dead/);
	assert.deepEqual(d.logLines.filter((line) => line.includes('MARK')), []);
});

test('the same id from two sources is two events', limit, async (t) => {
	const d = await Daemon.start(t, {
		sources: (d) => [d.source(), d.source({ name: 'live', path: '/live' })],
	});
	const body = newBody();
	assert.equal((await d.post(body)).json.status, 'stored');
	assert.equal((await d.post(body, { path: '/live' })).json.status, 'stored');
	assert.equal((await d.post(body, { path: '/live' })).json.status, 'duplicate');
	assert.deepEqual((await d.events()).map((event) => event.source).sort(), ['fedapay', 'live']);
});
