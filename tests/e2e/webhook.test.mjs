// The webhook's own health, as FedaPay's API shows it: noticed, told once, repaired if that is asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alerts, pair, shipped } from './lib/catchup.mjs';
import { limit, sleep, waitFor } from './lib/wait.mjs';

const only = (mock) => [...mock.model.webhooks.values()][0].row;
const changes = (mock) => mock.requests.filter((request) => request.method === 'PUT');

test('a disabled webhook is noticed, told once, and not touched; what it misses is filled in', limit, async (t) => {
	const { mock, d } = await pair(t, { webhook: true, alert: true, api: { grace: '1h' } });
	await waitFor(() => mock.asked('webhooks').length >= 2, 'the webhook to be known');
	mock.disableWebhook(only(mock).id);
	const { object_id: id } = mock.model.pay();
	await waitFor(() => alerts(d).length === 1, 'the alert');
	const [alert] = alerts(d);
	assert.deepEqual([alert.kind, alert.source, alert.over], ['webhook', 'fedapay', false]);
	assert.match(alert.text, new RegExp(`webhook ${only(mock).id} is disabled`));
	await waitFor(() => shipped(d).length === 1, 'the missed payment, without the grace');
	assert.deepEqual(shipped(d), [id]);
	assert.match(await d.logged(/the webhook is not well/), /state=disabled/);
	await d.restart();
	await sleep(12_000);
	assert.equal(alerts(d).length, 1, 'told once, restarts included');
	assert.deepEqual(changes(mock), []);
	only(mock).enabled = true;
	await waitFor(() => alerts(d).length === 2, 'the end');
	assert.equal(alerts(d)[1].over, true);
	assert.match(alerts(d)[1].subject, /well again/);
});

for (const [name, prepare] of [['', () => {}], [', although the change is answered 500', (mock) => mock.switches.writesAnswer500()]])
	test(`reenable: the webhook is enabled again, and read back${name}`, limit, async (t) => {
		const { mock, d } = await pair(t, { webhook: true, alert: true, api: { reenable: true } });
		prepare(mock);
		mock.disableWebhook(only(mock).id);
		await waitFor(() => only(mock).enabled, 'the webhook');
		await waitFor(() => alerts(d).length === 1, 'the mail');
		assert.match(alerts(d)[0].subject, /was disabled; hookd has enabled it again/);
		assert.deepEqual(changes(mock).map((request) => [request.path, request.body]),
			[[`/v1/webhooks/${only(mock).id}`, '{"enabled":true}']]);
		assert.equal(mock.requests.at(-1).method, 'GET');
		mock.disableWebhook(only(mock).id);
		await waitFor(() => alerts(d).length === 2, 'the second alert');
		assert.equal(changes(mock).length, 1, 'at most once an hour');
	});

test('reenable: not while its URL does not reach hookd', limit, async (t) => {
	const public_url = 'http://127.0.0.1:9/webhooks/fedapay';
	const { mock, d } = await pair(t, { alert: true, start: false, api: { reenable: true, public_url } });
	mock.model.newWebhook(public_url, { enabled: false });
	await d.start();
	await waitFor(() => alerts(d).length === 1, 'the alert');
	assert.match(alerts(d)[0].text, /does not reach hookd/);
	assert.deepEqual(changes(mock), []);
});

test('what else may be wrong with it', limit, async (t) => {
	const { mock, d } = await pair(t, { alert: true, webhook: true });
	const seen = async (state, what) => {
		const log = await d.logged(new RegExp(`the webhook is not well.* state=${state}`));
		assert.match(log, what);
	};
	const { id, url } = only(mock);
	await waitFor(() => mock.asked('webhooks').length >= 2, 'the webhook to be known');
	const second = mock.secondWebhook(url).row.id;
	await seen('doubled', new RegExp(`webhooks ${id} and ${second} both point to`));
	mock.deleteWebhook(second);
	await d.logged(/the webhook is well again/);
	only(mock).url = 'https://old.example/hook';
	await seen('elsewhere', /points to https:\/\/old.example\/hook/);
	mock.deleteWebhook(id);
	await seen('gone', new RegExp(`webhook ${id} is gone`));
	await waitFor(() => alerts(d).length === 4, 'an alert for each change');
	assert.deepEqual(alerts(d).map((alert) => alert.over), [false, true, false, false]);
});

test('a key that is refused: one alert, and one when it is taken again', limit, async (t) => {
	const { mock, d } = await pair(t, { alert: true });
	mock.key = 'sk_sandbox_other';
	await waitFor(() => alerts(d).length === 1, 'the alert');
	assert.deepEqual([alerts(d)[0].kind, alerts(d)[0].over], ['api', false]);
	assert.match(alerts(d)[0].text, /refuses the key/);
	mock.key = 'sk_sandbox_test';
	await d.restart();
	await waitFor(() => alerts(d).length === 2, 'the end');
	assert.equal(alerts(d)[1].over, true);
});
