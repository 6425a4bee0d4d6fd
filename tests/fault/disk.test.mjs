// hookd on a disk that is full, read-only, failing, locked or damaged: 503, never a crash, nothing acknowledged is lost,
// and it resumes by itself.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Daemon } from '../e2e/lib/daemon.mjs';
import { newBody } from '../e2e/lib/fedapay.mjs';
import { run } from '../e2e/lib/program.mjs';
import { limit, rootLimit, waitFor, within } from '../e2e/lib/wait.mjs';
import { Failing } from './failing.mjs';
import { Posted } from './kept.mjs';

const retry = { attempts: 30, first: '100ms', max: '500ms' };
const hooks = (d) => [d.hook('record', 'echo "$HOOKD_EVENT_ID" >>"$OUT/runs"', { retry })];
const filler = { custom_metadata: { filler: 'x'.repeat(8000) } };

async function must(program, ...args) {
	const { code, stderr } = await run(program, args);
	assert.equal(code, 0, `${program} ${args.join(' ')}: ${stderr}`);
}

/** A daemon whose store is on its own small disk. */
async function onSmallDisk(t, size) {
	const d = new Daemon(t, { hooks });
	const disk = join(d.dir, 'disk');
	mkdirSync(disk);
	await must('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'hookd-test', disk);
	d.last = () => must('umount', '-l', disk);
	d.configure({ store: { path: join(disk, 'hookd.db') } });
	await d.start();
	return { d, disk };
}

test('a full disk: 503 until there is room, then it resumes by itself', rootLimit, async (t) => {
	const { d, disk } = await onSmallDisk(t, '4m');
	const posted = new Posted(d);
	for (let i = 0; i < 400 && !posted.statuses.has(503); i++) await posted.post(filler);
	assert.ok(posted.acked.size > 5, 'it took some');
	await posted.posts(20, filler);
	assert.deepEqual([...posted.statuses.keys()].sort(), [200, 503]);
	await d.logged(/store cannot write .*(full|No space left)/);
	assert.equal((await d.ctl('status')).stderr, '', 'hookctl status reports it all the same');
	await must('mount', '-o', 'remount,size=64m', disk);
	await posted.until200('room was made');
	await d.logged(/store can write again/);
	await posted.resendAll();
	assert.equal(await posted.check(), posted.sent.size);
});

test('a disk that another program fills and frees', rootLimit, async (t) => {
	const { d, disk } = await onSmallDisk(t, '16m');
	const posted = new Posted(d);
	await posted.posts(5);
	for (let round = 0; round < 3; round++) {
		await run('dd', ['if=/dev/zero', `of=${disk}/other`, 'bs=64k']); // until no space is left
		const refused = posted.statuses.get(503) ?? 0;
		await waitFor(async () => await posted.post(filler) === 503, 'a refusal');
		await posted.posts(5, filler);
		assert.ok(posted.statuses.get(503) > refused);
		rmSync(`${disk}/other`);
		await posted.until200('the other file went');
		await posted.posts(3);
	}
	assert.deepEqual([...posted.statuses.keys()].sort(), [200, 503]);
	await posted.resendAll();
	assert.equal(await posted.check(), posted.sent.size);
});

test('a read-only disk: no start, with the reason, until it is writable again', rootLimit, async (t) => {
	const { d, disk } = await onSmallDisk(t, '16m');
	const posted = new Posted(d);
	await posted.posts(5);
	await waitFor(() => d.lines('runs').length === 5, 'the runs');
	await d.stop();
	await must('mount', '-o', 'remount,ro', disk);
	d.spawn();
	d.asked = true;
	assert.deepEqual(await within(d.exited, 'its end'), { code: 1, signal: null });
	assert.match(d.log, /store .*hookd\.db/, 'what, and where');
	assert.match(d.log, /[Rr]ead-only|readonly/);
	await must('mount', '-o', 'remount,rw', disk);
	await d.start();
	await posted.posts(5);
	assert.equal(await posted.check(), 10);
});

/* [calls that fail, error, statuses allowed meanwhile]. */
const FAILURES = [
	[['write'], 'EIO', [503]],
	[['write'], 'ENOSPC', [503]],
	[['write', 'open', 'truncate'], 'EROFS', [503]], // as after a remount by the kernel
	[['sync'], 'EIO', [503]],
	[['write', 'sync', 'truncate', 'open', 'read'], 'EIO', [503]],
	[['write'], 'EDQUOT', [503]],
	[['open'], 'EMFILE', [200]],
	[['truncate'], 'EIO', [200]],
	[['read'], 'EIO', [200, 503]],
];

test('disk calls fail for a while: refused, then it resumes by itself', limit, async (t) => {
	const d = new Daemon(t, { hooks, store: (d) => ({ path: join(d.dir, 'store', 'hookd.db') }) });
	mkdirSync(join(d.dir, 'store'));
	const failing = await Failing.preload(t, d, 'failing');
	await d.start();
	const posted = new Posted(d);
	let refused = 0;
	await posted.posts(3);
	for (const [calls, error, expected] of FAILURES) {
		const what = `${calls.join(', ')}: ${error}`;
		posted.statuses.clear();
		failing.fail(calls, error);
		await Promise.all(Array.from({ length: 6 }, () => posted.posts(3)));
		failing.heal();
		for (const status of posted.statuses.keys()) assert.ok(expected.includes(status), `${what}: ${status}`);
		refused += posted.statuses.get(503) ?? 0;
		await posted.until200(what);
	}
	assert.ok(refused >= 6 * 18 && failing.failed >= 6, `${refused} refused, ${failing.failed} calls failed`);
	await posted.resendAll();
	await posted.check();
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	await d.start();
	assert.equal(await posted.check(), posted.sent.size, 'after a restart, too');
});

/* The lock that a writer of the WAL takes: byte 120 of the WAL-index (https://www.sqlite.org/walformat.html). */
const LOCKER = 'open(F, "+<", $ARGV[0]) or die; $l = pack("s s x4 q q i x4", 1, 0, 120, 1, 0); fcntl(F, 7, $l) or die "lock: $!"; ' +
	'$| = 1; print "locked\\n"; <STDIN>;';

test('another program holds the store\'s lock for longer than hookd waits', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const posted = new Posted(d);
	await posted.posts(3);
	await waitFor(() => d.lines('runs').length === 3, 'the runs');
	const locker = spawn('perl', ['-e', LOCKER, `${d.config.store.path}-shm`], { stdio: ['pipe', 'pipe', 'inherit'] });
	t.after(() => locker.kill());
	await within(new Promise((resolve) => { locker.stdout.once('data', resolve); }), 'the lock');
	assert.equal(await posted.post(), 503);
	await d.logged(/store cannot write .*locked/);
	locker.stdin.end();
	await posted.until200('the lock was released');
	await posted.resendAll();
	assert.equal(await posted.check(), posted.sent.size);
});

/* ---- damage */
const PAGE = 16_384;

/** The store's pages whose first byte is `type` (https://www.sqlite.org/fileformat2.html, 1.6), except the first one. */
function pagesOf(file, type) {
	const bytes = readFileSync(file);
	assert.equal(bytes.readUInt16BE(16), PAGE);
	return Array.from({ length: bytes.length / PAGE - 1 }, (_, i) => i + 1).filter((page) => bytes[page * PAGE] === type);
}

function overwrite(file, offset, bytes) {
	const fd = openSync(file, 'r+');
	writeSync(fd, bytes, 0, bytes.length, offset);
	closeSync(fd);
}

/* Changes a byte of the page's header: the smallest damage that SQLite notices. */
function flip(file, page) {
	const fd = openSync(file, 'r+');
	const byte = Buffer.alloc(1);
	readSync(fd, byte, 0, 1, page * PAGE + 9);
	byte[0] ^= 0xff;
	writeSync(fd, byte, 0, 1, page * PAGE + 9);
	closeSync(fd);
}

const DAMAGE = [
	['the header\'s magic', (file) => overwrite(file, 0, Buffer.from('SQLITE?')), { starts: false, says: /not a hookd store|not a database/ }],
	['the page size', (file) => overwrite(file, 16, Buffer.from([0, 7])), { starts: false, says: /not a hookd store|not a database|malformed/ }],
	['the schema', (file) => overwrite(file, 100, Buffer.alloc(2000, 0xa5)), { starts: false, says: /malformed|not a hookd store/ }],
	['a page of a table, zeroed', (file) => overwrite(file, pagesOf(file, 13).at(-1) * PAGE, Buffer.alloc(PAGE)), {}],
	['a page of a table, garbage', (file) => overwrite(file, pagesOf(file, 13)[1] * PAGE, Buffer.alloc(PAGE, 0x5a)), {}],
	['a byte of a page of a table', (file) => flip(file, pagesOf(file, 13).at(-1)), {}],
	['each page of an index, garbage', (file) => pagesOf(file, 10).forEach((page) => overwrite(file, page * PAGE, Buffer.alloc(PAGE, 0x5a))), {}],
	['a byte of each page of an index', (file) => pagesOf(file, 10).forEach((page) => flip(file, page)), {}],
	['the second half', (file) => overwrite(file, Math.floor(statSync(file).size / 2 / PAGE) * PAGE, Buffer.alloc(Math.ceil(statSync(file).size / 2))), {}],
];

test('a damaged store: reported clearly, never a crash, and the backup works', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const posted = new Posted(d);
	await posted.posts(60, filler);
	await posted.check();
	await d.stop();
	const file = d.config.store.path;
	const sound = join(d.dir, 'sound.db');
	copyFileSync(file, sound);
	for (const [what, damage, { starts, says = /malformed|damaged|corrupt/ }] of DAMAGE) {
		copyFileSync(sound, file);
		for (const end of ['-wal', '-shm']) rmSync(file + end, { force: true });
		damage(file);
		const before = readFileSync(file);
		const checked = await d.ctl('check', '--full');
		assert.notEqual(checked.code, 0, `hookctl check, ${what}: ${checked.stdout}`);
		assert.equal(checked.signal, null, what);
		d.spawn();
		d.asked = true; // not starting is allowed here
		await waitFor(() => !d.running || /hookd is ready/.test(d.log), what);
		if (starts === false) assert.equal(d.running, false, `${what}: it starts`);
		if (d.running) {
			d.addresses = [...d.log.matchAll(/listening address=\S+:(\d+)/g)].map((m) => Number(m[1]));
			d.at = { host: '127.0.0.1', port: d.addresses[0] };
			const seen = new Posted(d);
			await seen.posts(20, filler);
			for (const id of posted.sent.keys()) {
				const { status } = await d.post(posted.sent.get(id));
				assert.ok([200, 503].includes(status), `${what}: ${status}`);
			}
			for (const status of seen.statuses.keys()) assert.ok([200, 503].includes(status), `${what}: ${status}`);
			assert.deepEqual(await d.stop(), { code: 0, signal: null }, what);
		} else {
			const { code, signal } = await d.exited;
			assert.ok(code !== 0 && signal === null, `${what}: ${code} ${signal}`);
			assert.match(d.log, says, what);
			assert.deepEqual(readFileSync(file), before, `${what}: what is damaged is left as it is`);
		}
	}
	copyFileSync(sound, file);
	for (const end of ['-wal', '-shm']) rmSync(file + end, { force: true });
	await d.start();
	assert.equal(await posted.check(), posted.sent.size);
});

test('a payload whose byte the disk has changed: no hook acts on it, and the same event sent again repairs it', limit, async (t) => {
	const d = await Daemon.start(t, {
		hooks: (d) => [d.hook('record', 'cat >"$OUT/payload"; echo x >>"$OUT/runs"')],
		on_failure: (d) => ({ run: [d.script('tell', 'echo "$1" >>"$OUT/told"'), '{{failure.reason}}'] }),
	});
	const body = newBody();
	const id = (await d.post(body)).json.event;
	await waitFor(() => d.lines('runs').length === 1, 'the run');
	await d.stop();
	const file = d.config.store.path;
	const bytes = readFileSync(file);
	const at = bytes.indexOf('"amount":5000');
	assert.ok(at > 0 && bytes.indexOf('"amount":5000', at + 1) < 0);
	overwrite(file, at + '"amount":'.length, Buffer.from('9'));
	await d.start();
	const event = String(id);
	const check = await d.ctl('check', '--full');
	assert.deepEqual([check.code, /event \d+: its payload is not what was received/.test(check.stdout + check.stderr)], [1, true], check.stdout + check.stderr);
	assert.match((await d.ctl('show', event)).stdout, /payload +\d+ bytes, DAMAGED: not what was received/);
	for (const words of [['show', '--payload', event], ['export'], ['test', 'record', '--event', event], ['replay', event]]) {
		const { code, stderr } = await d.ctl(...words);
		assert.notEqual(code, 0, words.join(' '));
		assert.match(stderr, /its payload is damaged/, words.join(' '));
	}
	assert.match((await d.ctl('show', 'transaction:98446301')).stdout, /! event \d+: its payload is damaged/);
	await d.ctl('replay', '--state', 'done', '--yes');
	await d.logged(/delivery dead .*the stored payload is damaged/);
	await waitFor(() => /the stored payload is damaged/.test(d.read('told')), 'the failure hook to run');
	assert.equal(d.lines('runs').length, 1);

	const again = await d.post(body);
	assert.deepEqual([again.status, again.json.status, again.json.event], [200, 'duplicate', id]);
	await d.logged(/damaged payload repaired from the sender's copy/);
	assert.match((await d.ctl('check', '--full')).stdout, /sound/);
	await d.ctl('replay', event, '--yes');
	await waitFor(() => d.lines('runs').length === 2, 'the run');
	assert.equal(d.read('payload'), body);
});
