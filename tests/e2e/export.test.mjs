// export for accountants, import of what was exported or fetched, and stats.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Daemon, HOOKCTL } from './lib/daemon.mjs';
import { newEvent } from './lib/fedapay.mjs';
import { run } from './lib/program.mjs';
import { onTerminal } from './lib/terminal.mjs';
import { limit, waitFor } from './lib/wait.mjs';

const json = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const ok = async (d, ...args) => {
	const { code, stdout, stderr } = await d.ctl(...args);
	assert.equal(code, 0, stderr);
	return stdout;
};
const event = (entity, over = {}) => ({ created_at: '2026-06-30T22:50:29.001Z', ...over, entity: { ...newEvent().entity, reference: 'trx_1', amount: 123456,
	fees: 90, currency: { iso: 'EUR' }, mode: 'mtn_open', customer: { full_name: 'Awa Dossou', email: 'awa@example.com' }, ...entity } });
/** RFC 4180, as a spreadsheet reads it. */
function parseCsv(text) {
	const rows = [[]];
	for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r\n|$)/g)) {
		rows.at(-1).push(quoted !== undefined ? quoted.replaceAll('""', '"') : bare);
		if (end === '\r\n') rows.push([]);
	}
	return rows.filter((row) => row.length > 1);
}
const hooks = (x) => [x.hook('ship', 'echo "$HOOKD_EVENT_ID" >>"$OUT/shipped"', { on: ['transaction.approved'] })];

test('csv: a line for each event, sums in the main unit, nothing that a spreadsheet would run', limit, async (t) => {
	const d = await Daemon.start(t, { hooks, env: { TZ: 'Africa/Porto-Novo' } });
	await d.store(event({ id: 11 }));
	await d.store(event({ id: 12, currency: { iso: 'XOF' }, amount: 5000, customer: { full_name: 'a "b", c\nd' }, mode: '=cmd|x' }));
	await d.store(event({ id: 13, amount: '-1+1', reference: '@SUM(A1)', customer: null }, { name: 'transaction.declined' }));
	await d.store(event({ id: 14, reference: 'a;=cmd|x;b;"@x"', customer: { full_name: 'a,"-1+1\x1b[2J\x9b2J\t=x' }, mode: '\r\n=x' }));
	const text = await ok(d, 'export');
	for (const line of text.split('\r\n')) {
		assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f]/);
		for (const part of line.split(/[;,]/)) assert.doesNotMatch(part.replace(/^"+/, ''), /^[=+@-]/, 'split at semicolons, as French spreadsheets do');
	}
	assert.ok(text.endsWith('\r\n'));
	const rows = parseCsv(text);
	assert.deepEqual(rows[0], ['time', 'transaction', 'reference', 'type', 'amount', 'currency', 'fees', 'customer', 'mode']);
	assert.deepEqual(rows.slice(1), [
		['2026-06-30 23:50:29', '11', 'trx_1', 'transaction.approved', '1234.56', 'EUR', '0.90', 'Awa Dossou <awa@example.com>', 'mtn_open'],
		['2026-06-30 23:50:29', '12', 'trx_1', 'transaction.approved', '5000', 'XOF', '90', 'a "b", c d', "'=cmd|x"],
		['2026-06-30 23:50:29', '13', "'@SUM(A1)", 'transaction.declined', "'-1+1", 'EUR', '0.90', '', 'mtn_open'],
		['2026-06-30 23:50:29', '14', "a;'=cmd|x;b;\"'@x\"", 'transaction.approved', '1234.56', 'EUR', '0.90', "a,\"'-1+1 [2J 2J '=x", "  '=x"],
	]);
	assert.equal(parseCsv(await ok(d, 'export', '--utc'))[1][0], '2026-06-30 22:50:29');
	assert.deepEqual(parseCsv(await ok(d, 'export', '--type', '*.declined', '--since', '1h')).map((row) => row[1]), ['transaction', '13']);
	assert.deepEqual(parseCsv(await ok(d, 'export', '--until', '1h')).length, 1);
	assert.equal((await d.ctl('export', '--format', 'xls')).code, 2);
	await d.stop();
	assert.equal(await ok(d, 'export'), text, 'with hookd stopped');
});

test('an export is imported byte for byte, each event once; hooks run only with --run', limit, async (t) => {
	const from = await Daemon.start(t, { hooks });
	await from.store(event({ id: 11, description: 'L\u2019été \u{1f600} \\/ "x"' }));
	await from.store(event({ id: 12 }));
	await from.post(Buffer.from('{"name": "transaction.updated", "x": "\xff\xfe"}', 'latin1'));
	await from.post('not JSON');
	await waitFor(async () => (await from.events()).length === 4, 'four events');
	const quarantined = (await from.events('--quarantined')).map((e) => e.id);
	await ok(from, 'quarantine', 'release', String(quarantined.at(-1)), '--type', 'transaction.approved');
	const lines = await ok(from, 'export', '--format', 'ndjson');
	assert.equal(json(lines).length, 4);
	const [first] = json(lines);
	assert.deepEqual([first.time, first.transaction, first.amount, first.currency, first.fees], ['2026-06-30T22:50:29.001Z', '11', '1234.56', 'EUR', '0.90']);
	const before = await from.events();

	const to = await Daemon.start(t, { hooks });
	const file = join(to.dir, 'events.ndjson');
	writeFileSync(file, lines);
	assert.match(await ok(to, 'import', '--dry-run', file), /^4 events to import, 0 there already, 0 refused; 3 deliveries SKIPPED/);
	assert.equal((await to.events()).length, 0, 'a dry run');
	assert.match(await ok(to, 'import', file), /^4 events imported, 0 there already, 0 refused; 3 deliveries SKIPPED/);
	assert.match(await ok(to, 'import', file), /^0 events imported, 4 there already/);
	assert.match(await ok(to, 'import', '--dry-run', '--run', file), /^0 events to import, 4 there already, 0 refused; 0 deliveries to run/);
	const after = await to.events();
	const key = (e) => [e.idempotency_key, e.type, e.entity_id, e.received_at, e.occurred_at, e.quarantined];
	assert.deepEqual(after.map(key), before.map(key));
	assert.deepEqual(new Set(after.map((e) => e.origin)), new Set(['manual']));
	for (let i = 0; i < 4; i++) assert.deepEqual(await to.payload(after[i].id), await from.payload(before[i].id));
	assert.equal(to.lines('shipped').length, 0, 'nothing runs without --run');
	await ok(to, 'replay', '--state', 'skipped', '--yes');
	await waitFor(() => to.lines('shipped').length === 3, 'the hooks to run after all');

	const other = await Daemon.start(t, { hooks });
	await ok(other, 'import', '--run', file);
	await waitFor(() => other.lines('shipped').length === 3, 'the hooks of what was imported with --run');
	await other.post(await from.payload(before.at(-1).id), { headers: {} });
	assert.equal((await other.events()).length, 4, 'the webhook comes later: a duplicate');
});

test("the API's copy of an event is the webhook's, in both orders", limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const entity = (id) => ({ id, approved_at: '2026-06-30T22:50:28.841Z', updated_at: '2026-06-30T22:50:28.900Z' });
	const webhook = (id) => JSON.stringify({ name: 'transaction.approved', object: 'transaction', entity: { klass: 'v1/transaction', ...entity(id) } });
	const api = (id) => JSON.stringify({ klass: 'v1/event', id: `AXabcdefghijklmnopq${id}`, type: 'transaction.approved', object_id: id, object: 'transaction',
		entity: JSON.stringify({ ...entity(id), updated_at: '2026-06-30T22:50:29.600Z' }), created_at: '2026-06-30T22:50:28.850Z' });
	const load = async (lines, ...options) => (await run(HOOKCTL, ['--config', d.configFile, 'import', ...options, '-'], { input: lines })).stdout;
	assert.equal((await d.post(webhook(1))).json.status, 'stored');
	assert.match(await load(api(1), '--dry-run'), /^0 events to import, 1 there already/);
	assert.match(await load(`${api(1)}\n${api(2)}`), /^1 event imported, 1 there already, 0 refused/);
	assert.equal((await d.post(webhook(2))).json.status, 'duplicate');
	const lines = await ok(d, 'export', '--format', 'ndjson');
	const to = await Daemon.start(t, { hooks });
	const file = join(to.dir, 'events.ndjson');
	writeFileSync(file, lines);
	assert.match(await ok(to, 'import', file), /^2 events imported/);
	for (const id of [1, 2]) assert.equal((await to.post(webhook(id))).json.status, 'duplicate', 'after an export, too');
	assert.deepEqual((await to.events()).map((e) => e.conflicts), [0, 0]);
});

test('lines as FedaPay returns them, and invalid lines', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const input = [JSON.stringify(event({ id: 1 }, { id: 900, name: 'transaction.approved' })), '', '   ', '{"id": 901, "type": "transaction.declined", "entity": "{\\"id\\": 2}"}',
		'{"broken', '[1]', '{"no": "type"}', '{"payload": "{}", "source": "nosuch"}', '{"payload_base64": "%%%", "source": "fedapay"}',
		'{"id": 900, "name": "transaction.approved"}', `{"payload": "${'x'.repeat(2_000_000)}", "source": "fedapay"}`,
		`{"name": "transaction.approved", "many": [${'0,'.repeat(100_000)}0]}`].join('\n');
	const { code, stdout, stderr } = await run(HOOKCTL, ['--config', d.configFile, 'import', '-'], { input });
	assert.equal(code, 1);
	assert.equal(stdout, '2 events imported, 0 there already, 8 refused; 1 delivery SKIPPED: hookctl replay --state skipped runs them\n');
	for (const line of [/line 5: column \d+: /, /line 6: expected a JSON object/, /line 7: expected a line of export .* no type/, /line 8: the config has no source "nosuch"/,
		/line 9: payload_base64: expected base64/, /line 10: the store has this event with another body/, /line 11: the payload has 2000000 bytes; limits.body is /,
		/line 12: the line has more than 100000 JSON values/])
		assert.match(stderr, line);
	assert.deepEqual((await d.events()).map((e) => [e.provider_event_id, e.type]), [['901', 'transaction.declined'], ['900', 'transaction.approved']]);
	assert.equal((await d.ctl('import', '/nowhere')).code, 1);
	assert.equal((await d.ctl('import')).code, 2);
});

test('an import with --run stops at limits.backlog, and can continue later', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship', 'true', { on: ['transaction.approved'] })], limits: { backlog: 300 } });
	await ok(d, 'pause', 'ship');
	const input = Array.from({ length: 500 }, (_, i) => JSON.stringify(event({ id: i }, { id: 5000 + i, name: 'transaction.approved' }))).join('\n');
	const { code, stdout, stderr } = await run(HOOKCTL, ['--config', d.configFile, 'import', '--run', '-'], { input });
	assert.equal(code, 1);
	assert.equal(stdout, '300 events imported, 0 there already, 0 refused; 300 deliveries to run\n');
	assert.match(stderr, /300 deliveries wait and limits.backlog is 300/);
	assert.equal((await d.events()).length, 300);
	await ok(d, 'resume', 'ship');
	await waitFor(async () => json(await ok(d, 'deliveries', '--json', '--state', 'ready', '--limit', '1000')).length === 0, 'an empty queue');
	const second = await run(HOOKCTL, ['--config', d.configFile, 'import', '-'], { input });
	assert.match(second.stdout, /^200 events imported, 300 there already/);
});

test('stats by day, hour, type and hook; a chart', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship', 'true', { on: ['transaction.approved'] }), x.hook('book', 'exit 65', { on: ['transaction.*'] })], env: { TZ: 'UTC' } });
	const ids = [];
	for (const name of ['approved', 'approved', 'declined']) ids.push(await d.store({ name: `transaction.${name}` }));
	ids.push(await d.store({ name: 'payout.sent', object: 'payout' }));
	for (const id of ids) await d.settled(id);
	const lines = await ok(d, 'export', '--format', 'ndjson');
	const old = json(lines).slice(0, 2).map((line, i) => JSON.stringify({ ...line, received_at: new Date(Date.now() - 3 * 86400e3).toISOString(),
		payload: line.payload.replace(/^\{/, `{"id": "old-${i}",`).replace(/("id": "old-\d",.*?)"id": ?\d+,/, '$1') })).join('\n');
	assert.equal((await run(HOOKCTL, ['--config', d.configFile, 'import', '-'], { input: old })).code, 0);
	const rows = async (...args) => json(await ok(d, 'stats', '--json', ...args));
	const days = await rows('--since', '5d');
	assert.ok(days.length >= 5 && days.length <= 6);
	assert.deepEqual(days.filter((r) => r.events > 0).map((r) => r.events), [2, 4]);
	assert.equal(days.reduce((sum, r) => sum + r.done, 0), 2);
	assert.equal(days.reduce((sum, r) => sum + r.dead, 0), 3);
	assert.equal((await rows('--by', 'hour')).reduce((sum, r) => sum + r.events, 0), 4);
	assert.deepEqual((await rows('--by', 'type')).map((r) => [r.type, r.events]), [['payout.sent', 1], ['transaction.approved', 4], ['transaction.declined', 1]]);
	assert.deepEqual((await rows('--by', 'type', '--since', '1d')).map((r) => r.events), [1, 2, 1]);
	assert.deepEqual((await rows('--by', 'hook')).map((r) => [r.hook, r.done, r.dead, r.skipped, r.waiting]), [['book', 0, 3, 2, 0], ['ship', 2, 0, 2, 0]]);
	assert.match(await ok(d, 'stats'), /^ +events +done +dead +skipped\n/);
	const plot = await ok(d, 'stats', '--by', 'type', '--plot');
	assert.match(plot, /^payout\.sent +1 █+[▏▎▍▌▋▊▉]?\ntransaction\.approved +4 █{53,}\n/);
	for (const line of plot.split('\n')) assert.ok([...line].length <= 80, line);
	const { text } = await onTerminal(60, [HOOKCTL, '--config', d.configFile, 'stats', '--plot', '--since', '4d']);
	for (const line of text.split('\n')) assert.ok([...line].length <= 60, line);
	for (const args of [['--by', 'week'], ['--since', '1h', '--until', '2h'], ['--by', 'hour', '--since', '3650d']]) assert.equal((await d.ctl('stats', ...args)).code, 2);
	assert.equal((await d.ctl('stats', '--by', 'type', '--until', '30d', '--since', '40d')).stderr, 'nothing to count\n');
});
