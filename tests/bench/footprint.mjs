// Memory, disk, start, and what an idle hookd does.
import { existsSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OUT, Subject, ask, sleep } from './subjects.mjs';
import { median } from './statistics.mjs';

const GIB = 2 ** 30;
const STORE_BYTES = 1900; // of an event in a filled store, about

/** The number of events to fill a store with: what is wished, if the disk has room. */
export function affordable(events) {
	const fs = statfsSync(OUT);
	return fs.bavail * fs.bsize > events * STORE_BYTES + 5 * GIB ? events
		: Math.min(events, 1000000);
}

/** A store of so many events, kept from run to run while it can be used. */
export async function filled(events, waiting, say) {
	const file = join(OUT, `store-${events}-${waiting}.db`);
	if (existsSync(file) && existsSync(`${file}.whole`)) return file;
	for (const end of ['', '-wal', '-shm', '.lock', '.control', '.whole'])
		rmSync(file + end, { force: true });
	say(`filling a store with ${events} events`);
	const made = await ask('fill', file, events, 1, waiting);
	say(`took ${made.seconds} s`);
	writeFileSync(`${file}.whole`, '');
	return file;
}

const readyMs = async (subject) => {
	const text = () => readFileSync(subject.logFile, 'utf8');
	while (!text().includes('hookd is ready')) await sleep(1);
	return subject.startMs;
};

/** From the start of the process until it reports that it is ready. */
export async function startTime({ rounds }, store) {
	const times = [];
	let memory = 0;
	for (let round = 0; round < rounds; round++) {
		const subject = await Subject.start('hookd', { store, log: 'info' });
		times.push(await readyMs(subject));
		memory = subject.memoryMiB;
		await subject.end();
	}
	return { ready_ms: median(times), memory_mib: memory };
}

/** An idle hookd: memory, and how often any of its threads wakes up. */
export async function idle({ seconds }) {
	const subject = await Subject.start('hookd', { hooks: [{ name: 'none', run: ['/bin/true'] }] });
	await sleep(1000);
	const before = subject.switches;
	await sleep(2000 * seconds);
	const result = { memory_mib: subject.memoryMiB,
		wakeups_per_second: (subject.switches - before) / (2 * seconds) };
	await subject.end();
	return result;
}

/** Memory with 1,000 connections and 100,000 waiting deliveries, and as events keep arriving. */
export async function memory({ say }, events) {
	const subject = await Subject.start('hookd');
	await subject.load({ connections: 1000, count: 100000, seconds: 120, warmUp: 0 });
	const rows = [{ events: 100000, memory_mib: subject.memoryMiB }];
	for (let done = 100000; done < events;) {
		const step = Math.min(300000, events - done);
		await subject.load({ connections: 1000, count: step, seconds: 600, warmUp: 0 });
		done += step;
		rows.push({ events: done, memory_mib: subject.memoryMiB });
		say(`after ${done} events ${subject.memoryMiB.toFixed(1)} MiB`);
	}
	await subject.end();
	return rows;
}

/** Bytes on disk for an event with one hook, waiting and done, per byte of payload. */
export async function disk({ quick, say }) {
	const result = {};
	for (const [name, hooks, events] of [['waiting', undefined, 50000],
		['done', [{ name: 'true', run: ['/bin/true'], concurrency: 16 }], quick ? 2000 : 10000]]) {
		const subject = await Subject.start('hookd', { hooks });
		await subject.load({ count: events, seconds: 60, warmUp: 0 });
		for (let i = 0; name === 'done' && i < 300; i++) {
			if (((await subject.count()).deliveries.DONE ?? 0) === events) break;
			await sleep(200);
		}
		await subject.stop();
		const count = await subject.count();
		result[name] = { bytes: count.bytes / count.events,
			per_payload_byte: count.bytes / count.payload_bytes };
		say(`${name}: ${Math.round(result[name].bytes)} bytes an event`);
		await subject.end();
	}
	return result;
}
