// What JSON may be: every digit arrives wherever a number goes, what the grammar allows is read,
// and what is not JSON says where.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon } from './lib/daemon.mjs';
import { newEvent, uniqueId } from './lib/fedapay.mjs';
import { Peer } from './lib/peer.mjs';
import { sendmail, sendmails } from './lib/sendmail.mjs';
import { limit, waitFor } from './lib/wait.mjs';

const NUMBERS = ['12345678901234567890', '12345678901234567891', '1.10', '12.00', '-0', '1e400', '-1.5E-7', '0.10000000000000000001'];

/** An event's body with numbers as they are given: JSON.stringify would round them. */
function bodyWith(members, over = {}) {
	const text = JSON.stringify(newEvent({ ...over, numbers: '@' }));
	return text.replace('"@"', () => members);
}

const asPaths = NUMBERS.map((_, i) => `{{numbers.${i}}}`);

test('each digit of a number reaches argv, a forward, its headers and a mail', limit, async (t) => {
	const peer = await Peer.start(t);
	const d = await Daemon.start(t, { email: (d) => ({ sendmail: [sendmail(d, 0)], from: 'no-reply@example.com' }), hooks: (d) => [
		d.hook('ship', 'printf "%s\\n" "$@" >"$OUT/args"; cat >"$OUT/stdin"', { args: [...asPaths, '{{numbers | json}}'], allow_dash: true }),
		{ name: 'tell', source: 'fedapay', on: '*', forward: { url: `${peer.url()}/{{numbers.0}}/{{numbers.2}}?n={{numbers.3}}`,
			headers: { 'X-Numbers': '{{numbers | json}}' } } },
		{ name: 'mail', source: 'fedapay', on: '*', email: { to: 'awa@example.com', subject: 'Order {{numbers.0}}',
			body: asPaths.join('\n') } },
	] });
	const body = bodyWith(`[${NUMBERS.join(' , ')}]`);
	const { event } = (await d.post(body)).json;
	const seen = await d.settled(event);
	assert.deepEqual(seen.deliveries.map((x) => x.state), ['DONE', 'DONE', 'DONE']);
	assert.deepEqual(d.lines('args'), [...NUMBERS, `[${NUMBERS.join()}]`]);
	assert.equal(d.read('stdin'), body);
	const { url, headers, body: got } = await peer.request();
	assert.equal(url, `/in/${NUMBERS[0]}/1.10?n=12.00`);
	assert.equal(headers['x-numbers'], `[${NUMBERS.join()}]`);
	assert.equal(got.toString(), body);
	const [{ mail }] = await sendmails(d);
	assert.equal(mail.subject, `Order ${NUMBERS[0]}`);
	assert.deepEqual(mail.text.trim().split(/\r?\n/), NUMBERS);
});

test('conditions compare numbers exactly', limit, async (t) => {
	const when = { same: { 'numbers.0': '12345678901234567890' }, other: { 'numbers.0': '12345678901234567891' },
		less: { 'numbers.0': { lt: '12345678901234567891' } }, more: { 'numbers.0': { gt: '12345678901234567889' } },
		huge: { 'numbers.5': { gt: 1000000 } }, tenth: { 'numbers.2': 1.1 } };
	const d = await Daemon.start(t, { hooks: (d) => Object.entries(when).map(([name, test]) =>
		({ ...d.hook(name, 'true'), when: test })) });
	const { event } = (await d.post(bodyWith(`[${NUMBERS.join()}]`))).json;
	assert.deepEqual((await d.settled(event)).deliveries.map((x) => x.hook).sort(),
		['huge', 'less', 'more', 'same', 'tenth']);
});

test('an id of more than 64 bits is the key, the entity and the order, and is listed', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [{ ...d.hook('ship', 'echo "$HOOKD_IDEMPOTENCY_KEY" >>"$OUT/keys"'),
		order: 'entity' }] });
	const id = '12345678901234567890', next = '12345678901234567891';
	const body = (entity, blanks = '') => `{${blanks}"id":${uniqueId()}${entity},"name":"transaction.approved",` +
		`"entity":{"id":${entity},"amount":5000,"currency":{"iso":"XOF"}}}`;
	const first = body(id);
	const { event } = (await d.post(first)).json;
	assert.deepEqual((await d.post(first.replace('{', '{ '))).json, { status: 'duplicate', event });
	const other = (await d.post(body(next))).json;
	assert.equal(other.status, 'stored');
	const seen = await d.settled(event);
	await d.settled(other.event);
	assert.equal(seen.entity_id, id);
	assert.match(seen.idempotency_key, new RegExp(`^id:\\d+${id}$`));
	assert.ok(d.lines('keys')[0].includes(seen.idempotency_key), 'in the environment');
	assert.match((await d.ctl('export', '--format', 'csv')).stdout, new RegExp(next));
	assert.match((await d.ctl('events', '--json')).stdout, new RegExp(`"entity_id":"${next}"`));
	assert.match((await d.ctl('show', String(event))).stdout, new RegExp(id));
});

const BIG = '12345678901234567890', NEXT = '12345678901234567891', THEN = '2026-06-30T22:50:29.001Z';
/** An event without an id of its own, as FedaPay sends them. */
const approved = (id, amount = 5000, currency = 'XOF') => `{"name":"transaction.approved","entity":{"id":${id},"amount":${amount},"fees":0.10,` +
	`"currency":{"iso":"${currency}"},"approved_at":"${THEN}","updated_at":"${THEN}","rate":-0,"sum":1e400,"order":${BIG}}}`;
const lines = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

test('entities whose ids differ in the last of many digits have keys, an order, and a history of their own', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [{ ...d.hook('ship',
		`echo "$1 $HOOKD_EVENT_ID" >>"$OUT/ran"; [ "$1" != ${BIG} ] || while [ ! -e "$OUT/go" ]; do sleep 0.02; done`,
		{ args: ['{{entity.id}}'] }), order: 'entity', timeout: '30s' }] });
	const first = (await d.post(approved(BIG))).json.event;
	await waitFor(() => d.lines('ran').length === 1, 'the first to run');
	const second = (await d.post(approved(BIG, 5000).replace(/29\.001Z/g, '30.001Z'))).json;
	const other = (await d.post(approved(NEXT))).json;
	assert.deepEqual([second.status, other.status], ['stored', 'stored'], 'no duplicates');
	await d.settled(other.event);
	assert.deepEqual(d.lines('ran').map((line) => line.split(' ')[0]), [BIG, NEXT], 'the other is not blocked, the second is');
	d.touch('go');
	await d.settled(second.event);
	assert.equal(d.lines('ran').length, 3);
	const seen = await d.show(first);
	assert.match(seen.idempotency_key, new RegExp(`^entity:transaction\\.approved:${BIG}:`));
	assert.match(seen.state_key, new RegExp(`:${BIG}:`));
	assert.equal((await d.post(approved(BIG).replace('{', '{ '))).json.status, 'duplicate');
	assert.deepEqual((await d.events('--entity', NEXT)).map((event) => event.id), [other.event]);
	assert.deepEqual((await d.events('--entity', `transaction:${BIG}`)).map((event) => event.id), [second.event, first]);
	assert.deepEqual(lines((await d.ctl('transactions', '--json')).stdout).map((row) => row.id).sort(), [BIG, NEXT]);
	assert.match((await d.ctl('show', `transaction:${NEXT}`)).stdout, new RegExp(NEXT));
});

test('each digit reaches lists, CSV, JSON, a trial, and another store by export and import', limit, async (t) => {
	const hooks = (d) => [d.hook('ship', 'cat', { args: ['{{entity.order}} {{entity.rate}} {{entity.sum}} {{entity | json}}'], allow_dash: true })];
	const d = await Daemon.start(t, { hooks });
	const bodies = [approved(BIG, BIG, 'EUR'), approved(NEXT, '12.00', 'EUR'), approved(8, '12.00', 'XOF'), approved(9, BIG, 'XOF')];
	for (const body of bodies) await d.settled((await d.post(body)).json.event);
	const amounts = ['123456789012345678.90', '12.00', '12', BIG];
	const csv = (await d.ctl('export')).stdout.split('\r\n').slice(1, -1).map((line) => line.split(','));
	assert.deepEqual(csv.map((row) => row[4]), amounts);
	assert.deepEqual(csv.map((row) => row[1].replaceAll('"', '')), [BIG, NEXT, '8', '9']);
	const { stdout: exported } = await d.ctl('export', '--format', 'ndjson');
	assert.deepEqual(lines(exported).map((row) => [row.transaction, row.amount, row.payload]),
		[BIG, NEXT, '8', '9'].map((id, i) => [id, amounts[i], bodies[i]]));
	assert.deepEqual(lines((await d.ctl('transactions', '--json')).stdout).map((row) => row.amount).reverse(), [BIG, '12.00', '12.00', BIG], 'as sent');
	assert.match((await d.ctl('transactions')).stdout, /123 456 789 012 345 678,90 EUR/);
	assert.equal((await d.show(1)).payload, bodies[0]);
	assert.match((await d.ctl('show', '1')).stdout, new RegExp(`"order":${BIG}`));
	const { stdout: trial } = await d.ctl('test', 'ship', '--event', '1');
	assert.ok(trial.includes(`${BIG} -0 1e400 `) && trial.includes(String.raw`\"rate\":-0,\"sum\":1e400`), trial);
	const to = await Daemon.start(t, { hooks });
	const { code, stderr } = await to.ctl('import', '--source', 'fedapay', d.file('export', exported));
	assert.equal(code, 0, stderr);
	for (const [i, body] of bodies.entries()) assert.equal((await to.payload(i + 1)).toString(), body);
	const keys = async (x) => (await x.ctl('export', '--format', 'ndjson')).stdout;
	assert.equal(await keys(to), exported);
	assert.equal((await to.post(bodies[1])).json.status, 'duplicate');
	const raw = await to.ctl('import', '--source', 'fedapay', d.file('raw', `${approved('77777777777777777777')}\n`));
	assert.equal(raw.code, 0, raw.stderr);
	const [{ id }] = await to.events('--entity', '77777777777777777777');
	assert.equal((await to.payload(id)).toString().trim(), approved('77777777777777777777'));
});

test('a number beyond 64 bits changes nothing of the others', limit, async (t) => {
	const d = await Daemon.start(t);
	const id = uniqueId();
	const { event } = (await d.post(bodyWith('[99999999999999999999,1e999]', { id }))).json;
	assert.equal((await d.settled(event)).idempotency_key, `id:${id}`);
});

test('`money` takes a number as it was written', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [{ ...d.hook('ship', 'printf %s "$1" >"$OUT/arg"', { args: ['= {{entity.amount | money}}'] }),
		retry: { attempts: 1 } }] });
	const run = async (amount, currency = 'EUR') => {
		const id = uniqueId();
		const { event } = (await d.post(`{"id":${id},"name":"transaction.approved","entity":{"id":${id},` +
			`"amount":${amount},"currency":{"iso":"${currency}"}}}`)).json;
		const [{ state, attempts }] = (await d.settled(event)).deliveries;
		return state === 'DONE' ? d.read('arg') : attempts[0].message;
	};
	const rows = { '12.00': '12,00 EUR', '12.0': '12,00 EUR', 12.5: '12,50 EUR', 1200: '12,00 EUR', '"1200"': '12,00 EUR',
		'"12.00"': '12,00 EUR', '1e3': '10,00 EUR', '-5': '-0,05 EUR', '-0.0': '0,00 EUR',
		'12345678901234567890': '123 456 789 012 345 678,90 EUR', '0.10': '0,10 EUR' };
	for (const [amount, text] of Object.entries(rows))
		assert.equal(await run(amount), `= ${text}`, amount);
	assert.equal(await run('12.00', 'XOF'), '= 12 FCFA');
	for (const [amount, currency] of [['12.345', 'EUR'], ['12.5', 'XOF'], ['1e400', 'EUR'], ['1e-400', 'EUR']])
		assert.match(await run(amount, currency), /is not an amount of money/);
});

const ok = (over) => JSON.stringify(newEvent(over));
const readable = {
	'a byte order mark': () => `\ufeff${ok()}`,
	'half of a surrogate pair': () => ok({ note: '@' }).replace('"@"', '"\\ud83d, \\udc00"'),
	'a NUL in a name': () => ok({ note: '@' }).replace('"@"', '{"a\\u0000":1,"\\u0000":2}'),
	'a NUL in a text': () => ok({ note: '@' }).replace('"@"', '"a\\u0000b"'),
	'an empty name': () => ok({ '': 1 }),
	'1e999': () => ok({ note: '@' }).replace('"@"', '1e999'),
	'2,000 levels': () => ok({ note: '@' }).replace('"@"', '['.repeat(2000) + ']'.repeat(2000)),
};

test('what the grammar allows is read, with and without a condition', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [d.hook('ship', 'cat >"$OUT/stdin"'),
		{ ...d.hook('asks', 'true'), when: { 'entity.amount': 5000 } }] });
	for (const [what, make] of Object.entries(readable)) {
		const body = make();
		const answer = await d.post(body);
		assert.equal(answer.json.status, 'stored', what);
		assert.deepEqual((await d.settled(answer.json.event)).deliveries.map((x) => [x.hook, x.state]),
			[['ship', 'DONE'], ['asks', 'DONE']], what);
		assert.equal(d.read('stdin'), body, what);
	}
});

test('half a surrogate pair arrives as U+FFFD; a NUL in a text does not fit an argument', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [d.hook('ship', 'printf %s "$1" >"$OUT/arg"', { args: ['{{note}}'],
		retry: { attempts: 1 } })] });
	const half = (await d.post(ok({ note: '@' }).replace('"@"', '"a\\ud83db"'))).json.event;
	assert.equal((await d.settled(half)).deliveries[0].state, 'DONE');
	assert.equal(d.read('arg'), 'a\ufffdb');
	const nul = (await d.post(ok({ note: '@' }).replace('"@"', '"a\\u0000b"'))).json.event;
	assert.equal((await d.settled(nul)).deliveries[0].state, 'DEAD');
});

test('what is not JSON says where, in the log and in show', limit, async (t) => {
	const d = await Daemon.start(t);
	const rows = {
		'{\n  "id": 1,\n  "name": "transaction.é" "x"\n}': 'not JSON: line 3, column 27: expected , or }',
		'name=transaction.approved': 'not JSON: line 1, column 1: expected a value',
		'': 'not JSON: line 1, column 1: it ends where a value is expected',
		'{"a":[1,2': 'not JSON: line 1, column 10: it ends inside an object or a list',
		'{"secret":"\x01"}': 'not JSON: line 1, column 12: a control character in a string',
	};
	for (const [body, reason] of Object.entries(rows)) {
		const { event, status } = (await d.post(body)).json;
		assert.equal(status, 'quarantined');
		assert.equal((await d.show(event)).quarantined, reason);
		assert.ok((await d.ctl('show', String(event))).stdout.includes(reason));
		assert.ok(d.log.includes(reason), d.log);
	}
});
