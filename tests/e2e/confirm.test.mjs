// Before a hook acts, the sender's API is asked whether what the event reports is still so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alerts, pair, shipped } from './lib/catchup.mjs';
import { limit, waitFor } from './lib/wait.mjs';

/** A mock that sends webhooks, and a hookd whose hook confirms. */
const confirming = (t, { hook = {}, ...more } = {}) => pair(t, { webhook: true, hook: { confirm: true, ...hook }, api: { every: '1h' }, ...more });
const asked = (mock) => mock.asked('transaction').length;
const delivery = async (d, event) => (await d.settled(event)).deliveries[0];
const eventOf = async (d) => (await waitFor(async () => (await d.events('--type', 'transaction.approved'))[0], 'the event')).id;

test('approved, or transferred since: the hook acts; one question for those of 10 s', limit, async (t) => {
	const { mock, d } = await confirming(t);
	const tx = mock.model.newTransaction();
	tx.advance('approved');
	await waitFor(() => shipped(d).length === 1, 'the hook');
	assert.equal(asked(mock), 1);
	assert.equal((await d.ctl('replay', String(await eventOf(d)), '--yes')).code, 0);
	await waitFor(() => shipped(d).length === 2, 'the replay');
	assert.equal(asked(mock), 1, 'from memory');
});

test('refunded since: SKIPPED with what the API says; another amount: DEAD', limit, async (t) => {
	const { mock, d } = await confirming(t, { webhook: true, alert: true });
	const held = mock.model.newTransaction();
	assert.equal((await d.ctl('pause', 'ship')).code, 0);
	held.advance('approved');
	const event = await eventOf(d);
	held.advance('refunded');
	assert.equal((await d.ctl('resume', 'ship')).code, 0);
	const skipped = await delivery(d, event);
	assert.deepEqual([skipped.state, skipped.reason, skipped.attempts], ['SKIPPED', 'FedaPay says refunded', []]);
	assert.equal((await d.ctl('pause', 'ship')).code, 0);
	const other = mock.model.newTransaction();
	other.advance('approved');
	const second = await waitFor(async () => (await d.events('--entity', `transaction:${other.row.id}`).catch(() => []))[0]?.id, 'the second');
	other.row.amount = 100;
	assert.equal((await d.ctl('resume', 'ship')).code, 0);
	const dead = await delivery(d, second);
	assert.equal(dead.state, 'DEAD');
	assert.match(dead.attempts.at(-1).message, /^not run: FedaPay says 100.FCFA, the event /);
	assert.deepEqual(shipped(d), []);
	await waitFor(() => alerts(d).length > 0, 'the alert');
	assert.deepEqual(alerts(d).map(({ kind, hook, event, reason }) => [kind, hook, event, reason]), [['mismatch', 'ship', second, dead.attempts.at(-1).message]]);
});

test('another currency, which the answer names by its id alone: DEAD', limit, async (t) => {
	const { mock, d } = await confirming(t);
	mock.switches.ignoreInclude();
	assert.equal((await d.ctl('pause', 'ship')).code, 0);
	const tx = mock.model.newTransaction();
	tx.advance('approved');
	const event = await eventOf(d);
	tx.row.currency_id = 2;
	assert.equal((await d.ctl('resume', 'ship')).code, 0);
	const dead = await delivery(d, event);
	assert.equal(dead.state, 'DEAD');
	assert.equal(dead.attempts.at(-1).message, 'not run: FedaPay says currency_id 2, the event 1');
	assert.deepEqual(shipped(d), []);
});

test('an API that is down: it waits without an attempt, and holds up nothing else', limit, async (t) => {
	const { mock, d } = await confirming(t);
	mock.route('transaction').status(503);
	const tx = mock.model.newTransaction();
	tx.advance('approved');
	const event = await eventOf(d);
	assert.match(await d.logged(/waits for its confirmation/), /hook=ship retry_in_s=\d+ reason=/);
	const waits = await waitFor(async () => (await d.show(event)).deliveries.find(({ reason }) => reason !== null), 'the reason');
	assert.deepEqual([waits.state, waits.attempts], ['READY', []]);
	assert.match(waits.reason, /^the API cannot be asked: /);
	assert.match((await d.ctl('show', String(event))).stdout, /^  reason +the API cannot be asked: /m);
	assert.deepEqual(shipped(d), []);
});

test('what the API does not have: two attempts, then DEAD with a hint', limit, async (t) => {
	const { mock, d } = await confirming(t, { hook: { retry: { attempts: 9, first: '100ms', max: '200ms' } } });
	mock.route('transaction').status(404);
	mock.model.newTransaction().advance('approved');
	const dead = await delivery(d, await eventOf(d));
	assert.deepEqual([dead.state, dead.attempts.map((a) => a.result)], ['DEAD', ['tempfail', 'tempfail', 'permfail']]);
	assert.match(dead.attempts.at(-1).message, /FedaPay does not have it: a test event, or the API key is of the other mode/);
});

test('filled-in events are confirmed by default, others are not; confirm: false does not ask', limit, async (t) => {
	const { mock, d } = await pair(t, { webhook: true, hook: { confirm: undefined } });
	mock.model.newTransaction().advance('approved');
	await waitFor(() => shipped(d).length === 1, 'the webhook\'s');
	assert.equal(asked(mock), 0);
	[...mock.model.webhooks.values()][0].row.enabled = false;
	const missed = mock.model.newTransaction();
	missed.advance('approved');
	missed.advance('refunded');
	await waitFor(async () => (await d.events('--type', 'transaction.approved')).length === 2, 'it to be filled in');
	const event = (await d.events('--type', 'transaction.approved'))[0].id;
	assert.equal((await delivery(d, event)).reason, 'FedaPay says refunded');
	assert.equal(shipped(d).length, 1);
});

test('killed while the API is being asked: the hook acts once', limit, async (t) => {
	const { mock, d } = await confirming(t);
	mock.route('transaction').stall({ times: 1 });
	const tx = mock.model.newTransaction();
	tx.advance('approved');
	await waitFor(() => asked(mock) === 1, 'the question');
	await d.kill();
	await d.start();
	await waitFor(() => shipped(d).length === 1, 'the hook');
	const [delivery] = (await d.settled(await eventOf(d))).deliveries;
	assert.deepEqual([delivery.state, shipped(d)], ['DONE', [tx.id]]);
});

test('an API that is slow for many payments holds up no hook that does not ask', limit, async (t) => {
	const { mock, d } = await pair(t, { webhook: true, api: { every: '1h' }, limits: { concurrency: 2 }, hooks: (self) => [
		self.hook('ship', 'true', { on: ['transaction.approved'], confirm: true }),
		self.hook('note', 'echo "$1" >>"$OUT/noted"', { on: ['transaction.approved'], args: ['{{entity.id}}'] })] });
	mock.route('transaction').stall();
	const ids = [];
	for (let i = 0; i < 40; i++) { const tx = mock.model.newTransaction(); tx.advance('approved'); ids.push(String(tx.id)); }
	await waitFor(() => d.lines('noted').length === 40, 'the hook that asks nobody');
	assert.deepEqual(d.lines('noted').sort(), ids.sort());
	const { stdout } = await d.ctl('deliveries', '--hook', 'ship', '--limit', '100', '--json');
	const states = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line).state);
	assert.ok(states.length === 40 && states.every((state) => state === 'READY' || state === 'RUNNING'), states.join());
});
