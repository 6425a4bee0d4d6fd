// hookctl events: each filter selects exactly its events, also across pages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon, HOOKCTL } from './lib/daemon.mjs';
import { newBody, newEvent } from './lib/fedapay.mjs';
import { run } from './lib/program.mjs';
import { limit, waitFor } from './lib/wait.mjs';

const entity = (over) => ({ ...newEvent().entity, ...over });
const ids = async (d, ...args) => {
	const { code, stdout, stderr } = await d.ctl('events', '--json', ...args);
	assert.equal(code, 0, stderr);
	return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line).id);
};

test('filters, alone and together', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship', 'true', { on: ['transaction.approved'] }),
		x.hook('card', 'exit 65', { on: ['transaction.declined'] }),
		x.hook('later', 'exit 75', { on: ['payout.*'], retry: { attempts: 5, first: '1h', max: '1h' } })] });
	const approved = await d.store({ entity: entity({ id: 11, description: "L'été 100%_" }) });
	const declined = await d.store({ name: 'transaction.declined', entity: entity({ id: 11 }) });
	const payout = await d.store({ name: 'payout.sent', object: 'payout', object_id: 12, entity: entity({ id: 12, klass: 'v1/payout' }) });
	const customer = await d.store({ name: 'customer.created', object: 'customer', object_id: 11, entity: entity({ id: 11, klass: 'v1/customer' }) });
	for (const id of [approved, declined, customer]) await d.settled(id);
	await d.logged(/delivery failed.*hook=later/);
	for (const [args, expected] of [
		[[], [customer, payout, declined, approved]],
		[['--type', 'transaction.*'], [declined, approved]],
		[['--entity', '11'], [customer, declined, approved]],
		[['--entity', 'transaction:11'], [declined, approved]],
		[['--entity', 'payout:11'], []],
		[['--hook', 'ship'], [approved]],
		[['--hook', 'nosuch'], []],
		[['--state', 'done'], [approved]],
		[['--state', 'DEAD'], [declined]],
		[['--state', 'ready'], [payout]],
		[['--state', 'running'], []],
		[['--state', 'skipped'], []],
		[['--state', 'dead', '--hook', 'ship'], []],
		[['--state', 'dead', '--hook', 'card', '--entity', '11', '--source', 'fedapay'], [declined]],
		[['--text', "L'été 100%_"], [approved]],
		[['--text', 'L.été'], []],
		[['--since', '1h'], [customer, payout, declined, approved]],
		[['--since', '1h', '--type', 'payout.*'], [payout]],
		[['--until', '1h'], []],
		[['--since', '2099-01-01T00:00:00Z'], []],
		[['--until', '2099-01-01T00:00:00Z', '--entity', '12'], [payout]],
		[['--before', String(payout)], [declined, approved]],
	]) assert.deepEqual(await ids(d, ...args), expected, args.join(' '));
	await d.ctl('replay', String(declined), '--state', 'dead');
	await waitFor(async () => (await d.show(declined)).deliveries.at(-1).state === 'DEAD', 'the replay to die, too');
	assert.deepEqual(await ids(d, '--state', 'dead'), [declined], 'once');
	await d.ctl('cancel', String(payout));
	assert.deepEqual(await ids(d, '--state', 'skipped'), [payout]);
	for (const [args, pattern] of [[['--state', 'alive'], /--state/], [['--since', 'x'], /--since/], [['--until', ''], /--until/],
		[['--page', '0'], /--page/], [['--limit', '0'], /--limit/], [['--limit', '1000000', '--page', '50000'], /--page/]]) {
		const { code, stderr } = await d.ctl('events', ...args);
		assert.equal(code, 2, args.join(' '));
		assert.match(stderr, pattern);
	}
});

test('a time is a date, a date and time, RFC 3339 or an age, in the zone that is printed', limit, async (t) => {
	const d = await Daemon.start(t, { env: { TZ: 'WAT-1' } });
	const event = await d.store();
	const at = Date.now();
	const local = (ms, length) => new Date(ms + 3600e3).toISOString().slice(0, length);
	const day = 86400e3;
	for (const [text, later] of [[local(at - 5 * day, 10), false], [local(at + 2 * day, 10), true], [local(at - 120e3, 16).replace('T', ' '), false],
		[local(at + 120e3, 16), true], [local(at + 120e3, 19), true], [new Date(at - 120e3).toISOString(), false], ['3d', false], ['0', false]]) {
		const found = text === '0' ? [] : [event];
		assert.deepEqual(await ids(d, '--since', text), later ? [] : found, `--since ${text}`);
		assert.deepEqual(await ids(d, '--until', text), later || text === '0' ? [event] : [], `--until ${text}`);
	}
	assert.deepEqual(await ids(d, '--since', local(at - 120e3, 16), '--utc'), [], 'an hour ahead of UTC');
	assert.deepEqual(await ids(d, '--utc', '--until', local(at, 16)), [event]);
	const today = local(at, 10);
	for (const args of [['events', '--since'], ['deliveries', '--until'], ['transactions', '--since'], ['export', '--until'], ['stats', '--since'],
		['replay', '--dry-run', '--since'], ['cancel', '--dead', '--dry-run', '--since'], ['prune', '--dry-run', '--older-than']]) {
		const good = await d.ctl(...args, today);
		assert.ok(good.code < 2, `${args}: ${good.stderr}`);
		for (const text of ['', '30.11.2026', '11/30/2026', '2026-11-31', '2026-11-30T25:00', 'yesterday', '3 days', '5', '\x1b[31m']) {
			const { code, stderr } = await d.ctl(...args, text);
			assert.equal(code, 2, `${args} ${text}`);
			assert.ok(stderr.startsWith(`hookctl: ${args.at(-1)}: `), stderr);
			for (const form of ['2026-11-30', '"2026-11-30 14:05"', '2026-11-30T14:05:00Z', '3d']) assert.ok(stderr.includes(form), stderr);
			assert.ok(!stderr.includes('\x1b'));
		}
	}
});

test('a reader that wants no more of the output, as head does, is no error', limit, async (t) => {
	const d = await Daemon.start(t);
	for (let i = 0; i < 3; i++) await d.store();
	await d.post('[]');
	for (const args of [['events'], ['events', '--json'], ['deliveries'], ['transactions'], ['show', '1'], ['status'], ['stats'], ['export'], ['audit'],
		['check'], ['quarantine', 'list'], ['test', 'record'], ['prune', '--older-than', '1d', '--dry-run'], ['replay', '--state', 'done', '--dry-run'],
		['--help'], ['events', '--help'], ['--version'], ['completion', 'hooks']])
		for (const pipe of ['trap "" PIPE', ':']) {
			const { stderr } = await run('/bin/sh', ['-c', `${pipe}; { sleep 0.05; "$@"; echo "exit $?" >&2; } | :`, 'sh', HOOKCTL,
				'--config', d.configFile, ...args]);
			assert.match(stderr, /^exit [01]\n$/, `${args} after ${pipe}`);
		}
	const full = await run('/bin/sh', ['-c', 'exec "$@" >/dev/full', 'sh', HOOKCTL, '--config', d.configFile, 'events']);
	assert.equal(full.stderr, 'hookctl: cannot write to standard output\n');
	assert.equal(full.code, 1);
});

test('pages: each event once, and none beyond the last', limit, async (t) => {
	const d = await Daemon.start(t);
	for (let i = 0; i < 25; i++) await d.post(newBody());
	const all = await ids(d, '--limit', '100');
	assert.equal(all.length, 25);
	for (const more of [[], ['--since', '1h'], ['--text', 'transaction'], ['--type', '*']]) {
		const pages = [];
		for (let page = 1; page <= 6; page++) pages.push(await ids(d, '--limit', '5', '--page', String(page), ...more));
		assert.deepEqual(pages.map((page) => page.length), [5, 5, 5, 5, 5, 0], more.join(' '));
		assert.deepEqual(pages.flat(), all);
	}
	assert.deepEqual((await ids(d, '--limit', '24', '--page', '2')), all.slice(24));
});

test('times are local, or in UTC when asked', limit, async (t) => {
	const d = await Daemon.start(t, { env: { TZ: 'Africa/Porto-Novo' } });
	await d.settled(await d.store());
	const hour = async (...args) => Number(/ (\d\d):\d\d:\d\d /.exec((await d.ctl('events', ...args)).stdout)[1]);
	const [local, utc] = [await hour(), await hour('--utc')];
	assert.ok([1, 2].includes((local - utc + 24) % 24), `${local} and ${utc}`);
});
