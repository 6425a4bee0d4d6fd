// A FedaPay of our own: its API on 127.0.0.1, the sender of its webhooks, and switches for what may go
// wrong. What an account holds is in fedapay_model.mjs, the forms of lists in fedapay_list.mjs.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook } from 'fedapay';
import { eventRow, filtered, inOrder, pageOf } from './fedapay_list.mjs';
import { Model } from './fedapay_model.mjs';
import { Switches } from './fedapay_switches.mjs';

const missing = (what) => ({ status: 404, body: { message: `${what} non trouvée` } });
const includes = (query, form) => (form.ignoreInclude ? [] : (query.get('include') ?? '').split(',').filter(Boolean));

export class FedaPay {
	/** options: clock, seed (see Model), key, tries, gap (ms between a webhook's tries). */
	static async start(t, options = {}) {
		const mock = new FedaPay(options);
		t?.after(() => mock.close());
		await mock.listen(0);
		return mock;
	}

	constructor({ key = 'sk_sandbox_test', tries = 10, gap = 10, ...model } = {}) {
		this.model = new Model(model);
		this.switches = new Switches();
		Object.assign(this, { key, tries, gap });
		this.requests = [];   // {at, method, path, query, route, page, headers, body, status}
		this.deliveries = []; // {webhook, event, body, statuses}
		this.sending = new Set();
		this.sockets = new Set();
		this.model.onEvent = (event) => this.deliver(event);
	}

	get url() { return `http://127.0.0.1:${this.port}/v1`; }
	route(name) { return this.switches.route(name); }
	asked(route) { return this.requests.filter((request) => request.route === route); }
	clock(seconds) { this.model.offset = seconds * 1000; return this; }

	async listen(port) {
		this.server = http.createServer((req, res) => this.take(req, res));
		this.server.on('connection', (socket) => {
			this.sockets.add(socket);
			socket.on('close', () => this.sockets.delete(socket));
		});
		await new Promise((done, failed) => this.server.once('error', failed).listen(port, '127.0.0.1', done));
		this.port = this.server.address().port;
	}

	/** The port is closed, until accept(). */
	async refuse() {
		for (const socket of this.sockets) socket.destroy();
		await new Promise((done) => this.server.close(done));
	}

	async accept() { await this.listen(this.port); }

	async close() {
		this.closed = true;
		if (this.server.listening) await this.refuse();
	}

	// The API

	take(req, res) {
		const parts = [];
		req.on('data', (part) => parts.push(part));
		req.on('error', () => {});
		res.on('error', () => {});
		req.on('end', () => this.serve(req, res, Buffer.concat(parts)));
	}

	async serve(req, res, body) {
		const { pathname, searchParams } = new URL(req.url, 'http://mock');
		const [, version, kind, ...rest] = pathname.split('/');
		const seen = { at: Date.now(), method: req.method, path: pathname, query: searchParams, headers: req.headers,
			body: body.toString(), page: Number(searchParams.get('page') ?? 1), route: this.routeOf(kind, rest) };
		this.requests.push(seen);
		const failure = this.switches.take(seen.route, seen.page);
		if (failure?.kind === 'slow') await sleep(failure.ms);
		const answer = version === 'v1' ? this.answer(req.method, kind, rest, searchParams, seen) : missing('Page');
		seen.status = answer.status;
		if (failure === undefined || failure.kind === 'slow') return this.respond(res, answer);
		seen.status = failure.kind === 'redirect' ? 302 : failure.status ?? answer.status;
		return this.fail(res, failure, answer);
	}

	routeOf(kind, rest) {
		const one = rest.length > 0 && rest[0] !== 'search';
		return one ? String(kind).replace(/ies$/, 'y').replace(/s$/, '') : String(kind);
	}

	respond(res, { status, body, headers = {} }) {
		if (res.destroyed) return;
		const text = typeof body === 'string' ? body : JSON.stringify(body);
		res.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(text),
			Date: new Date(this.model.now()).toUTCString(), ...headers });
		res.end(text);
	}

	fail(res, failure, answer) {
		const text = JSON.stringify(answer.body);
		const type = { 'Content-Type': 'application/json', Date: new Date(this.model.now()).toUTCString() };
		switch (failure.kind) {
		case 'status': return this.respond(res, failure);
		case 'redirect': return this.respond(res, { status: 302, body: '', headers: { Location: failure.url } });
		case 'garbage': return this.respond(res, { status: 200, body: '<html><body>Bad gateway</body></html>' });
		case 'reset': return res.socket.resetAndDestroy();
		case 'stall':
			res.writeHead(200, { ...type, 'Content-Length': Buffer.byteLength(text) });
			return res.write(text.slice(0, text.length / 2));
		case 'cut':
			if (failure.honest) return this.respond(res, { status: 200, body: text.slice(0, failure.bytes) });
			res.writeHead(200, { ...type, 'Content-Length': Buffer.byteLength(text) });
			return res.write(text.slice(0, failure.bytes), () => res.socket?.destroy());
		case 'huge': return this.pour(res, type, failure.bytes);
		}
		throw new Error(`unknown switch ${failure.kind}`);
	}

	pour(res, headers, bytes) {
		const block = Buffer.alloc(65_536, ' ');
		let left = bytes;
		const more = () => {
			while (!res.destroyed && left > 0) {
				left -= block.length;
				if (!res.write(block)) return;
			}
			if (!res.destroyed) res.end();
		};
		res.on('drain', more);
		res.writeHead(200, headers);
		more();
	}

	answer(method, kind, rest, query, seen) {
		if (seen.headers.authorization !== `Bearer ${this.key}`) return { status: 401, body: { message: 'Erreur d\'authentification' } };
		const routes = { events: 'events', transactions: 'entities', payouts: 'entities', customers: 'customers',
			currencies: 'currencies', webhooks: 'webhooks' };
		const name = Object.hasOwn(routes, kind) ? routes[kind] : undefined;
		return name === undefined ? missing('Page') : this[`${name}Answer`](method, kind, rest, query, seen);
	}

	eventsAnswer(method, kind, [id], query) {
		const { model, switches: { form } } = this;
		const rows = model.events.map((event, i) => eventRow(event, i, form));
		if (method !== 'GET') return missing('Page');
		if (id !== undefined) {
			const row = rows.find((r) => String(r.id) === decodeURIComponent(id));
			return row ? { status: 200, body: { 'v1/event': row } } : missing('Event');
		}
		const now = model.now();
		const shown = filtered(model.events, query, form).filter((event) => !this.switches.isMissing(event.id, now));
		const place = new Map(model.events.map((event, i) => [event, i]));
		const list = inOrder(shown, form.order).map((event) => eventRow(event, place.get(event), form));
		const answer = pageOf('v1/events', list, query, form);
		for (let i = 0; i < form.shift; i++) model.pay();
		return answer;
	}

	/** Transactions and payouts. */
	entitiesAnswer(method, kind, rest, query) {
		const { model, switches: { form } } = this;
		const one = kind.slice(0, -1);
		const all = [...model.entities[one].values()];
		if (method !== 'GET') return missing('Page');
		if (rest.length === 0) return { status: 400, body: { message: `This call is obsolete, use /${kind}/search` } };
		if (rest[0] === 'search') {
			const text = query.get('search') ?? '*';
			const found = all.filter((e) => text === '*' || JSON.stringify(e.row).includes(text)).map((e) => e.shown(includes(query, form)));
			return pageOf(`v1/${kind}`, found.reverse(), query, form);
		}
		const found = rest[0] === 'merchant' ? all.find((e) => e.row.merchant_reference === decodeURIComponent(rest[1] ?? ''))
			: model.entities[one].get(Number(rest[0]));
		return found ? { status: 200, body: { [`v1/${one}`]: found.shown(includes(query, form)) } } : missing(one);
	}

	customersAnswer(method, kind, [id]) {
		const customer = method === 'GET' && this.model.customer(id);
		return customer ? { status: 200, body: { 'v1/customer': customer } } : missing('Customer');
	}

	currenciesAnswer(method, kind, [id]) {
		const currency = method === 'GET' && this.model.currency(id);
		return currency ? { status: 200, body: { 'v1/currency': currency } } : missing('Currency');
	}

	webhooksAnswer(method, kind, [id, act], query, seen) {
		const { model, switches: { form } } = this;
		const webhook = model.webhooks.get(Number(id));
		if (id === undefined && method === 'GET')
			return pageOf('v1/webhooks', [...model.webhooks.values()].map((w) => w.row), query, form);
		if (webhook === undefined) return missing('Webhook');
		if (act === 'send_event' && method === 'POST') return this.sendEvent(webhook, seen);
		if (act !== undefined || !['GET', 'PUT'].includes(method)) return missing('Page');
		if (method === 'PUT') {
			Object.assign(webhook.row, JSON.parse(seen.body), { updated_at: new Date(model.now()).toISOString() });
			if (form.writesAnswer500) return { status: 500, body: { message: 'Internal Server Error' } };
		}
		return { status: 200, body: { 'v1/webhook': webhook.row } };
	}

	/** A signed stub, whose transaction the API does not know. */
	sendEvent(webhook, seen) {
		const { event } = JSON.parse(seen.body || '{}');
		if (!/^[a-z_]+\.[a-z_]+$/.test(event ?? '')) return { status: 400, body: { message: 'unknown event' } };
		const [object, verb] = event.split('.');
		const id = this.model.nextId();
		const at = new Date(this.model.now()).toISOString();
		const entity = { klass: `v1/${object}`, id, amount: 100, status: verb, created_at: at, updated_at: at, [`${verb}_at`]: at };
		this.post(webhook, null, this.model.frame(event, object, id, entity));
		return { status: 200, body: { message: 'sent' } };
	}

	// The sender of webhooks

	deliver(event) {
		for (const webhook of this.model.webhooks.values())
			if (webhook.row.enabled) this.post(webhook, event, this.model.webhookBody(event));
	}

	/** The dashboard's "Re-déclencher": an event sent again, as it was or as it is now. */
	resend(event, { rendered = 'frozen' } = {}) {
		return Promise.all([...this.model.webhooks.values()].map((webhook) =>
			this.post(webhook, event, this.model.webhookBody(event, rendered))));
	}

	/** Tries until a 2xx; after the last try the webhook may be disabled. */
	post(webhook, event, body) {
		const delivery = { webhook, event, body, statuses: [] };
		this.deliveries.push(delivery);
		const sent = this.tryAll(delivery).finally(() => this.sending.delete(sent));
		this.sending.add(sent);
		return sent;
	}

	async tryAll(delivery) {
		const { row } = delivery.webhook;
		for (let i = 0; i < this.tries && row.enabled && !this.closed; i++) {
			if (i > 0) await sleep(this.gap * Math.min(2 ** (i - 1), 16));
			const status = await this.postOnce(delivery);
			delivery.statuses.push(status);
			if (status >= 200 && status < 300) return delivery;
		}
		if (row.disable_on_error) row.enabled = false;
		return delivery;
	}

	postOnce({ webhook: { row, secret }, body }) {
		const timestamp = Math.floor(this.model.now() / 1000);
		const signature = Webhook.generateTestHeaderString({ payload: body, secret, timestamp });
		return new Promise((resolve) => {
			const req = http.request(row.url, { method: 'POST', headers: { 'Content-Type': 'application/json',
				'Content-Length': Buffer.byteLength(body), 'X-FEDAPAY-SIGNATURE': signature, ...row.http_headers } }, (res) => {
				res.resume();
				res.on('end', () => resolve(res.statusCode));
				res.on('error', () => resolve(0));
			});
			req.setTimeout(5000, () => req.destroy(new Error('no answer')));
			req.on('error', () => resolve(0));
			req.end(body);
		});
	}

	/** Until nothing is being sent any more. */
	async idle() { while (this.sending.size > 0) await Promise.all(this.sending); }

	// Webhooks, as the dashboard changes them

	disableWebhook(id) { this.model.webhooks.get(id).row.enabled = false; return this; }
	deleteWebhook(id) { this.model.webhooks.delete(id); return this; }
	secondWebhook(url, over) { return this.model.newWebhook(url, over); }
}
