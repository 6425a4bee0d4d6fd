// A payment that began and of which nothing came since: hookd asks the API how it stands.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { begin, pair, shipped } from './lib/catchup.mjs';
import { wallClock } from './lib/offset.mjs';
import { limit, waitFor } from './lib/wait.mjs';

test('a payment that stays pending is asked for at growing gaps; paid without an event, it runs its hook once', limit, async (t) => {
	const { mock, d } = await pair(t, { start: false });
	const clock = await wallClock(d);
	await begin(d, mock);
	mock.model.newWebhook(`http://127.0.0.1:${d.at.port}/webhooks/fedapay`, { secret: d.secret });
	const payment = mock.model.newTransaction();
	mock.model.addEvent('transaction.created', payment);
	const before = mock.model.newTransaction();
	mock.model.addEvent('transaction.created', before);
	await waitFor(async () => (await d.events()).length === 2, 'the events');
	const asked = () => mock.requests.filter(({ path }) => path.endsWith(`/transactions/${payment.id}`)).length;
	const sweeps = async (count) => {
		const before = mock.asked('events').length;
		await waitFor(() => mock.asked('events').length >= before + count, 'sweeps');
	};
	const later = (seconds) => { clock.set(seconds); mock.clock(seconds); };
	await sweeps(2);
	assert.equal(asked(), 0, 'not before its time');
	later(310);
	await waitFor(() => asked() === 1, 'the first question');
	await sweeps(2);
	assert.equal(asked(), 1, 'one for each gap');
	await d.kill();
	await begin(d, mock);
	await sweeps(2);
	assert.equal(asked(), 1, 'a restart repeats none');
	Object.assign(payment.row, { status: 'approved', approved_at: new Date(Date.now() + 500_000).toISOString() });
	Object.assign(before.row, { status: 'approved', approved_at: new Date(Date.now() - 3_600_000).toISOString() });
	later(620);
	await waitFor(() => shipped(d).length === 1, 'the payment of which no event came');
	const all = asked();
	later(1300);
	await sweeps(2);
	assert.equal(asked(), all, 'it is paid');
	assert.ok(!shipped(d).includes(before.id), 'paid before hookd first asked: nobody\'s order');
	assert.deepEqual(shipped(d), [payment.id]);
});
