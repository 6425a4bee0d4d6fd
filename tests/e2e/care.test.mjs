// hookctl backup, check, prune and vacuum.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon, HOOKCTL } from './lib/daemon.mjs';
import { newBody, newEvent } from './lib/fedapay.mjs';
import { run } from './lib/program.mjs';
import { UID, unprivileged } from './lib/unprivileged.mjs';
import { limit, rootLimit, waitFor } from './lib/wait.mjs';

const beside = (d) => readdirSync(d.dir).filter((name) => name.startsWith('copy'));

test('a backup under load has all that was acknowledged before it, and is sound', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship', 'true')], limits: { concurrency: 8 } });
	const before = [];
	for (let i = 0; i < 300; i++) before.push((await d.post()).json.event);
	let go = true;
	const clients = Array.from({ length: 4 }, async () => { while (go) await d.post(newBody()); });
	const { code, stdout, stderr } = await d.ctl('backup', `${d.dir}/copy.db`);
	go = false;
	await Promise.all(clients);
	assert.equal(code, 0, stderr);
	assert.match(stdout, /copy\.db: \d+ bytes, checked/);
	assert.deepEqual(beside(d), ['copy.db']);
	assert.equal(statSync(`${d.dir}/copy.db`).mode & 0o777, 0o600);
	const checked = await run(HOOKCTL, ['check', '--full', '--store', `${d.dir}/copy.db`]);
	assert.equal(checked.code, 0, checked.stdout + checked.stderr);
	assert.match(checked.stdout, /copy\.db: sound/);
	for (const event of [before[0], before.at(-1)]) {
		const [copied, original] = await Promise.all([`${d.dir}/copy.db`, `${d.dir}/hookd.db`].map((store) =>
			run(HOOKCTL, ['show', String(event), '--payload', '--store', store])));
		assert.ok(copied.bytes.length > 0);
		assert.deepEqual(copied.bytes, original.bytes);
	}
	// restored: a daemon on the copy continues from there
	const listed = (await run(HOOKCTL, ['events', '--json', '--limit', '100000', '--store', `${d.dir}/copy.db`])).stdout
		.split('\n').filter(Boolean).map((line) => JSON.parse(line).id);
	for (const event of before) assert.ok(listed.includes(event));
	await d.stop();
	d.configure({ store: { path: `${d.dir}/copy.db` } });
	await d.start();
	for (const event of before.slice(-3)) await d.settled(event);
});

test('a backup never overwrites, and leaves nothing when it fails', limit, async (t) => {
	const d = await Daemon.start(t);
	await d.settled(await d.store());
	writeFileSync(`${d.dir}/copy.db`, 'mine');
	const there = await d.ctl('backup', `${d.dir}/copy.db`);
	assert.equal(there.code, 1);
	assert.match(there.stderr, /exists already/);
	assert.equal(readFileSync(`${d.dir}/copy.db`, 'utf8'), 'mine');
	const nowhere = await d.ctl('backup', `${d.dir}/none/copy.db`);
	assert.equal(nowhere.code, 1);
	assert.match(nowhere.stderr, /none\/copy\.db: cannot be made: No such file/);
	assert.equal((await d.ctl('backup')).code, 2);
	assert.deepEqual(beside(d), ['copy.db']);
	await d.stop();
	const full = await run('sh', ['-c', `ulimit -f 80; exec ${HOOKCTL} backup ${d.dir}/copy2.db --store ${d.dir}/hookd.db`]);
	assert.equal(full.code, 1, 'a file that may not grow');
	assert.match(full.stderr, /File too large|full/);
	assert.deepEqual(beside(d), ['copy.db']);
	const stopped = await d.ctl('backup', `${d.dir}/copy3.db`);
	assert.equal(stopped.code, 0, `without a daemon: ${stopped.stderr}`);
});

test('a backup to a disk that is full, or for root to a place where others can write', rootLimit, async (t) => {
	const d = await Daemon.start(t);
	for (let i = 0; i < 30; i++) await d.store(newEvent({ note: 'x'.repeat(5000) }));
	const small = `${d.dir}/copy`;
	mkdirSync(small);
	execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0755', 'tmpfs', small]);
	try {
		const { code, stderr } = await d.ctl('backup', `${small}/copy.db`);
		assert.equal(code, 1);
		assert.match(stderr, /No space left on device|full/);
		assert.deepEqual(readdirSync(small), []);
		await d.store();
	} finally {
		execFileSync('umount', [small]);
	}
	for (const [owner, mode] of [[UID, 0o755], [0, 0o777], [0, 0o1777]]) {
		chownSync(small, owner, owner);
		chmodSync(small, mode);
		const { code, stderr } = await d.ctl('backup', `${small}/copy.db`);
		assert.equal(code, 1);
		assert.match(stderr, /copy\.db: other users can rename or create files in its directory, or in one above it/);
	}
	d.env = { SUDO_UID: String(UID) };
	chownSync(small, UID, UID);
	chmodSync(small, 0o755);
	assert.equal((await d.ctl('backup', `${small}/copy.db`)).code, 0, 'the home of the caller of sudo');
});

test('root backs up a store of another user into a directory of its own, with a hookd and without one', rootLimit, async (t) => {
	const d = unprivileged(t);
	await d.start();
	await d.settled(await d.store());
	const own = mkdtempSync('/root/hookctl-backup-');
	t.after(() => rmSync(own, { recursive: true }));
	for (const name of ['running', 'stopped']) {
		if (name === 'stopped') await d.stop();
		const { code, stdout, stderr } = await d.ctl('backup', `${own}/${name}.db`);
		assert.equal(code, 0, stderr);
		assert.match(stdout, /: \d+ bytes, checked$/m);
		const { uid, mode } = statSync(`${own}/${name}.db`);
		assert.deepEqual([uid, mode & 0o777], [0, 0o600]);
		assert.equal((await run(HOOKCTL, ['check', '--full', '--store', `${own}/${name}.db`])).code, 0);
	}
	assert.deepEqual(readdirSync(own).sort(), ['running.db', 'stopped.db']);
});

test('check: sound while hookd runs and when it does not; a flipped page is found', limit, async (t) => {
	const d = await Daemon.start(t);
	for (let i = 0; i < 50; i++) await d.settled(await d.store());
	for (const args of [[], ['--full']]) {
		const { code, stdout, stderr } = await d.ctl('check', ...args);
		assert.equal(code, 0, stdout + stderr);
		assert.match(stdout, /sound/);
	}
	await d.stop();
	assert.equal((await d.ctl('check')).code, 0);
	copyFileSync(`${d.dir}/hookd.db`, `${d.dir}/broken.db`);
	const size = statSync(`${d.dir}/broken.db`).size;
	const fd = openSync(`${d.dir}/broken.db`, 'r+');
	for (let page = 2; page * 8192 < size; page++) writeSync(fd, Buffer.alloc(64, 0xa5), 0, 64, page * 8192);
	const broken = await run(HOOKCTL, ['check', '--store', `${d.dir}/broken.db`]);
	assert.equal(broken.code, 1);
	assert.match(broken.stderr, /not sound|malformed/);
	const backup = await run(HOOKCTL, ['backup', `${d.dir}/copy.db`, '--store', `${d.dir}/broken.db`]);
	assert.equal(backup.code, 1, 'a damaged store gives no backup');
	assert.deepEqual(beside(d), []);
});

test('prune and vacuum: ended events are removed, waiting ones are kept, while hookd runs', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship', 'true', { args: [] }),
		x.hook('later', 'exit 75', { on: ['payout.*'], retry: { attempts: 5, first: '1h', max: '1h' } })] });
	for (let i = 0; i < 450; i++) await d.post(newBody({ entity: { id: i, note: 'x'.repeat(4000) } }));
	const waiting = await d.store({ name: 'payout.sent' });
	await d.logged(/delivery failed.*hook=later/);
	for (const { id } of (await d.events()).slice(-3)) await d.settled(id);
	await waitFor(async () => (await d.events()).filter((x) => x.waiting > 0).length === 1, 'all others to end');
	assert.equal((await d.ctl('prune')).code, 2);
	assert.equal((await d.ctl('prune', '--older-than', 'long')).code, 2);
	assert.match((await d.ctl('prune', '--older-than', '1d', '--yes')).stdout, /^0 events are older/);
	assert.match((await d.ctl('prune', '--older-than', '0', '--dry-run')).stdout, /^451 events are older/);
	const unasked = await d.ctl('prune', '--older-than', '0');
	assert.equal(unasked.code, 2);
	assert.match(unasked.stderr, /--yes/);
	const { code, stdout, stderr } = await d.ctl('prune', '--older-than', '0', '--yes');
	assert.equal(code, 0, stderr);
	assert.match(stdout, /^450 events removed, 1 kept: their deliveries still wait/);
	assert.deepEqual((await d.events()).map((x) => x.id), [waiting]);
	const size = async () => Number(/: (\d+) bytes/.exec((await d.ctl('vacuum')).stdout)[1]);
	assert.ok(await size() < 450 * 4000 / 2, 'the file shrinks'); // what is left are empty tables, a page each
	assert.equal((await d.ctl('check', '--full')).code, 0);
	await d.settled(await d.store({ name: 'transaction.approved' }));
});
