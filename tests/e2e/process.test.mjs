// The daemon as a process: SIGKILL at every stage, stop, reload, the service manager.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon, HOOKD, headOf, isGone, wire } from './lib/daemon.mjs';
import { newBody, newEvent, newSecret } from './lib/fedapay.mjs';
import { Raw } from './lib/http.mjs';
import { Load } from './lib/load.mjs';
import { Manager } from './lib/manager.mjs';
import { run } from './lib/program.mjs';
import { limit, rootLimit, sleep, waitFor } from './lib/wait.mjs';

const WAIT_FOR_GO = 'until [ -e "$OUT/go" ]; do sleep 0.05; done';
const BLOCKS = 'echo "$HOOKD_EVENT_ID $$" >>"$OUT/began"\n' +
	`${WAIT_FOR_GO}\necho $HOOKD_EVENT_ID >>"$OUT/ended"`;
const QUICK = { attempts: 5, first: '50ms', max: '100ms' };

/** One hook, one run at a time, each waits for the file "go". */
const blocking = (t, { hook, ...options } = {}) => Daemon.start(t, {
	...options, hooks: (d) => [d.hook('slow', BLOCKS, { concurrency: 1, retry: QUICK, ...hook })],
});

const began = (d) => d.lines('began').map((line) => line.split(' ').map(Number));

/** Are connections no longer accepted? */
const deaf = (d) => Raw.open(d.at).then((raw) => { raw.destroy(); return false; }, () => true);

/** Every event is in the store once; those in `acked` too, and done. */
async function checkStore(d, acked) {
	const events = await d.events();
	const seen = new Map(events.map((event) => [String(event.provider_event_id), event.id]));
	assert.equal(seen.size, events.length, 'each event once');
	for (const [id, event] of acked) assert.equal(seen.get(id), event, `acknowledged ${id}`);
	return events;
}

test('SIGKILL between the answer and the script: after a restart the script runs', limit, async (t) => {
	const d = await blocking(t);
	const first = await d.store();
	await waitFor(() => began(d).length === 1, 'the first script');
	const second = await d.store(); // answered; its turn has not come
	await d.kill();
	assert.deepEqual(began(d).map(([event]) => event), [first]);
	d.touch('go');
	await d.start();
	const { deliveries: [delivery] } = await d.settled(second);
	assert.equal(delivery.state, 'DONE');
	assert.equal(delivery.attempts.length, 1);
	assert.ok(d.lines('ended').includes(String(second)));
});

test('SIGKILL at once after the answer, many times', limit, async (t) => {
	const d = await Daemon.start(t);
	const events = [];
	for (let round = 0; round < 8; round++) {
		events.push(await d.store());
		await d.kill();
		await d.start();
	}
	for (const event of events) assert.equal((await d.settled(event)).deliveries[0].state, 'DONE');
	const ran = new Set(d.runs.map((r) => r.event));
	assert.ok(events.every((event) => ran.has(event)));
});

test('SIGKILL while the script runs: it runs again, the attempt is marked interrupted', limit, async (t) => {
	const d = await blocking(t);
	const event = await d.store();
	await waitFor(() => began(d).length === 1, 'the script to begin');
	await d.kill();
	const [, pid] = began(d)[0];
	await waitFor(() => isGone(pid), 'the script to end with the daemon');
	d.touch('go');
	await d.start();
	const { deliveries: [delivery] } = await d.settled(event);
	assert.equal(delivery.state, 'DONE');
	assert.deepEqual(delivery.attempts.map((a) => a.result), ['interrupted', 'ok']);
	assert.deepEqual(began(d).map((line) => line[0]), [event, event]);
});

test('interrupted attempts do not use up the tries', limit, async (t) => {
	const d = await blocking(t, { hook: { retry: { ...QUICK, attempts: 1 } } });
	const event = await d.store();
	for (let round = 1; round <= 3; round++) {
		await waitFor(() => began(d).length === round, 'the script to begin');
		await d.kill();
		if (round === 3) d.touch('go');
		await d.start();
	}
	const { deliveries: [delivery] } = await d.settled(event);
	assert.equal(delivery.state, 'DONE');
	assert.deepEqual(delivery.attempts.map((a) => a.result), ['interrupted', 'interrupted', 'interrupted', 'ok']);
});

test('SIGKILL while a delivery waits for its next try: it is tried again', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [d.hook('ship', '[ -e "$OUT/go" ]',
		{ retry: { attempts: 1000, first: '200ms', max: '400ms' } })] });
	const event = await d.store();
	await d.delivery(event, (x) => x.attempts.some((a) => a.result === 'tempfail'));
	await d.kill();
	d.touch('go');
	await d.start();
	assert.equal((await d.settled(event)).deliveries[0].state, 'DONE');
});

test('SIGTERM: the request in hand is answered, idle connections are closed, exit 0', limit, async (t) => {
	const d = await Daemon.start(t, { limits: { request_time: '60s' } });
	const idle = await Raw.open(d.at);
	const inHand = await Raw.open(d.at);
	t.after(() => { idle.destroy(); inHand.destroy(); });
	idle.write(wire(d));
	await idle.until(1);
	const event = newEvent();
	const bytes = wire(d, JSON.stringify(event), { extra: ['Expect: 100-continue'] });
	inHand.write(headOf(bytes));
	await inHand.until(1);
	assert.equal(inHand.responses[0].status, 100);
	inHand.write(bytes.subarray(headOf(bytes).length, -50));
	const stopped = d.stop();
	await waitFor(() => deaf(d), 'no connection to be accepted any more');
	await idle.until();
	assert.equal(idle.responses.length, 1);
	inHand.write(bytes.subarray(-50));
	await inHand.until();
	const answer = inHand.responses[1];
	assert.equal(answer?.status, 200, inHand.text);
	assert.match(answer.headers.connection ?? '', /^close$/i);
	assert.deepEqual(await stopped, { code: 0, signal: null });
	assert.ok((await d.events()).some((x) => String(x.provider_event_id) === String(event.id)));
	await d.start();
	assert.equal((await d.settled(JSON.parse(answer.body).event)).deliveries[0].state, 'DONE');
});

test('SIGTERM does not wait forever for a client that has stalled', limit, async (t) => {
	const d = await Daemon.start(t, { limits: { request_time: '1s' } });
	const raw = await Raw.open(d.at);
	t.after(() => raw.destroy());
	raw.write(wire(d).subarray(0, -50));
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
});

test('SIGTERM: a running script may end within the grace time', limit, async (t) => {
	const d = await blocking(t, { limits: { grace: '10m' } });
	const event = await d.store();
	const waiting = await d.store();
	await waitFor(() => began(d).length === 1, 'the script to begin');
	const stopped = d.stop();
	await waitFor(() => deaf(d), 'no connection to be accepted any more');
	d.touch('go');
	assert.deepEqual(await stopped, { code: 0, signal: null });
	const { deliveries: [delivery] } = await d.show(event);
	assert.equal(delivery.state, 'DONE');
	assert.deepEqual(delivery.attempts.map((a) => a.result), ['ok']);
	assert.equal((await d.show(waiting)).deliveries[0].state, 'READY', 'nothing more was started');
	await d.start();
	assert.equal((await d.settled(waiting)).deliveries[0].state, 'DONE');
	assert.deepEqual(d.lines('ended'), [event, waiting].map(String));
});

test('SIGTERM: what runs beyond the grace time is ended, requeued and runs again', limit, async (t) => {
	const d = await blocking(t, { limits: { grace: '300ms' }, hook: { retry: { ...QUICK, attempts: 1 } } });
	const event = await d.store();
	await waitFor(() => began(d).length === 1, 'the script to begin');
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	await waitFor(() => isGone(began(d)[0][1]), 'the script to be gone');
	const { deliveries: [stopped] } = await d.show(event);
	assert.equal(stopped.state, 'READY');
	assert.deepEqual(stopped.attempts.map((a) => a.result), ['interrupted']);
	d.touch('go');
	await d.start();
	const { deliveries: [delivery] } = await d.settled(event);
	assert.equal(delivery.state, 'DONE');
	assert.deepEqual(delivery.attempts.map((a) => a.result), ['interrupted', 'ok']);
});

test('SIGTERM: a script that ignores SIGTERM does not keep hookd', limit, async (t) => {
	const d = await Daemon.start(t, {
		limits: { grace: '300ms' },
		hooks: (d) => [d.hook('deaf', 'trap "" TERM INT HUP; echo $$ >"$OUT/pid"\nwhile :; do sleep 0.1; done',
			{ kill_after: '300ms' })],
	});
	await d.store();
	await waitFor(() => d.read('pid') !== '', 'the script to begin');
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	await waitFor(() => isGone(Number(d.read('pid'))), 'the script to be gone');
});

test('a second SIGTERM ends at once; the script runs again after a restart', limit, async (t) => {
	const d = await blocking(t, { limits: { grace: '10m' } });
	const event = await d.store();
	await waitFor(() => began(d).length === 1, 'the script to begin');
	const stopped = d.stop();
	await waitFor(() => deaf(d), 'no connection to be accepted any more');
	assert.equal(d.running, true, 'within the grace time');
	d.signal('SIGTERM');
	await stopped;
	await waitFor(() => isGone(began(d)[0][1]), 'the script to be gone');
	d.touch('go');
	await d.start();
	assert.equal((await d.settled(event)).deliveries[0].state, 'DONE');
});

test('SIGINT works like SIGTERM', limit, async (t) => {
	const d = await Daemon.start(t);
	await d.store();
	assert.deepEqual(await d.stop('SIGINT'), { code: 0, signal: null });
});

test('SIGTERM under load: every 200 is stored, the rest gets 503 or no answer', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [d.hook('ship', 'true', { on: ['payout.*'] })] });
	for (let round = 0; round < 3; round++) {
		let stopped;
		const load = new Load(d, 8, {
			onAck: (count) => { if (count === 60) stopped = d.stop(); },
		});
		await load.done;
		assert.deepEqual(await stopped, { code: 0, signal: null });
		assert.ok(load.others.every((status) => status === 503), load.others.join());
		await checkStore(d, load.acked);
		await d.start();
	}
});

test('SIGHUP, good: new hook, rotated secret; earlier deliveries continue', limit, async (t) => {
	const d = await blocking(t);
	const before = await d.store();
	await waitFor(() => began(d).length === 1, 'the script to begin');
	const secret = newSecret();
	const file = d.file('secret.new', `${secret}\n`, 0o600);
	d.reload({
		sources: [d.source({ secrets: [{ file }] })],
		hooks: [...d.config.hooks, d.hook('fresh', 'echo $HOOKD_EVENT_ID >>"$OUT/fresh"')],
	});
	const answer = await waitFor(async () => {
		const seen = await d.post(newBody(), { secret });
		return seen.status === 200 && seen;
	}, 'the new secret to be accepted');
	assert.equal((await d.post()).status, 401, 'the old one is no longer accepted');
	await waitFor(() => d.lines('fresh').includes(String(answer.json.event)), 'the new hook');
	d.touch('go');
	assert.equal((await d.settled(before)).deliveries[0].state, 'DONE');
	assert.deepEqual((await d.settled(before)).deliveries.map((x) => x.hook), ['slow']);
	assert.equal(d.running, true);
});

/* Configs that must be refused, and what the log must name. */
const badConfigs = {
	'an unknown key': [(d) => `${readFileSync(d.configFile)}tiemout: 5s\n`, /hookd\.yaml:\d+:\d+: .*tiemout/],
	'no YAML': [() => 'listen: [127.0.0.1:0\nsources: }{\n', /hookd\.yaml:\d+:\d+: /],
	'an empty file': [() => '', /hookd\.yaml:\d+:\d+: /],
	'a missing script': [(d) => `${readFileSync(d.configFile)}`.replaceAll('bin/record', 'bin/recrod'),
		/hookd\.yaml:\d+:\d+: .*recrod/],
	'a missing secret': [(d) => `${readFileSync(d.configFile)}`.replaceAll(d.secretFile, '/no/secret'),
		/hookd\.yaml:\d+:\d+: .*\/no\/secret/],
};

for (const [what, [make, log]] of Object.entries(badConfigs)) {
	test(`SIGHUP, bad (${what}): the old config stays, the log says why`, limit, async (t) => {
		const d = await Daemon.start(t);
		const good = readFileSync(d.configFile);
		const from = d.logLines.length;
		writeFileSync(d.configFile, make(d));
		d.signal('SIGHUP');
		await d.logged(log, from);
		const event = await d.store();
		await waitFor(async () => { // by --store: the config cannot be asked
			const shown = await d.ctl('show', String(event), '--json', '--store', d.config.store.path);
			assert.equal(shown.code, 0, shown.stderr);
			return JSON.parse(shown.stdout).deliveries[0].state === 'DONE';
		}, 'the script to run as before');
		writeFileSync(d.configFile, good);
		d.reload({ sources: [d.source({ path: '/repaired' })] });
		await waitFor(async () => (await d.post(newBody(), { path: '/repaired' })).status === 200,
			'the repaired config');
	});
}

test('many reloads under load: no request is cut or lost', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [d.hook('ship', 'true', { on: ['transaction.*'] })] });
	const load = new Load(d, 4);
	for (let i = 0; i < 40; i++) {
		const seen = load.acked.size;
		d.reload({ log: { level: i % 2 ? 'debug' : 'info' }, limits: { body: `${64 + i}KiB` } });
		await waitFor(() => load.acked.size > seen + 2 || load.unanswered.length > 0, 'requests to be answered');
	}
	await load.stop();
	assert.deepEqual(load.others, []);
	assert.deepEqual(load.unanswered, []);
	await checkStore(d, load.acked);
});

test('a hook that is gone after a reload: its waiting deliveries are reported', limit, async (t) => {
	const d = await blocking(t);
	await d.store();
	await d.store();
	await waitFor(() => began(d).length === 1, 'the script to begin');
	const from = d.logLines.length;
	d.reload({ hooks: [d.hook('other', 'true')] });
	assert.match(await d.logged(/hook=slow|"slow"/, from), /wait/i);
});

test('a second daemon on the same store is refused, the first continues', limit, async (t) => {
	const d = await Daemon.start(t);
	const second = await run(HOOKD, ['--config', d.configFile]);
	assert.notEqual(second.code, 0);
	assert.match(second.stderr, /hookd\.db/);
	await d.settled(await d.store());
	await d.kill();
	await d.start(); // a killed one leaves no lock behind
});

test('the service manager is notified: READY, STATUS, RELOADING, STOPPING, WATCHDOG', limit, async (t) => {
	const d = new Daemon(t);
	const manager = await Manager.start(t, `${d.dir}/notify`);
	d.env = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '2000000' };
	await d.start();
	const ready = await manager.line(/^READY=1$/);
	await manager.line(/^STATUS=.*\d/);
	await d.store();
	const alive = await manager.line(/^WATCHDOG=1$/);
	await manager.line(/^WATCHDOG=1$/, alive + 1);
	assert.equal(manager.lines.filter((line) => line === 'READY=1').length, 1);

	d.reload();
	const reloading = await manager.line(/^RELOADING=1$/, ready);
	await manager.line(/^MONOTONIC_USEC=\d+$/, ready);
	await manager.line(/^READY=1$/, reloading);
	const mark = manager.lines.length;
	writeFileSync(d.configFile, 'nonsense: 1\n');
	d.signal('SIGHUP');
	const again = await manager.line(/^RELOADING=1$/, mark);
	await manager.line(/^READY=1$/, again); // a bad reload ends too
	assert.ok(!manager.lines.includes('STOPPING=1'));
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	await manager.line(/^STOPPING=1$/);
});

test('no watchdog messages if the manager expects none', limit, async (t) => {
	const d = new Daemon(t);
	const manager = await Manager.start(t, `${d.dir}/notify`);
	d.env = { NOTIFY_SOCKET: manager.path };
	await d.start();
	await d.settled(await d.store());
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	await manager.line(/^STOPPING=1$/);
	assert.ok(!manager.lines.includes('WATCHDOG=1'));
});

test('--check: 0 on a good config, 78 on a bad one with every error, no secret shown', limit, async (t) => {
	const d = new Daemon(t);
	const good = await run(HOOKD, ['--config', d.configFile, '--check']);
	assert.equal(good.code, 0, good.stderr);
	d.secret = ' wh_live_0123456789 ';
	writeFileSync(d.secretFile, d.secret);
	d.configure({ limits: { body: 'lots', connections: -1 }, nonsense: 5,
		hooks: [d.hook('a', 'true', { source: 'fedapya', timeout: 'x' }), { name: 'b', source: 'fedapay', on: '*' }] });
	for (const args of [['--check'], []]) {
		const bad = await run(HOOKD, ['--config', d.configFile, ...args]);
		assert.equal(bad.code, 78);
		for (const word of ['body', 'connections', 'nonsense', 'fedapya', 'timeout', 'secret', '"b"'])
			assert.ok(bad.stderr.split('\n').some((line) => /hookd\.yaml:\d+:\d+: /.test(line) &&
				line.includes(word)), `${word} in:\n${bad.stderr}`);
		assert.ok(!bad.stderr.includes(d.secret.trim()));
	}
	const missing = await run(HOOKD, ['--config', '/no/such/file.yaml', '--check']);
	assert.equal(missing.code, 78);
	assert.match(missing.stderr, /\/no\/such\/file\.yaml/);
});

test('a secret that others can read, or that is empty, is refused', limit, async (t) => {
	const d = new Daemon(t);
	d.file('secret', d.secret, 0o644);
	const readable = await run(HOOKD, ['--config', d.configFile, '--check']);
	assert.equal(readable.code, 78);
	assert.ok(readable.stderr.includes(d.secretFile) && !readable.stderr.includes(d.secret), readable.stderr);
	d.file('secret', '\n', 0o600);
	assert.equal((await run(HOOKD, ['--config', d.configFile, '--check'])).code, 78);
	d.file('secret', d.secret, 0o600);
	assert.equal((await run(HOOKD, ['--config', d.configFile, '--check'])).code, 0);
});

test('hookd survives a full descriptor table', rootLimit, async (t) => {
	const d = await Daemon.start(t, { limits: { request_time: '60s' } });
	await d.settled(await d.store());
	const nofile = (n) => run('prlimit', [`--pid=${d.pid}`, `--nofile=${n}:`]);
	const before = /(\d+)\s*$/.exec((await run('prlimit', ['--noheadings', `--pid=${d.pid}`, '--nofile',
		'--output=SOFT'])).stdout)[1];
	const kept = await Raw.open(d.at);
	t.after(() => kept.destroy());
	kept.write(wire(d));
	await kept.until(1);
	assert.equal((await nofile(d.descriptors + 1)).code, 0);
	const crowd = await Promise.all(Array.from({ length: 30 }, () => Raw.open(d.at)));
	t.after(() => crowd.forEach((raw) => raw.destroy()));
	for (const raw of crowd) raw.write(wire(d));
	// A connection from before is served, though nothing can be started for it.
	kept.write(wire(d));
	await kept.until(2);
	assert.equal(kept.responses[1]?.status, 200, kept.text);
	await sleep(300); // lets it try; nothing is measured
	assert.equal(d.running, true);
	assert.equal((await nofile(before)).code, 0);
	for (const raw of crowd) raw.destroy();
	const event = JSON.parse(kept.responses[1].body).event;
	const again = await waitFor(() => d.store().catch(() => null), 'new connections to be accepted');
	for (const number of [event, again])
		assert.equal((await d.settled(number)).deliveries[0].state, 'DONE');
});

test('hookd --help and --version; an unknown option is refused', limit, async () => {
	const help = await run(HOOKD, ['--help']);
	assert.equal(help.code, 0);
	assert.match(help.stdout, /--config/);
	assert.match(help.stdout, /--check/);
	const version = await run(HOOKD, ['--version']);
	assert.equal(version.code, 0);
	assert.match(version.stdout, /\d+\.\d+/);
	const wrong = await run(HOOKD, ['--nonsense']);
	assert.notEqual(wrong.code, 0);
	assert.match(wrong.stderr, /nonsense/);
});
