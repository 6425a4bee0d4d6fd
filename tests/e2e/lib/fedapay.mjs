// FedaPay's side: events of the shape it sends, signed by its official SDK.
import { createHmac, randomBytes } from 'node:crypto';
import { Webhook } from 'fedapay';

export { Webhook };

let last = 70_000_000 + (process.pid % 10_000) * 10_000;

export const uniqueId = () => ++last;
export const newSecret = () => `wh_sandbox_${randomBytes(18).toString('hex')}`;
export const nowSeconds = () => Math.floor(Date.now() / 1000);

/** A FedaPay event; `over` replaces top-level fields, undefined drops them. */
export function newEvent(over = {}) {
	const id = uniqueId();
	return {
		id, name: 'transaction.approved', object: 'transaction', object_id: 98446301,
		account_id: 37140,
		entity: {
			klass: 'v1/transaction', id: 98446301, reference: 'trx_ZIU_1719787792938', amount: 5000,
			description: 'Commande 1042', callback_url: null, status: 'approved',
			customer_id: 2345980, currency_id: 1, mode: 'mtn_open', operation: 'payment',
			metadata: {}, custom_metadata: { order_id: '1042' }, commission: '0.018', fees: 90,
			created_at: '2026-06-30T22:49:52.938Z', updated_at: '2026-06-30T22:50:28.871Z',
			currency: { iso: 'XOF' },
			customer: { klass: 'v1/customer', id: 2345980, firstname: 'Awa', lastname: 'Dossou',
				email: 'awa@example.com' },
		},
		created_at: '2026-06-30T22:50:29.001Z',
		...over,
	};
}

/** Of a transaction of its own. */
export function anotherBody() {
	const event = newEvent();
	return JSON.stringify({ ...event, entity: { ...event.entity, id: event.id } });
}

export const newBody = (over) => JSON.stringify(newEvent(over));

/** The hex signature alone, over raw bytes. */
export const hmac = (body, secret, timestamp) =>
	createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');

/** The header's value. The SDK signs; it knows only text, so other bytes are signed here. */
export function sign(body, secret, timestamp = nowSeconds()) {
	const text = body.toString('utf8');
	if (Buffer.from(text).equals(Buffer.from(body)))
		return Webhook.generateTestHeaderString({ payload: text, secret, timestamp });
	return `t=${timestamp},s=${hmac(body, secret, timestamp)}`;
}
