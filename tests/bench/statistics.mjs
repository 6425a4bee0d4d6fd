// Medians.

export const median = (list) => {
	const sorted = [...list].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** The median of each number in a list of equal objects, however deep. */
export function medians(list) {
	const out = {};
	for (const [key, value] of Object.entries(list[0])) {
		if (typeof value === 'number') out[key] = median(list.map((o) => o[key]));
		else if (value !== null && typeof value === 'object')
			out[key] = medians(list.map((o) => o[key]));
	}
	return out;
}
