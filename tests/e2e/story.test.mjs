// An evening's outage, as a shop lives it: hookd killed, 250 payments, the webhook disabled; hookd starts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alerts, pair, shipped } from './lib/catchup.mjs';
import { limit, sleep, waitFor } from './lib/wait.mjs';

const MINUTE = 60_000;
const webhook = (mock) => [...mock.model.webhooks.values()][0].row;

for (const reenable of [true, false])
	test(`hookd is killed, 250 payments happen, the webhook is disabled; within a minute all is made good${reenable ? '' : '; the webhook is left as it is'}`, limit, async (t) => {
		// grace and every as they are by default
		const { mock, d } = await pair(t, { webhook: true, alert: true, api: { reenable, every: '10m', grace: '5m' }, hook: { order: 'entity' } });
		const before = mock.model.pay().object_id;
		await waitFor(async () => (await d.events('--state', 'done')).length === 1, 'a payment by webhook');
		await d.kill();
		d.configure({ listen: `127.0.0.1:${d.at.port}` });
		const ids = [before];
		for (let i = 0; i < 250; i++) {
			const tx = mock.model.newTransaction();
			tx.advance('created');
			if (i % 10 === 9) tx.advance('declined');
			else if (tx.advance('approved')) ids.push(tx.id);
		}
		await mock.idle();
		assert.equal(webhook(mock).enabled, false, 'the webhook is disabled after ten failures');

		const started = Date.now();
		await d.start();
		await waitFor(() => shipped(d).length >= ids.length, 'each payment\'s hook', MINUTE);
		await waitFor(() => alerts(d).length === 1, 'the mail', MINUTE - (Date.now() - started));
		if (reenable) assert.equal(webhook(mock).enabled, true);
		const status = await d.ctl('status');
		assert.equal(status.code, reenable ? 0 : 1, status.stdout);
		assert.match(status.stdout, reenable ? /webhook \d+ enabled/ : /webhook \d+ is disabled/);
		assert.match(status.stdout, /read to .* ago; 225 events filled in today, the last .* ago/);

		if (!reenable) webhook(mock).enabled = true;
		ids.push(mock.model.pay().object_id);
		await waitFor(() => shipped(d).length >= ids.length, 'a payment by webhook again');
		await sleep(1500);
		assert.deepEqual([...shipped(d)].sort(), [...ids].sort(), 'each exactly once');
		assert.equal(alerts(d).length, 1);
		assert.equal(alerts(d)[0].count, 225);
		const { stdout } = await d.ctl('show', String((await d.events('--origin', 'api'))[0].id));
		assert.match(stdout, /origin +api: it came from the API, .* late; the webhook's copy never came/);
	});
