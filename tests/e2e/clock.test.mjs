// A wall clock that is set while hookd runs: delays stay as long as they were.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon } from './lib/daemon.mjs';
import { newBody } from './lib/fedapay.mjs';
import { wallClock } from './lib/offset.mjs';
import { limit, waitFor } from './lib/wait.mjs';

const DAY = 86_400;

test('while the clock is a day off, events are refused with the reason; then the same ones are accepted', limit, async (t) => {
	const d = new Daemon(t);
	const clock = await wallClock(d);
	await d.start();
	for (const [seconds, reason] of [[DAY, 'too old'], [-DAY, 'too new']]) {
		const body = newBody();
		const mark = d.logLines.length;
		clock.set(seconds);
		assert.equal((await d.post(body)).status, 401);
		await d.logged(new RegExp(reason), mark);
		clock.set(0);
		const { status, json } = await d.post(body);
		assert.deepEqual([status, json.status], [200, 'stored']);
	}
});

test('the clock jumps a day ahead and back: nothing runs early, nothing is delayed', limit, async (t) => {
	const d = new Daemon(t, {
		sources: (d) => [d.source({ tolerance: '0' })],
		hooks: (d) => [
			d.hook('quick', 'echo "$HOOKD_EVENT_ID" >>"$OUT/quick"'),
			d.hook('late', 'echo x >>"$OUT/late"; exit 75', { retry: { attempts: 9, first: '1h', max: '2h' } }),
		],
	});
	const clock = await wallClock(d);
	await d.start();
	const first = await d.store();
	const late = (x) => x.deliveries.find((delivery) => delivery.hook === 'late');
	await waitFor(async () => late(await d.show(first)).failures === 1, 'the first attempt to fail');

	let now = 0;
	for (const seconds of [DAY, -DAY, 0]) {
		const mark = d.logLines.length;
		clock.set(seconds);
		const event = await d.store(); // wakes it, as setting the real clock would
		const [, by] = /by_ms=(-?\d+)/.exec(await d.logged(/the clock was set/, mark));
		assert.ok(Math.abs(Number(by) / 1000 - (seconds - now)) < 30, `set by ${by} ms`);
		now = seconds;
		await waitFor(() => d.lines('quick').includes(String(event)), 'an event under the new clock to run');
		const waiting = late(await d.show(first));
		assert.equal(waiting.attempts.length, 1, 'not run early');
		const due = (Date.parse(waiting.due_at) - Date.now()) / 1000 - seconds;
		assert.ok(due > 0 && due <= 3600, `due in ${due} s by the new clock`);
	}
});
