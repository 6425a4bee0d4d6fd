// Changes by a person: hookctl replay, cancel, pause, resume; beside the daemon and without it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon, HOOKCTL } from './lib/daemon.mjs';
import { Load } from './lib/load.mjs';
import { run } from './lib/program.mjs';
import { onTerminal } from './lib/terminal.mjs';
import { limit, rootLimit, waitFor } from './lib/wait.mjs';

/* Dies until $OUT/repaired is there. */
const SHIP = 'echo "$HOOKD_IDEMPOTENCY_KEY" >>"$OUT/keys"; [ -e "$OUT/repaired" ] || { echo no stock; exit 65; }';
const broken = (t, more = {}) => Daemon.start(t, { hooks: (d) => [d.hook('ship', SHIP), d.hook('book', 'true')], ...more });

/** hookctl on a terminal of its own: what was shown there, and the exit code. */
const terminal = (d, args, answer) => onTerminal(80, [HOOKCTL, '--config', d.configFile, ...args],
	{ input: answer === undefined ? undefined : `${answer}\n` });

const json = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const states = (seen, hook) => seen.deliveries.filter((x) => x.hook === hook).map((x) => x.state);

test('a dead delivery runs again as a new one, with a key of its own', limit, async (t) => {
	const d = await broken(t);
	const event = await d.store();
	const before = (await d.settled(event)).deliveries.find((x) => x.hook === 'ship');
	assert.equal(before.state, 'DEAD');
	d.touch('repaired');
	const { code, stdout, stderr } = await d.ctl('replay', String(event), '--state', 'dead');
	t.diagnostic(stdout.trim());
	assert.equal(code, 0, stderr);
	assert.equal(stderr, '');
	const seen = await d.settled(event);
	assert.deepEqual(states(seen, 'ship'), ['DEAD', 'DONE']);
	assert.deepEqual(states(seen, 'book'), ['DONE'], 'which was not dead');
	const [old, fresh] = seen.deliveries.filter((x) => x.hook === 'ship');
	assert.deepEqual({ ...old, replayed_by: null }, before, 'history stays');
	assert.equal(old.replayed_by, fresh.id);
	assert.equal(fresh.replay_of, old.id);
	assert.deepEqual(d.lines('keys'), [old.idempotency_key, fresh.idempotency_key]);
	assert.equal(fresh.idempotency_key, `${old.idempotency_key}/replay/${fresh.id}`);
	const text = (await d.ctl('show', String(event))).stdout;
	assert.match(text, new RegExp(`replayed by delivery ${fresh.id}\n`));
	assert.match(text, new RegExp(`replay of delivery ${old.id}\n`));
	const [listed] = await d.events();
	assert.deepEqual([listed.dead, listed.done], [0, 2]);
	const again = await d.ctl('replay', String(event), '--state', 'dead');
	assert.equal(again.code, 1);
	assert.match(again.stderr, /nothing to replay/);
});

test('all dead deliveries of a hook; others are left alone', limit, async (t) => {
	const d = await broken(t);
	const events = [];
	for (let i = 0; i < 4; i++) events.push(await d.store());
	for (const event of events) await d.settled(event);
	d.touch('repaired');
	const dry = await d.ctl('replay', '--state', 'dead', '--hook', 'ship', '--dry-run', '--json');
	assert.deepEqual(json(dry.stdout).map((x) => [x.event, x.hook, x.delivery]), events.map((e) => [e, 'ship', null]));
	for (const event of events) assert.deepEqual(states(await d.show(event), 'ship'), ['DEAD'], 'a dry run');
	const { code, stdout, stderr } = await d.ctl('replay', '--state', 'dead', '--hook', 'ship', '--since', '1h', '--json');
	assert.equal(code, 0, stderr);
	const made = json(stdout);
	assert.deepEqual(made.map((x) => x.replays), json(dry.stdout).map((x) => x.replays), 'what the dry run named');
	for (const event of events) {
		const seen = await d.settled(event);
		assert.deepEqual(states(seen, 'ship'), ['DEAD', 'DONE']);
		assert.deepEqual(states(seen, 'book'), ['DONE']);
	}
	const none = await d.ctl('replay', '--state', 'skipped', '--since', '2099-01-01T00:00:00Z');
	assert.equal(none.code, 1);
});

test('with hookd stopped: it runs at the next start', limit, async (t) => {
	const d = await broken(t);
	const event = await d.store();
	await d.settled(event);
	await d.stop();
	d.touch('repaired');
	const { code, stderr } = await d.ctl('replay', String(event), '--yes');
	assert.equal(code, 0, stderr);
	assert.equal(stderr, '');
	await d.start();
	const seen = await d.settled(event);
	assert.deepEqual(states(seen, 'ship'), ['DEAD', 'DONE']);
	assert.deepEqual(states(seen, 'book'), ['DONE', 'DONE'], 'without --state all that have ended');
});

test('what is done is not done again unasked, and the script sees that it is', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship',
		'echo "$HOOKD_IDEMPOTENCY_KEY ${HOOKD_ORIGINAL_KEY:-none} ${HOOKD_REPLAY_OF:-none}" >>"$OUT/keys"'), x.hook('bad', 'exit 65')] });
	const event = await d.store();
	const [first] = (await d.settled(event)).deliveries.filter((x) => x.hook === 'ship');
	for (const args of [[String(event)], [String(event), '--hook', 'ship'], ['--since', '1h']]) {
		const { code, stderr } = await d.ctl('replay', ...args);
		assert.equal(code, 2, stderr);
		assert.match(stderr, /1 of [12] deliveries are done, .* under new keys: .*--state done or --yes/);
		const shown = await terminal(d, ['replay', ...args], 'n');
		assert.match(shown.stdout, /1 of [12] deliveries are done\. Do them again, under new keys\?/);
	}
	assert.equal((await d.show(event)).deliveries.length, 2, 'nothing was created');
	assert.equal((await d.ctl('replay', String(event), '--state', 'dead')).code, 0, 'the dead ones need no more');
	for (const args of [['--state', 'done'], ['--yes', '--hook', 'ship']]) {
		assert.equal((await d.ctl('replay', String(event), ...args)).code, 0);
		await d.settled(event);
	}
	const key = first.idempotency_key;
	const replays = (await d.show(event)).deliveries.filter((x) => x.hook === 'ship').slice(1);
	assert.deepEqual(d.lines('keys'), [`${key} none none`,
		...replays.map((x) => `${key}/replay/${x.id} ${key} ${first.id}`)]);
});

test('two at once: each delivery is replayed once', limit, async (t) => {
	const d = await broken(t);
	const events = [];
	for (let i = 0; i < 30; i++) events.push(await d.store());
	for (const event of events) await d.settled(event);
	d.touch('repaired');
	const both = await Promise.all([1, 2].map(() => d.ctl('replay', '--state', 'dead', '--json')));
	const made = both.flatMap(({ stdout }) => json(stdout)).filter((x) => x.delivery !== null);
	assert.equal(made.length, events.length, both.map((x) => x.stderr).join());
	assert.equal(new Set(made.map((x) => x.replays)).size, events.length);
	for (const event of events) assert.deepEqual(states(await d.settled(event), 'ship'), ['DEAD', 'DONE']);
});

test('replay under load: no event is lost or runs twice, and each dead delivery runs once', limit, async (t) => {
	const d = await broken(t);
	const dead = [];
	for (let i = 0; i < 150; i++) dead.push(await d.store());
	for (const event of dead) await d.settled(event);
	d.touch('repaired');
	const before = d.lines('keys').length;
	const load = new Load(d);
	await waitFor(() => load.acked.size > 20, 'a load');
	const { code, stderr } = await d.ctl('replay', '--state', 'dead', '--yes');
	assert.equal(code, 0, stderr);
	const during = load.acked.size;
	await waitFor(() => load.acked.size > during + 20, 'the load to continue');
	await load.stop();
	assert.deepEqual(load.others, [], 'every answer is 200');
	for (const event of [...dead, ...load.acked.values()]) await d.settled(event);
	const keys = d.lines('keys').slice(before);
	assert.equal(new Set(keys).size, keys.length, 'none twice');
	assert.equal(keys.length, dead.length + load.acked.size, 'none left out');
	for (const event of dead) assert.deepEqual(states(await d.show(event), 'ship'), ['DEAD', 'DONE']);
});

test('more than 100 need --yes', limit, async (t) => {
	const d = await broken(t, { hooks: (x) => [x.hook('ship', 'true')], limits: { concurrency: 8 } });
	for (let i = 0; i < 101; i++) await d.store();
	for (const { id } of await d.events()) await d.settled(id);
	const refused = await d.ctl('replay', '--state', 'done');
	assert.equal(refused.code, 2);
	assert.match(refused.stderr, /101.*--yes/);
	assert.equal((await d.show(1)).deliveries.length, 1);
	const { code, stdout, stderr } = await d.ctl('replay', '--state', 'done', '--yes', '--json');
	assert.equal(code, 0, stderr);
	assert.equal(json(stdout).length, 101);
	for (const { id } of await d.events()) assert.deepEqual(states(await d.settled(id), 'ship'), ['DONE', 'DONE']);
});

test('invalid arguments, events, hooks and stores are refused', limit, async (t) => {
	const d = await broken(t);
	const event = await d.store();
	await d.settled(event);
	const cases = [
		[[], 2, /expected an EVENT/],
		[['--state', 'ready'], 2, /done, dead or skipped/],
		[['--since', 'yesterday', '--state', 'dead'], 2, /--since/],
		[['x'], 2, /EVENT/],
		[['4711'], 1, /no event 4711/],
		[['--hook', 'nosuch'], 1, /knows no hook/],
		[[String(event), '--hook', 'ship', '--state', 'skipped'], 1, /nothing to replay/],
		[[String(event), '--store', `${d.dir}/hookd.yaml`], 1, /not a hookd store/],
		[[String(event), '--store', `${d.dir}/none`], 1, /no such file/],
	];
	for (const [args, code, pattern] of cases) {
		const got = await d.ctl('replay', ...args);
		assert.equal(got.code, code, `${args}: ${got.stderr}`);
		assert.match(got.stderr, pattern);
	}
	assert.equal((await d.show(event)).deliveries.length, 2, 'nothing was created');
});

test('the socket beside the store is for owner and group; garbage to it does no harm', limit, async (t) => {
	const d = await broken(t);
	assert.equal(statSync(`${d.dir}/hookd.db.control`).mode & 0o777, 0o660);
	assert.equal(statSync(`${d.dir}/hookd.db`).mode & 0o777, 0o660);
	execFileSync('perl', ['-MSocket', '-e', 'for (1..50) { socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die; ' +
		'connect($s, pack_sockaddr_un($ARGV[0])) or die; send($s, "x" x ($_ * 100) . "\n" x ($_ % 2), 0) or last }', `${d.dir}/hookd.db.control`]);
	const event = await d.store();
	await d.settled(event);
	assert.ok(d.running);
});

test('replay with a rate, and a bar on a terminal', limit, async (t) => {
	const d = await broken(t, { hooks: (x) => [x.hook('ship', 'true')], limits: { concurrency: 8 } });
	for (let i = 0; i < 120; i++) await d.store();
	for (const { id } of await d.events()) await d.settled(id);
	for (const rate of ['0', 'fast', '5/m', '-1/s']) {
		const { code, stderr } = await d.ctl('replay', '--state', 'done', '--yes', '--rate', rate);
		assert.equal(code, 2, rate);
		assert.match(stderr, /--rate/);
	}
	const { code, stdout } = await terminal(d, ['replay', '--state', 'done', '--yes', '--rate', '400/s']);
	assert.equal(code, 0, stdout);
	assert.match(stdout, /\r\[#+\.+\] \d+ of 120, \d+ a second, .* left \x1b\[K/);
	assert.match(stdout, /\r\x1b\[K120 deliveries run again\r\n$/, 'the bar makes room for the result');
	assert.equal(new Set((await d.show(1)).deliveries.map((x) => x.id)).size, 2);
});

test('on a terminal, many need a confirmation: only yes counts', limit, async (t) => {
	const d = await broken(t, { hooks: (x) => [x.hook('ship', 'true')], limits: { concurrency: 8 } });
	for (let i = 0; i < 101; i++) await d.store();
	for (const { id } of await d.events()) await d.settled(id);
	for (const [answer, deliveries] of [['n', 1], ['', 1], ['yes', 2]]) {
		const { stdout } = await terminal(d, ['replay', '--state', 'done'], answer);
		assert.match(stdout, /Run 101 deliveries again\? \[y\/N\]/);
		assert.equal((await d.show(1)).deliveries.length, deliveries, `after "${answer}"`);
	}
});

test('what dies while the question waits was not shown and is not changed', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship',
		'if [ "$HOOKD_EVENT_ID" = 1 ]; then while [ ! -e "$OUT/go" ]; do sleep 0.05; done; fi; exit 65')],
	limits: { concurrency: 8 } });
	for (let i = 0; i < 102; i++) await d.store();
	for (let id = 2; id <= 102; id++) await d.settled(id);
	let shown = '';
	let asked = false;
	const { stdout } = await onTerminal(80, [HOOKCTL, '--config', d.configFile, 'cancel', '--dead'], {
		input: (child) => child.stdout.on('data', async (part) => {
			shown += part;
			if (asked || !shown.includes('[y/N]')) return;
			asked = true;
			d.touch('go');
			await d.settled(1);
			child.stdin.end('y\n');
		}) });
	assert.match(stdout, /101 dead deliveries/);
	assert.deepEqual(states(await d.show(1), 'ship'), ['DEAD'], stdout);
	assert.deepEqual(states(await d.show(2), 'ship'), ['SKIPPED']);
	assert.deepEqual(states(await d.show(102), 'ship'), ['SKIPPED']);
});

test('cancel: a waiting delivery is skipped, a running one ends as usual', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [
		x.hook('later', 'exit 75', { retry: { attempts: 5, first: '1h', max: '1h' } }),
		x.hook('slow', 'while [ ! -e "$OUT/go" ]; do sleep 0.05; done')] });
	const event = await d.store();
	await d.logged(/delivery failed.*hook=later/);
	const { code, stdout, stderr } = await d.ctl('cancel', String(event), '--json');
	assert.equal(code, 0, stderr);
	assert.deepEqual(json(stdout).map((x) => [x.hook, x.cancelled]), [['later', true]], 'what runs is left alone');
	d.touch('go');
	const seen = await d.settled(event);
	assert.deepEqual(states(seen, 'later'), ['SKIPPED']);
	assert.deepEqual(states(seen, 'slow'), ['DONE']);
	assert.match(seen.deliveries.find((x) => x.hook === 'later').reason, /cancelled by hand/);
	const again = await d.ctl('cancel', String(event));
	assert.equal(again.code, 1);
	assert.match(again.stderr, /nothing to cancel/);
	assert.equal((await d.ctl('cancel')).code, 2);
	const mark = d.logLines.length;
	const back = await d.ctl('replay', String(event), '--state', 'skipped');
	assert.equal(back.code, 0, 'and a cancelled one can be replayed');
	await d.logged(/delivery failed.*hook=later attempt=1/, mark);
});

test('cancel --dead: a delivery handled by hand is no longer dead, and its attempts stay', limit, async (t) => {
	const d = await broken(t);
	const [first, second] = [await d.store(), await d.store()];
	for (const id of [first, second]) await d.settled(id);
	assert.equal((await d.ctl('status')).code, 1);
	assert.equal((await d.ctl('cancel', String(first), '--since', '1h')).code, 2);
	assert.equal((await d.ctl('cancel', '--dead', '--since', '2099-01-01T00:00:00Z')).code, 1);
	assert.equal((await d.ctl('cancel', String(first), '--dead')).code, 0);
	const ship = async (id) => (await d.show(id)).deliveries.find((x) => x.hook === 'ship');
	const aside = await ship(first);
	assert.deepEqual([aside.state, aside.reason, aside.attempts.length], ['SKIPPED', 'dead, put aside by hand', 1]);
	assert.equal((await ship(second)).state, 'DEAD', 'not named');
	assert.equal((await d.ctl('cancel', String(first), '--dead')).code, 1, 'once');
	assert.equal((await d.ctl('cancel', '--dead', '--hook', 'ship')).code, 0);
	const { code, stdout } = await d.ctl('status');
	assert.equal(code, 0, stdout);
	assert.match(stdout, /0 dead, 2 skipped/);
	d.touch('repaired');
	assert.equal((await d.ctl('replay', String(first), '--state', 'skipped')).code, 0);
	assert.deepEqual(states(await d.settled(first), 'ship'), ['SKIPPED', 'DONE']);
});

test('cancel with order: the next delivery of the entity runs', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [
		x.hook('ship', 'echo "$HOOKD_EVENT_ID" >>"$OUT/ran"; [ -e "$OUT/repaired" ] || exit 75',
			{ order: 'entity', retry: { attempts: 5, first: '1h', max: '1h' } })] });
	const first = await d.store();
	await d.logged(/delivery failed/);
	d.touch('repaired');
	const second = await d.store();
	await waitFor(async () => (await d.show(second)).deliveries[0].behind, 'the second to be blocked');
	assert.equal((await d.ctl('cancel', String(first))).code, 0);
	await d.settled(second);
	assert.deepEqual(d.lines('ran'), [String(first), String(second)]);
});

test('pause and resume: at once, over restarts, and only that hook', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship', 'true'), x.hook('book', 'true')] });
	const paused = await d.ctl('pause', 'ship');
	assert.equal(paused.code, 0, paused.stderr);
	assert.match(paused.stdout, /ship: paused/);
	await d.logged(/hook is paused.*hook=ship/);
	const event = await d.store();
	const book = () => d.delivery(event, (x) => x, 'a delivery');
	await book();
	await waitFor(async () => states(await d.show(event), 'book')[0] === 'DONE', 'the other hook');
	assert.deepEqual(states(await d.show(event), 'ship'), ['READY']);
	assert.match((await d.ctl('show', String(event))).stdout, /hook paused/);
	assert.match((await d.ctl('pause', 'ship')).stdout, /already paused/);
	await d.restart();
	await d.logged(/hook is paused.*hook=ship/);
	const second = await d.store();
	await waitFor(async () => states(await d.show(second), 'book')[0] === 'DONE', 'the other hook');
	assert.deepEqual(states(await d.show(event), 'ship'), ['READY']);
	const resumed = await d.ctl('resume', 'ship');
	assert.match(resumed.stdout, /resumed/);
	for (const id of [event, second]) assert.deepEqual(states(await d.settled(id), 'ship'), ['DONE']);
	const unknown = await d.ctl('pause', 'nosuch');
	assert.equal(unknown.code, 1);
	assert.match(unknown.stderr, /no hook "nosuch"; the store knows.* book.* ship/);
	assert.equal((await d.ctl('resume')).code, 2);
});

test('without permission to write, the message names the group that has it', rootLimit, async (t) => {
	const d = await broken(t);
	await d.settled(await d.store());
	execFileSync('chmod', ['-R', 'a+rX', d.dir]);
	execFileSync('chmod', ['0664', `${d.dir}/hookd.db`]);
	const outside = (...args) => run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', HOOKCTL,
		...args, '--store', `${d.dir}/hookd.db`], { env: {} });
	for (const args of [['replay', '1', '--yes'], ['cancel', '--hook', 'ship'], ['pause', 'ship']]) {
		const { code, stderr } = await outside(...args);
		assert.equal(code, 1, stderr);
		if (args[0] !== 'cancel') assert.match(stderr, /permission denied: hookd's group and root may use it/);
	}
});
