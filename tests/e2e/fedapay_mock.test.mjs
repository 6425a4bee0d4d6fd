// The FedaPay that other tests use: each of its routes and switches does what it says.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { Webhook } from 'fedapay';
import { FedaPay } from './lib/fedapay_mock.mjs';
import { limit, within } from './lib/wait.mjs';

const START = Date.parse('2026-11-30T12:00:00.000Z');

/** A mock whose clock the test moves by `mock.time`. */
async function begun(t, options = {}) {
	const time = { ms: START };
	const mock = await FedaPay.start(t, { clock: () => time.ms, ...options });
	return Object.assign(mock, { time });
}

async function get(mock, path, { method = 'GET', key = mock.key, body, signal } = {}) {
	const res = await fetch(`${mock.url}${path}`, { method, body, signal, redirect: 'manual', headers: { Authorization: `Bearer ${key}` } });
	const text = await res.text();
	return { status: res.status, headers: res.headers, text, get json() { return JSON.parse(text); } };
}

const events = (mock, query = '') => get(mock, `/events?${query}`);
const ids = (answer) => answer.json['v1/events'].map((event) => event.id);

/** `count` payments, a second apart. */
function pay(mock, count) {
	return Array.from({ length: count }, () => { mock.time.ms += 1000; return mock.model.pay(); });
}

/** A server that keeps the webhooks it gets and answers with `statuses`, the last of which stays. */
async function receiver(t, statuses = [200]) {
	const seen = [];
	const server = createServer((req, res) => {
		let body = '';
		req.setEncoding('utf8').on('data', (part) => { body += part; });
		req.on('end', () => {
			seen.push({ body, headers: req.headers });
			res.writeHead(statuses[Math.min(seen.length, statuses.length) - 1]).end();
		});
	});
	t.after(() => { server.closeAllConnections(); server.close(); });
	await new Promise((done) => server.listen(0, '127.0.0.1', done));
	return { seen, url: `http://127.0.0.1:${server.address().port}/in` };
}

test('events: pages, newest first, past the end, by id, with filters', limit, async (t) => {
	const mock = await begun(t);
	const made = pay(mock, 57);
	mock.model.newPayout().advance('sent');
	const first = await events(mock, 'page=1&per_page=25');
	assert.deepEqual(first.json.meta, { current_page: 1, next_page: 2, prev_page: null, per_page: 25, total_pages: 3, total_count: 58 });
	assert.deepEqual(Object.keys(first.json['v1/events'][0]).sort(), ['account_id', 'created_at', 'entity', 'id', 'klass', 'object', 'object_id', 'type', 'updated_at']);
	assert.equal(first.json['v1/events'][0].type, 'payout.sent');
	assert.match(first.json['v1/events'][1].id, /^AX[A-Za-z0-9_-]{18}$/);
	assert.equal((await events(mock, 'page=3&per_page=25')).json.meta.next_page, null);
	assert.deepEqual(ids(await events(mock, 'page=9&per_page=25')), []);
	assert.deepEqual(ids(await events(mock, 'filters[type]=payout.sent&match=must')), [mock.model.events.at(-1).id]);
	assert.equal(ids(await events(mock, `filters[object]=transaction&filters[object_id]=${made[3].object_id}`))[0], made[3].id);
	assert.equal((await get(mock, `/events/${made[5].id}`)).json['v1/event'].object_id, made[5].object_id);
	assert.equal((await get(mock, '/events/AXnone')).status, 404);
	assert.equal(mock.asked('events').length, 5);
	assert.equal(mock.asked('events')[0].headers.authorization, 'Bearer sk_sandbox_test');
});

test('two copies of an event: the bare row and the rich one; later touches', limit, async (t) => {
	const mock = await begun(t);
	const tx = mock.model.newTransaction({ description: 'Riz & maïs <5 kg>' });
	const event = tx.advance('approved');
	const bare = JSON.parse(event.entity);
	for (const name of ['klass', 'customer', 'currency', 'payment_method']) assert.ok(!(name in bare), name);
	assert.ok('lock_transfer' in bare);
	mock.time.ms += 700;
	tx.touch();
	const body = mock.model.webhookBody(event);
	const { entity, ...frame } = JSON.parse(body);
	assert.deepEqual(Object.keys(frame), ['name', 'object', 'object_id', 'account']);
	assert.match(body, /Riz \\u0026 maïs \\u003c5 kg\\u003e/);
	assert.ok(body.length > 5000 && body.length < 9000, `${body.length} bytes`);
	assert.equal(entity.customer.email, 'awa@example.com');
	assert.equal(entity.approved_at, bare.approved_at);
	assert.equal(entity.updated_at, bare.updated_at);
	assert.notEqual(JSON.parse(mock.model.webhookBody(event, 'fresh')).entity.updated_at, bare.updated_at);
	const other = await begun(t);
	assert.equal(other.model.newTransaction({ description: 'Riz & maïs <5 kg>' }).advance('approved').id, event.id, 'the seed decides');
});

test('transactions, payouts, customers, currencies', limit, async (t) => {
	const mock = await begun(t);
	const { object_id: id } = mock.model.pay();
	const payout = mock.model.newPayout();
	assert.match((await get(mock, '/transactions')).text, /obsolete/);
	assert.equal((await get(mock, '/transactions')).status, 400);
	assert.equal((await get(mock, '/transactions/search?search=*')).json['v1/transactions'].length, 1);
	const bare = (await get(mock, `/transactions/${id}`)).json['v1/transaction'];
	assert.equal(bare.klass, 'v1/transaction');
	assert.ok(!('customer' in bare));
	const query = `/transactions/${id}?include=customer,currency,payment_method`;
	const rich = (await get(mock, query)).json['v1/transaction'];
	assert.deepEqual([rich.customer.firstname, rich.currency.iso, rich.payment_method.country], ['Awa', 'XOF', 'BJ']);
	mock.switches.ignoreInclude();
	assert.ok(!('customer' in (await get(mock, query)).json['v1/transaction']));
	assert.equal((await get(mock, `/transactions/merchant/order-${id}`)).json['v1/transaction'].id, id);
	assert.equal((await get(mock, `/payouts/${payout.id}`)).json['v1/payout'].amount, 10_000);
	assert.equal((await get(mock, '/payouts/search?search=*')).json['v1/payouts'].length, 1);
	assert.equal((await get(mock, `/customers/${bare.customer_id}`)).json['v1/customer'].email, 'awa@example.com');
	assert.equal((await get(mock, '/currencies/3')).json['v1/currency'].iso, 'EUR');
	for (const path of ['/transactions/1', '/payouts/1', '/customers/1', '/currencies/9', '/nothing'])
		assert.equal((await get(mock, path)).status, 404, path);
	for (const key of ['sk_live_test', 'nonsense'])
		assert.equal((await get(mock, `/transactions/${id}`, { key })).status, 401);
});

test('webhooks: shown, changed, disabled, gone; a write that answers 500', limit, async (t) => {
	const mock = await begun(t);
	const { row } = mock.model.newWebhook('https://shop.example/fedapay');
	assert.ok(!('secret' in (await get(mock, `/webhooks/${row.id}`)).json['v1/webhook']));
	mock.disableWebhook(row.id);
	assert.equal((await get(mock, '/webhooks')).json['v1/webhooks'][0].enabled, false);
	mock.switches.writesAnswer500();
	assert.equal((await get(mock, `/webhooks/${row.id}`, { method: 'PUT', body: '{"enabled":true}' })).status, 500);
	assert.equal((await get(mock, `/webhooks/${row.id}`)).json['v1/webhook'].enabled, true);
	mock.secondWebhook('https://old.example/');
	assert.equal((await get(mock, '/webhooks')).json['v1/webhooks'].length, 2);
	mock.deleteWebhook(row.id);
	assert.equal((await get(mock, `/webhooks/${row.id}`)).status, 404);
	assert.equal((await get(mock, '/webhooks', { method: 'DELETE' })).status, 404);
});

test('the sender: signed, tried again, disabled after ten failures; sent again; a stub', limit, async (t) => {
	const mock = await begun(t, { gap: 1, clock: Date.now });
	const good = await receiver(t, [500, 204]);
	const { row, secret } = mock.model.newWebhook(good.url);
	const event = mock.model.pay();
	await mock.idle();
	assert.deepEqual(mock.deliveries[0].statuses, [500, 204]);
	const { body, headers } = good.seen[1];
	assert.equal(Webhook.constructEvent(body, headers['x-fedapay-signature'], secret).name, 'transaction.approved');
	await mock.resend(event, { rendered: 'fresh' });
	assert.equal(good.seen.length, 3);
	assert.equal((await get(mock, `/webhooks/${row.id}/send_event`, { method: 'POST', body: '{"event":"transaction.approved"}' })).status, 200);
	await mock.idle();
	const stub = JSON.parse(good.seen[3].body);
	assert.equal((await get(mock, `/transactions/${stub.object_id}`)).status, 404);
	assert.equal((await get(mock, `/webhooks/${row.id}/send_event`, { method: 'POST', body: '{"event":"sold"}' })).status, 400);
	const bad = await receiver(t, [503]);
	const second = mock.secondWebhook(bad.url);
	mock.model.pay();
	await mock.idle();
	assert.equal(bad.seen.length, 10);
	assert.equal(second.row.enabled, false);
	mock.model.pay();
	await mock.idle();
	assert.equal(bad.seen.length, 10, 'nothing is sent to a webhook that is disabled');
});

test('failures: status, 429, late, cut, garbage, huge, reset, refused, redirected', limit, async (t) => {
	const mock = await begun(t);
	pay(mock, 3);
	mock.route('events').status(503, { body: '<html>', headers: { 'X-A': 'b' }, times: 1, page: 2 });
	assert.equal((await events(mock)).status, 200, 'only page 2');
	const bad = await events(mock, 'page=2');
	assert.deepEqual([bad.status, bad.text, bad.headers.get('x-a')], [503, '<html>', 'b']);
	assert.equal((await events(mock, 'page=2')).status, 200, 'only once');
	mock.route('events').tooMany({ retryAfter: 2, times: 1 }).tooMany({ retryAfter: new Date(START), times: 1 }).tooMany({ times: 1 });
	for (const expected of ['2', 'Mon, 30 Nov 2026 12:00:00 GMT', null]) {
		const { status, headers } = await events(mock);
		assert.deepEqual([status, headers.get('retry-after')], [429, expected]);
	}
	mock.route('events').slow(300, { times: 1 });
	const began = Date.now();
	assert.equal((await events(mock)).status, 200);
	assert.ok(Date.now() - began >= 290);
	mock.route('events').cut(20, { times: 1 });
	await assert.rejects(events(mock));
	mock.route('events').cut(20, { honest: true, times: 1 }).garbage({ times: 1 });
	assert.equal((await events(mock)).text.length, 20);
	assert.match((await events(mock)).text, /^<html>/);
	mock.route('events').huge(1_000_000, { times: 1 });
	assert.ok((await events(mock)).text.length >= 1_000_000);
	mock.route('*').reset({ times: 1 });
	await assert.rejects(events(mock));
	mock.route('events').redirect('https://elsewhere.example/', { times: 1 });
	const away = await events(mock);
	assert.deepEqual([away.status, away.headers.get('location')], [302, 'https://elsewhere.example/']);
	await mock.refuse();
	await assert.rejects(events(mock));
	await mock.accept();
	assert.equal((await events(mock)).status, 200);
});

test('a stalled answer has half of its body', limit, async (t) => {
	const mock = await begun(t);
	pay(mock, 3);
	mock.route('events').stall({ times: 1 });
	const res = await fetch(`${mock.url}/events`, { headers: { Authorization: `Bearer ${mock.key}` } });
	const reader = res.body.getReader();
	const { value } = await within(reader.read(), 'half a body');
	assert.ok(value.length > 0 && value.length < Number(res.headers.get('content-length')));
	await reader.cancel();
});

test('lists in motion: new rows between pages, a row twice, a row that comes late', limit, async (t) => {
	const mock = await begun(t);
	const made = pay(mock, 6);
	mock.switches.shift(2);
	const first = ids(await events(mock, 'page=1&per_page=3'));
	const second = ids(await events(mock, 'page=2&per_page=3'));
	assert.equal(first.filter((id) => second.includes(id)).length, 2);
	mock.switches.clear().duplicateAcrossPages();
	const one = ids(await events(mock, 'page=1&per_page=4'));
	const two = ids(await events(mock, 'page=2&per_page=4'));
	assert.equal(two[0], one.at(-1));
	mock.switches.clear().missingRow(made[2].id, mock.time.ms + 5000).missingRow(made[3].id, () => mock.time.ms > START + 60_000);
	assert.ok(!ids(await events(mock)).includes(made[2].id));
	mock.time.ms += 5000;
	assert.ok(ids(await events(mock)).includes(made[2].id));
	assert.ok(!ids(await events(mock)).includes(made[3].id));
});

test('lists in other forms: order, sizes, window, meta, entity, id, type, filters, clock', limit, async (t) => {
	const mock = await begun(t);
	const made = pay(mock, 30).map((event) => event.id);
	const { switches } = mock;
	switches.order('asc');
	assert.deepEqual(ids(await events(mock, 'per_page=100')), made);
	switches.order('shuffled');
	const shuffled = ids(await events(mock, 'per_page=100'));
	assert.notDeepEqual(shuffled, made);
	assert.deepEqual([...shuffled].sort(), [...made].sort());
	switches.clear().perPageCap(25);
	assert.equal((await events(mock, 'per_page=100')).json.meta.per_page, 25);
	switches.clear().window(20);
	assert.equal((await events(mock, 'per_page=10&page=3')).status, 400);
	switches.window(20, 500);
	assert.equal((await events(mock, 'per_page=10&page=3')).status, 500);
	switches.clear().meta('page');
	assert.deepEqual((await events(mock)).json.meta, { page: 1 });
	switches.meta('none');
	assert.ok(!('meta' in (await events(mock)).json));
	switches.meta('wrong');
	assert.equal((await events(mock)).json.meta.total_pages, -3);
	switches.clear();
	const row = async () => (await events(mock)).json['v1/events'][0];
	switches.entityAs('object');
	assert.equal((await row()).entity.status, 'approved');
	for (const [form, value] of [['array', []], ['null', null]]) {
		switches.entityAs(form);
		assert.deepEqual((await row()).entity, value);
	}
	switches.entityAs('broken text');
	const { entity } = await row();
	assert.throws(() => JSON.parse(entity));
	switches.clear().idAs('number');
	assert.equal(typeof (await row()).id, 'number');
	switches.idAs('same for two');
	assert.equal(new Set(ids(await events(mock, 'per_page=100'))).size, 15);
	switches.clear().typeIn('name');
	assert.deepEqual([(await row()).name, (await row()).type], ['transaction.approved', undefined]);
	switches.typeIn('both');
	assert.equal((await row()).type, 'transaction.approved');
	switches.clear().ignoreFilters();
	assert.equal(ids(await events(mock, 'filters[type]=payout.sent')).length, 25);
	mock.clock(-3600);
	assert.equal((await events(mock)).headers.get('date'), new Date(mock.time.ms - 3_600_000).toUTCString());
	assert.equal(mock.model.pay().created_at, new Date(mock.time.ms - 3_600_000).toISOString());
});
