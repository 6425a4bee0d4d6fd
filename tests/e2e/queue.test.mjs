// The queue of deliveries: many hooks, and what must not stop it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon } from './lib/daemon.mjs';
import { newBody } from './lib/fedapay.mjs';
import { limit, waitFor } from './lib/wait.mjs';

/** The transactions in the store's WAL (https://www.sqlite.org/fileformat2.html#walformat): a frame
 * with the size of the database ends one. */
function transactions(d) {
	const wal = readFileSync(`${d.config.store.path}-wal`);
	const frame = 24 + wal.readUInt32BE(8);
	let found = 0;
	for (let at = 32; at + frame <= wal.length; at += frame)
		if (wal.readUInt32BE(at + 4) !== 0) found++;
	return found;
}

test('hundreds of new hooks cost one transaction, at start and after a reload', limit, async (t) => {
	const many = (d, name) => Array.from({ length: 300 }, (_, i) =>
		({ ...d.hook('record', 'exit 0'), name: `${name}${i}` }));
	const d = await Daemon.start(t, { hooks: (d) => many(d, 'a') });
	const before = transactions(d);
	assert.ok(before <= 10, `${before} transactions`);
	d.reload({ hooks: (d) => many(d, 'b') });
	await d.logged(/config reloaded/);
	const after = transactions(d) - before;
	assert.ok(after <= 10, `${after} transactions`);
	const event = await d.store();
	assert.equal((await d.settled(event)).deliveries.length, 300);
});

/** Breaks the chain of pages that hold a payload of many `filler`s, in the file of a stopped hookd. */
function breakPayload(d, filler) {
	const file = readFileSync(d.config.store.path);
	const size = file.readUInt16BE(16);
	const page = Buffer.alloc(size - 4, filler);
	for (let at = 0; at < file.length; at += size) {
		if (!file.subarray(at + 4, at + size).equals(page)) continue;
		file.fill(0xff, at, at + 4);
		writeFileSync(d.config.store.path, file);
		return;
	}
	throw new Error('no page of the payload found');
}

test('a payload that the store cannot read: one dead delivery with its reason, the rest runs', limit, async (t) => {
	const d = await Daemon.start(t, {
		hooks: (d) => [d.hook('ship', 'cat >/dev/null; echo "$HOOKD_EVENT_ID" >>"$OUT/shipped"', {
			on_failure: { run: [d.script('tell', 'printf "%s\\n" "$@" >>"$OUT/told"'),
				'{{failure.hook}}', '{{failure.reason}}', '{{hookd.type}}'] } })],
	});
	assert.equal((await d.ctl('pause', 'ship')).code, 0);
	const before = await d.store();
	const { json: { event: broken } } = await d.post(newBody().slice(0, -1) + `,"filler":"${'~'.repeat(100_000)}"}`);
	const after = await d.store();
	await d.stop();
	breakPayload(d, '~');
	await d.start();
	assert.equal((await d.ctl('resume', 'ship')).code, 0);
	await waitFor(() => d.lines('told').length === 3, 'on_failure to run');
	await waitFor(() => d.lines('shipped').length === 2, 'the others to run');
	assert.deepEqual(d.lines('shipped').map(Number).sort((a, b) => a - b), [before, after]);
	const [hook, reason, type] = d.lines('told');
	assert.deepEqual([hook, type], ['ship', 'transaction.approved']);
	assert.match(reason, /not run: the store cannot read the event; see hookctl check/);
	await d.logged(/error store cannot read a delivery delivery=\d+ part=payload/);
	await d.logged(new RegExp(`error delivery dead event=${broken} hook=ship attempt=1 .*cannot read the event`));
	const { stdout } = await d.ctl('deliveries', '--json', '--state', 'dead');
	assert.deepEqual(stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line).event), [broken]);
});
