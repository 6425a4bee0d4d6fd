// make bench: measures hookd and what it is compared with, in one run and in turns;
// prints a table, and leaves build/bench/results.json and results.svg; a whole run also
// writes tests/bench/RESULTS.md.
//   node run.mjs [--quick] [--only PART,…] [--events N]
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { acts } from './acts.mjs';
import { againstWebhook, spawning, startDelay } from './actions.mjs';
import { opening } from '../e2e/lib/machine.mjs';
import { figures, markdown, rates, table } from './figures.mjs';
import { affordable, disk, filled, idle, memory, startTime } from './footprint.mjs';
import { fullAgainstEmpty, intake, openLoop, sweep } from './intake.mjs';
import { plot } from './plot.mjs';
import { OUT, ROOT } from './subjects.mjs';

const { values: options } = parseArgs({ options: {
	quick: { type: 'boolean', default: false },
	only: { type: 'string' },
	events: { type: 'string', default: '10000000' },
} });
const { quick } = options;
const only = options.only?.split(',');
const wants = (part) => (only ? only.includes(part) : true);
const began = Date.now();
const say = (line) => {
	process.stderr.write(`${((Date.now() - began) / 1000).toFixed(0).padStart(5)} s  ${line}\n`);
};

/* Quick: medians of 3; else of 5. */
const settings = quick
	? { quick, say, rounds: 3, seconds: 1, warmUp: 0.3, sweepSeconds: 0.5 }
	: { quick, say, rounds: 5, seconds: 3, warmUp: 1, sweepSeconds: 2 };

async function measure() {
	const r = { at: new Date().toISOString(), processors: cpus().length, model: cpus()[0].model,
		quick, rounds: settings.rounds, seconds: settings.seconds };
	if (wants('intake')) r.intake = await intake(settings);
	if (wants('spawning')) r.spawning = { 4: await spawning(settings, 4) };
	if (quick) return r;
	if (wants('spawning')) r.spawning[16] = await spawning(settings, 16);
	if (r.intake) r.open = await openLoop(settings, r.intake.subjects.hookd[64].per_second);
	if (wants('sweep')) r.sweep = await sweep(settings);
	if (wants('webhook')) r.webhook = await againstWebhook(settings);
	if (wants('delay')) r.startDelay = await startDelay(settings);
	if (wants('idle')) r.idle = await idle(settings);
	if (wants('memory')) r.memory = await memory(settings, 1000000);
	if (wants('disk')) r.disk = await disk(settings);
	if (wants('acts')) r.acts = await acts(settings);
	if (wants('full')) {
		r.fullEvents = affordable(Number(options.events));
		const store = await filled(r.fullEvents, 100000, say);
		r.startTime = await startTime(settings, store);
		r.full = await fullAgainstEmpty(settings, store);
	}
	return r;
}

mkdirSync(join(OUT, 'run'), { recursive: true });
let results;
/* Other processes may have slowed the machine: a figure is missed only if it is missed each
 * time. */
let lost = null;
for (let i = 0; i < (quick ? 3 : 1) && (lost === null || lost.length > 0); i++) {
	if (i > 0) say(`far below the target: ${lost.join('; ')}; measuring again`);
	results = await measure();
	results.figures = figures(results);
	const now = results.figures.filter((f) => f.lost).map((f) => f.what);
	lost = lost === null ? now : lost.filter((what) => now.includes(what));
}
results.took_seconds = (Date.now() - began) / 1000;
rmSync(join(OUT, 'run'), { recursive: true, force: true });
writeFileSync(join(OUT, 'results.json'), `${JSON.stringify(results, null, '\t')}\n`);
if (results.intake) writeFileSync(join(OUT, 'results.svg'), plot(results));
if (!quick && !only)
	writeFileSync(join(ROOT, 'tests/bench/RESULTS.md'), [...opening('What `make bench` has measured', 'make bench'),
		`Medians of ${results.rounds}.`, '', markdown(results.figures), '', '```', rates(results.intake), '```', ''].join('\n'));
console.log(`${results.processors} processors, ${results.model}; medians of ${results.rounds}; ` +
	`took ${results.took_seconds.toFixed(0)} s\n`);
if (results.intake) console.log(`${rates(results.intake)}\n`);
console.log(table(results.figures));
if (quick && lost.length > 0) {
	console.error(`bench: far below the target, three times: ${lost.join('; ')}`);
	process.exitCode = 1;
}
