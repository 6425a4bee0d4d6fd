// hookd short of descriptors, processes and memory: it refuses or postpones work and never
// crashes; no acknowledged event is lost or dead, and it recovers by itself.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon, HOOKD, wire } from '../e2e/lib/daemon.mjs';
import { Raw } from '../e2e/lib/http.mjs';
import { run } from '../e2e/lib/program.mjs';
import { limit, rootLimit, waitFor } from '../e2e/lib/wait.mjs';
import { LONG } from './driver.mjs';
import { Failing } from './failing.mjs';
import { Posted } from './kept.mjs';

const retry = { attempts: 200, first: '100ms', max: '300ms' };
const hooks = (d) => [d.hook('record', 'echo "$HOOKD_EVENT_ID" >>"$OUT/runs"', { retry })];

async function must(program, ...args) {
	const { code, stdout, stderr } = await run(program, args);
	assert.equal(code, 0, `${program} ${args.join(' ')}: ${stderr}`);
	return stdout;
}

/** Sets a limit of the running daemon: "nofile=20". */
const prlimit = (d, what, as = []) => {
	const [program, ...args] = [...as, 'prlimit', '--pid', String(d.pid), `--${what}`];
	return must(program, ...args);
};

const soft = (d, name) => Number(new RegExp(`^${name} +(\\d+)`, 'm').exec(readFileSync(`/proc/${d.pid}/limits`, 'utf8'))[1]);

test('no descriptors left: connections wait or are refused, scripts are tried later', rootLimit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const posted = new Posted(d);
	await posted.posts(3);
	await waitFor(() => d.lines('runs').length === 3, 'the first runs');
	const before = soft(d, 'Max open files');
	const held = [];
	t.after(() => held.forEach((raw) => raw.destroy()));
	/* No more than are open: neither a connection nor a pipe to a script is possible. One
	 * connection exists already. */
	const kept = await Raw.open(d.at);
	held.push(kept);
	kept.write(wire(d));
	await kept.until(1);
	assert.equal(kept.responses[0].status, 200, kept.text);
	await prlimit(d, `nofile=${d.descriptors}:`);
	for (let i = 0; i < 40; i++) {
		const raw = await Raw.open(d.at).catch(() => null);
		if (raw === null) continue;
		held.push(raw);
		raw.write(wire(d));
	}
	for (let i = 2; i <= 4; i++) {
		kept.write(wire(d));
		await kept.until(i);
		assert.ok([200, 503].includes(kept.responses[i - 1].status), kept.text);
	}
	await d.logged(/attempt=|script|descriptors|Too many open files/);
	assert.ok(d.running);
	await prlimit(d, `nofile=${before}:`);
	for (const raw of held) raw.destroy();
	await posted.until200('there were descriptors again');
	const events = await d.events();
	await waitFor(() => new Set(d.lines('runs')).size === events.length, 'each script to have run', 240_000);
	await posted.check();
});

test('few descriptors from the start, many connections and scripts', limit, async (t) => {
	const d = await Daemon.start(t, { hooks, wrap: ['prlimit', '--nofile=60', '--'], limits: { connections: 1000, per_ip: 1000, concurrency: 50 } });
	await d.logged(/fewer descriptors/);
	const posted = new Posted(d);
	await Promise.all(Array.from({ length: 80 }, () => posted.posts(3)));
	await posted.until200('the crowd');
	for (const status of posted.statuses.keys()) assert.ok([200, 503, 0].includes(status), `${status}`);
	assert.ok(posted.acked.size > 10);
	await posted.resendAll();
	assert.equal(await posted.check(), posted.sent.size);
});

test('no processes left: no script can be started, each is tried again', rootLimit, async (t) => {
	const d = new Daemon(t, { hooks });
	/* A user that runs nothing but hookd; root has no such limit. */
	const user = String(700000 + process.pid % 100000);
	await must('chown', '-R', `${user}:${user}`, d.dir);
	const as = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--'];
	d.wrap = as;
	d.plain = true; // its scripts run as its own user
	d.configure({});
	await d.start();
	const posted = new Posted(d);
	await posted.posts(3);
	await waitFor(() => d.lines('runs').length === 3, 'the first runs');
	const before = soft(d, 'Max processes');
	await prlimit(d, 'nproc=1:', as);
	const mark = d.logLines.length;
	await posted.posts(10);
	assert.deepEqual([...posted.statuses.keys()], [200], 'events are taken all the same');
	await d.logged(/Resource temporarily unavailable/, mark);
	await waitFor(async () => (await d.show(13)).deliveries[0].attempts.length >= 2, 'a second attempt');
	const [delivery] = (await d.show(13)).deliveries;
	assert.equal(delivery.attempts[0].result, 'tempfail');
	assert.notEqual(delivery.state, 'DEAD');
	assert.equal(d.lines('runs').length, 3);
	await prlimit(d, `nproc=${before}:`, as);
	assert.equal(await posted.check(), posted.sent.size);
});

/* Sanitizers replace malloc: with them memory.test.mjs does the checking. */
const sanitized = /__(asan|tsan)_init/.test(readFileSync(HOOKD, 'latin1'));

/* Every Nth allocation in the process fails, whichever library makes it. */
for (const every of sanitized ? [] : LONG ? [1, 2, 3, 5, 17, 100, 1000] : [2, 17]) {
	test(`memory: allocation number ${every}, ${2 * every}, … fails`, limit, async (t) => {
		const d = new Daemon(t, { hooks });
		const failing = await Failing.preload(t, d, 'failing_memory');
		await d.start();
		const posted = new Posted(d, { short: true });
		await posted.posts(3);
		failing.failMemory(every);
		await Promise.all(Array.from({ length: 5 }, () => posted.posts(10)));
		failing.heal();
		assert.ok(failing.failed > 0);
		for (const status of posted.statuses.keys()) assert.ok([200, 503, 0].includes(status), `${status}`);
		await posted.until200('there was memory again');
		await posted.resendAll();
		assert.equal(await posted.check(), posted.sent.size);
	});
}

if (!sanitized) test('memory: no more address space, many large bodies', rootLimit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const posted = new Posted(d, { short: true });
	await posted.posts(3);
	const [, size] = /^VmSize:\s+(\d+) kB/m.exec(readFileSync(`/proc/${d.pid}/status`, 'utf8'));
	await prlimit(d, `as=${(Number(size) + 2048) * 1024}:`);
	const filler = { custom_metadata: { filler: 'y'.repeat(900_000) } };
	await Promise.all(Array.from({ length: 20 }, () => posted.posts(2, filler)));
	for (const status of posted.statuses.keys()) assert.ok([200, 503, 0].includes(status), `${status}`);
	await prlimit(d, 'as=unlimited:');
	await posted.until200('there was memory again');
	await posted.resendAll();
	assert.equal(await posted.check(), posted.sent.size);
});
