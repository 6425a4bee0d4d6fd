// What hookd inherits: a stderr that nobody reads, and a process state made for other programs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, readSync, readlinkSync, rmdirSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon, place } from './lib/daemon.mjs';
import { Manager } from './lib/manager.mjs';
import { limit, rootLimit, sleep, waitFor, within } from './lib/wait.mjs';

/** A daemon whose stderr is a pipe that is read only when `read` is called. */
class Unread extends Daemon {
	constructor(t, options) {
		super(t, options);
		const fifo = `${this.dir}/stderr`;
		execFileSync('mkfifo', [fifo]);
		this.wrap = ['sh', '-c', 'exec "$@" 2>"$0"', fifo];
		this.pipe = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
		this.said = '';
		t.after(() => closeSync(this.pipe));
	}

	/** False: there is no more. */
	read() {
		const part = Buffer.alloc(65536);
		try {
			const n = readSync(this.pipe, part);
			this.said += part.subarray(0, n).toString();
			return n > 0;
		} catch (error) {
			assert.equal(error.code, 'EAGAIN');
			return false;
		}
	}

	async start() {
		this.spawn();
		await waitFor(() => { this.read(); return /hookd is ready/.test(this.said); }, 'the line "hookd is ready"');
		this.at = place(/listening address=(\S+)/.exec(this.said)[1]);
		return this;
	}

	/** Until the pipe is full. */
	async fill() {
		const events = [];
		for (let i = 0; i < 500; i++) events.push(await this.store());
		return events;
	}
}

test('a stderr that nobody reads: events are stored, hooks run, hookctl works, SIGTERM ends it', limit, async (t) => {
	const d = new Unread(t, { log: { level: 'debug' }, hooks: (d) => [d.hook('loud', 'seq 1 300')] });
	await d.start();
	const events = await d.fill();
	assert.equal((await d.settled(events.at(-1))).deliveries[0].state, 'DONE');
	const reload = await d.ctl('reload');
	assert.equal(reload.code, 0, reload.stderr);
	assert.equal((await d.ctl('status')).code, 0);
	const from = Date.now();
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	assert.ok(Date.now() - from < 10_000, 'what is not read is not waited for');
});

test('lines that do not fit are counted, and the count is logged once somebody reads again', limit, async (t) => {
	const d = new Unread(t, { log: { level: 'debug' }, hooks: (d) => [d.hook('loud', 'seq 1 300')] });
	await d.start();
	await d.settled((await d.fill()).at(-1));
	const REPORT = /warn lines were not logged: .* lines=(\d+)$/m;
	await waitFor(() => { while (d.read()); return REPORT.test(d.said); }, 'the report');
	assert.ok(Number(REPORT.exec(d.said)[1]) > 0);
	const event = await d.store();
	await waitFor(() => { while (d.read()); return d.said.includes(`event stored event=${event} `); }, 'a new line');
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	while (d.read());
	assert.match(d.said, /hookd has stopped\n$/);
});

for (const name of ['SIGTERM twice', 'SIGABRT']) {
	test(`an end by ${name} writes what waits, and does not wait for a reader`, limit, async (t) => {
		const d = await Daemon.start(t, { hooks: (d) => [d.hook('slow', 'sleep 60')] });
		const event = await d.store();
		await waitFor(() => Object.keys(d.children).length > 0, 'the script');
		if (name === 'SIGABRT') {
			assert.deepEqual(await d.stop('SIGABRT'), { code: null, signal: 'SIGABRT' });
		} else {
			d.asked = true;
			d.signal('SIGTERM');
			await d.logged(/stopping: running/);
			assert.deepEqual(await d.stop(), { code: 1, signal: null });
			assert.match(d.log, /warn stopping at once$/m);
		}
		assert.match(d.log, new RegExp(`event stored event=${event} `));

		const unread = new Unread(t, { log: { level: 'debug' }, hooks: (d) => [d.hook('loud', 'seq 1 300')] });
		await unread.start();
		await unread.fill();
		unread.asked = true;
		unread.signal(name === 'SIGABRT' ? 'SIGABRT' : 'SIGTERM');
		await sleep(50);
		if (unread.running) unread.signal('SIGTERM');
		const from = Date.now();
		await within(unread.exited, 'its end');
		assert.ok(Date.now() - from < 15_000);
	});
}

test('a service manager that does not read keeps nothing waiting', limit, async (t) => {
	const d = new Daemon(t);
	const manager = await Manager.start(t, `${d.dir}/notify`);
	d.env = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '20000' }; // a message each 10 ms
	manager.child.kill('SIGSTOP');
	await d.start();
	await sleep(1000); // fills its queue
	await d.settled(await d.store());
	assert.equal((await d.ctl('reload')).code, 0);
	manager.child.kill('SIGCONT');
	await manager.line(/^READY=1$/);
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
});

/* Each is put before hookd's own argv. */
const perl = (code) => ['perl', '-MPOSIX', '-e', `${code}; exec @ARGV or die`];
const IGNORED = [1, 2, 3, 13, 14, 15, 17, 21, 22, 25];
const states = {
	'SIGCHLD ignored': perl('$SIG{CHLD} = "IGNORE"'),
	'most signals ignored': perl(`sigaction($_, POSIX::SigAction->new("IGNORE")) for (${IGNORED.join()})`),
	'every signal blocked': perl('my $all = POSIX::SigSet->new; $all->fillset; sigprocmask(SIG_BLOCK, $all)'),
	'umask 0777': perl('umask 0777'),
	'umask 0': perl('umask 0'),
	'no descriptors': perl('POSIX::close($_) for (0, 1)'),
	'soft limits': ['prlimit', '--fsize=20000:', '--stack=65536:', '--nofile=20:', '--memlock=0:'],
	'another environment': ['env', 'SSLKEYLOGFILE=/dev/full', 'LC_ALL=C', 'TMPDIR=/nowhere', 'POSIXLY_CORRECT=1',
		'http_proxy=http://127.0.0.1:1', 'HOME=/nowhere'],
};

for (const [what, wrap] of Object.entries(states)) {
	test(`${what}: scripts are seen to end, in time or not; modes; reload; stop`, limit, async (t) => {
		const d = await Daemon.start(t, { wrap, hooks: (d) => [
			d.hook('quick', 'umask >"$OUT/umask"; head -c 30000 /dev/zero >"$OUT/zeros"'),
			d.hook('endless', 'sleep 60', { timeout: '1s', kill_after: '100ms', retry: { attempts: 1 } })] });
		const event = await d.store();
		const { deliveries } = await d.settled(event);
		assert.deepEqual(deliveries.map((x) => [x.hook, x.state]).sort(), [['endless', 'DEAD'], ['quick', 'DONE']]);
		assert.match(d.read('umask'), /^00[0-7][2367]\n$/, 'hookd and its scripts own what they make, and others cannot write to it');
		for (const file of ['hookd.db', 'hookd.db-wal', 'hookd.db-shm', 'hookd.db.lock', 'hookd.db.control'])
			assert.equal(statSync(`${d.dir}/${file}`).mode & 0o777, 0o660, file);
		const reload = await d.ctl('reload');
		assert.equal(reload.code, 0, reload.stderr);
		d.signal('SIGHUP');
		await waitFor(() => d.logLines.filter((line) => /config reloaded/.test(line)).length === 2, 'the second reload');
		assert.deepEqual(await d.stop(), { code: 0, signal: null });
	});
}

test('a working directory that goes away: a relative --config is found at the next reload', limit, async (t) => {
	const d = new Daemon(t);
	const here = `${d.dir}/here`;
	mkdirSync(here);
	d.wrap = ['sh', '-c', 'cd "$0" && exec "$1" --config ../hookd.yaml', here];
	await d.start();
	rmdirSync(here);
	assert.equal(readlinkSync(`/proc/${d.pid}/cwd`), '/');
	await d.settled(await d.store());
	const reload = await d.ctl('reload');
	assert.equal(reload.code, 0, reload.stderr);
});

test('as PID 1 hookd reaps what scripts have left behind, and sees its scripts end', rootLimit, async (t) => {
	const d = new Daemon(t, { wrap: ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'],
		hooks: (d) => [d.hook('leaves', 'for i in 1 2 3; do (sleep 0.1; exit 7) & done; exit 0', { concurrency: 3 }),
			d.hook('fails', 'exit 9', { retry: { attempts: 1 } })] });
	await d.start();
	[d.pid] = Object.keys(d.children).map(Number); // hookd itself, below unshare
	for (let i = 0; i < 5; i++) {
		const { deliveries } = await d.settled(await d.store());
		assert.deepEqual(deliveries.map((x) => [x.hook, x.state]).sort(), [['fails', 'DEAD'], ['leaves', 'DONE']]);
	}
	await waitFor(() => Object.keys(d.children).length === 0, 'no child to be left, nor a zombie');
	const { deliveries } = await d.settled(await d.store());
	assert.match(JSON.stringify(deliveries), /"exit_code":9/);
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
});
