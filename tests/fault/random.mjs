// Reproducible random numbers: SEED=… repeats a run.
export const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

/** Mulberry32: numbers in [0, 1). */
export function random(start = seed) {
	let state = start >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = Math.imul(state ^ (state >>> 15), state | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}
