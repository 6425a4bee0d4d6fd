// hookctl status: its text, and its exit code for monitoring.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon } from './lib/daemon.mjs';
import { newBody } from './lib/fedapay.mjs';
import { Manager } from './lib/manager.mjs';
import { Peer } from './lib/peer.mjs';
import { limit, waitFor } from './lib/wait.mjs';

/** {codes, text, json} of both forms, one after the other; no line is wider than a terminal. */
async function status(d) {
	const [text, json] = [await d.ctl('status'), await d.ctl('status', '--json')];
	for (const line of text.stdout.split('\n'))
		if (!line.includes(d.dir)) assert.ok(line.length <= 80, line);
	return { codes: [text.code, json.code], text: text.stdout, json: JSON.parse(json.stdout) };
}

test('all is well: 0', limit, async (t) => {
	const d = await Daemon.start(t);
	assert.deepEqual((await status(d)).codes, [0, 0], 'with nothing yet');
	for (let i = 0; i < 3; i++) await d.settled(await d.store());
	const { codes, text, json } = await status(d);
	t.diagnostic(text.replaceAll('\n', ' | '));
	assert.deepEqual(codes, [0, 0], text);
	assert.match(text, new RegExp(`^hookd +up, pid ${d.pid}, started .* ago$`, 'm'));
	assert.match(text, /^events +3 stored, 0 quarantined\n +3 in the last minute, 3 in the last hour, 3 in the last day$/m);
	assert.match(text, /^deliveries +0 waiting, 0 running, 3 done, 0 dead, 0 skipped$/m);
	assert.match(text, /^last event\n {2}fedapay {2}.* ago$/m);
	assert.doesNotMatch(text, /attention/);
	assert.deepEqual([json.up, json.events, json.done, json.dead_count, json.attention], [true, 3, 3, 0, null]);
	assert.deepEqual(json.sources.map((x) => x.source), ['fedapay']);
	assert.ok(json.store_bytes > 0 && json.free_bytes > 0);
	assert.ok(Math.abs(Date.parse(json.since) - Date.now()) < 600_000);
});

test('something died, something fails, a hook is paused: 1', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship', 'exit 65'), x.hook('book', 'true'),
		x.hook('later', 'echo no stock >&2; exit 75', { retry: { attempts: 5, first: '1h', max: '1h' } })] });
	const event = await d.store();
	await d.logged(/delivery dead.*hook=ship/);
	await d.logged(/delivery failed.*hook=later/);
	await waitFor(async () => (await status(d)).json.done === 1, 'the other hook');
	const dead = await status(d);
	assert.deepEqual(dead.codes, [1, 1]);
	assert.match(dead.text, new RegExp(`^dead\n {2}event ${event} {2}ship {2}.* ago\n {4}exited with 65$`, 'm'));
	assert.match(dead.text, new RegExp(`^failing\n {2}event ${event} {2}later {2}failed 1 time, next in .*\n {4}exited with 75$`, 'm'));
	assert.match(dead.text, /^attention +1 dead \(hookctl replay, or cancel --dead\)$/m);
	assert.deepEqual([dead.json.dead_count, dead.json.waiting, dead.json.dead[0].hook, dead.json.failing[0].failures],
		[1, 1, 'ship', 1]);
	await d.ctl('replay', String(event), '--state', 'dead');
	await waitFor(async () => (await status(d)).json.replayed === 1, 'the replay');
	await d.ctl('pause', 'ship');
	const paused = await status(d);
	assert.deepEqual(paused.codes, [1, 1]);
	assert.match(paused.text, /attention .*hook ship is paused/);
	assert.deepEqual(paused.json.paused.map((x) => x.hook), ['ship']);
});

test('the status line for systemd and hookctl status have the same counts', limit, async (t) => {
	const d = new Daemon(t, { hooks: (x) => [x.hook('ship', 'exit 65'), x.hook('book', 'true'),
		x.hook('later', 'exit 75', { retry: { attempts: 5, first: '1h', max: '1h' } })] });
	const manager = await Manager.start(t, `${d.dir}/notify`);
	d.env = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '500000' };
	await d.start();
	const event = await d.store();
	await d.store();
	await waitFor(async () => (await status(d)).json.done === 2, 'the hook that succeeds');
	await waitFor(async () => (await status(d)).json.dead_count === 2, 'the hook that fails');
	await d.ctl('replay', String(event), '--hook', 'ship', '--state', 'dead');
	await waitFor(async () => (await status(d)).json.replayed === 1, 'the replay');
	await waitFor(async () => (await status(d)).json.running === 0, 'all attempts to end');
	const mark = manager.lines.length;
	const at = await manager.line(/^STATUS=/, mark);
	const line = manager.lines[at];
	const { json, text } = await status(d);
	assert.match(line, new RegExp(`deliveries: ${json.waiting} waiting, ${json.running} running, \\d+ done, ${json.dead_count} dead;`));
	assert.match(text, new RegExp(`^deliveries +${json.waiting} waiting, ${json.running} running, .* ${json.dead_count} dead`, 'm'));
	assert.deepEqual([json.waiting, json.dead_count, json.replayed], [2, 2, 1]);
});

test('a backlog that is nearly full, or full, needs attention: 1', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship', 'true')], limits: { backlog: 10 } });
	assert.equal((await d.ctl('pause', 'ship')).code, 0);
	for (let i = 0; i < 8; i++) await d.store();
	const roomy = await status(d);
	assert.doesNotMatch(roomy.text, /backlog/);
	assert.equal(roomy.json.backlog, 10);
	await d.store();
	const nearly = await status(d);
	assert.deepEqual(nearly.codes, [1, 1]);
	assert.match(nearly.text, /attention .*the backlog is nearly full \(9 of 10\)/);
	await d.store();
	assert.equal((await d.post(newBody())).status, 503);
	const full = await status(d);
	assert.deepEqual(full.codes, [1, 1]);
	assert.match(full.text, /attention .*the backlog is full: requests get 503/);
	assert.match(full.json.attention, /the backlog is full/);
	assert.equal((await d.ctl('resume', 'ship')).code, 0);
	await waitFor(async () => (await status(d)).codes[0] === 0, 'the deliveries to be done');
	await d.stop();
	assert.equal((await status(d)).json.backlog, null);
});

test('a quarantined event needs attention: 1', limit, async (t) => {
	const d = await Daemon.start(t);
	await d.post('{"no": "type"}');
	const { codes, text, json } = await status(d);
	assert.deepEqual(codes, [1, 1], text);
	assert.match(text, /1 quarantined since yesterday/);
	assert.equal(json.quarantined, 1);
});

test('hookd is down, or there is no store: 2', limit, async (t) => {
	const d = await Daemon.start(t);
	await d.settled(await d.store(undefined, {}));
	await d.stop();
	const stopped = await status(d);
	assert.deepEqual(stopped.codes, [2, 2]);
	assert.match(stopped.text, /^hookd +down/m);
	assert.match(stopped.text, /attention .*hookd does not run/);
	assert.deepEqual([stopped.json.up, stopped.json.events], [false, 1]);
	await d.start();
	assert.deepEqual((await status(d)).codes, [0, 0]);
	await d.kill();
	assert.deepEqual((await status(d)).codes, [2, 2], 'also after SIGKILL');
	rmSync(`${d.dir}/hookd.db`);
	const gone = await d.ctl('status');
	assert.equal(gone.code, 2);
	assert.match(gone.stderr, /no such file/);
	assert.equal((await d.ctl('status', 'x')).code, 2);
});

test('hostile names and messages are escaped', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('odd', 'exit 65', { on: ['*'], args: ['{{entity.none}}'] })] });
	const event = (await d.post(newBody())).json.event;
	await d.settled(event);
	const { text } = await status(d);
	assert.match(text, /^[^\0-\x09\x0b-\x1f\x7f]*$/);
});

test('a hook whose server is down is held: 1, with the reason, until the server is back', limit, async (t) => {
	const peer = await Peer.start(t, { status: 503 });
	const d = await Daemon.start(t, { hooks: [{ name: 'tell', source: 'fedapay', on: '*', forward: { url: peer.url() },
		retry: { first: '5s', max: '5s' } }] });
	const events = [await d.store(), await d.store(), await d.store()];
	await d.logged(/hook held: .*hook=tell .*reason="answered 503"/);
	const down = await status(d);
	t.diagnostic(down.text.replaceAll('\n', ' | '));
	assert.deepEqual(down.codes, [1, 1], down.text);
	assert.match(down.text, /^held\n {2}tell {2}3 waiting, since .* ago\n {4}answered 503$/m);
	assert.match(down.text, /^attention +hook tell is held: its server is down$/m);
	assert.deepEqual([down.json.held[0].hook, down.json.held[0].why, down.json.held[0].waiting], ['tell', 'answered 503', 3]);
	assert.ok(Date.now() - Date.parse(down.json.held[0].since) < 60_000);
	peer.answers = () => ({});
	await d.logged(/hook no longer held hook=tell/);
	for (const event of events) assert.equal((await d.settled(event)).deliveries[0].state, 'DONE');
	assert.deepEqual((await status(d)).codes, [0, 0]);
});
