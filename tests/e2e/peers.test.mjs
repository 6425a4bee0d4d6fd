// hookctl and what may hold a store's lock in place of its hookd: another version, another store's, a
// stranger, one that lies, is silent or ends.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { Daemon, HOOKCTL } from './lib/daemon.mjs';
import { run } from './lib/program.mjs';
import { onTerminal } from './lib/terminal.mjs';
import { UID } from './lib/unprivileged.mjs';
import { limit, rootLimit, waitFor } from './lib/wait.mjs';

/** A store whose lock some other process has, with these lines in it. */
async function locked(t, lines, prepare = async () => {}) {
	const d = await Daemon.start(t);
	await d.settled(await d.store());
	await prepare(d);
	await d.stop();
	const lock = `${d.dir}/hookd.db.lock`;
	const holder = spawn('flock', [lock, 'sh', '-c', 'echo held; read line'], { stdio: ['pipe', 'pipe', 'inherit'] });
	t.after(() => holder.stdin.end());
	await new Promise((resolve) => holder.stdout.once('data', resolve));
	writeFileSync(lock, lines(d));
	return d;
}

/** The same with a server at its control socket; `serve` gets each connection, with its first line. */
async function served(t, serve, prepare) {
	const requests = [];
	const server = createServer({ allowHalfOpen: true }, (socket) => {
		let text = '';
		socket.on('error', () => {});
		socket.on('end', () => { if (!socket.asked) socket.end(); });
		socket.on('data', (part) => {
			text += part;
			if (!text.includes('\n') || socket.asked) return;
			socket.asked = true;
			requests.push(JSON.parse(text.slice(0, text.indexOf('\n'))));
			serve(socket, requests.at(-1));
		});
	});
	const d = await locked(t, (d) => `${process.pid}\n${d.dir}/hookd.db.control\n`, prepare);
	await new Promise((resolve) => server.listen(`${d.dir}/hookd.db.control`, resolve));
	t.after(() => new Promise((resolve) => server.close(resolve)));
	return { d, requests };
}

const say = (...messages) => (socket) => socket.end(messages.map((m) => `${typeof m === 'string' ? m : JSON.stringify(m)}\n`).join(''));
const row = (over) => ({ row: { event: 1, hook: 'ship', state: 'DEAD', delivery: 12, made: 31, ...over } });

test('a lock without a control socket: what it may be, and what to do', limit, async (t) => {
	const d = await locked(t, () => '4711\n');
	for (const args of [['replay', '1', '--yes'], ['pause', 'record'], ['vacuum'], ['backup', `${d.dir}/copy`], ['reload']]) {
		const { code, stderr } = await d.ctl(...args);
		assert.equal(code, 1, stderr);
		assert.match(stderr, /process 4711 has the store open and no control socket: .*of another version/);
	}
	assert.equal((await d.ctl('replay', '1', '--dry-run')).code, 0, 'what only reads works');
	assert.equal((await d.ctl('check')).code, 0);
	const { code, stdout } = await d.ctl('status');
	assert.equal(code, 1, stdout);
	assert.match(stdout, /^attention +process 4711 has the store open/m);
});

test('a hookd of another version of the protocol: its words are printed', limit, async (t) => {
	const { d, requests } = await served(t, say({ error: 'this hookd speaks version 2 of the control protocol: use the hookctl that came with it', hookd: 2 }));
	const { code, stderr } = await d.ctl('replay', '1');
	assert.equal(code, 1);
	assert.equal(stderr, 'hookctl: this hookd speaks version 2 of the control protocol: use the hookctl that came with it\n');
	assert.deepEqual([requests[0].hookd, requests[0].act], [1, 'replay']);
});

test('status: which hooks are held, since when, why, and how many deliveries wait', limit, async (t) => {
	const held = [{ hook: 'record', since: Date.now() - 3 * 3600_000 - 1000, why: 'answered 503\u001b[31m' }, { hook: 'gone', since: Date.now(), why: '' }];
	const { d } = await served(t, say({ done: { pid: process.pid, version: '1', started: Date.now(), held, held_count: 2 } }), async (d) => {
		assert.equal((await d.ctl('pause', 'record')).code, 0);
		await d.store();
	});
	const { code, stdout } = await d.ctl('status');
	assert.equal(code, 1, stdout);
	assert.match(stdout, /^held\n  record  1 waiting, since 3 h ago\n    answered 503\\x1b\[31m\n  gone  0 waiting, since \d+ s ago\n/m);
	assert.match(stdout, /^attention +.*hook record is held: its server is down/m);
	const json = JSON.parse((await d.ctl('status', '--json')).stdout);
	assert.deepEqual(json.held.map(({ hook, waiting }) => [hook, waiting]), [['record', 1], ['gone', 0]]);
});

test('the hookd of another store is not asked', limit, async (t) => {
	const other = await Daemon.start(t);
	const d = await locked(t, () => `${other.pid}\n${other.dir}/hookd.db.control\n`);
	const { code, stderr } = await d.ctl('replay', '1');
	assert.equal(code, 1);
	assert.match(stderr, /this hookd runs on another store/);
});

test('a socket of somebody else is not asked', rootLimit, async (t) => {
	const { d, requests } = await served(t, say({ done: {} }));
	chownSync(`${d.dir}/hookd.db`, UID, UID);
	chmodSync(`${d.dir}/hookd.db`, 0o660);
	const misled = await d.ctl('vacuum');
	assert.equal(misled.code, 1);
	assert.match(misled.stderr, /another user than the store's owner listens there/, 'a thief\'s store may name any program of root\'s');
	assert.deepEqual(requests, []);
	chownSync(`${d.dir}/hookd.db`, 0, 0);
	const socket = `${d.dir}/hookd.db.control`;
	rmSync(socket);
	const stranger = spawn('setpriv', [`--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', '--', process.execPath, '-e',
		`require('node:net').createServer((s) => s.end('{"done":{}}\\n')).listen('${d.dir}/out/hookd.db.control', () => console.log('up'))`],
	{ stdio: ['ignore', 'pipe', 'inherit'] });
	t.after(() => stranger.kill());
	chmodSync(d.dir, 0o755);
	chownSync(d.out, UID, UID);
	await new Promise((resolve) => stranger.stdout.once('data', resolve));
	symlinkSync(`${d.out}/hookd.db.control`, socket);
	writeFileSync(`${d.dir}/hookd.db.lock`, `1\n${d.out}/hookd.db.control\n`);
	const { code, stderr } = await d.ctl('vacuum');
	assert.equal(code, 1);
	assert.match(stderr, /another user than the store's owner listens there/);
});

test('a symbolic link in place of the control socket is not followed', limit, async (t) => {
	const { d, requests } = await served(t, say({ done: {} }));
	const socket = `${d.dir}/hookd.db.control`;
	renameSync(socket, `${d.dir}/other`);
	symlinkSync(`${d.dir}/other`, socket);
	const { code, stderr } = await d.ctl('vacuum');
	assert.equal(code, 1);
	assert.match(stderr, /hookd\.db\.control: Socket operation on non-socket/);
	assert.deepEqual(requests, []);
});

test('progress beyond all bounds', limit, async (t) => {
	const { d } = await served(t, (socket) => socket.end('{"progress":{"done":576460752303423488,"all":576460752303423488}}\n' +
		'{"progress":{"done":9223372036854775807,"all":1}}\n{"progress":{"done":-9223372036854775807,"all":-5}}\n{"done":{"faults":0}}\n'));
	const { code, text } = await onTerminal(100, [HOOKCTL, '--config', `${d.dir}/hookd.yaml`, 'check']);
	assert.equal(code, 0, text);
	assert.match(text, /9007199254740992 of 9007199254740992/);
});

test('a hookctl at work is not taken for hookd', limit, async (t) => {
	const d = await locked(t, () => '4711 hookctl\n');
	const { code, stdout } = await d.ctl('status');
	assert.equal(code, 2, stdout);
	assert.match(stdout, /^hookd +down: another hookctl works on the store, pid 4711$/m);
	assert.match((await d.ctl('pause', 'record')).stderr, /another hookctl \(pid 4711\) works on the store: wait for its end/);
});

test('a FIFO, a link or a long file in place of the lock', limit, async (t) => {
	const d = await Daemon.start(t);
	await d.stop();
	const lock = `${d.dir}/hookd.db.lock`;
	for (const make of [() => run('mkfifo', [lock]), () => symlinkSync('/dev/zero', lock), () => mkdirSync(lock), () => writeFileSync(lock, 'x'.repeat(100_000))]) {
		rmSync(lock, { recursive: true });
		await make();
		for (const args of [['status'], ['pause', 'record']]) {
			const { code, stdout, stderr } = await d.ctl(...args);
			assert.equal(code, args[0] === 'status' ? 2 : 1, stderr);
			assert.match(stdout + stderr, /hookd\.db\.lock: not a lock of hookd's/);
		}
		assert.ok(lstatSync(lock));
	}
	rmSync(lock, { recursive: true });
});

test('nothing that the peer says reaches the terminal raw', limit, async (t) => {
	const evil = '\u001b[31m\u0007\r\n\u009b2J\u202e';
	const answers = [[row({ hook: evil, state: evil }), { done: { changed: 1, found: 1, last: 12 } }], [{ error: evil }],
		[{ fault: { line: 3, text: evil } }, { done: { faults: 1, imported: 0 } }], ['\u001b[31m'], [{ [evil]: 1 }], [{ done: { pid: 1, version: evil, started: 1 } }]];
	let at;
	const { d } = await served(t, (socket) => say(...answers[at])(socket));
	for (at = 0; at < answers.length; at++) {
		for (const args of [['replay', '1'], ['check'], ['import', '-'], ['pause', 'record'], ['prune', '--older-than', '0', '--yes'], ['reload'], ['status']]) {
			const { stdout, stderr } = await d.ctl(...args);
			assert.doesNotMatch(stdout + stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/, `${args} and ${JSON.stringify(answers[at])}`);
		}
	}
});

test('an answer that makes no sense, or has no end', limit, async (t) => {
	const cases = [[[], /hookd ended before it had done everything/], [['HTTP/1.1 400'], /cannot be read: not a JSON object/],
		[[{ hint: 1 }], /cannot be read: unknown message/], [['{"row":1}', '{"done":{}}'], /nothing to replay/], [[{ done: 7 }], /cannot be read/],
		[[`{"row":"${'x'.repeat(2_000_000)}"}`], /cannot be read: too long/], [[{ error: 5 }], /gives no reason/]];
	let at;
	const { d } = await served(t, (socket) => say(...cases[at][0])(socket));
	for (at = 0; at < cases.length; at++) {
		const { code, stderr } = await d.ctl('replay', '1');
		assert.equal(code, 1);
		assert.match(stderr, cases[at][1]);
	}
});

test('a backup whose pages make no sense, are beyond all bounds, or are no store', limit, async (t) => {
	const page = (at, bytes) => ({ pages: { at, data: Buffer.from(bytes).toString('base64') } });
	const sense = /hookd's answer cannot be read: not the pages of a store/, good = page(0, new Uint8Array(512));
	const cases = [[[page(-512, new Uint8Array(512))], sense], [[page(2 ** 46, new Uint8Array(512))], sense], [[page(1, new Uint8Array(512))], sense],
		[[page(0, 'odd')], sense], [[page(0, '')], sense], [[{ pages: { at: 0, data: '****' } }], sense], [[{ pages: 7 }], sense],
		[[{ pages: { at: '0', data: good.pages.data } }], sense], [[page(0, new Uint8Array(512 * 1024))], sense],
		[[good, { done: { size: 2 ** 47 } }], sense], [[good, { done: { size: 7 } }], sense],
		[[good, { done: { size: 512 } }], /the copy/], [[{ done: {} }], /the copy/]];
	let at;
	const { d } = await served(t, (socket) => say(...cases[at][0])(socket));
	for (at = 0; at < cases.length; at++) {
		const { code, stdout, stderr } = await d.ctl('backup', `${d.dir}/copy.db`);
		assert.deepEqual([code, stdout], [1, ''], JSON.stringify(cases[at][0]).slice(0, 200));
		assert.match(stderr, cases[at][1]);
		assert.equal(existsSync(`${d.dir}/copy.db`), false);
	}
});

test('rows whose end does not come: what was said is counted', limit, async (t) => {
	const { d, requests } = await served(t, (socket, request) => (request.dry_run
		? say({ done: { changed: 0, found: 3, last: 14, as_of: 99 } })(socket) : say(row(), row({ delivery: 13, made: 0 }), row({ delivery: 14 }))(socket)));
	const { code, stdout, stderr } = await d.ctl('replay', '1', '--state', 'dead', '--hook', 'ship');
	assert.equal(code, 1);
	assert.equal(stdout, 'event 1  ship  DEAD delivery 12 again as 31\n' +
		'event 1  ship  DEAD delivery 13 was changed by someone else in the meantime\nevent 1  ship  DEAD delivery 14 again as 31\n');
	assert.match(stderr, /hookd ended before .*\n.*at least 2 of 3 were changed; run the same command again for the rest\n/);
	const [dry, real] = requests;
	assert.deepEqual({ ...dry, dry_run: undefined, until: 14, as_of: 99 }, { ...real, dry_run: undefined }, 'the same but for what was found');
	assert.deepEqual([dry.dry_run, real.until, real.hook, real.state, real.events], [true, 14, 'ship', 'dead', [1]]);
});

test('a hookd that does not answer: status says so after a while', limit, async (t) => {
	const d = await Daemon.start(t);
	d.signal('SIGSTOP');
	const { code, stdout } = await d.ctl('status').finally(() => d.signal('SIGCONT'));
	assert.equal(code, 1, stdout);
	assert.match(stdout, /^hookd +up, pid /m);
	assert.match(stdout, /^attention +hookd does not answer$/m);
	await waitFor(async () => (await d.ctl('status')).code === 0, 'an answer');
});

test('a hookd that sends progress and never an answer: status ends, too', limit, async (t) => {
	const { d } = await served(t, (socket) => {
		const again = setInterval(() => socket.write('{"progress":{"done":1,"all":2}}\n'), 500);
		socket.on('close', () => clearInterval(again)).on('error', () => {});
	});
	const { code, stdout } = await d.ctl('status');
	assert.equal(code, 1, stdout);
	assert.match(stdout, /^attention +hookd does not answer$/m);
});
