// make bench-lists: what a person waits for when the store is large. Fills a store with so
// many events and times hookctl's commands: the median of five runs each, against a hookctl
// that only prints its version.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const RUNS = 5;
const GOAL = 100; // ms
const build = process.env.BUILD ?? 'build';
const events = Number(process.argv[2] ?? 1_000_000);
const hookctl = join(build, 'hookctl');

const dir = mkdtempSync(join(tmpdir(), 'hookd-bench-'));
process.on('exit', () => rmSync(dir, { recursive: true }));
const store = join(dir, 'hookd.db');
execFileSync(join(build, 'bench/fill'), [store, String(events)], { stdio: ['ignore', 'inherit', 'inherit'] });

const ctl = (...args) => {
	const { status, stdout, stderr } = spawnSync(hookctl, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
	if (stderr !== '' || status > 2) throw new Error(`hookctl ${args.join(' ')}: ${stderr}`);
	return stdout;
};

/** Milliseconds, the median of RUNS. */
function time(...args) {
	const times = Array.from({ length: RUNS }, () => {
		const start = process.hrtime.bigint();
		ctl(...args);
		return Number(process.hrtime.bigint() - start) / 1e6;
	});
	return times.sort((a, b) => a - b)[RUNS >> 1];
}

const first = (command, ...args) => JSON.parse(ctl(command, ...args, '--json', '--limit', '1', '--store', store).split('\n')[0]);
const middle = Math.floor(events / 2);
const transaction = first('transactions').id;
const oldest = `"id":${JSON.parse(ctl('show', '1', '--json', '--store', store)).entity_id}`; // what --text finds last
const commands = [['events'], ['events', '--page', '50'], ['events', '--type', 'payout.*'], ['events', '--type', 'transaction.*'],
	['events', '--since', '30d', '--until', '29d'], ['events', '--entity', `transaction:${transaction}`], ['events', '--state', 'dead'],
	['events', '--source', first('events').source], ['events', '--quarantined'], ['deliveries'], ['deliveries', '--state', 'dead'],
	['deliveries', '--state', 'ready'], ['deliveries', '--type', 'customer.*'], ['show', String(middle)], ['show', `transaction:${transaction}`],
	['transactions'], ['transactions', '--state', 'refunded'], ['transactions', '--state', 'approved'], ['events', '--text', `"id":${transaction}`],
	['events', '--text', oldest], ['deliveries', '--text', oldest], ['export', '--text', oldest], ['customers'], ['payouts'], ['status'], ['stats'], ['stats', '--by', 'hour'], ['stats', '--by', 'type', '--since', '90d'],
	['stats', '--by', 'hook', '--since', '90d']];
const bare = time('--version');
const rows = commands.map((command) => [command.join(' '), time(...command, '--store', store)]);

console.log(`\n${events.toLocaleString('en')} events, ${(statSync(store).size / 2 ** 20).toFixed(0)} MiB; hookctl --version takes ${bare.toFixed(1)} ms`);
const width = Math.max(...rows.map(([name]) => name.length));
for (const [name, ms] of rows)
	console.log(`${name.padEnd(width)} ${ms.toFixed(1).padStart(8)} ms ${(ms / bare).toFixed(1).padStart(7)} times ${ms > GOAL ? `  over the ${GOAL} ms that we want` : ''}`);
