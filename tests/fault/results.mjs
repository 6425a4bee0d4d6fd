// A reporter of node --test: writes what `make fault` or `make soak` has seen to $RESULTS, each
// test with its time and what it said. It prints nothing; "spec" does that beside it.
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { opening } from '../e2e/lib/machine.mjs';

const SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /; // node's own, at the end
const SETTINGS = ['KILLS', 'LOSSES', 'SIEGE', 'SEED', 'MINUTES', 'RATE'];

const outcome = ({ failed, skipped, seconds }) => (failed ? '**FAILED**' : skipped ? 'skipped' : `${seconds.toFixed(1)} s`);

function page(rows) {
	const command = process.env.COMMAND ?? 'node --test';
	const set = SETTINGS.filter((name) => process.env[name]).map((name) => `${name}=${process.env[name]}`);
	const lines = opening(`What \`${command}\` has seen`, [command, ...set].join(' '));
	for (const file of [...new Set(rows.map((row) => row.file))].sort()) {
		lines.push(`## ${file}`, '');
		for (const row of rows.filter((one) => one.file === file))
			lines.push(`- ${row.name}: ${outcome(row)}`, ...row.notes.map((note) => `  - ${note}`));
		lines.push('');
	}
	return lines.join('\n');
}

export default async function* results(events) {
	const rows = [];
	for await (const { type, data } of events) {
		const isFile = data.name?.endsWith('.mjs'); // Node 18 reports each file as a test, too
		if ((type === 'test:pass' || type === 'test:fail') && !isFile)
			rows.push({ file: basename(data.file ?? ''), name: data.name, failed: type === 'test:fail',
				skipped: data.skip !== undefined, seconds: data.details.duration_ms / 1000, notes: [] });
		else if (type === 'test:diagnostic' && rows.length > 0 && !SUMMARY.test(data.message))
			rows.at(-1).notes.push(data.message);
	}
	writeFileSync(process.env.RESULTS, page(rows));
	yield '';
}
