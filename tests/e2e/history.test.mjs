// show transaction:ID, transactions, customers, payouts: the life cycle of each, from its events.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon, HOOKCTL } from './lib/daemon.mjs';
import { newEvent } from './lib/fedapay.mjs';
import { run } from './lib/program.mjs';
import { onTerminal } from './lib/terminal.mjs';
import { limit, waitFor } from './lib/wait.mjs';

const at = (minute) => new Date(Date.UTC(2026, 5, 30, 22, minute)).toISOString();
/** An event of a transaction's life; `minute` is when it happened. */
const life = (id, state, minute, over = {}) => ({ name: `transaction.${state}`, object: 'transaction', object_id: id, created_at: at(minute),
	entity: { ...newEvent().entity, id, reference: `trx_${id}`, amount: 5000, fees: 90, mode: 'mtn_open', currency: { iso: 'XOF' },
		customer: { full_name: 'Awa Dossou', email: 'awa@example.com' }, updated_at: at(minute), status: state, ...over } });
const start = (t, more = {}) => Daemon.start(t, { env: { TZ: 'UTC' }, hooks: (x) => [x.hook('ship', 'echo no stock; exit 65', { on: ['transaction.approved'] }),
	x.hook('book', 'true', { on: ['transaction.*'], when: { 'entity.amount': { gte: 1000 } } })], ...more });
const ctl = async (d, ...args) => {
	const { code, stdout, stderr } = await d.ctl(...args);
	assert.equal(code, 0, stderr);
	return stdout;
};
const json = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

test('the timeline: in the order of life, with money, deliveries, attempts and what is missing', limit, async (t) => {
	const d = await start(t);
	const approved = await d.store(life(98446301, 'approved', 50));
	const created = await d.store(life(98446301, 'created', 49));
	const other = await d.store(life(5, 'created', 49));
	for (const id of [approved, created, other]) await d.settled(id);
	const text = await ctl(d, 'show', 'transaction:98446301');
	t.diagnostic(text.replaceAll('\n', ' | '));
	for (const part of ['transaction 98446301\n', /state +approved\n/, /since +2026-06-30 22:50:00/, /amount +5 000 FCFA\n/, /fees +90 FCFA\n/,
		/reference +trx_98446301\n/, /customer +Awa Dossou <awa@example\.com>\n/, /mode +mtn_open\n/, '! "created" came after a later state\n',
		/22:49:00 {2}transaction\.created {2}event 2, received .* later, late\n {4}book {2}DONE after 1 attempt\n/,
		/22:50:00 {2}transaction\.approved {2}event 1, received .* later\n/, /ship {2}DEAD after 1 attempt\n.*attempt 1 permfail: exited with 65/])
		assert.match(text, part instanceof RegExp ? part : new RegExp(part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
	assert.ok(text.indexOf('transaction.created') < text.indexOf('transaction.approved'), 'in the order of happening, not of arrival');
	const [seen] = json(await ctl(d, 'show', 'transaction:98446301', '--json'));
	assert.equal(seen.state, 'approved');
	assert.deepEqual([seen.amount, seen.fees, seen.currency, seen.gaps.length], ['5000', '90', 'XOF', 1]);
	assert.deepEqual(seen.events.map((e) => [e.id, e.late, e.deliveries.map((x) => [x.hook, x.state, x.attempts.length])]),
		[[created, true, [['book', 'DONE', 1]]], [approved, false, [['ship', 'DEAD', 1], ['book', 'DONE', 1]]]]);
	await d.store(life(98446301, 'transferred', 55));
	await d.store(life(98446301, 'declined', 51));
	await d.store(life(98446301, 'expired', 52));
	const [later] = json(await ctl(d, 'show', 'transaction:98446301', '--json'));
	assert.equal(later.state, 'transferred');
	assert.match(later.gaps.join('\n'), /^"approved" \(event 1\) was before "expired" \(event \d+\): ask the sender/m);
	for (const [words, code, pattern] of [[['show', 'transaction:1'], 1, /no event of transaction:1/], [['show', 'customer:98446301'], 1, /no event/],
		[['show', 'transaction:1', '--payload'], 2, /--payload/], [['show', 'nothing'], 2, /ID/]]) {
		const got = await d.ctl(...words);
		assert.equal(got.code, code, got.stderr);
		assert.match(got.stderr, pattern);
	}
	await d.stop();
	assert.match(await ctl(d, 'show', 'transaction:98446301'), /state +transferred/, 'with hookd stopped');
	const [utc, local] = await Promise.all([['--utc'], []].map((words) => run(HOOKCTL, ['--config', d.configFile, 'show', 'transaction:98446301', ...words],
		{ env: { TZ: 'Africa/Porto-Novo' } })));
	assert.match(utc.stdout, /since +2026-06-30 22:55:00 \+0000/);
	assert.match(local.stdout, /since +2026-06-30 23:55:00 \+0100/);
});

test('a missing state that must have come before', limit, async (t) => {
	const d = await start(t);
	await d.store(life(7, 'refunded', 10));
	const [seen] = json(await ctl(d, 'show', 'transaction:7', '--json'));
	assert.deepEqual(seen.gaps, ['no event of "approved", which comes before "refunded"']);
	await d.store(life(7, 'updated', 20, { amount: 7000 }));
	const [updated] = json(await ctl(d, 'show', 'transaction:7', '--json'));
	assert.deepEqual([updated.state, updated.amount], ['refunded', '5000'], 'an update is not a state, and its amount is not that of the refund');
});

test('transactions: each once, with its latest state; a late event moves none backwards', limit, async (t) => {
	const d = await start(t);
	await d.store(life(1, 'approved', 50));
	await d.store(life(2, 'created', 49));
	await d.store(life(2, 'declined', 51));
	await d.store(life(1, 'created', 49)); // late
	await d.store({ name: 'customer.created', object: 'customer', object_id: 1, created_at: at(1),
		entity: { klass: 'v1/customer', id: 1, firstname: 'Koffi', lastname: 'Adjovi', email: 'k@example.com' } });
	await d.store({ name: 'payout.sent', object: 'payout', object_id: 1, entity: { klass: 'v1/payout', id: 1, amount: 1234, currency: { iso: 'EUR' } } });
	for (let i = 10; i < 15; i++) await d.store(life(i, 'created', i));
	const list = async (...args) => json(await ctl(d, ...args, '--json')).map((x) => [x.id, x.state]);
	const created = [14, 13, 12, 11, 10].map((id) => [String(id), 'created']);
	assert.deepEqual(await list('transactions'), [...created, ['1', 'approved'], ['2', 'declined']]);
	assert.deepEqual(await list('transactions', '--state', 'approved'), [['1', 'approved']]);
	assert.deepEqual(await list('transactions', '--state', 'created', '--limit', '2', '--page', '2'), created.slice(2, 4));
	assert.deepEqual(await list('transactions', '--limit', '3', '--page', '3'), [['2', 'declined']]);
	assert.deepEqual(await list('transactions', '--source', 'nosuch'), []);
	assert.deepEqual(await list('transactions', '--until', '1h'), []);
	assert.deepEqual(await list('customers'), [['1', 'created']]);
	assert.deepEqual(await list('payouts', '--since', '1h'), [['1', 'sent']]);
	assert.match(await ctl(d, 'transactions'), /^ *id +state +last event +amount +customer +reference\n *14 +created .* 5 000 FCFA +Awa Dossou <awa@example\.com> +trx_14\n/);
	assert.match(await ctl(d, 'payouts'), / sent .* 12,34 EUR /);
	assert.match(await ctl(d, 'customers'), / Koffi Adjovi <k@example\.com> /);
	assert.equal((await d.ctl('customers', '--state', 'gone')).stderr, 'no customers\n');
});

test('on a terminal, and with hostile values', limit, async (t) => {
	const d = await start(t);
	const bad = await d.store(life('9'.repeat(100), 'approved', 50, { reference: '\x1b[31mred\nline', mode: 'm\x07', amount: '\x1b]0;x',
		customer: { full_name: 'Ü'.repeat(300) } }));
	await d.settled(bad);
	for (const command of ['transactions', `show 'transaction:${'9'.repeat(100)}'`]) {
		const argv = command.startsWith('show') ? ['show', `transaction:${'9'.repeat(100)}`] : [command];
		const { text } = await onTerminal(80, [HOOKCTL, '--config', d.configFile, ...argv]);
		const plain = text.replace(/\x1b\[[0-9;]*m/g, '');
		assert.doesNotMatch(plain, /[\x00-\x09\x0b-\x1f]/);
		assert.doesNotMatch(text, /\x1b\[31mred/);
		if (command === 'transactions') for (const line of plain.split('\n')) assert.ok([...line].length <= 80, line);
	}
});

test('what cannot be is reported once, by the alert and in the history', limit, async (t) => {
	const d = await start(t, { alert: (x) => ({ run: [x.script('alert', 'a=$(cat); printf "%s\\n" "$a" >>"$OUT/alerts"')] }) });
	const told = () => d.lines('alerts').map((line) => JSON.parse(line));
	await d.store(life(7, 'declined', 8));
	const transferred = await d.store(life(7, 'transferred', 10));
	const approved = await d.store(life(7, 'approved', 11));
	await d.store(life(8, 'expired', 10));
	await d.store(life(8, 'approved', 11));
	await d.store(life(9, 'created', 10));
	const other = await d.store(life(9, 'approved', 11, { amount: 100 }));
	const paid = { refunds: [{ id: 1, amount: 3000 }, { id: 2, amount: 2001 }] };
	const refunded = await d.store(life(10, 'approved_partially_refunded', 12, paid));
	await d.kill(); // it compares when it starts, then every minute
	await d.start();
	await waitFor(() => told().length >= 3, 'three alerts');
	const by = (id) => told().find((alert) => alert.entity_id === String(id));
	assert.deepEqual([by(7).event, by(7).reason, by(7).kind, by(7).source, by(7).entity_kind],
		[approved, `"transferred" (event ${transferred}) was before "approved" (event ${approved})`, 'contradiction', 'fedapay', 'transaction']);
	assert.match(by(7).subject, /transaction:7: what fedapay reports cannot be$/);
	assert.match(by(7).text, /was before[^]*hookctl show transaction:7\n$/);
	assert.match(by(9).reason, new RegExp(`^event ${other} has another amount, 100.FCFA, than event \\d+, 5.000.FCFA$`));
	assert.match(by(10).reason, new RegExp(`^the refunds, 5.001.FCFA, are more than the payment, 5.000.FCFA \\(event ${refunded}\\)$`));
	const [seen] = json(await ctl(d, 'show', 'transaction:7', '--json'));
	assert.ok(seen.gaps.includes(`${by(7).reason}: ask the sender which is true`));
	// once, also over another start and with more events of it
	await d.store(life(7, 'approved', 12));
	await d.stop();
	await d.start();
	await d.settled(await d.store(life(11, 'approved', 11)));
	assert.equal(told().length, 3);
	assert.equal((await d.events('--type', 'hookd.alert')).length, 3);
});
