// hookd at half of full speed for a long time, while scripts fail, hang and are killed, the
// other side of forwards and mails fails, clients vanish, the config is reloaded and the log
// rotated. make soak is the long form; without MINUTES it lasts some seconds.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { limit, rootLimit, sleep, waitFor } from '../e2e/lib/wait.mjs';
import { build } from './driver.mjs';
import { random, seed } from './random.mjs';
import { Soaked } from './soaked.mjs';
import { Watch } from './watch.mjs';

const MINUTES = Number(process.env.MINUTES ?? 0);
const LONG = MINUTES > 0;
const seconds = LONG ? MINUTES * 60 : 12;
/* Events a second at most: for a shorter look at the store in the end. */
const RATE_MAX = Number(process.env.RATE ?? Infinity);

/* Mails have threads that come when they are needed and go when they are not. */
const MAIL_THREADS = 4;

const plan = LONG
	? { measure: 5, slice: 60, reload: 60_000, rotate: 60_000, sample: 1000, look: 10_000 }
	: { measure: 1, slice: 4, reload: 3000, rotate: 4000, sample: 100, look: 1000 };

/** The time until which all goes on; a failure of one ends it for the others. */
class Span {
	constructor(ms) { this.end = Date.now() + ms; }
	get left() { return Math.max(0, this.end - Date.now()); }

	/** Does it again and again. */
	async every(ms, what) {
		for (let n = 0; this.left > 0; n++) {
			for (const due = Date.now() + ms; this.left > 0 && Date.now() < due;) await sleep(Math.min(200, ms, this.left));
			if (this.left > 0) await what(n);
		}
	}

	async all(...parts) {
		const fault = (error) => { this.end = 0; throw error; };
		const ends = await Promise.allSettled(parts.map((part) => part.catch(fault)));
		const failed = ends.find(({ status }) => status === 'rejected');
		if (failed) throw failed.reason;
	}
}

async function load(d, rate, span) {
	while (span.left > 0) await d.load({ rate, seconds: Math.min(plan.slice, Math.max(1, span.left / 1000)) });
}

function table(figures) {
	const { memory_kib: m, descriptors: f, threads: n } = figures;
	const row = (name, { second, last, max }) => `${name.padEnd(16)}${[second, last, max].map((v) => String(v).padStart(12)).join('')}`;
	return ['                 2nd quarter last quarter        most', row('memory, KiB', m), row('descriptors', f), row('threads', n)];
}

/* Within seconds the concurrency that was reloaded shows: a program has up to 4 descriptors.
 * Of a sanitizer's own growth nothing follows for hookd. */
function flat(figures, watch) {
	const { memory_kib: m, descriptors: f, threads: n } = figures;
	if (!watch.sanitized) {
		const room = LONG ? 0.1 : 0.5;
		assert.ok(m.last <= m.second * (1 + room) + 8192, `memory grows: ${JSON.stringify(m)}`);
	}
	assert.ok(f.last <= f.second + (LONG ? 16 : 4 * 16), `descriptors grow: ${JSON.stringify(f)}`);
	assert.ok(n.last <= n.second + MAIL_THREADS, `threads grow: ${JSON.stringify(n)}`);
}

test('half of full speed while all that can fail does', { ...rootLimit, timeout: limit.timeout + 2 * seconds * 1000 }, async (t) => {
	const d = await Soaked.start(t, random());
	t.diagnostic(`SEED=${seed}, ${seconds} s`);
	const full = (await d.load({ seconds: plan.measure })).per_second;
	const rate = Math.max(20, Math.min(RATE_MAX, Math.floor(full / 2)));

	const span = new Span(seconds * 1000);
	const watch = new Watch(d);
	await span.all(
		load(d, rate, span),
		d.shop(span), d.vanish(span), d.moods(span),
		span.every(plan.reload, (n) => d.change(n)),
		span.every(plan.rotate, () => d.rotate()),
		span.every(plan.sample, () => watch.sample()),
		span.every(plan.look, () => watch.look()),
	);
	const ended = Date.now();
	await d.calm();
	await waitFor(async () => await watch.look() === 0, 'the queue to drain', 300_000 + 200 * seconds);
	watch.settled();
	const figures = { seconds, full_per_second: Math.round(full), rate, ...await d.compare(), ...watch.figures(),
		drained_after_seconds: Math.round((Date.now() - ended) / 1000) };
	mkdirSync(build('.'), { recursive: true });
	writeFileSync(build('soak.json'), `${JSON.stringify(figures, null, 1)}\n`);
	for (const line of table(figures)) t.diagnostic(line);
	t.diagnostic(JSON.stringify(figures));
	flat(figures, watch);
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	assert.match((await d.ctl('check', '--full')).stdout, /sound/);
});
