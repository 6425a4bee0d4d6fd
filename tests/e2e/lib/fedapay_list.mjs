// Lists as FedaPay's API answers them: a page of rows and its meta, in the form that is switched on.

const ENTITY = {
	text: (entity) => entity,
	object: (entity) => JSON.parse(entity),
	array: () => [],
	null: () => null,
	'broken text': (entity) => entity.slice(0, -7),
};

/** An event as the list shows it; `at` is its place in the account's history. */
export function eventRow(event, at, form) {
	const { type, id, ...rest } = event;
	const names = { type: { type }, name: { name: type }, both: { type, name: type } }[form.typeIn];
	const ids = { text: id, number: 1_000_000 + at, 'same for two': `AXsame${String(at >> 1).padStart(14, '0')}` };
	return { klass: 'v1/event', id: ids[form.idAs], ...names, ...rest, entity: ENTITY[form.entityAs](event.entity) };
}

/** The same order for the same rows, and no order. */
const shuffled = (rows) => rows.map((row, i) => [(i * 7919) % 10_007, row]).sort((a, b) => a[0] - b[0]).map(([, row]) => row);

export function inOrder(rows, order) {
	const newest = rows.map((row, i) => [row, i])
		.sort(([a, i], [b, j]) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : j - i))
		.map(([row]) => row);
	return order === 'asc' ? newest.reverse() : order === 'shuffled' ? shuffled(newest) : newest;
}

export function filtered(events, query, form) {
	if (form.ignoreFilters) return events;
	const wanted = ['type', 'object', 'object_id'].map((name) => [name, query.get(`filters[${name}]`)]).filter(([, value]) => value !== null);
	return events.filter((event) => wanted.every(([name, value]) => String(event[name]) === value));
}

function metaOf(form, page, perPage, count) {
	const pages = Math.max(1, Math.ceil(count / perPage));
	const full = { current_page: page, next_page: page < pages ? page + 1 : null, prev_page: page > 1 ? page - 1 : null,
		per_page: perPage, total_pages: pages, total_count: count };
	return { full: { meta: full }, page: { meta: { page } }, none: {},
		wrong: { meta: { ...full, next_page: 'two', total_pages: -3, per_page: null, total_count: 1e30 } } }[form.meta];
}

/** {status, body} of a page of `rows`. */
export function pageOf(key, rows, query, form) {
	const page = Math.max(1, Number.parseInt(query.get('page') ?? '1', 10) || 1);
	const perPage = Math.min(form.perPageCap, Math.max(1, Number.parseInt(query.get('per_page') ?? '25', 10) || 25));
	const from = (page - 1) * perPage;
	if (from + perPage > form.window)
		return { status: form.windowStatus, body: { message: `Result window is too large, from + size must be less than or equal to: [${form.window}]` } };
	const shown = rows.slice(from, from + perPage);
	if (form.duplicate && page > 1 && rows[from - 1] !== undefined && shown.length > 0) shown.unshift(rows[from - 1]);
	return { status: 200, body: { [key]: shown, ...metaOf(form, page, perPage, rows.length) } };
}
