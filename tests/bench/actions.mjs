// How fast scripts are started, whether all of them run, and how soon.
import { Subject, ask, hasWebhook, sleep } from './subjects.mjs';
import { median, medians } from './statistics.mjs';

const TRUE = (concurrency) => [{ name: 'true', run: ['/bin/true'], concurrency }];

const settled = (count) => count.attempts - (count.deliveries.RUNNING ?? 0);

/* Scripts a second over a time in which more wait than can be run. */
async function scriptRate(concurrency, seconds) {
	const subject = await Subject.start('hookd', { hooks: TRUE(concurrency) });
	await subject.load({ count: Math.round(5000 * (seconds + 1)), seconds: 60, warmUp: 0 });
	await sleep(300);
	const before = await subject.states();
	await sleep(1000 * seconds);
	const count = await subject.states();
	const rate = 1000 * (settled(count) - settled(before)) / (count.at_ms - before.at_ms);
	const starved = (count.deliveries.READY ?? 0) === 0;
	const memory = subject.memoryMiB;
	await subject.end();
	return { per_second: rate, starved: Number(starved), memory_mib: memory };
}

/** Scripts against a bare posix_spawn-and-wait loop, in turns. */
export async function spawning({ rounds, seconds, say }, concurrency) {
	const hookd = [];
	const bare = [];
	for (let round = 0; round < rounds; round++) {
		bare.push((await ask('bounds', 'spawn', concurrency, seconds)).per_second);
		hookd.push(await scriptRate(concurrency, seconds));
		say(`round ${round + 1}, ${concurrency} at once: hookd ` +
			`${Math.round(hookd.at(-1).per_second)}/s, bare ${Math.round(bare.at(-1))}/s`);
	}
	return { hookd: medians(hookd), bare: median(bare) };
}

/* All that were answered 200 must have run, some time. */
async function drained(subject, answered) {
	for (let last = -1, same = 0; subject.ran < answered && same < 30; same++) {
		if (subject.ran !== last) same = 0;
		last = subject.ran;
		await sleep(200);
	}
	await sleep(300);
	return subject.ran;
}

/** hookd and Debian's webhook, each running a script for every event. */
export async function againstWebhook({ rounds, seconds, say }) {
	const results = { hookd: [], webhook: [] };
	const kinds = hasWebhook() ? ['hookd', 'webhook'] : ['hookd'];
	for (let round = 0; round < rounds; round++) {
		for (const kind of round % 2 === 1 ? [...kinds].reverse() : kinds) {
			const one = await Subject.start(kind, { tick: true });
			const load = await one.load({ seconds, warmUp: 0 });
			const memory = one.memoryMiB;
			const ran = await drained(one, load.all_ok);
			results[kind].push({ per_second: load.per_second, answered: load.all_ok, ran,
				failed: load.other + load.errors + load.unanswered, memory_mib: memory });
			say(`round ${round + 1}, ${kind}: ${Math.round(load.per_second)}/s answered, ` +
				`${ran} of ${load.all_ok} ran`);
			await one.end();
		}
	}
	const sum = (list, key) => list.reduce((n, o) => n + o[key], 0);
	return Object.fromEntries(Object.entries(results).filter(([, list]) => list.length > 0)
		.map(([kind, list]) => [kind, { ...medians(list), answered: sum(list, 'answered'),
			ran: sum(list, 'ran') }]));
}

/** Idle but for one event now and then: from its receipt to its script's first act. */
export async function startDelay({ seconds }) {
	const subject = await Subject.start('hookd', { tick: true });
	const load = await subject.load({ connections: 1, rate: 20, seconds: 2 * seconds, warmUp: 0 });
	await drained(subject, load.all_ok);
	const count = await subject.count(subject.ticks);
	await subject.end();
	return { ...count.start_ms, runs: count.runs };
}
