// What the intake and the scripts notice of an operator's acts: a large prune, vacuum, import and
// replay while 64 clients post. Each act is measured against the same hookd before and after it.
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { filled } from './footprint.mjs';
import { BUILD, OUT, Subject, ask, sleep } from './subjects.mjs';
import { median } from './statistics.mjs';

const CONNECTIONS = 64;
const DAY = 86400000;
const TRUE = [{ name: 'true', run: ['/bin/true'], concurrency: 2 }];

const hookctl = (subject, ...args) => new Promise((done) => {
	execFile(join(BUILD, 'hookctl'), ['--config', join(subject.dir, 'hookd.yaml'), ...args],
		{ maxBuffer: 1 << 30 }, (error, out, err) => done({ code: error ? error.code ?? 1 : 0, out, err }));
});

/** The WAL's largest size until `over` is true. */
async function largestWal(subject, over) {
	let most = 0;
	while (!over()) {
		const wal = `${subject.store}-wal`;
		if (existsSync(wal)) most = Math.max(most, statSync(wal).size);
		await sleep(10);
	}
	return most;
}

const failed = (load) => load.other + load.errors + load.unanswered;

/** Loads it a piece at a time until `over`: the pieces that ended before it. */
async function pieces(subject, seconds, over) {
	const list = [];
	while (!over()) {
		const one = await subject.load({ connections: CONNECTIONS, seconds, warmUp: 0 });
		if (!over()) list.push(one);
		else if (list.length === 0) list.push({ ...one, partly: true });
	}
	return list;
}

const quiet = async (subject, seconds, rounds) => {
	const list = [];
	for (let i = 0; i < rounds; i++)
		list.push(await subject.load({ connections: CONNECTIONS, seconds, warmUp: 0 }));
	return list;
};

const rate = (list) => median(list.map((l) => l.per_second));
const p99 = (list) => median(list.map((l) => l.latency_us.p99));

/** One act under load. */
async function during(subject, act, { seconds, rounds, say }) {
	const before = await quiet(subject, seconds, rounds);
	let ended = false;
	const since = Date.now();
	const running = act.run(subject).then((r) => { ended = true; return r; });
	const [wal, loaded] = await Promise.all([largestWal(subject, () => ended),
		pieces(subject, seconds, () => ended)]);
	const result = await running;
	const took = (Date.now() - since) / 1000;
	const gap = (await ask('count', '--gap', subject.store, since)).gap_ms;
	if (result.code !== 0 || !act.good(result.out))
		throw new Error(`${act.name}: ${result.code} ${result.out}${result.err}`);
	const without = [...before, ...await quiet(subject, seconds, rounds)];
	const row = { name: act.name, took_s: took, pieces: loaded.length, partly: loaded.some((l) => l.partly),
		refused: loaded.reduce((sum, l) => sum + failed(l), 0), wal_mib: wal / 2 ** 20,
		start_gap_ms: gap, per_second: rate(loaded), without_per_second: rate(without),
		p99_us: p99(loaded), without_p99_us: p99(without) };
	say(`${act.name}: ${took.toFixed(1)} s, ${Math.round(row.per_second)}/s beside it, ` +
		`${Math.round(row.without_per_second)}/s without; p99 ${(row.p99_us / 1000).toFixed(1)} and ` +
		`${(row.without_p99_us / 1000).toFixed(1)} ms; WAL ${row.wal_mib.toFixed(1)} MiB; ` +
		`longest without a script's start ${gap} ms; not answered 200: ${row.refused}`);
	return row;
}

/** An export of `n` of the shop's events under keys of their own. */
function importFile(n) {
	const file = join(OUT, 'run', 'import.ndjson');
	const lines = [];
	for (let i = 0; i < n; i++)
		lines.push(JSON.stringify({ name: 'transaction.approved', object: 'transaction', entity: {
			id: 5000000000 + i, reference: `imported-${i}`, amount: 5000, status: 'approved',
			filler: 'x'.repeat(900), updated_at: '2026-01-01T00:00:00.000Z' } }));
	writeFileSync(file, `${lines.join('\n')}\n`);
	return file;
}

/** `events` in the store, six tenths of which are pruned; a sixteenth as many are imported and
 * then replayed. */
export async function acts({ quick, say, seconds, rounds }) {
	const events = quick ? 100000 : 1000000;
	const few = Math.round(events * 0.06);
	const from = await filled(events, 1000, say);
	const store = join(OUT, 'run', 'acts.db');
	for (const end of ['', '-wal', '-shm', '.lock', '.control']) rmSync(store + end, { force: true });
	copyFileSync(from, store, constants.COPYFILE_FICLONE);
	const subject = await Subject.start('hookd', { store, hooks: TRUE });
	const file = importFile(few);
	const list = [
		{ name: `import of ${few}`, run: (s) => hookctl(s, 'import', file),
			good: (out) => out.startsWith(`${few} events imported`) },
		{ name: `replay of ${few}`, run: (s) => hookctl(s, 'replay', '--state', 'skipped', '--hook', 'true', '--yes'),
			good: (out) => Number(out.split(' ')[0]) >= few },
		{ name: `prune of ${events * 0.6}`, run: (s) => hookctl(s, 'prune', '--older-than', `${Math.round(89.5 * 0.4)}d`, '--yes'),
			good: (out) => Number(out.split(' ')[0]) > events * 0.5 },
		{ name: 'vacuum', run: (s) => hookctl(s, 'vacuum'), good: (out) => out.includes('pages free') },
	];
	const rows = [];
	try {
		await subject.load({ count: 30000, seconds: 60, warmUp: 0 }); // a backlog of scripts
		for (const act of list) rows.push(await during(subject, act, { seconds: quick ? 0.5 : 1, rounds: quick ? 3 : rounds, say }));
	} finally {
		await subject.end();
		for (const end of ['', '-wal', '-shm', '.lock', '.control']) rmSync(store + end, { force: true });
	}
	return rows;
}
