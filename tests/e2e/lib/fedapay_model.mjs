// What a FedaPay account holds: customers, currencies, transactions, payouts, webhooks, and the events
// that they make. Deterministic: the clock is given, ids and texts come from a seed.

const CURRENCIES = [
	{ klass: 'v1/currency', id: 1, name: 'FCFA', iso: 'XOF', code: 952, prefix: null, suffix: 'CFA', div: 1, default: true, modes: ['mtn_open', 'moov', 'momo_test'] },
	{ klass: 'v1/currency', id: 2, name: 'Franc guinéen', iso: 'GNF', code: 324, prefix: null, suffix: 'GNF', div: 1, default: false, modes: ['mtn_open_gn'] },
	{ klass: 'v1/currency', id: 3, name: 'Euro', iso: 'EUR', code: 978, prefix: null, suffix: '€', div: 100, default: false, modes: ['stripe_gw'] },
];

/** Columns of the bare row that a webhook's entity does not have. */
const ONLY_BARE = ['items', 'page_id', 'approved_partially_refunded_at', 'transferred_partially_refunded_at', 'lock_transfer'];

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';

/** xorshift32: the same numbers for the same seed. */
function generator(seed) {
	let state = seed >>> 0 || 1;
	return (below) => {
		state ^= state << 13; state >>>= 0;
		state ^= state >>> 17;
		state ^= state << 5; state >>>= 0;
		return state % below;
	};
}

const text = (ms) => new Date(ms).toISOString();

/** A transaction or payout: the bare row, and what changes it. */
class Entity {
	constructor(model, kind, row) {
		this.model = model;
		this.kind = kind; // 'transaction', 'payout'
		this.row = row;
	}

	get id() { return this.row.id; }

	/** Sets the status and its moment, some ms later updated_at, and makes the event. `after`: ms
	 * between the moment and updated_at. */
	advance(status, { after = 57, at = this.model.now(), type = `${this.kind}.${status}`, ...over } = {}) {
		Object.assign(this.row, { status, [`${status}_at`]: text(at), updated_at: text(at + after) }, over);
		if (status === 'approved') this.row.metadata = { ...this.row.metadata, paid_customer: { id: this.row.customer_id } };
		return this.model.addEvent(type, this, at);
	}

	/** FedaPay's own later change, of which there is no event: a receipt, the transfer job. */
	touch(at = this.model.now()) {
		this.row.updated_at = text(at);
		this.row.receipt_url = `https://receipts.example/${this.row.id}?a=1&b=2`;
		this.row.metadata = { ...this.row.metadata, transfer_schedule_jobid: `job-${this.row.id}` };
		return this;
	}

	bare() { return structuredClone(this.row); }

	/** As the API shows it: bare with klass, and what `include` names. */
	shown(include = []) {
		const { row, model } = this;
		const shown = { klass: `v1/${this.kind}`, ...this.bare() };
		for (const name of include) {
			if (name === 'customer') shown.customer = model.customer(row.customer_id) ?? null;
			if (name === 'currency') shown.currency = model.currency(row.currency_id) ?? null;
			if (name === 'payment_method') shown.payment_method = model.paymentMethod(row.payment_method_id);
		}
		return shown;
	}

	/** As a webhook shows it. */
	rich() {
		const rich = this.shown(['customer', 'currency', 'payment_method']);
		for (const name of ONLY_BARE) delete rich[name];
		if (this.kind === 'transaction')
			Object.assign(rich, { balance: { klass: 'v1/balance', id: rich.balance_id, mode: rich.mode, amount: 1_250_000 }, refunds: [] });
		return rich;
	}
}

export class Model {
	constructor({ clock = Date.now, seed = 1 } = {}) {
		this.clock = clock;
		this.offset = 0; // ms by which FedaPay's clock is off
		this.random = generator(seed);
		this.lastId = 70_000_000 + this.random(1000) * 1000;
		this.account = { klass: 'v1/account', id: 37140, name: 'Boutique & Fils', timezone: 'Africa/Porto-Novo', country: 'BJ' };
		this.customers = new Map();
		this.entities = { transaction: new Map(), payout: new Map() };
		this.events = [];   // as they were made
		this.eventOf = new Map();
		this.webhooks = new Map();
		this.methods = new Map();
	}

	now() { return this.clock() + this.offset; }
	nextId() { return ++this.lastId; }
	letters(count) { return Array.from({ length: count }, () => LETTERS[this.random(LETTERS.length)]).join(''); }

	currency(id) { return CURRENCIES.find((currency) => currency.id === Number(id)); }
	customer(id) { return this.customers.get(Number(id)); }
	paymentMethod(id) { return this.methods.get(Number(id)) ?? null; }

	newCustomer(over = {}) {
		const at = text(this.now());
		const customer = { klass: 'v1/customer', id: this.nextId(), firstname: 'Awa', lastname: 'Dossou',
			full_name: 'Awa Dossou', email: 'awa@example.com', account_id: this.account.id,
			created_at: at, updated_at: at, ...over };
		this.customers.set(customer.id, customer);
		return customer;
	}

	newMethod() {
		const method = { klass: 'v1/payment_method', id: this.nextId(), brand: 'mtn_open', country: 'BJ', number: '0164000001', method: 'phone' };
		this.methods.set(method.id, method);
		return method;
	}

	/** A pending transaction, without an event; `over` replaces columns. */
	newTransaction(over = {}) {
		const at = over.created_at ?? text(this.now());
		const id = over.id ?? this.nextId();
		const row = {
			id, reference: `trx_${this.letters(3)}_${1_700_000_000_000 + id}`, amount: 5000, description: 'Commande 1042',
			callback_url: null, status: 'pending', customer_id: over.customer_id ?? this.newCustomer().id, currency_id: 1,
			mode: 'mtn_open', operation: 'payment', metadata: { expire_schedule_jobid: `exp-${id}` }, commission: '0.018',
			fees: 90, fixed_commission: 0, amount_transferred: 4910, created_at: at, updated_at: at, approved_at: null,
			canceled_at: null, declined_at: null, refunded_at: null, transferred_at: null, deleted_at: null, expired_at: null,
			last_error_code: null, last_error_message: null, custom_metadata: { order_id: String(id) }, amount_debited: 5000,
			receipt_url: null, payment_method_id: this.newMethod().id, sub_accounts_commissions: null,
			transaction_key: this.letters(12), merchant_reference: `order-${id}`, account_id: this.account.id, balance_id: 77,
			items: null, page_id: null, approved_partially_refunded_at: null, transferred_partially_refunded_at: null,
			lock_transfer: false, ...over };
		const entity = new Entity(this, 'transaction', row);
		this.entities.transaction.set(id, entity);
		return entity;
	}

	newPayout(over = {}) {
		const at = text(this.now());
		const id = over.id ?? this.nextId();
		const row = { id, reference: `pay_${this.letters(6)}`, amount: 10_000, status: 'pending', mode: 'mtn_open',
			customer_id: over.customer_id ?? this.newCustomer().id, currency_id: 1, balance_id: 77, merchant_reference: `payout-${id}`,
			metadata: {}, custom_metadata: null, created_at: at, updated_at: at, scheduled_at: null, started_at: null,
			sent_at: null, failed_at: null, deleted_at: null, last_error_code: null, payment_method_id: this.newMethod().id,
			account_id: this.account.id, ...over };
		const entity = new Entity(this, 'payout', row);
		this.entities.payout.set(id, entity);
		return entity;
	}

	/** A paid transaction: its `approved` event, at `at`. */
	pay({ at = this.now(), ...over } = {}) {
		return this.newTransaction({ created_at: text(at - 36_000), ...over }).advance('approved', { at });
	}

	/** The event of an entity's present state. Both copies are frozen here, as they were then. */
	addEvent(type, entity, at = this.now()) {
		const event = { id: `AX${this.letters(18)}`, type, object: entity.kind, object_id: entity.id,
			account_id: this.account.id, created_at: text(at), updated_at: text(at), entity: JSON.stringify(entity.bare()) };
		this.events.push(event);
		this.eventOf.set(event, { entity, rich: JSON.stringify(entity.rich()), at });
		this.onEvent?.(event);
		return event;
	}

	/** The webhook's body of an event: the entity as it was, or as it is now. */
	webhookBody(event, rendered = 'frozen') {
		const { entity, rich } = this.eventOf.get(event);
		return this.frame(event.type, event.object, event.object_id, rendered === 'fresh' ? entity.rich() : JSON.parse(rich));
	}

	/** JSON as Rails writes it. */
	frame(name, object, objectId, entity) {
		const body = JSON.stringify({ name, object, object_id: objectId, account: this.accountShown(), entity });
		return body.replace(/[&<>]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
	}

	/** The account as a webhook carries it: with lists, which take most of its 6.8 KB. */
	accountShown() {
		const list = (klass, count, row) => Array.from({ length: count }, (_, i) => ({ klass: `v1/${klass}`, id: 500 + i, ...row(i) }));
		return { ...this.account, verified: true, blocked: false, reference: 'acc_1042', business_name: this.account.name,
			user_accounts: list('user_account', 4, (i) => ({ user_id: 60 + i, account_id: this.account.id, role: 'admin' })),
			users: list('user', 4, (i) => ({ firstname: 'Staff', lastname: `Number ${i}`, email: `staff${i}@shop.example`, locale: 'fr' })),
			api_keys: list('api_key', 1, () => ({ public_key: 'pk_sandbox_0123456789abcdefghijkl' })),
			balances: list('balance', 16, (i) => ({ amount: 125_000 * i, mode: `mode_${i}`, created_at: '2024-01-02T03:04:05.678Z',
				updated_at: '2026-01-02T03:04:05.678Z', account_id: this.account.id, currency_id: 1 })),
			bank_accounts: [], mobile_accounts: [], card_accounts: [], currencies: CURRENCIES };
	}

	newWebhook(url, { secret = 'wh_sandbox_mock', ...over } = {}) {
		const at = text(this.now());
		const row = { klass: 'v1/webhook', id: this.nextId(), url, enabled: true, ssl_verify: true, disable_on_error: true,
			account_id: this.account.id, http_headers: {}, created_at: at, updated_at: at, ...over };
		const webhook = { row, secret }; // the API never shows the secret
		this.webhooks.set(row.id, webhook);
		return webhook;
	}
}
