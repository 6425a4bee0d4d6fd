// What a webhook did not bring is read back from the API, and handled once.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { begin, KEY, pair, shipped } from './lib/catchup.mjs';
import { Peer } from './lib/peer.mjs';
import { wallClock } from './lib/offset.mjs';
import { limit, sleep, waitFor } from './lib/wait.mjs';

const once = (d, ids) => assert.deepEqual([...shipped(d)].sort(), [...ids].sort(), 'each once');

test('what came while hookd was down is filled in, once, oldest first', limit, async (t) => {
	const { mock, d } = await pair(t, { hook: { order: 'entity' } });
	await d.stop();
	const ids = [];
	for (let i = 0; i < 12; i++) { ids.push(mock.model.pay().object_id); await sleep(3); }
	await d.start();
	await waitFor(() => shipped(d).length === ids.length, 'all hooks to run');
	const events = (await d.events()).reverse();
	assert.deepEqual(events.map((event) => Number(event.entity_id)), ids, 'stored oldest first');
	assert.deepEqual(events.map((event) => event.origin), ids.map(() => 'api'));
	assert.ok(d.lines('shipped').every((line) => line.endsWith(' awa@example.com api')), d.read('shipped'));
	assert.match(await d.logged(/event filled in/), /source=fedapay event=1 type=transaction.approved late_seconds=\d+$/);
	assert.match(await d.logged(/had not brought/), /events=12$/);
	const body = JSON.parse(d.read('body.1'));
	assert.deepEqual(Object.keys(body), ['name', 'object', 'object_id', 'account', 'entity']);
	assert.equal(body.entity.klass, 'v1/transaction');
	assert.deepEqual([body.entity.currency.iso, body.entity.payment_method.country], ['XOF', 'BJ']);
	const asked = mock.asked('events').length;
	await waitFor(() => mock.asked('events').length > asked, 'the next sweep');
	await sleep(300);
	once(d, ids);
	assert.equal((await d.events()).every((event) => event.duplicates === 0), true, 'nothing is put twice');
});

test('what happened before the first start is nobody\'s order', limit, async (t) => {
	const { mock, d } = await pair(t, { start: false, api: { overlap: '1h' } });
	for (let i = 0; i < 250; i++) mock.model.pay({ at: Date.now() - 60_000 - i });
	await begin(d, mock);
	assert.equal(mock.asked('events').length, 1);
	await waitFor(() => mock.asked('events').length >= 2, 'the second sweep');
	await sleep(300);
	assert.deepEqual(await d.events(), []);
	mock.model.pay();
	await waitFor(() => shipped(d).length === 1, 'the new one');
});

test('both copies of an event are one: either first, and although updated_at differs', limit, async (t) => {
	const { mock, d } = await pair(t, { webhook: true });
	const first = mock.model.newTransaction();
	const event = first.advance('approved');
	await mock.idle();
	await waitFor(() => shipped(d).length === 1, 'the webhook\'s');
	const asked = mock.asked('events').length;
	await waitFor(() => mock.asked('events').length >= asked + 2, 'a sweep to end');
	[...mock.model.webhooks.values()][0].row.enabled = false;
	const second = mock.model.newTransaction();
	const missed = second.advance('approved');
	await waitFor(() => shipped(d).length === 2, 'the API\'s');
	second.touch();
	[...mock.model.webhooks.values()][0].row.enabled = true;
	await mock.resend(missed, { rendered: 'fresh' });
	await mock.resend(event, { rendered: 'frozen' });
	const events = await d.events();
	assert.deepEqual(events.map((e) => [e.origin, e.conflicts]), [['api', 0], ['webhook', 0]]);
	once(d, [first.id, second.id]);
});

test('canceled, then approved on one transaction: both are filled in, in their order', limit, async (t) => {
	const { mock, d } = await pair(t, { hook: { on: ['transaction.*'], order: 'entity', args: ['{{entity.id}}', '{{hookd.type}}'] } });
	await d.stop();
	const tx = mock.model.newTransaction();
	for (const status of ['canceled', 'canceled', 'approved', 'transferred']) { tx.advance(status); await sleep(5); }
	await d.start();
	await waitFor(() => shipped(d).length === 4, 'all four');
	assert.deepEqual(d.lines('shipped').map((line) => line.split(' ')[1]),
		['transaction.canceled', 'transaction.canceled', 'transaction.approved', 'transaction.transferred']);
});

test('types that no hook takes are not stored; those of api.types are', limit, async (t) => {
	const { mock, d } = await pair(t, { api: { types: ['payout.*'] } });
	mock.model.newTransaction().advance('declined');
	mock.model.newPayout().advance('sent');
	const { object_id: id } = mock.model.pay();
	await waitFor(() => shipped(d).length === 1, 'the payment');
	once(d, [id]);
	assert.deepEqual((await d.events()).map((event) => event.type).sort(), ['payout.sent', 'transaction.approved']);
});

test('events older than act_within are stored, and no hook runs for them', limit, async (t) => {
	const { mock, d } = await pair(t, { api: { act_within: '1m' } });
	await d.stop();
	mock.clock(0);
	const old = mock.model.pay();
	mock.clock(300);
	const fresh = mock.model.pay();
	await d.start();
	await waitFor(() => shipped(d).length === 1, 'the new one');
	once(d, [fresh.object_id]);
	const [, event] = await d.events();
	assert.equal(Number(event.entity_id), old.object_id);
	const { deliveries: [delivery] } = await d.show(event.id);
	assert.equal(delivery.state, 'SKIPPED');
	assert.match(JSON.stringify(delivery), /api\.act_within/);
});

test('customer and currency are looked up if `include` is not honoured', limit, async (t) => {
	const { mock, d } = await pair(t, { hook: { args: ['{{entity.id}}', '{{entity.customer.email}}-{{entity.currency.iso}}'] } });
	mock.switches.ignoreInclude();
	mock.model.pay({ currency_id: 2 });
	await waitFor(() => shipped(d).length === 1, 'the payment');
	assert.match(d.read('shipped'), / awa@example.com-GNF api$/m);
});

test('rows that cannot be read are quarantined, and the others filled in', limit, async (t) => {
	const { mock, d } = await pair(t, { hook: { args: ['{{entity.id | default:0}}', 'x'] } });
	const bad = mock.model.pay();
	bad.created_at = 'yesterday';
	mock.model.pay();
	await waitFor(async () => (await d.events()).length === 2, 'both');
	const quarantined = (await d.events()).filter((event) => event.quarantined);
	assert.equal(quarantined.length, 1);
});

for (const [name, fail] of [
	['503', (route, when) => route.status(503, when)],
	['not JSON', (route, when) => route.garbage(when), /no list of events/],
	['cut off', (route, when) => route.cut(40, when)],
	['reset', (route, when) => route.reset(when), /reset/i],
	['redirected', (route, when) => route.redirect('http://127.0.0.1:1/', when)],
	['500', (route, when) => route.status(500, { ...when, body: '<html>' })],
	['403', (route, when) => route.status(403, when)],
	['404', (route, when) => route.status(404, when)],
	['huge', (route, when) => route.huge(9 * 1024 * 1024, when)],
	['stalled', (route, when) => route.stall({ ...when, times: 1 })],
	['slow', (route, when) => route.slow(3000, when)],
]) {
	test(`an answer that fails (${name}): the mark stays, nothing is lost or doubled`, limit, async (t) => {
		const { mock, d } = await pair(t);
		await d.stop();
		const ids = Array.from({ length: 130 }, () => mock.model.pay().object_id).slice(-4);
		mock.model.events.splice(0, 126, ...mock.model.events.slice(0, 126).map((event) => ({ ...event, type: 'other.type' })));
		fail(mock.route('events'), { page: 2 });
		const asked = mock.asked('events').length;
		await d.start();
		await waitFor(() => mock.asked('events').length >= asked + (['redirected', '403', '404', 'slow'].includes(name) ? 2 : 3), 'a few tries');
		await sleep(500);
		if (name === '503') assert.deepEqual(shipped(d), [], 'a sweep that is not whole fills in nothing');
		mock.route('events').clear();
		await d.restart();
		await waitFor(() => shipped(d).length === ids.length, 'all hooks to run');
		once(d, ids);
	});
}

test('429: Retry-After is kept', limit, async (t) => {
	const { mock, d } = await pair(t);
	mock.route('events').tooMany({ retryAfter: 3, times: 1 });
	const { object_id: id } = mock.model.pay();
	await waitFor(() => shipped(d).length === 1, 'the payment');
	const busy = mock.requests.findIndex((request) => request.status === 429);
	assert.ok(mock.requests[busy + 1].at - mock.requests[busy].at >= 2990, 'the next request waits');
	once(d, [id]);
});

test('401: one alarm, no further questions; the key is told to nobody', limit, async (t) => {
	const { mock, d } = await pair(t, { mock: { key: 'sk_sandbox_other' } });
	await d.logged(/events cannot be read back: once an hour/);
	assert.match(await d.logged(/the API refuses the key/), /answered 401/);
	const asked = mock.requests.length;
	await sleep(11_000);
	assert.equal(mock.requests.length, asked);
	assert.ok(!d.log.includes(KEY));
});

test('the key is in no file, log, argument or redirect', limit, async (t) => {
	const stranger = await Peer.start(t);
	const { mock, d } = await pair(t);
	mock.route('events').redirect(stranger.url(), { times: 2 });
	mock.model.pay();
	await waitFor(() => mock.asked('events').filter((r) => r.status === 302).length >= 1, 'the redirect');
	await d.restart();
	await waitFor(() => shipped(d).length === 1, 'the payment');
	assert.equal(stranger.connections, 0);
	assert.ok(!d.log.includes(KEY));
	assert.ok(!readFileSync(`/proc/${d.pid}/cmdline`, 'latin1').includes(KEY));
	await d.stop();
	for (const name of readdirSync(d.dir).filter((file) => file.startsWith('hookd.db')))
		if (!name.endsWith('.control')) assert.ok(!readFileSync(`${d.dir}/${name}`, 'latin1').includes(KEY), name);
});

test('new events while it reads, the same row twice, a row that comes late', limit, async (t) => {
	const { mock, d } = await pair(t);
	await d.stop();
	const made = Array.from({ length: 5 }, () => mock.model.pay());
	mock.switches.shift(1).duplicateAcrossPages().perPageCap(3).missingRow(made[1].id, Date.now() + 12_000);
	await d.start();
	await waitFor(() => shipped(d).length >= 4, 'those that are there');
	mock.switches.shift(0);
	await waitFor(() => shipped(d).includes(made[1].object_id), 'the late one');
	await waitFor(() => shipped(d).length === mock.model.events.length, 'all');
	once(d, mock.model.events.map((event) => event.object_id));
});

test('killed in the middle of filling in: each hook runs once', limit, async (t) => {
	const { mock, d } = await pair(t, { hook: { args: ['{{entity.id}}', 'x'] } });
	await d.stop();
	const ids = Array.from({ length: 9 }, () => mock.model.pay().object_id);
	await d.start();
	await waitFor(async () => (await d.events()).length >= 2, 'some to be stored');
	await d.kill();
	await d.start();
	await waitFor(() => new Set(shipped(d)).size === ids.length, 'all hooks to run');
	assert.equal((await d.events()).length, ids.length);
});

test('after hookd had to answer 503 it looks at once for what it refused, however young', limit, async (t) => {
	const { mock, d } = await pair(t, { api: { every: '1d', grace: '5m' }, mock: { tries: 1 }, limits: { backlog: 1 }, hook: { concurrency: 1 } });
	mock.model.newWebhook(`http://127.0.0.1:${d.at.port}/webhooks/fedapay`, { secret: d.secret, disable_on_error: false });
	assert.equal((await d.ctl('pause', 'ship')).code, 0);
	const ids = [];
	for (let i = 0; i < 3; i++) { ids.push(mock.model.pay().object_id); await mock.idle(); }
	assert.deepEqual(mock.deliveries.map((delivery) => delivery.statuses), [[200], [503], [503]]);
	assert.equal((await d.ctl('resume', 'ship')).code, 0);
	await waitFor(() => shipped(d).length === 3, 'the refused ones, long before api.grace and api.every');
	once(d, ids);
	assert.equal((await d.ctl('pause', 'ship')).code, 0);
	for (let i = 0; i < 2; i++) { mock.model.pay(); await mock.idle(); }
	assert.deepEqual(mock.deliveries.at(-1).statuses, [503]);
	const asked = mock.asked('events').length;
	await sleep(12_000);
	assert.equal(mock.asked('events').length, asked, 'not again within a minute: strangers can be answered 503, too');
});

test('when the webhook falls silent it looks at once', limit, async (t) => {
	const { mock, d } = await pair(t, { start: false, api: { every: '1d' }, silence: (self) => ({ after: '1h', run: [self.script('silence', 'true')] }) });
	const clock = await wallClock(d);
	await begin(d, mock);
	await waitFor(() => mock.asked('events').length >= 2, 'the sweep soon after the start');
	await d.store();
	await sleep(500);
	const { object_id: id } = mock.model.pay();
	await sleep(6000);
	assert.ok(!shipped(d).includes(id));
	clock.set(3700);
	mock.clock(3700);
	await waitFor(() => shipped(d).includes(id), 'the missed payment, long before api.every');
});
