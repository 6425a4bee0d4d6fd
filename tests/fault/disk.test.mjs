// hookd on a disk that is full, read-only, failing, locked or damaged: 503, never a crash, nothing acknowledged is lost,
// and it resumes by itself; after a failed sync it ends, and the next start has everything.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, readSync, readdirSync, rmSync, statSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
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
	await must('mount', '-t', 'tmpfs', '-o', `size=${size},mode=755`, 'hookd-test', disk);
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

for (const [what, before] of Object.entries({ 'with a store': () => {}, 'without one': (disk) => {
	for (const name of readdirSync(disk)) rmSync(join(disk, name));
} })) {
	test(`a disk that is full at the start, ${what}: 503 until there is room, then all works`, rootLimit, async (t) => {
		const { d, disk } = await onSmallDisk(t, '4m');
		const posted = new Posted(d);
		if (what === 'with a store') await posted.posts(3);
		await d.stop();
		before(disk);
		await run('dd', ['if=/dev/zero', `of=${disk}/other`, 'bs=4k']);
		d.spawn();
		await d.logged(/hookd waits for its store, .* reason="no room is left on the disk of the store"/);
		await d.listening();
		const { status, headers, text } = await d.post();
		assert.deepEqual([status, headers['retry-after']], [503, '5']);
		assert.match(text, /the store is not open yet/);
		d.signal('SIGHUP');
		await d.logged(/reload refused: the store is not open yet/);
		assert.notEqual((await d.ctl('status')).code, 0);
		rmSync(`${disk}/other`);
		await d.logged(/hookd is ready/);
		await posted.posts(3);
		assert.equal(await posted.check(), posted.sent.size);
	});
}

test('SIGTERM while it waits for room on the disk ends it in order', rootLimit, async (t) => {
	const { d, disk } = await onSmallDisk(t, '4m');
	await d.stop();
	await run('dd', ['if=/dev/zero', `of=${disk}/other`, 'bs=4k']);
	d.spawn();
	await d.logged(/hookd waits for its store/);
	assert.equal((await d.stop()).code, 0);
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

/** A file to import: so many events of 6 KB, received ten days ago. */
function oldEvents(d, count) {
	const received_at = new Date(Date.now() - 10 * 86400000).toISOString();
	const lines = Array.from({ length: count }, (_, i) => JSON.stringify({ received_at, payload: JSON.stringify({
		name: 'transaction.approved', object: 'transaction', entity: { id: 7000000 + i, reference: `old-${i}`, status: 'approved',
			filler: 'x'.repeat(6000) } }) }));
	return d.file('old.ndjson', `${lines.join('\n')}\n`);
}

const roomOf = (disk) => { const { bavail, bsize } = statfsSync(disk); return bavail * bsize; };

test('prune and vacuum make room on a disk that has little', rootLimit, async (t) => {
	for (const [room, busy] of [[4800 << 10, true], [512 << 10, false]]) {
		const { d, disk } = await onSmallDisk(t, '48m');
		const db = join(disk, 'hookd.db');
		const posted = new Posted(d);
		const imported = await d.ctl('import', oldEvents(d, 4000));
		assert.match(imported.stdout, /^4000 events imported/, imported.stderr);
		await d.stop(); // takes the WAL, and the room that it had
		await d.start();
		await run('dd', ['if=/dev/zero', `of=${disk}/other`, 'bs=64k', `count=${Math.floor((roomOf(disk) - room) / 65536)}`]);
		assert.ok(roomOf(disk) <= room + 65536);
		let over = !busy;
		const posting = (async () => { while (!over) { await posted.post(); await sleep(20); } })();
		const pruned = await d.ctl('prune', '--older-than', '1d', '--yes');
		const vacuumed = await d.ctl('vacuum');
		over = true;
		await posting;
		assert.equal(pruned.code, 0, pruned.stderr);
		assert.match(pruned.stdout, /^4000 events removed/);
		assert.equal(vacuumed.code, 0, vacuumed.stderr);
		assert.match(vacuumed.stdout, / 0 pages free in it/);
		await waitFor(() => statSync(db).size < 8 << 20, 'the file to be shorter');
		await posted.until200('there was little room');
		await posted.resendAll();
		assert.equal(await posted.check(), posted.sent.size);
		assert.deepEqual([...posted.statuses.keys()], [200], 'none was refused');
	}
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
	[['write', 'truncate', 'open', 'read'], 'EIO', [503]],
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
	assert.ok(refused >= 5 * 18 && failing.failed >= 6, `${refused} refused, ${failing.failed} calls failed`);
	await posted.resendAll();
	await posted.check();
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	await d.start();
	assert.equal(await posted.check(), posted.sent.size, 'after a restart, too');
});

test('a sync fails: hookd acknowledges nothing more and ends with status 1; the next start has everything', limit, async (t) => {
	const d = new Daemon(t, { hooks, store: (d) => ({ path: join(d.dir, 'store', 'hookd.db') }) });
	mkdirSync(join(d.dir, 'store'));
	const failing = await Failing.preload(t, d, 'failing');
	await d.start();
	const posted = new Posted(d);
	for (const error of ['EIO', 'ENOSPC', 'EIO']) {
		await posted.posts(10);
		const acked = posted.acked.size;
		posted.statuses.clear();
		d.asked = true; // it is to end
		failing.fail(['sync'], error);
		const clients = Promise.all(Array.from({ length: 6 }, () => posted.posts(3)));
		assert.deepEqual(await within(d.exited, 'its end'), { code: 1, signal: null }, error);
		await clients;
		for (const status of posted.statuses.keys()) assert.ok([503, 0].includes(status), `${error}: ${status}`);
		assert.equal(posted.acked.size, acked, error);
		assert.match(d.log, /store could not be synced, and takes nothing more[^\n]*\n(?:[^\n]*\n)*?[^\n]*hookd ends, because the store could not be synced/, error);
		d.spawn();
		d.asked = true;
		assert.deepEqual(await within(d.exited, 'a start on the same disk to end'), { code: 1, signal: null }, error);
		assert.match(d.log, /store cannot be opened/, error);
		failing.heal();
		await d.start();
	}
	await posted.resendAll();
	assert.equal(await posted.check(), posted.sent.size);
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
