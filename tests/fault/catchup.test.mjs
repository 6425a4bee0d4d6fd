// A week without its webhook: 10,000 events are read back while the webhook brings new ones at full speed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { begin, pair } from '../e2e/lib/catchup.mjs';
import { Load } from '../e2e/lib/load.mjs';
import { wallClock } from '../e2e/lib/offset.mjs';
import { limit, sleep, waitFor } from '../e2e/lib/wait.mjs';

const EVENTS = Number(process.env.EVENTS ?? (process.env.LONG ? 10_000 : 600));
const WEEK = 7 * 86_400;
const MIB = 1024;        // KiB
const GROWTH = 64 * MIB; // 5,000 rows with their bodies, and what was read for them
const SPEED = process.env.LONG ? 0.9 : 0; // in the short form it is only reported

const rss = (d) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${d.pid}/status`, 'latin1'))[1]);

/** Events a second that four clients get stored, for some seconds. */
async function speed(d, seconds = 4) {
	const load = new Load(d);
	await sleep(seconds * 1000);
	const acked = load.acked.size;
	await load.stop();
	return acked / seconds;
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

test(`${EVENTS} events missed in a week`, { ...limit, timeout: 1_800_000 }, async (t) => {
	const { mock, d } = await pair(t, { start: false, api: { act_within: '8d', every: '1d' },
		hook: { confirm: false, when: { 'entity.merchant_reference': { matches: '^order-' } } }, limits: { backlog: 1_000_000 } });
	const clock = await wallClock(d);
	clock.set(-WEEK);
	mock.clock(-WEEK);
	await begin(d, mock);
	await d.stop();
	clock.set(0);
	mock.clock(0);
	const first = Date.now() - (WEEK - 600) * 1000, step = Math.floor((WEEK - 1200) * 1000 / EVENTS);
	for (let i = 0; i < EVENTS; i++) mock.model.pay({ at: first + i * step });
	await d.start();
	const before = rss(d), during = [], after = [];
	let most = before, filled = 0;
	while (filled < EVENTS) {
		if (during.length < 12) during.push(await speed(d));
		else await sleep(2000);
		most = Math.max(most, rss(d));
		filled = d.logLines.filter((line) => /had not brought all events/.test(line))
			.reduce((sum, line) => sum + Number(/events=(\d+)/.exec(line)[1]), 0);
	}
	for (let i = 0; i < 5; i++) after.push(await speed(d));
	const ratio = median(during) / median(after);
	t.diagnostic(`memory ${before} to at most ${most} KiB; ${Math.round(median(during))} events a second meanwhile, ${Math.round(median(after))} afterwards: ${ratio.toFixed(2)}; ${mock.requests.length} requests`);
	assert.equal(filled, EVENTS);
	await waitFor(() => d.lines('shipped').length === EVENTS, 'all hooks to run', 600_000);
	assert.ok(most - before < GROWTH, `${most - before} KiB more`);
	assert.ok(ratio >= SPEED, `the webhook's intake at ${ratio.toFixed(2)} of its speed`);
});
