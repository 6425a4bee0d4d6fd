// Waiting for conditions, never for time. The limits are for a machine under
// load with sanitizers on: a test that passes does not come near them.
import { setTimeout as sleep } from 'node:timers/promises';

export const GENEROUS = 90_000;

/** What node:test gives a whole test. */
export const limit = { timeout: 600_000 };

/** The same for a test that only root can run: it becomes another user, mounts a disk, or
 * looks into hookd, which nobody else may. */
export const rootLimit = process.getuid() === 0 ? limit : { ...limit, skip: 'needs root' };

/** Polls until cond() is truthy and returns that value. */
export async function waitFor(cond, what = cond.toString(), ms = GENEROUS) {
	const end = Date.now() + ms;
	for (;;) {
		const value = await cond();
		if (value) return value;
		if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`);
		await sleep(15);
	}
}

/** The promise's value, or an error once ms have gone by. */
export function within(promise, what, ms = GENEROUS) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`waited ${ms} ms for: ${what}`)), ms);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export { sleep };
