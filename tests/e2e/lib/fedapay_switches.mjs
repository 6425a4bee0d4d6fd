// What may go wrong with FedaPay's API, to be switched on: failures of single requests, and the forms
// that its lists may have.

/** Failures of the requests to one route. Each takes {times, page} last: how often (until clear(), by
 * default), and of which page only. */
class Failures {
	constructor(switches, route) {
		this.switches = switches;
		this.route = route;
	}

	add(failure, { times = Infinity, page } = {}) {
		this.switches.failures.push({ route: this.route, page, left: times, ...failure });
		return this;
	}

	status(status, { body = { message: `mock says ${status}` }, headers = {}, ...when } = {}) {
		return this.add({ kind: 'status', status, body, headers }, when);
	}

	/** 429 with Retry-After in seconds, as a date, or without. */
	tooMany({ retryAfter, ...when } = {}) {
		const value = retryAfter instanceof Date ? retryAfter.toUTCString() : retryAfter;
		return this.status(429, { headers: value === undefined || value === 'none' ? {} : { 'Retry-After': String(value) }, ...when });
	}

	slow(ms, when) { return this.add({ kind: 'slow', ms }, when); }           // headers come late
	stall(when) { return this.add({ kind: 'stall' }, when); }                 // half the body, then nothing
	/** Only `bytes` of the body; the length says so (honest) or speaks of the whole. */
	cut(bytes, { honest = false, ...when } = {}) { return this.add({ kind: 'cut', bytes, honest }, when); }
	garbage(when) { return this.add({ kind: 'garbage' }, when); }             // 200, and not JSON
	huge(bytes, when) { return this.add({ kind: 'huge', bytes }, when); }     // so many bytes, chunked
	reset(when) { return this.add({ kind: 'reset' }, when); }                 // the connection is cut off
	redirect(url, when) { return this.add({ kind: 'redirect', url }, when); } // 302
	clear() { this.switches.failures = this.switches.failures.filter((failure) => failure.route !== this.route); return this; }
}

export class Switches {
	constructor() { this.clear(); }

	/** Everything as FedaPay is known to be. */
	clear() {
		this.failures = [];
		this.form = { order: 'desc', perPageCap: 100, window: Infinity, windowStatus: 400, meta: 'full', entityAs: 'text',
			idAs: 'text', typeIn: 'type', ignoreInclude: false, ignoreFilters: false, shift: 0, duplicate: false,
			writesAnswer500: false };
		this.missing = new Map(); // id: until when, or whether still
		return this;
	}

	/** The failures of a route: events, event, transactions, transaction, payouts, payout, customer,
	 * currency, webhooks, webhook, or * for all. */
	route(name) { return new Failures(this, name); }

	/** The failure that a request meets, counted; undefined: none. */
	take(route, page) {
		const failure = this.failures.find((f) => (f.route === route || f.route === '*') && f.left > 0 &&
			(f.page === undefined || f.page === page));
		if (failure) failure.left--;
		return failure;
	}

	shift(count) { this.form.shift = count; return this; }             // new events after each page
	duplicateAcrossPages(on = true) { this.form.duplicate = on; return this; }
	missingRow(id, until) { this.missing.set(id, until); return this; } // until: ms, or a function
	order(order) { this.form.order = order; return this; }             // desc, asc, shuffled
	perPageCap(count) { this.form.perPageCap = count; return this; }
	window(rows, status = 400) { Object.assign(this.form, { window: rows, windowStatus: status }); return this; }
	meta(form) { this.form.meta = form; return this; }                 // full, page, none, wrong
	entityAs(form) { this.form.entityAs = form; return this; }         // text, object, array, null, broken text
	idAs(form) { this.form.idAs = form; return this; }                 // text, number, same for two
	typeIn(form) { this.form.typeIn = form; return this; }             // type, name, both
	ignoreInclude(on = true) { this.form.ignoreInclude = on; return this; }
	ignoreFilters(on = true) { this.form.ignoreFilters = on; return this; }
	writesAnswer500(on = true) { this.form.writesAnswer500 = on; return this; }

	isMissing(id, now) {
		const until = this.missing.get(id);
		return until !== undefined && (typeof until === 'function' ? !until() : now < until);
	}
}
