// Every command that opens a store, with one that it cannot use: the message names the file and what to do.
import assert from 'node:assert/strict';
import { openSync, closeSync, writeSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Daemon, HOOKCTL } from './lib/daemon.mjs';
import { run } from './lib/program.mjs';
import { limit } from './lib/wait.mjs';

/* Operands and options with which each command would do something. */
const COMMANDS = [['status'], ['events'], ['deliveries'], ['transactions'], ['customers'], ['payouts'], ['show', '1'], ['show', 'transaction:1'],
	['replay', '1'], ['cancel', '1'], ['pause', 'record'], ['resume', 'record'], ['quarantine', 'list'], ['quarantine', 'show', '1'],
	['quarantine', 'release', '1', '--type', 'x.y'], ['quarantine', 'drop', '1', '--yes'], ['backup', 'OUT'], ['check'],
	['prune', '--older-than', '1d', '--yes'], ['vacuum'], ['export'], ['stats'], ['completion', 'hooks'], ['import', 'IN'], ['test', 'record', '--event', '1']];

/** A copy of the store with another header (https://www.sqlite.org/fileformat2.html, 1.3). */
function alter(d, name, offset, number) {
	const path = join(d.dir, name);
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32BE(number);
	copyFileSync(d.config.store.path, path);
	const fd = openSync(path, 'r+');
	writeSync(fd, bytes, 0, 4, offset);
	closeSync(fd);
	return path;
}

test('another version, another program\'s, none: each command names the file and what to do', limit, async (t) => {
	const d = await Daemon.start(t);
	await d.settled(await d.store());
	await d.stop();
	mkdirSync(join(d.dir, 'directory'));
	const input = d.file('in.ndjson', '{"id": 1, "name": "a.b"}\n');
	const stores = [
		[alter(d, 'newer.db', 60, 99), /schema version 99 is newer than this hookctl knows .*use the hookctl/],
		[alter(d, 'older.db', 60, 1), /schema version 1 is older than this hookctl.*restart hookd/],
		[alter(d, 'foreign.db', 68, 12345), /not a hookd store/],
		[d.file('text.db', 'This is no database at all, but a text of some length.\n'.repeat(20)), /not a hookd store|not a database/],
		[d.file('empty.db', ''), /not a hookd store|holds nothing|empty/],
		[join(d.dir, 'directory'), /not a hookd store/],
		[join(d.dir, 'missing.db'), /no such file; hookd makes it when it first starts/],
	];
	for (const [store, pattern] of stores) {
		for (const command of COMMANDS) {
			const words = command.map((word) => word === 'OUT' ? join(d.dir, 'out.db') : word === 'IN' ? input : word);
			const { code, stdout, stderr } = await run(HOOKCTL, ['--config', d.configFile, ...words, '--store', store]);
			const said = stdout + stderr;
			assert.ok([1, 2].includes(code), `${command.join(' ')} on ${store}: ${code} ${said}`);
			assert.ok(said.includes(store), `${command.join(' ')}: ${said}`);
			assert.match(said, pattern, command.join(' '));
		}
	}
	for (const command of COMMANDS) {
		const words = command.map((word) => word === 'OUT' ? join(d.dir, 'out.db') : word === 'IN' ? input : word);
		const { code, signal, stderr } = await d.ctl(...words);
		assert.ok([0, 1, 2].includes(code) && signal === null, command.join(' '));
		assert.doesNotMatch(stderr, /database|SQL|no such (table|column)/i, command.join(' '));
	}
});
