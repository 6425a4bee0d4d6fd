// hookd is killed again and again while clients send: what it acknowledged is stored, once and
// byte for byte, and every script runs in the end. KILLS=200 is the long run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon } from '../e2e/lib/daemon.mjs';
import { Load } from '../e2e/lib/load.mjs';
import { limit, sleep } from '../e2e/lib/wait.mjs';
import { random, seed } from './random.mjs';

const KILLS = Number(process.env.KILLS ?? 20);
const timeout = { timeout: limit.timeout + KILLS * 10_000 };

/* Two hooks, one in order, and some runs that fail at first. */
const RUN = 'echo "$HOOKD_IDEMPOTENCY_KEY" >>"$OUT/ran.$HOOKD_HOOK"\n';
const hooks = (d) => [
	d.hook('ship', `${RUN}[ "$HOOKD_ATTEMPT" -gt 1 ] || [ $((HOOKD_EVENT_ID % 10)) -ne 0 ] || exit 75`,
		{ retry: { attempts: 20, first: '100ms', max: '1s' } }),
	d.hook('book', RUN, { order: 'entity', retry: { attempts: 20, first: '100ms', max: '1s' } }),
];

async function stored(d) {
	const { code, stdout, stderr } = await d.ctl('export', '--format', 'ndjson');
	assert.equal(code, 0, stderr);
	return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/** Each acknowledged event is stored once, as it was sent. */
async function compare(d, acked, sent) {
	const rows = new Map();
	for (const row of await stored(d)) {
		const id = row.idempotency_key;
		assert.ok(!rows.has(id), `${id} is stored twice`);
		rows.set(id, row.payload);
	}
	for (const id of acked.keys()) assert.equal(rows.get(`id:${id}`), sent.get(id), `event ${id}, acknowledged`);
	return rows.size;
}

async function waiting(d) {
	const rows = (await d.ctl('stats', '--by', 'hook', '--json')).stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
	return rows.reduce((sum, row) => sum + row.waiting, 0);
}

/** Waits until no delivery waits, as long as their number falls. */
async function drained(d) {
	let left = await waiting(d);
	for (let idle = 0; left > 0; idle++) {
		assert.ok(idle < 240, `nothing of the ${left} that wait has run for two minutes`);
		await sleep(500);
		const now = await waiting(d);
		if (now < left) idle = 0;
		left = now;
	}
}

/** Sends `signal` to hookd KILLS times: mostly under load, otherwise while it starts. */
async function loop(t, signal) {
	t.diagnostic(`SEED=${seed} KILLS=${KILLS}`);
	const d = new Daemon(t, { hooks, limits: { concurrency: 8, grace: '10s' } });
	const next = random();
	const acked = new Map(), sent = new Map();
	let early = 0;
	for (let round = 0; round < KILLS; round++) {
		if (round > 0 && next() < 0.25) {
			d.spawn();
			await sleep(next() * 40);
			early += !/hookd is ready/.test(d.log);
			await d.stop(signal);
			await compare(d, acked, sent);
		}
		await d.start();
		const load = new Load(d, 1 + Math.floor(next() * 8));
		await sleep(next() * 300);
		const end = await d.stop(signal);
		if (signal === 'SIGTERM') assert.deepEqual(end, { code: 0, signal: null });
		await load.stop();
		for (const [id, event] of load.acked) acked.set(id, event);
		for (const [id, body] of load.sent) sent.set(id, body);
		assert.deepEqual(load.others.filter((status) => status !== 503), []);
		await compare(d, acked, sent); // with hookd stopped
	}
	await d.start();
	const events = await compare(d, acked, sent);
	assert.ok(acked.size > KILLS, `${acked.size} events were acknowledged`);
	t.diagnostic(`${early} more ends before it was ready`);
	await drained(d);
	const states = (await d.ctl('stats', '--by', 'hook', '--json')).stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
	const runs = Object.fromEntries(['ship', 'book'].map((hook) => [hook, d.lines(`ran.${hook}`)]));
	for (const { hook, done, dead, waiting } of states) {
		assert.deepEqual([done, dead, waiting], [events, 0, 0], hook);
		assert.equal(new Set(runs[hook]).size, events, `${hook}: each has run`);
	}
	assert.match((await d.ctl('check', '--full')).stdout, /sound/);
	return { d, runs, events, acked };
}

/* hookd is killed anywhere in its first start: hookctl reports what there is, and the next start works. */
test('SIGKILL while the store is made', timeout, async (t) => {
	t.diagnostic(`SEED=${seed} KILLS=${KILLS}`);
	const next = random();
	const seen = { 'no such file': 0, 'the file is empty': 0, made: 0 };
	const began = performance.now();
	const first = await Daemon.start(t, { hooks });
	const whole = performance.now() - began;
	await first.stop();
	for (let round = 0; round < KILLS; round++) {
		const d = new Daemon(t, { hooks });
		d.spawn();
		await sleep(next() * whole);
		await d.kill();
		const { code, stdout, stderr } = await d.ctl('export', '--format', 'ndjson');
		const what = Object.keys(seen).find((words) => stderr.includes(words)) ?? 'made';
		assert.deepEqual([code, stdout], [what === 'made' ? 0 : 1, ''], stderr);
		seen[what]++;
		await d.start();
		await d.store();
		assert.deepEqual(await d.stop(), { code: 0, signal: null });
		assert.equal((await stored(d)).length, 1);
		assert.match((await d.ctl('check', '--full')).stdout, /sound/);
	}
	t.diagnostic(JSON.stringify(seen));
});

test('SIGKILL at random moments', timeout, async (t) => {
	const { runs, events, acked } = await loop(t, 'SIGKILL');
	const twice = runs.book.length - events;
	t.diagnostic(`${KILLS} kills, ${acked.size} events acknowledged, ${events} stored; ${twice} of ${events} runs of "book" were cut short and ran again (${(100 * twice / events).toFixed(2)}%)`);
	assert.ok(events >= acked.size);
});

test('SIGTERM at random moments: nothing runs twice, and what is stored is answered', timeout, async (t) => {
	const { runs, events, acked } = await loop(t, 'SIGTERM');
	t.diagnostic(`${KILLS} stops, ${acked.size} events acknowledged, ${events} stored`);
	assert.equal(events, acked.size, 'what was stored was answered');
	assert.equal(runs.book.length, events);
});
