// hookctl deliveries and --follow: what became of events, as it happens; and how lists look on a terminal.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { Daemon, HOOKCTL } from './lib/daemon.mjs';
import { newEvent } from './lib/fedapay.mjs';
import { onTerminal } from './lib/terminal.mjs';
import { limit, waitFor } from './lib/wait.mjs';

const rows = async (d, ...args) => {
	const { code, stdout, stderr } = await d.ctl('deliveries', '--json', ...args);
	assert.equal(code, 0, stderr);
	return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
};
const start = (t) => Daemon.start(t, { hooks: (x) => [x.hook('ship', 'true', { on: ['transaction.approved'] }),
	x.hook('book', 'echo no room; exit 65', { on: ['transaction.approved', 'transaction.declined'] }),
	x.hook('later', 'exit 75', { on: ['payout.*'], retry: { attempts: 5, first: '1h', max: '1h' } })] });

test('deliveries by hook, state, type, entity and time, with their outcome', limit, async (t) => {
	const d = await start(t);
	const approved = await d.store({ entity: { ...newEvent().entity, id: 11 } });
	const declined = await d.store({ name: 'transaction.declined' });
	const payout = await d.store({ name: 'payout.sent', object: 'payout' });
	await d.settled(approved);
	await d.settled(declined);
	await d.logged(/delivery failed.*hook=later/);
	const all = await rows(d);
	assert.deepEqual(all.map((r) => [r.event, r.hook, r.state]), [[payout, 'later', 'READY'], [declined, 'book', 'DEAD'],
		[approved, 'book', 'DEAD'], [approved, 'ship', 'DONE']]);
	const ids = all.map((r) => r.id);
	assert.ok(ids[0] > ids[1] && ids[1] > ids[2] && ids[2] > ids[3]);
	assert.equal(all[1].attempts, 1);
	assert.match(all[1].message, /exit/);
	assert.ok(all[1].ended_at && !all[1].due_at && all[0].due_at && !all[0].ended_at);
	assert.equal(all[2].entity_id, '11');
	for (const [args, expected] of [
		[['--hook', 'book'], [ids[1], ids[2]]],
		[['--state', 'dead'], [ids[1], ids[2]]],
		[['--state', 'dead', '--type', '*.declined'], [ids[1]]],
		[['--state', 'ready'], [ids[0]]],
		[['--entity', 'transaction:11', '--hook', 'ship'], [ids[3]]],
		[['--type', 'payout.*'], [ids[0]]],
		[['--since', '1h', '--hook', 'later'], [ids[0]]],
		[['--until', '1h'], []],
		[['--source', 'fedapay', '--state', 'done'], [ids[3]]],
		[['--limit', '2', '--page', '2'], [ids[2], ids[3]]],
		[['--before', String(ids[1])], [ids[2], ids[3]]],
	]) assert.deepEqual((await rows(d, ...args)).map((r) => r.id), expected, args.join(' '));
	await d.ctl('replay', String(declined), '--yes');
	await waitFor(async () => (await rows(d, '--state', 'dead')).length === 2, 'the replay to die');
	const table = (await d.ctl('deliveries')).stdout;
	assert.match(table, /^ *id +event +hook +state +when +tries +type +last result\n/);
	assert.match(table, new RegExp(`\\n *${ids[1]} +${declined} +book +replayed `));
	assert.match(table, /later +ready .* 1 +payout\.sent +exited with 75/);
	await d.ctl('pause', 'later');
	assert.match((await d.ctl('deliveries', '--hook', 'later')).stdout, / paused /);
	await d.stop();
	assert.equal((await rows(d)).length, 5, 'also while hookd is down');
	assert.equal((await d.ctl('deliveries', '--hook', 'nosuch')).stderr, 'no deliveries\n');
	assert.equal((await d.ctl('deliveries', '--follow', '--page', '2')).code, 2);
	assert.equal((await d.ctl('events', '--follow', '--state', 'dead')).code, 2);
});

// What a command that keeps running prints, line by line, until the test ends.
function follow(t, d, ...args) {
	const child = spawn(HOOKCTL, ['--config', d.configFile, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
	const f = { lines: [], text: '' };

	child.stdout.setEncoding('utf8').on('data', (text) => {
		f.text += text;
		f.lines = f.text.split('\n').slice(0, -1);
	});
	t.after(() => child.kill());
	return f;
}

test('--follow prints the last rows, then each new or changed one', limit, async (t) => {
	const d = await start(t);
	const first = await d.store();
	await d.settled(first);
	const events = follow(t, d, 'events', '--follow', '--json', '--type', 'transaction.*');
	const dead = follow(t, d, 'deliveries', '--follow', '--json', '--state', 'dead');
	const all = follow(t, d, 'deliveries', '--follow', '--limit', '1');
	await waitFor(() => events.lines.length === 1 && dead.lines.length === 1 && all.lines.length === 2, 'the first rows');
	const second = await d.store({ name: 'transaction.declined' });
	await d.store({ name: 'payout.sent', object: 'payout' });
	const third = await d.store();
	const event = (line) => JSON.parse(line).event ?? JSON.parse(line).id;
	await waitFor(() => events.lines.length === 3 && dead.lines.length === 3, 'the new rows');
	assert.deepEqual(events.lines.map(event), [first, second, third]);
	assert.deepEqual(dead.lines.map(event), [first, second, third]);
	await waitFor(() => /later +ready .* 1 +payout/.test(all.text) && /ship +done/.test(all.text.slice(all.text.indexOf(`${third} `))),
		'deliveries as they end', () => all.text);
	await d.stop();
	await d.start();
	const fourth = await d.store();
	await waitFor(() => events.lines.length === 4 && dead.lines.length === 4, 'the rows after a restart of hookd');
	assert.deepEqual([event(events.lines[3]), event(dead.lines[3])], [fourth, fourth]);
});

test('on a terminal: no line is wider than it, colours, how long ago', limit, async (t) => {
	const d = await start(t);
	const id = await d.store({ entity: { ...newEvent().entity, id: '9'.repeat(60) } });
	await d.settled(id);
	await d.store({ name: 'payout.a_type_with_a_long_name', object: 'payout' });
	await d.logged(/delivery failed.*hook=later/);
	for (const columns of [80, 60]) {
		for (const command of ['events', 'deliveries']) {
			const { text } = await onTerminal(columns, [HOOKCTL, '--config', d.configFile, command]);
			const plain = text.replace(/\x1b\[[0-9;]*m/g, '');
			for (const line of plain.split('\n')) assert.ok([...line].length <= columns, `${columns}: ${line}`);
			assert.match(plain, / ago|now/);
			assert.match(text, /\x1b\[31m/);
			assert.match(plain, /…/);
		}
	}
	const { text: utc } = await onTerminal(80, [HOOKCTL, '--config', d.configFile, 'events', '--utc']);
	assert.match(utc, / \d\d:\d\d:\d\d /);
	const { text: plain } = await onTerminal(80, [HOOKCTL, '--config', d.configFile, 'deliveries'], { env: { NO_COLOR: '1' } });
	assert.doesNotMatch(plain, /\x1b/);
	assert.match((await d.ctl('events')).stdout, new RegExp('9'.repeat(60)), 'not truncated without a terminal');
});
