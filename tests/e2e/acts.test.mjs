// What hookctl changes, copies or checks: hookd does it on its behalf, or, when none runs, hookctl does
// it by the same code. Who asked, what was done when something ends in the middle, and what is left.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon, HOOKCTL } from './lib/daemon.mjs';
import { anotherBody, newEvent } from './lib/fedapay.mjs';
import { run } from './lib/program.mjs';
import { UID, unprivileged } from './lib/unprivileged.mjs';
import { limit, rootLimit, waitFor, within } from './lib/wait.mjs';

const MEMBER = UID + 1; // of hookd's group
const asMember = ['setpriv', `--reuid=${MEMBER}`, `--regid=${MEMBER}`, `--groups=${UID}`, '--'];

const json = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const audit = async (d) => json((await d.ctl('audit', '--json', '--limit', '1000')).stdout).reverse();
const states = (seen, hook) => seen.deliveries.filter((x) => x.hook === hook).map((x) => x.state);

/* ship dies, later is tried again in an hour, any dies as well if it is given a type by hand. */
const hooks = (x) => [x.hook('ship', 'exit 65', { on: ['transaction.approved'] }),
	x.hook('later', 'exit 75', { on: ['payout.sent'], retry: { attempts: 5, first: '1h', max: '1h' } })];

/** One of each: a dead delivery, one that waits, two events in quarantine; and a file to import. */
async function prepare(d) {
	const dead = await d.store();
	const waiting = await d.store({ name: 'payout.sent' });
	const quarantined = [];
	for (let i = 0; i < 2; i++) quarantined.push((await d.post(JSON.stringify({ n: `${dead}/${i}` }))).json.event);
	await waitFor(async () => states(await d.show(dead), 'ship')[0] === 'DEAD', 'the dead delivery');
	await waitFor(async () => (await d.show(waiting)).deliveries[0].attempts.length === 1, 'the first attempt of the other');
	return { dead, waiting, quarantined, file: d.file(`in${dead}`, `${anotherBody()}\n${anotherBody()}`) };
}

/* [act, arguments, what is printed, how many rows of the audit change] */
const ACTS = (d, at) => [
	['replay', ['replay', at.dead, '--state', 'dead'], /^event \d+ {2}ship {2}DEAD delivery \d+ again as \d+$/, 1],
	['cancel', ['cancel', at.waiting], /^event \d+ {2}later {2}READY delivery \d+ cancelled$/, 1],
	['pause', ['pause', 'ship'], /^ship: paused; its deliveries wait/, 1],
	['resume', ['resume', 'ship'], /^ship: resumed; it was paused since /, 1],
	['release', ['quarantine', 'release', at.quarantined[0], '--type', 'transaction.approved'], /^event \d+: released, 1 hook to run$/, 1],
	['drop', ['quarantine', 'drop', at.quarantined[1], '--yes'], /^event \d+: dropped$/, 1],
	['import', ['import', at.file], /^2 events imported, 0 there already, 0 refused; 2 deliveries SKIPPED/, 2],
	['backup', ['backup', `${d.dir}/copies/${at.dead}.db`], /: \d+ bytes, checked$/, 0],
	['check', ['check', '--full'], /: sound$/, 0],
	['vacuum', ['vacuum'], /: \d+ bytes, \d+ pages free in it$/, 0],
	['prune', ['prune', '--older-than', '0', '--yes'], /^\d+ events removed/, undefined],
];

/** Runs each act; `ctl` runs hookctl. Then the audit names them and the user. */
async function runAll(d, ctl, uid, acts) {
	const before = (await audit(d)).length;
	for (const [act, args, pattern] of acts) {
		const { code, stdout, stderr } = await ctl(...args.map(String));
		assert.equal(code, 0, `${act}: ${stderr}`);
		assert.match(stdout.trimEnd(), pattern, act);
		assert.equal(stderr, '', act);
	}
	const rows = (await audit(d)).slice(before);
	return { rows, expected: acts.map(([act, , , changed]) => [act, uid, changed, 'done']) };
}

const facts = (rows, expected) => rows.map((row, i) => [row.act, row.uid, expected[i]?.[2] === undefined ? undefined : row.changed, row.result]);

test('each act, with a hookd and without one', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const uid = process.getuid();
	mkdirSync(`${d.dir}/copies`);
	let at = await prepare(d);
	const running = await runAll(d, (...args) => d.ctl(...args), uid, ACTS(d, at));
	assert.deepEqual(facts(running.rows, running.expected), running.expected);
	await waitFor(async () => (await d.events()).every((e) => e.waiting === 0), 'what was released to end');
	at = await prepare(d);
	await d.stop();
	const stopped = await runAll(d, (...args) => d.ctl(...args), uid, ACTS(d, at));
	const expected = stopped.expected.filter(([act]) => act !== 'check'); // it only reads
	assert.deepEqual(facts(stopped.rows, expected), expected);
	await d.start();
	assert.equal((await d.ctl('check', '--full')).code, 0);
	await d.settled(await d.store());
});

test('as root and as a member of hookd\'s group: the audit says who it was', rootLimit, async (t) => {
	const d = unprivileged(t, { hooks });
	chmodSync(`${d.dir}/state`, 0o2770);
	await d.start();
	copyFileSync(HOOKCTL, `${d.dir}/hookctl`);
	const ctl = (before) => (...args) => run([...before, `${d.dir}/hookctl`][0],
		[...[...before, `${d.dir}/hookctl`].slice(1), '--config', d.configFile, ...args], { env: d.env });
	mkdirSync(`${d.dir}/copies`);
	for (const [who, before, uid] of [['root', [], 0], ['a member', asMember, MEMBER]]) {
		chownSync(`${d.dir}/copies`, uid, uid);
		let at = await prepare(d);
		const running = await runAll(d, ctl(before), uid, ACTS(d, at));
		assert.deepEqual(facts(running.rows, running.expected), running.expected, who);
		await waitFor(async () => (await d.events()).every((e) => e.waiting === 0), 'what was released to end');
		at = await prepare(d);
		await d.stop();
		// Without hookd these two need the secrets, too, which are not the member's to read.
		const acts = ACTS(d, at).filter(([act]) => uid === 0 || !['release', 'import'].includes(act));
		const stopped = await runAll(d, ctl(before), uid, acts);
		const expected = stopped.expected.filter(([act]) => act !== 'check');
		assert.deepEqual(facts(stopped.rows, expected), expected, who);
		if (uid === 0) {
			assert.equal(statSync(`${d.dir}/copies/${at.dead}.db`).uid, 0, 'the backup is for who asked');
			for (const name of readdirSync(`${d.dir}/state`)) assert.equal(statSync(`${d.dir}/state/${name}`).uid, UID, `${name} is root's`);
		}
		await d.start();
		await d.store();
	}
	const names = json((await d.ctl('audit', '--json', '--limit', '1000')).stdout).map((row) => row.user);
	assert.deepEqual([...new Set(names)].sort(), [String(MEMBER), 'root']);
});

test('a dry run shows what would be changed, and changes nothing', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const at = await prepare(d);
	const dry = [['replay', at.dead, '--state', 'dead', '--dry-run'], ['cancel', at.waiting, '--dry-run'],
		['prune', '--older-than', '0', '--dry-run'], ['import', at.file, '--dry-run'], ['import', '--run', at.file, '--dry-run']];
	const see = async () => [await d.events(), await Promise.all((await d.events()).map((e) => d.show(e.id)))];
	const before = await see();
	const shown = [];
	for (const args of dry) shown.push(await d.ctl(...args.map(String)));
	assert.deepEqual(await see(), before);
	assert.deepEqual(await audit(d), []);
	await d.stop();
	const bytes = () => readdirSync(d.dir).filter((name) => /db(-wal)?$/.test(name)).map((name) => [name, readFileSync(`${d.dir}/${name}`)]);
	const files = bytes();
	for (const [i, args] of dry.entries()) {
		const { code, stdout, stderr } = await d.ctl(...args.map(String));
		assert.equal(code, 0, `${args}: ${stderr}`);
		assert.equal(stdout, shown[i].stdout, 'the same with a hookd and without');
	}
	assert.deepEqual(bytes(), files);
});

// ---- something ends in the middle

/** hookctl, while it runs: {child, out(), ended}. */
function start(d, args, stdio = 'ignore') {
	const child = spawn(HOOKCTL, ['--config', d.configFile, ...args], { stdio: [stdio, 'pipe', 'pipe'], env: { ...process.env, ...d.env } });
	const texts = { stdout: '', stderr: '' };
	for (const name of ['stdout', 'stderr']) child[name].on('data', (part) => { texts[name] += part; });
	const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal, ...texts })));
	/* Of the file without a name that it has open; a descriptor may be closed between two looks at it. */
	const blocks = () => {
		const dir = `/proc/${child.pid}/fd`;
		try {
			const made = readdirSync(dir).find((fd) => readlinkSync(`${dir}/${fd}`).endsWith(' (deleted)'));
			return made === undefined ? 0 : statSync(`${dir}/${made}`).blocks;
		} catch (e) {
			if (e.code !== 'ENOENT' || child.exitCode !== null) throw e;
			return 0;
		}
	};
	return { child, blocks, lines: () => texts.stdout.split('\n').filter(Boolean), ended: within(ended, args.join(' ')) };
}

const replayed = async (d) => (await Promise.all((await d.events()).map((e) => d.show(e.id))))
	.flatMap((seen) => seen.deliveries).filter((x) => x.replay_of !== null).length;

/** A daemon with so many dead deliveries. */
async function withDead(t, count) {
	const d = await Daemon.start(t, { hooks, limits: { concurrency: 8 } });
	for (let i = 0; i < count; i++) await d.store();
	await waitFor(async () => (await d.events()).every((e) => e.dead === 1), 'all to die');
	return d;
}
const REPLAY = ['replay', '--state', 'dead', '--json', '--rate', '20/s'];

for (const without of [false, true]) {
	const how = without ? 'without a hookd' : 'with a hookd';
	for (const signal of ['SIGINT', 'SIGTERM']) {
		test(`${signal} in the middle of a replay ${how}: it says how far it came, and the rest can follow`, limit, async (t) => {
			const d = await withDead(t, 60);
			await d.ctl('pause', 'ship');
			if (without) await d.stop();
			const ctl = start(d, REPLAY);
			await waitFor(() => ctl.lines().length >= 5, 'the first ones');
			ctl.child.kill(signal);
			const { code, stdout, stderr } = await ctl.ended;
			assert.equal(code, 1, stderr);
			const done = Number(/stopped after (\d+) of 60; run the same command again for the rest/.exec(stderr)?.[1]);
			assert.equal(done, json(stdout).length, stderr);
			assert.ok(done >= 5 && done < 60, `${done}`);
			assert.equal(await replayed(d), done, 'exactly');
			const row = (await audit(d)).at(-1);
			assert.deepEqual([row.act, row.changed, row.result], ['replay', done, 'stopped']);
			const rest = await d.ctl('replay', '--state', 'dead', '--json');
			assert.equal(json(rest.stdout).length, 60 - done);
		});
	}

	test(`Ctrl-C in the middle of an import ${how}: what was read is imported, and counted`, limit, async (t) => {
		const d = await Daemon.start(t, { hooks });
		if (without) await d.stop();
		const ctl = start(d, ['import', '-'], 'pipe');
		const lines = Array.from({ length: 1000 }, () => `${anotherBody()}\n`);
		ctl.child.stdin.write(lines.slice(0, 500).join('') + lines[500].slice(0, 100));
		await waitFor(async () => (await d.events()).length >= 200, 'the first batch');
		ctl.child.kill('SIGINT');
		const { code, stdout, stderr } = await ctl.ended;
		ctl.child.stdin.destroy();
		assert.equal(code, 1);
		const imported = Number(/^(\d+) events imported, 0 there already, 0 refused/.exec(stdout)?.[1]);
		assert.equal(imported, (await d.events()).length, stdout);
		assert.ok(imported >= 200 && imported <= 500, stdout);
		assert.match(stderr, /stopped; run the same command again for the rest/);
		const again = await run(HOOKCTL, ['--config', d.configFile, 'import', '-'], { input: lines.join('') });
		assert.match(again.stdout, new RegExp(`^${1000 - imported} events imported, ${imported} there already, 0 refused`));
	});

	test(`Ctrl-C in the middle of a prune ${how}`, limit, async (t) => {
		const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship', 'true', { on: ['payout.*'] })] });
		const count = 20000;
		const note = 'x'.repeat(2000);
		const input = Array.from({ length: count }, (_, i) => JSON.stringify(newEvent({ id: 1_000_000 + i, entity: { id: i, note } }))).join('\n');
		assert.equal((await run(HOOKCTL, ['--config', d.configFile, 'import', '-'], { input })).code, 0);
		if (without) await d.stop();
		const ctl = start(d, ['prune', '--older-than', '0', '--yes']);
		await waitFor(async () => (await audit(d)).some((row) => row.act === 'prune' && row.changed > 0), 'the first slice');
		ctl.child.kill('SIGINT');
		const { code, stdout, stderr } = await ctl.ended;
		const removed = Number(/^(\d+) events removed/.exec(stdout)?.[1]);
		const row = (await audit(d)).at(-1);
		assert.deepEqual([row.act, row.changed], ['prune', removed]);
		assert.equal((await d.events()).length, count - removed);
		t.diagnostic(`${removed} of ${count}`);
		assert.ok(removed < count, 'it was in the middle');
		assert.equal(row.result, 'stopped');
		assert.equal(code, 1);
		assert.match(stderr, /stopped; run the same command again for the rest/);
	});

	test(`kill -9 of hookctl in the middle ${how}: the act stops, and the audit has it`, limit, async (t) => {
		const d = await withDead(t, 60);
		await d.ctl('pause', 'ship');
		if (without) await d.stop();
		const ctl = start(d, REPLAY);
		await waitFor(() => ctl.lines().length >= 5, 'the first ones');
		ctl.child.kill('SIGKILL');
		await ctl.ended;
		const row = await waitFor(async () => (await audit(d)).find((x) => x.act === 'replay' && x.result !== null), 'the end of the act');
		assert.equal(row.result, 'stopped');
		assert.equal(await replayed(d), row.changed);
		assert.ok(row.changed >= ctl.lines().length && row.changed < 60);
		const rest = await waitFor(async () => {
			const answer = await d.ctl('replay', '--state', 'dead', '--json');
			return answer.code === 0 && answer; // until the lock is free
		}, 'the rest');
		assert.equal(json(rest.stdout).length, 60 - row.changed);
	});
}

test('kill -9 of hookd in the middle: hookctl says so, and what it printed is done', limit, async (t) => {
	const d = await withDead(t, 60);
	await d.ctl('pause', 'ship');
	const ctl = start(d, REPLAY);
	await waitFor(() => ctl.lines().length >= 5, 'the first ones');
	await d.kill();
	const { code, stdout, stderr } = await ctl.ended;
	assert.equal(code, 1);
	assert.match(stderr, /hookd ended before it had done everything/);
	const least = Number(/at least (\d+) of 60 were changed/.exec(stderr)?.[1]);
	assert.equal(least, json(stdout).length);
	const row = (await audit(d)).at(-1);
	assert.deepEqual([row.act, row.result, row.ended_at], ['replay', null, null]);
	assert.match((await d.ctl('audit')).stdout, /replay +\d+ {2}not ended/);
	assert.equal(await replayed(d), row.changed);
	assert.ok(row.changed >= least, `${row.changed} and ${least}`);
	await d.start();
	assert.equal((await audit(d)).at(-1).result, 'interrupted');
	assert.equal(await replayed(d), row.changed);
});

test('Ctrl-C, and kill -9 of either side, in the middle of a backup: no file is left, and hookd goes on', rootLimit, async (t) => {
	const d = await Daemon.start(t, { hooks: [] });
	const note = 'x'.repeat(4000);
	const input = Array.from({ length: 12000 }, (_, i) => JSON.stringify(newEvent({ id: 2_000_000 + i, entity: { id: i, note } }))).join('\n');
	assert.equal((await run(HOOKCTL, ['--config', d.configFile, 'import', '-'], { input })).code, 0);
	mkdirSync(`${d.dir}/copies`);
	for (const [who, signal] of [['hookctl', 'SIGINT'], ['hookctl', 'SIGKILL'], ['hookd', 'SIGKILL']]) {
		const ctl = start(d, ['backup', `${d.dir}/copies/${who}${signal}.db`]);
		await waitFor(() => ctl.blocks() > 1000, 'the first pages');
		if (who === 'hookctl') ctl.child.kill(signal);
		else await d.kill();
		const { code, stdout, stderr } = await ctl.ended;
		assert.equal(stdout, '');
		if (signal === 'SIGINT') assert.deepEqual([code, stderr], [1, 'hookctl: stopped; no file was made\n']);
		else if (who === 'hookd') assert.match(stderr, /hookd ended before it had done everything/);
		assert.deepEqual(readdirSync(`${d.dir}/copies`), []);
		if (who === 'hookd') await d.start();
		await d.store();
	}
	assert.equal((await d.ctl('backup', `${d.dir}/copies/whole.db`)).code, 0);
	assert.equal((await run(HOOKCTL, ['check', '--full', '--store', `${d.dir}/copies/whole.db`])).code, 0);
});

test('hookd stops in an orderly way in the middle: the act stops first', limit, async (t) => {
	const d = await withDead(t, 60);
	await d.ctl('pause', 'ship');
	const ctl = start(d, REPLAY);
	await waitFor(() => ctl.lines().length >= 5, 'the first ones');
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	const { code, stdout, stderr } = await ctl.ended;
	assert.equal(code, 1);
	assert.match(stderr, new RegExp(`stopped after ${json(stdout).length} of 60`));
	assert.equal((await audit(d)).at(-1).result, 'stopped');
});

test('more events than one request holds are named: hookctl sends several, each delivery once', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	await d.stop();
	const many = 5100; // a request holds 2500
	const input = Array.from({ length: many }, (_, i) => `{"name":"transaction.approved","id":"e${i}"}\n`).join('');
	const imported = await run(HOOKCTL, ['--config', d.configFile, 'import', '-'], { input });
	assert.equal(imported.code, 0, imported.stderr);
	const events = Array.from({ length: many }, (_, i) => String(i + 1));
	const per = Number(/; (\d+) deliveries SKIPPED/.exec(imported.stdout)[1]) / many;
	const dry = await d.ctl('replay', ...events, '--dry-run', '--json');
	assert.equal(dry.code, 0, dry.stderr);
	assert.deepEqual([...new Set(json(dry.stdout).map((row) => row.event))], events.map(Number));
	const unknown = await d.ctl('replay', ...events, String(many + 1), '--yes');
	assert.notEqual(unknown.code, 0);
	assert.deepEqual((await audit(d)).filter((row) => row.act === 'replay' && row.changed > 0), [], 'all are found before one is changed');
	const { code, stdout, stderr } = await d.ctl('replay', ...events, '--yes');
	assert.equal(code, 0, stderr);
	assert.match(stdout, new RegExp(`\\b${many * per}\\b`));
	const acts = (await audit(d)).filter((row) => row.act === 'replay' && row.changed > 0);
	assert.deepEqual(acts.map((row) => row.changed), [2500 * per, 2500 * per, 100 * per]);
});

test('two at once without a hookd: each delivery is replayed once, and nobody waits for ever', limit, async (t) => {
	const d = await withDead(t, 30);
	await d.stop();
	const both = await Promise.all([1, 2, 3].map(() => d.ctl('replay', '--state', 'dead', '--json')));
	for (const { stderr } of both) assert.match(stderr, /^$|another hookctl \(pid \d+\) works on the store|nothing to replay/);
	const made = both.flatMap(({ stdout }) => json(stdout)).filter((x) => x.delivery !== null);
	assert.equal(made.length, 30, both.map((x) => x.stderr).join());
	assert.equal(await replayed(d), 30);
});

test('hookd that starts while hookctl works without it waits, answers 503, and then goes on', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	await d.stop();
	const act = start(d, ['import', '-'], 'pipe');
	act.child.stdin.write(`${anotherBody()}\n`);
	await waitFor(() => /hookctl/.test(readFileSync(`${d.config.store.path}.lock`, 'utf8')), 'hookctl to have the store');
	d.spawn();
	await d.logged(/hookd waits for its store, .* reason="hookctl, pid \d+, works on the store without hookd"/);
	await d.listening();
	assert.equal((await d.post()).status, 503);
	act.child.stdin.end();
	assert.equal((await act.ended).code, 0);
	await d.logged(/hookd is ready/);
	await d.store();
});

test('output that nobody reads stops the act', limit, async (t) => {
	const d = await withDead(t, 60);
	await d.ctl('pause', 'ship');
	const { code } = await run('sh', ['-c', `'${HOOKCTL}' --config '${d.configFile}' ${REPLAY.join(' ')} | head -n 3`]);
	assert.equal(code, 0);
	const row = await waitFor(async () => (await audit(d)).find((x) => x.act === 'replay' && x.result !== null), 'the end of the act');
	assert.equal(row.result, 'stopped');
	assert.ok(row.changed < 60, `${row.changed}`);
});

test('the audit as a list and as JSON', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const at = await prepare(d);
	await d.ctl('replay', String(at.dead), '--state', 'dead');
	await d.ctl('replay', '4711');
	await d.ctl('pause', 'ship', 'none');
	const lines = (await d.ctl('audit')).stdout.split('\n').filter(Boolean);
	assert.match(lines[0], /^when +user +act +changed +result +request$/);
	const user = process.getuid() === 0 ? 'root' : '\\S+';
	assert.match(lines[1], new RegExp(`^\\S.* ${user} +pause +1 {2}done +\\{"hooks":\\["ship","none"\\]\\}$`));
	const rows = await audit(d);
	assert.deepEqual(rows.map((row) => [row.act, row.changed, row.uid]), [['replay', 1, process.getuid()], ['pause', 1, process.getuid()]]);
	assert.deepEqual(rows[0].request.events, [at.dead]);
	for (const row of rows) assert.ok(Math.abs(Date.parse(row.ended_at) - Date.now()) < 600_000 && row.at <= row.ended_at);
	assert.equal((await d.ctl('audit', '--limit', '1')).stdout.split('\n').filter(Boolean).length, 2);
	assert.equal((await d.ctl('audit', '--limit', '0')).code, 2);
	assert.equal((await d.ctl('audit', 'x')).code, 2);
	await d.stop();
	assert.equal((await d.ctl('audit')).code, 0, 'without a hookd');
});

test('reload: the config is read again, or what is wrong with it is printed and the old one stays', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	d.configure({ hooks: (x) => [...hooks(x), x.hook('book', 'true', { on: ['transaction.approved'] })] });
	const good = await d.ctl('reload');
	assert.deepEqual([good.code, good.stdout, good.stderr], [0, 'config reloaded\n', '']);
	const seen = await d.settled(await d.store());
	assert.deepEqual(states(seen, 'book'), ['DONE']);
	await d.ctl('cancel', '--dead');
	assert.match((await d.ctl('status')).stdout, /^ +version \S+, config reloaded .* ago$/m);
	const right = readFileSync(d.configFile, 'utf8');
	writeFileSync(d.configFile, `${right}\nnonsense: 1\n`);
	const bad = await d.ctl('reload');
	assert.equal(bad.code, 1);
	assert.match(bad.stderr, /hookd\.yaml:\d+:\d+: unknown key "nonsense".*\nhookctl: reload refused: the config stays as it was\n$/s);
	const status = await d.ctl('status', '--store', `${d.dir}/hookd.db`);
	assert.equal(status.code, 1, status.stdout);
	assert.match(status.stdout, /^ +version \S+, config refused .* ago$/m);
	assert.match(status.stdout, /^attention +the changed config is refused \(hookctl reload says why\)$/m);
	const object = JSON.parse((await d.ctl('status', '--json')).stdout);
	assert.match(object.reload_error, /unknown key "nonsense"/);
	assert.equal(object.pid, d.pid);
	d.signal('SIGHUP'); // refused likewise
	writeFileSync(d.configFile, right);
	assert.equal((await d.ctl('reload')).code, 0);
	assert.equal((await d.ctl('status')).code, 0);
	assert.deepEqual((await audit(d)).filter((row) => row.act === 'reload').map((row) => row.result), ['done', 'done']);
	await d.stop();
	const none = await d.ctl('reload');
	assert.equal(none.code, 1);
	assert.match(none.stderr, /no hookd runs on .*hookd\.db/);
});
