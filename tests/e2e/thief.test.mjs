// The store's owner is a thief, as a script that was taken over may be: what root's hookctl then does with
// the store and with what lies beside it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, lstatSync, readFileSync, renameSync, rmSync,
	statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { HOOKCTL } from './lib/daemon.mjs';
import { newBody } from './lib/fedapay.mjs';
import { run } from './lib/program.mjs';
import { AS_UID, UID, unprivileged, vault } from './lib/unprivileged.mjs';
import { rootLimit, waitFor } from './lib/wait.mjs';

const ALTER = fileURLToPath(new URL('./lib/alter.c', import.meta.url));

/* With operands and options with which each would do something. */
const READING = [['status'], ['events'], ['deliveries'], ['transactions'], ['show', '1'], ['check'], ['stats'],
	['export'], ['quarantine', 'list'], ['completion', 'hooks'], ['test', 'record', '--event', '1']];
const CHANGING = [['replay', '1'], ['cancel', '1'], ['pause', 'record'], ['resume', 'record'],
	['quarantine', 'drop', '1', '--yes'], ['backup', 'OUT'], ['prune', '--older-than', '1h', '--yes'], ['vacuum'],
	['import', 'IN']];

const CONTROL = /[\0-\x08\x0b-\x1f\x7f]/;

/** A hookd of UID's, stopped, whose store has an event; `precious` is a file of root's. */
async function robbed(t) {
	const d = unprivileged(t, { hooks: (d) => [d.hook('record', 'true')] });
	await d.start();
	await d.settled(await d.store());
	const safe = vault(t);
	const built = await run('cc', ['-o', `${d.dir}/alter`, ALTER, '-lsqlite3']);
	assert.equal(built.code, 0, built.stderr);
	d.db = d.config.store.path;
	d.safe = safe;
	d.input = d.file('in.ndjson', '{"id": 1, "name": "a.b"}\n');
	d.precious = `${safe}/precious`;
	writeFileSync(d.precious, 'of root\n', { mode: 0o600 });
	return d;
}

/** Runs SQL on the store as its owner. */
async function alter(d, sql) {
	const { code, stderr } = await run(AS_UID[0], [...AS_UID.slice(1), `${d.dir}/alter`, d.db, sql]);
	assert.equal(code, 0, `${sql}: ${stderr}`);
}

const owned = (path) => { chownSync(path, UID, UID); return path; };

/** Root's hookctl; never longer than 20 s. */
async function ctl(d, command) {
	const words = command.map((word) => ({ OUT: `${d.safe}/out.db`, IN: d.input })[word] ?? word);
	const ended = await run(HOOKCTL, ['--config', d.configFile, ...words], { env: d.env, ms: 20_000 });
	assert.equal(ended.signal, null, command.join(' '));
	assert.doesNotMatch(ended.stderr, CONTROL, command.join(' '));
	return ended;
}

/** Each command says why, and does nothing. */
async function refused(d, commands, pattern) {
	for (const command of commands) {
		const { code, stdout, stderr } = await ctl(d, command);
		assert.notEqual(code, 0, `${command.join(' ')}: ${stdout}`);
		assert.match(stderr, pattern, command.join(' '));
		assert.doesNotMatch(stdout, CONTROL);
	}
	assert.equal(readFileSync(d.precious, 'utf8'), 'of root\n');
	assert.equal(statSync(d.precious).uid, 0);
}

const ids = (pid) => Object.fromEntries(readFileSync(`/proc/${pid}/status`, 'utf8').split('\n')
	.map((line) => line.split(':\t')).map(([name, value]) => [name, value?.trim()]));

test('root reads a store as its owner, who has nothing of root\'s', rootLimit, async (t) => {
	const d = await robbed(t);
	const child = spawn(HOOKCTL, ['--config', d.configFile, 'deliveries', '--follow'], { stdio: ['ignore', 'pipe', 'inherit'] });
	await new Promise((resolve) => child.stdout.once('data', resolve));
	const { Uid, Gid, Groups, CapPrm, CapEff, CapAmb } = ids(child.pid);
	child.kill();
	assert.deepEqual([Uid, Gid], [`${UID}\t${UID}\t${UID}\t${UID}`, `${UID}\t${UID}\t${UID}\t${UID}`]);
	assert.equal(Groups, String(UID));
	for (const set of [CapPrm, CapEff, CapAmb]) assert.match(set, /^0+$/);
	for (const suffix of ['', '-wal', '-shm', '.lock']) assert.equal(statSync(d.db + suffix).uid, UID, suffix);
});

test('what SQLite would run: a trigger without end, views, virtual tables', rootLimit, async (t) => {
	const d = await robbed(t);
	await d.stop();
	const endless = 'CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n; ';
	const changes = [
		[`${endless} CREATE TRIGGER t BEFORE UPDATE ON hooks BEGIN SELECT max(i) FROM endless; END`, /view "endless" is not hookd's/],
		['CREATE TRIGGER t AFTER UPDATE ON hooks BEGIN DELETE FROM events; END', /trigger "t" is not hookd's/],
		[`${endless} ALTER TABLE hooks RENAME TO h; CREATE VIEW hooks AS SELECT id, name, i AS paused_at FROM h, endless`, /view "(endless|hooks)" is not hookd's/],
		['DROP TABLE hooks; CREATE VIRTUAL TABLE hooks USING fts5(id, name, paused_at)', /table "hooks" is not as hookd makes it/],
		['CREATE INDEX i ON events(length(payload))', /index "i" is not hookd's/],
		['CREATE TABLE more(a)', /table "more" is not hookd's/],
		['DROP INDEX events_type', /index "events_type" is missing/],
	];
	copyFileSync(d.db, `${d.dir}/sound`);
	for (const [sql, pattern] of changes) {
		await alter(d, sql);
		await refused(d, [...READING, ...CHANGING], pattern);
		for (const suffix of ['', '-wal', '-shm']) rmSync(d.db + suffix, { force: true });
		owned((copyFileSync(`${d.dir}/sound`, d.db), d.db));
	}
	for (const command of READING.slice(1)) assert.equal((await ctl(d, command)).code, 0, command.join(' '));
});

test('names with escape sequences, and a schema that SQLite cannot read', rootLimit, async (t) => {
	const d = await robbed(t);
	await d.stop();
	copyFileSync(d.db, `${d.dir}/sound`);
	await alter(d, 'CREATE VIEW "\x1b]0;owned\x07\x1b[2J" AS SELECT 1');
	await refused(d, [...READING, ...CHANGING], /view "\\x1b\]0;owned\\x07\\x1b\[2J" is not hookd's/);
	owned((copyFileSync(`${d.dir}/sound`, d.db), d.db));
	await alter(d, 'CREATE TABLE more(a); PRAGMA writable_schema = ON;' +
		' UPDATE sqlite_schema SET sql = \'CREATE TABLE \x1b[2J(\', name = \'\x1b[31mred\' WHERE name = \'more\'');
	await refused(d, [...READING, ...CHANGING], /malformed database schema \(\\x1b\[31mred\)|not a hookd store|cannot be read/);
});

/* https://www.sqlite.org/fileformat2.html, 3: a header, and at the end the name of a super-journal. */
function journal(pages, superJournal) {
	const magic = Buffer.from('d9d505f920a163d7', 'hex');
	const header = Buffer.alloc(512);
	magic.copy(header);
	header.writeUInt32BE(pages, 16);
	header.writeUInt32BE(512, 20);
	header.writeUInt32BE(16384, 24);
	const name = Buffer.from(superJournal);
	const numbers = Buffer.alloc(8);
	numbers.writeUInt32BE(name.length, 0);
	numbers.writeUInt32BE(name.reduce((sum, byte) => sum + byte, 0), 4);
	const page = Buffer.alloc(4);
	page.writeUInt32BE(0x40000000 / 16384 + 1);
	return Buffer.concat([header, page, name, numbers, magic]);
}

test('a rollback journal that names a file of root\'s', rootLimit, async (t) => {
	const d = await robbed(t);
	await d.stop();
	const plant = (path) => writeFileSync(`${path}-journal`, journal(statSync(path).size / 16384, d.precious));

	/* It works: SQLite alone deletes the file. */
	const copy = `${d.safe}/copy.db`;
	copyFileSync(d.db, copy);
	plant(copy);
	await run(`${d.dir}/alter`, [copy, 'SELECT count(*) FROM sqlite_schema']);
	assert.ok(!existsSync(d.precious), 'the journal of this test deletes nothing');
	writeFileSync(d.precious, 'of root\n', { mode: 0o600 });

	plant(d.db);
	owned(`${d.db}-journal`);
	const before = readFileSync(d.db);
	await refused(d, [...READING, ...CHANGING], /hookd\.db-journal: expected no such file/);
	assert.ok(existsSync(`${d.db}-journal`));
	assert.deepEqual(readFileSync(d.db), before);
	/* Nor through the file that the owner makes of it. */
	rmSync(`${d.db}-journal`);
	await run('mkfifo', [`${d.db}-journal`]);
	await refused(d, READING, /hookd\.db-journal: expected no such file/);
});

test('symbolic links and FIFOs in place of the store and of the files beside it', rootLimit, async (t) => {
	const d = await robbed(t);
	await d.stop();
	const commands = [...READING, ...CHANGING];

	for (const suffix of ['-wal', '-shm']) {
		symlinkSync(d.precious, d.db + suffix);
		await refused(d, commands, /expected a regular file of hookd's/);
		rmSync(d.db + suffix);
		await run('mkfifo', [d.db + suffix]);
		owned(d.db + suffix);
		await refused(d, commands, /expected a regular file of hookd's/);
		rmSync(d.db + suffix);
	}

	/* A store of root's own, which must not be shown in the other's name. */
	const secret = `${d.safe}/secret.db`;
	renameSync(d.db, secret);
	chownSync(secret, 0, 0);
	chmodSync(secret, 0o600);
	symlinkSync(secret, d.db);
	await refused(d, commands, /is a symbolic link/);
	rmSync(d.db);
	await run('mkfifo', [d.db]);
	await refused(d, commands, /not a regular file/);
	rmSync(d.db);

	/* A file of root's that the owner of the directory could exchange, and one with others' access. */
	copyFileSync(secret, d.db);
	await refused(d, commands, /belongs to user 0 and its directory to user 61234/);
	assert.equal((await ctl(d, ['check', '--store', secret])).code, 0);
});

test('the lock: a FIFO, a link, a long file', rootLimit, async (t) => {
	const d = await robbed(t);
	await d.stop();
	const lock = `${d.db}.lock`;
	const kinds = [
		() => run('mkfifo', [lock]),
		() => symlinkSync(d.precious, lock),
		() => { writeFileSync(lock, ''); truncateSync(lock, 1 << 20); },
	];
	for (const make of kinds) {
		rmSync(lock);
		await make();
		for (const command of ['status', 'pause record', 'events'].map((words) => words.split(' '))) await ctl(d, command);
		assert.equal(readFileSync(d.precious, 'utf8'), 'of root\n');
		assert.ok(!lstatSync(lock).isFile() || statSync(lock).size === 1 << 20, 'it was opened to write');
	}
});

test('while hookd runs: it stores on, and runs nothing; root is told', rootLimit, async (t) => {
	const d = await robbed(t);
	await alter(d, 'CREATE TRIGGER t BEFORE INSERT ON events BEGIN SELECT raise(ABORT, \'it ran\'); END');
	const { status } = await d.post(newBody());
	assert.equal(status, 200);
	await refused(d, READING.slice(1), /trigger "t" is not hookd's/);
	await alter(d, 'DROP TRIGGER t');
	const events = await waitFor(() => d.events(), 'the events');
	assert.equal(events.length, 2);
	await alter(d, 'CREATE INDEX mine ON events(remote_addr)');
	await d.stop();
	d.spawn();
	d.asked = true;
	assert.equal((await d.exited).code, 1);
	assert.match(d.log, /store is not as hookd makes one.*index \\"mine\\" is not hookd's/);
	await alter(d, 'DROP INDEX mine');
	await d.start();
});
