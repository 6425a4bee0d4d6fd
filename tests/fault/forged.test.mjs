// Requests with a bad signature at full speed: of those with a signature the newest thousand are kept,
// the disk and the memory that they take are bounded, and the others write nothing; the log has few
// lines, and these say how many were suppressed.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon } from '../e2e/lib/daemon.mjs';
import { newBody, newSecret } from '../e2e/lib/fedapay.mjs';
import { limit, rootLimit, sleep, waitFor } from '../e2e/lib/wait.mjs';
import { client } from './siege.mjs';

const COUNT = process.env.LONG === undefined ? 30_000 : 500_000;
const WARM_UP = 5000;
const BURST = 10; // lines of one kind per WINDOW: include/base/log.h
const WINDOW = 10; // s

const io = (d) => Object.fromEntries(readFileSync(`/proc/${d.pid}/io`, 'utf8').trim().split('\n')
	.map((line) => line.split(': ')).map(([key, value]) => [key, Number(value)]));
const rss = (d) => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${d.pid}/status`, 'utf8'))[1]);
const RING = 16 * 1024 * 1024;
const MIB = 1024 * 1024;
const sizes = (d) => ({ db: statSync(`${d.dir}/hookd.db`).size, wal: statSync(`${d.dir}/hookd.db-wal`).size });

test(`${COUNT} forged requests: the newest are kept, disk and memory are bounded, the log stays short and counts them`, rootLimit, async (t) => {
	const d = await Daemon.start(t);
	await d.settled(await d.store());
	const forger = { secretFile: d.file('forged', `${newSecret()}\n`), at: d.at };
	const refused = (line) => /request refused status=401/.test(line);
	await client(forger, { connections: 16, count: WARM_UP });
	const before = { io: io(d), size: sizes(d), rss: rss(d) };
	const began = Date.now();
	const seen = await client(forger, { connections: 16, count: COUNT });
	const seconds = (Date.now() - began) / 1000;
	const after = { io: io(d), size: sizes(d), rss: rss(d) };

	assert.deepEqual([seen.all_ok, seen.errors, seen.unanswered], [0, 0, 0]);
	assert.equal(seen.other_status, 401);
	const store = sizes(d);
	assert.ok(store.db <= RING + 2 * MIB, `the store has ${store.db} bytes`);
	assert.ok(after.rss - before.rss <= 8 * 1024, `${after.rss} kB of memory, ${before.rss} before`);
	const written = after.io.write_bytes - before.io.write_bytes;
	assert.ok(written <= 3 * MIB * (seconds + 2), `${written} bytes in ${seconds} s`);
	const lines = d.logLines.filter(refused).length;
	assert.ok(lines > 0 && lines <= BURST * (Math.ceil(seconds / WINDOW) + 1), `${lines} lines in ${seconds} s`);

	await sleep(WINDOW * 1000); // the next line says how many were suppressed
	await d.post(newBody(), { secret: newSecret() });
	const told = await waitFor(() => {
		const list = d.logLines.filter(refused);
		return list.length > lines && list;
	}, 'a line once the window is over');
	const suppressed = told.reduce((sum, line) => sum + Number(/suppressed=(\d+)/.exec(line)?.[1] ?? 0), 0);
	t.diagnostic(`${Math.round(COUNT / seconds)} a second; ${told.length} lines, which count ${suppressed} more`);
	assert.equal(told.length + suppressed, WARM_UP + COUNT + 1, 'none is lost from the count');
	assert.equal((await d.events()).length, 1);
	const kept = await waitFor(async () => {
		const { stdout } = await d.ctl('refused', '--json', '--limit', '100000');
		const rows = stdout.split('\n').filter(Boolean);
		return rows.length === 1000 && rows;
	}, 'a thousand of them');
	assert.ok(JSON.parse(kept[0]).id > 1000, 'the newest');
	await d.store();
});

test('requests that no secret could make authentic write nothing', rootLimit, async (t) => {
	const d = await Daemon.start(t);
	await d.settled(await d.store());
	await sleep(500);
	const files = () => ['', '-wal'].map((end) => statSync(`${d.dir}/hookd.db${end}`, { bigint: true }))
		.map(({ size, mtimeNs }) => `${size} bytes of ${mtimeNs}`);
	const before = files();
	for (let i = 0; i < 200; i++) {
		assert.equal((await d.post(newBody(), { header: i % 2 === 0 ? null : 'nonsense' })).status, 401);
		assert.equal((await d.post(newBody(), { timestamp: 1_700_000_000 })).status, 401);
	}
	await sleep(2000);
	assert.deepEqual(files(), before, 'database and WAL are untouched');
});
