// The files of the store that hookd has open are not those at its path any more.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon, HOOKD } from './lib/daemon.mjs';
import { newBody } from './lib/fedapay.mjs';
import { run } from './lib/program.mjs';
import { limit, sleep, waitFor } from './lib/wait.mjs';

const LOST = /error store's files were removed, replaced or moved: .* missing=(\S+)/;

/** A daemon whose store is in a directory of its own. */
async function inDirectory(t, options) {
	const d = new Daemon(t, { ...options, store: (d) => ({ path: `${d.dir}/store/hookd.db` }) });
	mkdirSync(`${d.dir}/store`);
	d.path = d.config.store.path;
	await d.start();
	return d;
}

const files = (d) => readdirSync(`${d.dir}/store`).filter((name) => !name.endsWith('.control'));

/* How the files are lost, which are then missing, and how they come back. */
const losses = {
	'all removed': { lose: (d) => files(d).forEach((name) => rmSync(`${d.dir}/store/${name}`)), missing: '' },
	'the database moved away, and back': { lose: (d) => renameSync(d.path, `${d.dir}/aside`), missing: '',
		back: (d) => renameSync(`${d.dir}/aside`, d.path) },
	'a copy put in place of the database': { lose: (d) => {
		copyFileSync(d.path, `${d.dir}/copy`);
		renameSync(`${d.dir}/copy`, d.path);
	}, missing: '' },
	'the directory moved away, and back': { lose: (d) => renameSync(`${d.dir}/store`, `${d.dir}/aside`), missing: '',
		back: (d) => renameSync(`${d.dir}/aside`, `${d.dir}/store`) },
	'the WAL removed': { lose: (d) => rmSync(`${d.path}-wal`), missing: '-wal' },
	'the WAL-index removed': { lose: (d) => rmSync(`${d.path}-shm`), missing: '-shm' },
	'the lock removed': { lose: (d) => rmSync(`${d.path}.lock`), missing: '.lock' },
};

for (const [what, { lose, missing, back }] of Object.entries(losses)) {
	test(`${what}: 503 at once, an error, status; what runs runs once; nothing acknowledged is lost`, limit, async (t) => {
		const d = await inDirectory(t, { hooks: (d) => [d.hook('slow',
			'echo $HOOKD_EVENT_ID >>"$OUT/began"; until [ -e "$OUT/go" ]; do sleep 0.05; done; echo $HOOKD_EVENT_ID >>"$OUT/ended"',
			{ concurrency: 1 })] });
		const first = await d.store();
		const second = await d.store(); // waits for its turn
		await waitFor(() => d.lines('began').length === 1, 'the script');
		lose(d);
		assert.equal((await d.post()).status, 503);
		assert.equal((await d.post()).status, 503);
		assert.equal(LOST.exec(await d.logged(LOST))[1], `${d.path}${missing}`);
		assert.equal(d.logLines.filter((line) => LOST.test(line)).length, 1, 'logged once');
		assert.notEqual((await d.ctl('replay', String(first), '--yes')).code, 0, 'nothing is changed');

		if (missing !== '' || what.startsWith('a copy')) {
			const status = await d.ctl('status');
			assert.notEqual(status.code, 0);
			assert.match(status.stdout + status.stderr, /removed|replaced|another store|not the store/);
			const other = await run(HOOKD, ['--config', d.configFile]);
			assert.equal(other.code, 1, 'a second hookd does not start');
			assert.match(other.stderr, /store is in use by another hookd/);
		}
		if (back !== undefined) {
			back(d);
			const event = await d.store();
			await d.logged(/info store's files are at their place again/);
			d.touch('go');
			for (const number of [first, second, event]) assert.equal((await d.settled(number)).deliveries[0].state, 'DONE');
		} else {
			d.touch('go');
			await waitFor(() => d.lines('ended').length === 1, 'the script to end');
			await sleep(300); // lets it try the second; nothing is measured
			assert.deepEqual(d.lines('began'), [String(first)], 'nothing is started');
		}
		assert.deepEqual(await d.stop(), { code: 0, signal: null });
		if (missing !== '') {
			await d.start();
			await d.settled(second);
		}
		if (missing !== '' || back !== undefined)
			assert.equal(d.lines('began').filter((line) => line === String(first)).length, 1, 'once');
	});
}

test('a store that is missing beside its WAL is not made again', limit, async (t) => {
	const d = await inDirectory(t);
	const event = await d.store();
	await d.kill();
	renameSync(d.path, `${d.dir}/aside`);
	const refused = await run(HOOKD, ['--config', d.configFile]);
	assert.equal(refused.code, 1);
	assert.match(refused.stderr, /store is missing, and its WAL is there/);
	assert.ok(!existsSync(d.path));
	renameSync(`${d.dir}/aside`, d.path);
	await d.start();
	await d.settled(event);
	assert.equal((await d.post(newBody())).status, 200);
});

test('a hookd that stops leaves the files of one that has taken its place', limit, async (t) => {
	const d = await inDirectory(t);
	await d.store();
	renameSync(`${d.dir}/store`, `${d.dir}/aside`);
	mkdirSync(`${d.dir}/store`);
	const next = new Daemon(t, { store: { path: d.path } });
	await next.start();
	const event = await next.store();
	assert.equal((await d.post()).status, 503);
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	await next.kill();
	await next.start();
	await next.settled(event);
	assert.ok(existsSync(`${d.path}-wal`));
});
