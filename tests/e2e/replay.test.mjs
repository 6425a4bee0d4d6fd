// hookctl replay: running deliveries again, beside the daemon and without it.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon } from './lib/daemon.mjs';
import { limit } from './lib/wait.mjs';

/* Dies until $OUT/mended is there. */
const SHIP = 'echo "$HOOKD_IDEMPOTENCY_KEY" >>"$OUT/keys"; [ -e "$OUT/mended" ] || { echo no stock; exit 65; }';
const broken = (t, more = {}) => Daemon.start(t, { hooks: (d) => [d.hook('ship', SHIP), d.hook('book', 'true')], ...more });

const json = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const states = (seen, hook) => seen.deliveries.filter((x) => x.hook === hook).map((x) => x.state);

test('a dead delivery runs again as a new one, with a key of its own', limit, async (t) => {
	const d = await broken(t);
	const event = await d.store();
	const before = (await d.settled(event)).deliveries.find((x) => x.hook === 'ship');
	assert.equal(before.state, 'DEAD');
	d.touch('mended');
	const { code, stdout, stderr } = await d.ctl('replay', String(event), '--state', 'dead');
	t.diagnostic(stdout.trim());
	assert.equal(code, 0, stderr);
	assert.equal(stderr, '', 'the daemon listens');
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

test('all dead ones of a hook; others are left alone', limit, async (t) => {
	const d = await broken(t);
	const events = [];
	for (let i = 0; i < 4; i++) events.push(await d.store());
	for (const event of events) await d.settled(event);
	d.touch('mended');
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
	d.touch('mended');
	const { code, stderr } = await d.ctl('replay', String(event));
	assert.equal(code, 0, stderr);
	assert.match(stderr, /hookd does not listen/);
	await d.start();
	const seen = await d.settled(event);
	assert.deepEqual(states(seen, 'ship'), ['DEAD', 'DONE']);
	assert.deepEqual(states(seen, 'book'), ['DONE', 'DONE'], 'without --state all that have ended');
});

test('two at once: each delivery is replayed once', limit, async (t) => {
	const d = await broken(t);
	const events = [];
	for (let i = 0; i < 30; i++) events.push(await d.store());
	for (const event of events) await d.settled(event);
	d.touch('mended');
	const both = await Promise.all([1, 2].map(() => d.ctl('replay', '--state', 'dead', '--json')));
	const made = both.flatMap(({ stdout }) => json(stdout)).filter((x) => x.delivery !== null);
	assert.equal(made.length, events.length, both.map((x) => x.stderr).join());
	assert.equal(new Set(made.map((x) => x.replays)).size, events.length);
	for (const event of events) assert.deepEqual(states(await d.settled(event), 'ship'), ['DEAD', 'DONE']);
});

test('more than 100 want a --yes', limit, async (t) => {
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

test('what cannot be: words, events, hooks, stores', limit, async (t) => {
	const d = await broken(t);
	const event = await d.store();
	await d.settled(event);
	const cases = [
		[[], 2, /expected an EVENT/],
		[['--state', 'ready'], 2, /done, dead or skipped/],
		[['--since', 'yesterday', '--state', 'dead'], 2, /--since/],
		[['x'], 2, /EVENT/],
		[['4711'], 1, /no event 4711/],
		[['--hook', 'nosuch'], 1, /no delivery was ever made/],
		[[String(event), '--hook', 'ship', '--state', 'skipped'], 1, /nothing to replay/],
		[[String(event), '--store', `${d.dir}/hookd.yaml`], 1, /not a hookd store/],
		[[String(event), '--store', `${d.dir}/none`], 1, /no such file/],
	];
	for (const [args, code, pattern] of cases) {
		const got = await d.ctl('replay', ...args);
		assert.equal(got.code, code, `${args}: ${got.stderr}`);
		assert.match(got.stderr, pattern);
	}
	assert.equal((await d.show(event)).deliveries.length, 2, 'nothing was made');
});

test('the socket beside the store is for owner and group; garbage to it does no harm', limit, async (t) => {
	const d = await broken(t);
	assert.equal(statSync(`${d.dir}/hookd.db.poke`).mode & 0o777, 0o660);
	assert.equal(statSync(`${d.dir}/hookd.db`).mode & 0o777, 0o660);
	const { execFileSync } = await import('node:child_process');
	execFileSync('perl', ['-MSocket', '-e', 'socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; ' +
		'for (1..50) { send($s, "x" x ($_ * 100), 0, pack_sockaddr_un($ARGV[0])) or last }', `${d.dir}/hookd.db.poke`]);
	const event = await d.store();
	await d.settled(event);
	assert.ok(d.running);
});
