// hookctl catch-up, api check, and what status, events and show tell of events from the API.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { begin, KEY, pair, shipped } from './lib/catchup.mjs';
import { wallClock } from './lib/offset.mjs';
import { limit, sleep, waitFor } from './lib/wait.mjs';

const DAY = 86_400_000;
const rows = (stdout) => stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));

test('catch-up: lists what is missing, then fills it in, once', limit, async (t) => {
	const { mock, d } = await pair(t, { api: { every: '1d', grace: '1d' } });
	const ids = [];
	for (let i = 0; i < 3; i++) { ids.push(mock.model.pay().object_id); await sleep(3); }
	const dry = await d.ctl('catch-up', '--dry-run');
	assert.equal(dry.code, 0, dry.stderr);
	const lines = dry.stdout.split('\n').filter(Boolean);
	assert.match(lines[0], /^occurred +source +type +entity +late/);
	assert.deepEqual(lines.slice(1).map((line) => line.match(/transaction:(\d+)/)[1]), ids.map(String), 'oldest first');
	assert.deepEqual(await d.events(), [], 'nothing is stored');
	const unsure = await d.ctl('catch-up');
	assert.equal(unsure.code, 2);
	assert.match(unsure.stderr, /3 missing events would be stored, and their hooks run: that needs --yes/);
	const { code, stdout, stderr } = await d.ctl('catch-up', '--yes');
	assert.equal(code, 0, stderr);
	assert.match(stdout, /^3 events filled in$/m);
	await waitFor(() => shipped(d).length === 3, 'the hooks');
	const again = await d.ctl('catch-up', '--yes', '--json');
	assert.deepEqual([again.code, again.stdout], [0, ''], again.stderr);
	assert.match(again.stderr, /nothing is missing/);
	const [audit] = rows((await d.ctl('audit', '--json')).stdout);
	assert.match(JSON.stringify(audit), /catch-up/);
});

test('first start with many old events: nothing runs; catch-up --since lists, and fills in without acting on the oldest', limit, async (t) => {
	const { mock, d } = await pair(t, { start: false, api: { every: '1d' } });
	for (let i = 0; i < 10_000; i++) mock.model.pay({ at: Date.now() - 40 * DAY + i });
	const old = mock.model.pay({ at: Date.now() - 20 * DAY }).object_id;
	const late = mock.model.pay({ at: Date.now() - 2 * DAY }).object_id;
	await begin(d, mock);
	await sleep(500);
	assert.deepEqual(await d.events(), []);
	const dry = await d.ctl('catch-up', '--since', '30d', '--dry-run', '--json');
	assert.equal(dry.code, 0, dry.stderr);
	assert.deepEqual(rows(dry.stdout).map((row) => [row.entity, row.event, row.skipped !== null]),
		[[`transaction:${old}`, null, true], [`transaction:${late}`, null, false]]);
	assert.deepEqual(await d.events(), []);
	const { code, stdout, stderr } = await d.ctl('catch-up', '--since', '30d', '--yes');
	assert.equal(code, 0, stderr);
	assert.match(stdout, /^2 events filled in$/m);
	await waitFor(() => shipped(d).length === 1, 'the hook of the younger one');
	await sleep(300);
	assert.deepEqual(shipped(d), [late]);
});

test('a row that comes later than the overlap is missed, and found by catch-up --since', limit, async (t) => {
	const { mock, d } = await pair(t, { api: { overlap: '1m' } });
	mock.clock(-3600);
	const hidden = mock.model.pay();
	mock.clock(0);
	await sleep(11_000);
	assert.deepEqual(shipped(d), []);
	const { code, stderr } = await d.ctl('catch-up', '--since', '2h', '--yes');
	assert.equal(code, 0, stderr);
	await waitFor(() => shipped(d).length === 1, 'the late one');
	assert.deepEqual(shipped(d), [hidden.object_id]);
});

test('catch-up: what cannot be read is told, and nothing is claimed', limit, async (t) => {
	const { mock, d } = await pair(t, { api: { every: '1d' } });
	mock.model.pay();
	mock.key = 'sk_sandbox_other';
	const denied = await d.ctl('catch-up', '--yes');
	assert.equal(denied.code, 1);
	assert.match(denied.stderr, /fedapay: the API refuses the key: answered 401/);
	assert.ok(!denied.stderr.includes(KEY) && !d.log.includes(KEY));
	mock.key = KEY;
	mock.route('events').tooMany({ retryAfter: 300, times: 1 });
	assert.match((await d.ctl('catch-up', '--yes')).stderr, /left alone for \d+ s/);
	assert.deepEqual(shipped(d), []);
	const none = await d.ctl('catch-up', '--source', 'other');
	assert.match(none.stderr, /no source of that name has an API key/);
	await d.stop();
	assert.match((await d.ctl('catch-up')).stderr, /no hookd runs on this store/);
});

test('api check: answers, and never the key', limit, async (t) => {
	const { mock, d } = await pair(t, { webhook: true, api: { every: '1d' } });
	for (let i = 0; i < 30; i++) mock.model.pay();
	const { code, stdout, stderr } = await d.ctl('api', 'check');
	assert.equal(code, 0, stderr);
	for (const wanted of [/events, order: newest first/, /filters\[type\]: 0 of 30 rows .* it works/, /entity a JSON text/,
		/one entity, include: customer yes, currency yes/, /currency: XOF, div 1/, /webhook: \d+ http.* enabled true/,
		/headers of a limit: none seen/])
		assert.match(stdout, wanted);
	assert.ok(!stdout.includes(KEY));
	assert.ok(mock.requests.every((request) => request.method === 'GET'));
});

test('status: exit 1 while the key is refused, and how far the API was read', limit, async (t) => {
	const { mock, d } = await pair(t);
	await waitFor(() => mock.asked('events').length >= 2, 'a second sweep');
	await sleep(300);
	const good = await d.ctl('status', '--json');
	assert.equal(good.code, 0, good.stdout);
	const { api: [api] } = JSON.parse(good.stdout);
	assert.equal(api.source, 'fedapay');
	assert.equal(api.webhook, 'unknown');
	assert.ok(Date.parse(api.read_to) > Date.now() - 60_000);
	mock.key = 'sk_sandbox_other';
	await d.logged(/events cannot be read back/);
	await sleep(300);
	const { code, stdout } = await d.ctl('status');
	assert.equal(code, 1);
	assert.match(stdout, /attention +events of fedapay are not read back since .*: the API refuses the key/);
});

test('the digest tells what was filled in, and how the webhook is', limit, async (t) => {
	const minute = new Date((Math.ceil(Date.now() / 60_000) + 20) * 60_000);
	const { mock, d } = await pair(t, { start: false, timezone: 'UTC', digest: (self) => ({ at: minute.toISOString().slice(11, 16),
		run: [self.script('digest', 'cat >"$OUT/digest.tmp"; mv "$OUT/digest.tmp" "$OUT/digest"')] }) });
	const clock = await wallClock(d);
	await begin(d, mock);
	mock.model.newWebhook(`http://127.0.0.1:${d.at.port}/webhooks/fedapay`, { enabled: false });
	mock.model.pay();
	await waitFor(() => shipped(d).length === 1, 'the payment');
	await d.stop();
	clock.set(Math.floor((minute.getTime() - Date.now()) / 1000) - 5);
	await d.start();
	await waitFor(() => d.has('digest'), 'the digest');
	const digest = JSON.parse(d.read('digest'));
	assert.deepEqual(digest.api.map((api) => [api.source, api.filled, api.webhook]), [['fedapay', 1, 'disabled']]);
	assert.match(digest.text, /Filled in from the API\n +1 {2}of fedapay; webhook \d+ is disabled\n/);
});

test('refresh: reads one payment back, stores what is missing of it, once', limit, async (t) => {
	const { mock, d } = await pair(t, { api: { every: '1d', grace: '1d' } });
	const paid = mock.model.pay().object_id;
	const transferred = mock.model.newTransaction();
	transferred.advance('approved');
	transferred.advance('transferred');
	const pending = mock.model.newTransaction();
	await sleep(10);
	const refresh = (id, ...more) => d.ctl('refresh', ...more, `transaction:${id}`);

	const dry = await refresh(paid, '--dry-run');
	assert.equal(dry.code, 0, dry.stderr);
	assert.equal(dry.stdout.replaceAll(/\s/g, ' ').trim(), `fedapay  transaction:${paid}: approved, 5 000 FCFA missing: transaction.approved`);
	assert.deepEqual(await d.events(), []);
	const first = await refresh(paid);
	assert.equal(first.code, 0, first.stderr);
	assert.match(first.stdout, /^event \d+ stored: transaction\.approved$/m);
	const again = await refresh(paid);
	assert.deepEqual([again.code, again.stderr], [0, 'nothing is missing\n']);
	const caught = await d.ctl('catch-up', '--yes');
	assert.match(caught.stdout, /^1 event filled in$/m, 'of the other payment; the first is there');
	await waitFor(() => shipped(d).length === 2, 'the hooks');
	assert.deepEqual(shipped(d), [paid, transferred.id]);

	const seen = rows((await refresh(transferred.id, '--json')).stdout);
	assert.match(seen[0].state, /^transferred, /);
	assert.ok(!seen.some((row) => row.type === 'transaction.approved'), 'it is stored already');
	const waits = await refresh(pending.id);
	assert.match(waits.stdout, /: pending, /);
	assert.match(waits.stderr, /nothing is missing/);
	const audit = rows((await d.ctl('audit', '--json')).stdout);
	assert.equal(audit.filter((row) => JSON.stringify(row).includes('"refresh"')).length, 4, 'all but the dry run');
});

test('refresh: a transferred payment of which nothing came runs the hook on approved', limit, async (t) => {
	const { mock, d } = await pair(t, { api: { every: '1d', grace: '1d' } });
	const paid = mock.model.newTransaction();
	paid.advance('approved');
	paid.advance('transferred');
	const { code, stdout, stderr } = await d.ctl('refresh', `transaction:${paid.id}`);
	assert.equal(code, 0, stderr);
	assert.deepEqual(stdout.split('\n').slice(1, 3).map((line) => line.replace(/event \d+ stored: /, '')), ['transaction.approved', 'transaction.transferred']);
	await waitFor(() => shipped(d).length === 1, 'the hook');
	assert.deepEqual(shipped(d), [paid.id]);
	const caught = await d.ctl('catch-up', '--yes');
	assert.match(caught.stderr, /nothing is missing/, 'the API\'s own events of it are the same');
});

test('refresh: a state without its time is not stored: a late webhook would double it', limit, async (t) => {
	const { mock, d } = await pair(t, { api: { every: '1d', grace: '1d' } });
	const paid = mock.model.newTransaction({ status: 'approved' });
	const { code, stdout } = await d.ctl('refresh', `transaction:${paid.id}`);
	assert.equal(code, 0);
	assert.match(stdout, /^fedapay {2}transaction\.approved: not stored, as the API does not say when \(approved_at\)$/m);
	assert.deepEqual(await d.events(), []);
});

test('refresh: says what is wrong', limit, async (t) => {
	const { mock, d } = await pair(t, { api: { every: '1d' } });
	const refresh = (...args) => d.ctl('refresh', ...args);
	const missing = await refresh('transaction:999');
	assert.deepEqual([missing.code, missing.stdout], [1, '']);
	assert.match(missing.stderr, /fedapay: FedaPay does not have transaction:999, or the API key is of the other mode/);
	assert.match((await refresh('customer:1')).stderr, /FedaPay's API has no customer of the id 1/);
	assert.match((await refresh('transaction:../webhooks')).stderr, /no transaction of the id/);
	assert.match((await refresh('--source', 'other', 'transaction:1')).stderr, /no source of that name has an API key/);
	assert.equal((await refresh('98446301')).code, 2);
	mock.key = 'sk_sandbox_other';
	const denied = await refresh('transaction:999');
	assert.match(denied.stderr, /fedapay: the API refuses the key: answered 401/);
	assert.ok(!denied.stderr.includes(KEY) && !d.log.includes(KEY));
	await d.stop();
	assert.match((await refresh('transaction:999')).stderr, /no hookd runs on this store: it alone asks an API/);
});
