// Events that came from the API after a quiet day: one alert, not one for each sweep.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alerts, pair, shipped } from './lib/catchup.mjs';
import { limit, waitFor } from './lib/wait.mjs';

test('the first events from the API after a quiet day are told once, also over a restart', limit, async (t) => {
	const { mock, d } = await pair(t, { webhook: true, alert: true });
	const webhook = [...mock.model.webhooks.values()][0].row;
	const miss = (count) => {
		webhook.enabled = false;
		for (let i = 0; i < count; i++) mock.model.pay();
		webhook.enabled = true;
	};
	const sweeps = async (count) => {
		const before = mock.asked('events').length;
		await waitFor(() => mock.asked('events').length >= before + count, 'sweeps');
	};
	miss(3);
	await waitFor(() => shipped(d).length === 3, 'the payments that were missed');
	await waitFor(() => alerts(d).length === 1, 'the alert');
	const [{ kind, count, source, subject }] = alerts(d);
	assert.deepEqual([kind, count, source], ['filled', 3, 'fedapay']);
	assert.match(subject, /3 events of fedapay came from the API, not by webhook/);
	miss(1);
	await waitFor(() => shipped(d).length === 4, 'one more');
	await sweeps(1);
	await d.kill();
	await d.start();
	await sweeps(2);
	assert.equal(alerts(d).length, 1, 'once');
});
