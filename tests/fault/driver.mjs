// The C programs of this directory, built by make.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { join, resolve } from 'node:path';
import { run } from '../e2e/lib/program.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Is it the long form, of make fault? */
export const LONG = process.env.LONG !== undefined;

export const build = (name) => join(resolve(ROOT, process.env.BUILD ?? 'build'), 'fault', name);

/** Runs it; it must end with 0. Its output goes into the test's report. */
export async function drive(t, program, args) {
	const { code, signal, stdout, stderr } = await run(program, args.map(String), { ms: 3_600_000 });
	const said = stdout + stderr;
	for (const line of said.split('\n').filter(Boolean)) t.diagnostic(line);
	assert.deepEqual({ code, signal }, { code: 0, signal: null }, said);
	return said;
}
