// Requests with a bad signature at full speed: nothing is written to the disk, the log has few
// lines, and these say how many were suppressed.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon } from '../e2e/lib/daemon.mjs';
import { newBody, newSecret } from '../e2e/lib/fedapay.mjs';
import { limit, rootLimit, sleep, waitFor } from '../e2e/lib/wait.mjs';
import { client } from './siege.mjs';

const COUNT = process.env.LONG === undefined ? 30_000 : 500_000;
const BURST = 10; // lines of one kind per WINDOW: include/base/log.h
const WINDOW = 10; // s

const io = (d) => Object.fromEntries(readFileSync(`/proc/${d.pid}/io`, 'utf8').trim().split('\n')
	.map((line) => line.split(': ')).map(([key, value]) => [key, Number(value)]));
const files = (d) => ['', '-wal'].map((end) => statSync(`${d.dir}/hookd.db${end}`, { bigint: true }))
	.map(({ size, mtimeNs }) => `${size} bytes of ${mtimeNs}`);

test(`${COUNT} forged requests: nothing is written, the log stays short and counts them`, rootLimit, async (t) => {
	const d = await Daemon.start(t);
	await d.settled(await d.store()); // so that there is a WAL
	await sleep(500);
	const forger = { secretFile: d.file('forged', `${newSecret()}\n`), at: d.at };
	const refused = (line) => /request refused status=401/.test(line);
	const before = { io: io(d), files: files(d) };
	const began = Date.now();
	const seen = await client(forger, { connections: 16, count: COUNT });
	const seconds = (Date.now() - began) / 1000;
	const after = { io: io(d), files: files(d) };

	assert.deepEqual([seen.all_ok, seen.errors, seen.unanswered], [0, 0, 0]);
	assert.equal(seen.other_status, 401);
	assert.deepEqual(after.files, before.files, 'database and WAL are untouched');
	assert.equal(after.io.write_bytes, before.io.write_bytes, 'nothing for the disk');
	const lines = d.logLines.filter(refused).length;
	assert.ok(lines > 0 && lines <= BURST * (Math.ceil(seconds / WINDOW) + 1), `${lines} lines in ${seconds} s`);
	assert.ok(after.io.syscw - before.io.syscw <= lines + 100, `${after.io.syscw - before.io.syscw} writes of any kind`);

	await sleep(WINDOW * 1000); // the next line says how many were suppressed
	await d.post(newBody(), { secret: newSecret() });
	const told = await waitFor(() => {
		const list = d.logLines.filter(refused);
		return list.length > lines && list;
	}, 'a line once the window is over');
	const suppressed = told.reduce((sum, line) => sum + Number(/suppressed=(\d+)/.exec(line)?.[1] ?? 0), 0);
	t.diagnostic(`${Math.round(COUNT / seconds)} a second; ${told.length} lines, which count ${suppressed} more`);
	assert.equal(told.length + suppressed, COUNT + 1, 'none is lost from the count');
	assert.equal((await d.events()).length, 1);
	await d.store();
});
