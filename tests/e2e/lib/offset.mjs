// A wall clock for one daemon that the test sets.
import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from './program.mjs';

const SHIM = fileURLToPath(new URL('./clock.c', import.meta.url));

const text = (seconds) => `${seconds}\n`.padEnd(32, '\0'); // as long as in clock.c

/** From its next start on the daemon's clock is off by set(seconds); 0 at first. */
export async function wallClock(d) {
	const library = `${d.dir}/clock.so`;
	const built = await run('cc', ['-shared', '-fPIC', '-D_GNU_SOURCE', '-o', library, SHIM]);
	assert.equal(built.code, 0, built.stderr);
	const file = d.file('offset', text(0));
	/* In place: the daemon has it mapped. */
	const set = (seconds) => {
		const fd = openSync(file, 'r+');
		writeSync(fd, text(seconds), 0);
		closeSync(fd);
	};
	Object.assign(d.env, { LD_PRELOAD: library, CLOCK_OFFSET_FILE: file, ASAN_OPTIONS: 'verify_asan_link_order=0' });
	return { set };
}
