// How fast events are taken, and how long one waits for its answer.
import { Subject, ask, hasExpress, waiting, OUT } from './subjects.mjs';
import { median, medians } from './statistics.mjs';
import { join } from 'node:path';

const CONNECTIONS = [1, 64, 256];

/* Who is measured at how many connections. */
const subjects = (quick) => [
	{ name: 'hookd', kind: 'hookd', at: CONNECTIONS },
	{ name: 'ceiling', kind: 'ceiling', at: CONNECTIONS },
	{ name: 'bare', kind: 'bare', at: [64, 256] },
	{ name: 'handed over', kind: 'handed', at: [64, 256] },
	{ name: 'insert', kind: 'insert', at: [64] },
	{ name: 'hookd, 6.8 KB', kind: 'hookd', full: true, at: [64] },
	{ name: 'ceiling, 6.8 KB', kind: 'ceiling', full: true, at: [64] },
	{ name: 'hookd, 4 hooks', kind: 'hookd', hooks: waiting(4), at: [64] },
	...(!quick && hasExpress() ? [{ name: 'express', kind: 'express', at: [64] }] : []),
];

const sync = () => ask('bounds', 'sync', join(OUT, 'run', 'sync'), 1);

/** Rounds: all are started on empty stores, and at each number of connections each
 * has its turn. Returns name -> connections -> medians of what load says. */
export async function intake({ rounds, seconds, warmUp, quick, say }) {
	const list = subjects(quick);
	const results = {};
	const syncs = [];
	for (let round = 0; round < rounds; round++) {
		const order = round % 2 === 1 ? [...list].reverse() : list;
		const running = {};
		for (const s of order) running[s.name] = await Subject.start(s.kind, s);
		for (const connections of CONNECTIONS) {
			for (const s of order.filter((one) => one.at.includes(connections))) {
				const result = await running[s.name].load({ connections, seconds, warmUp });
				result.memory_mib = running[s.name].memoryMiB;
				((results[s.name] ??= {})[connections] ??= []).push(result);
				say(`round ${round + 1}, ${connections} connections, ${s.name}: ` +
					`${Math.round(result.per_second)}/s`);
			}
		}
		syncs.push((await sync()).p50_us);
		for (const s of Object.values(running)) await s.end();
	}
	for (const of of Object.values(results))
		for (const connections of Object.keys(of)) of[connections] = medians(of[connections]);
	return { subjects: results, sync_us: median(syncs) };
}

/** Speed with and without `events` stored before; `file` is that store. */
export async function fullAgainstEmpty({ rounds, seconds, warmUp, say }, file) {
	const results = { full: [], empty: [] };
	for (let round = 0; round < rounds; round++) {
		const full = await Subject.start('hookd', { store: file });
		const empty = await Subject.start('hookd');
		const order = [['full', full], ['empty', empty]];
		for (const [name, subject] of round % 2 === 1 ? order.reverse() : order) {
			const result = await subject.load({ seconds, warmUp: 2 * warmUp });
			say(`round ${round + 1}, ${name}: ${Math.round(result.per_second)}/s`);
			results[name].push(result);
		}
		await full.end();
		await empty.end();
	}
	return { full: medians(results.full), empty: medians(results.empty) };
}

/** From 1 to 1,000 connections: for the plot, and to see that nothing stalls. */
export async function sweep({ sweepSeconds: seconds, say }) {
	const numbers = [1, 2, 4, 8, 16, 32, 64, 127, 128, 129, 192, 255, 256, 257, 384, 512, 513, 768,
		1000];
	const running = { hookd: await Subject.start('hookd'), ceiling: await Subject.start('ceiling') };
	const rows = [];
	for (const connections of numbers) {
		const row = { connections };
		for (const [name, subject] of Object.entries(running)) {
			const result = await subject.load({ connections, seconds, warmUp: 0.3 });
			row[name] = { per_second: result.per_second, p50: result.latency_us.p50,
				p99: result.latency_us.p99, max: result.latency_us.max,
				silence_ms: result.silence_ms, failed: result.other + result.errors +
				result.unanswered };
		}
		say(`${connections} connections: ${Math.round(row.hookd.per_second)}/s, longest silence ` +
			`${row.hookd.silence_ms} ms`);
		rows.push(row);
	}
	for (const subject of Object.values(running)) await subject.end();
	return rows;
}

/** Open loop at a half of what the closed one reached: waiting as a sender sees it. */
export async function openLoop({ rounds, seconds, warmUp }, perSecond) {
	const subject = await Subject.start('hookd');
	const results = [];
	for (let round = 0; round < rounds; round++)
		results.push(await subject.load({ rate: Math.round(perSecond / 2), seconds, warmUp }));
	await subject.end();
	return medians(results);
}
