// Killed in the middle of reading back, at one request after another: nothing is lost, no event is stored
// twice, and no hook of an event that ended runs again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pair, shipped } from './lib/catchup.mjs';
import { limit, sleep, waitFor } from './lib/wait.mjs';

/** Each prepares what happens while hookd is down, and returns the transactions that hooks must run for.
 * `options` are those of pair(); `later` runs once all is filled in. */
const CASES = {
	'many pages': { options: { hook: { order: 'entity' } }, prepare: ({ mock }) => {
		mock.switches.perPageCap(10);
		return Array.from({ length: 60 }, () => mock.model.pay().object_id);
	} },
	'both copies at the same time, and sent again, fresh and frozen': { options: { webhook: true },
		prepare: ({ mock }) => Array.from({ length: 8 }, () => mock.model.pay().object_id),
		meanwhile: ({ mock }) => Promise.all(mock.model.events.map((event, i) => {
			for (const webhook of mock.model.webhooks.values()) webhook.row.enabled = true;
			const { entity } = mock.model.eventOf.get(event);
			entity.touch();
			return mock.resend(event, { rendered: i % 2 ? 'fresh' : 'frozen' });
		})) },
	'canceled, approved, transferred on one transaction': { options: { hook: { on: ['transaction.*'], order: 'entity' } },
		prepare: async ({ mock }) => {
			const tx = mock.model.newTransaction();
			for (const status of ['canceled', 'canceled', 'approved', 'transferred']) { tx.advance(status); await sleep(3); }
			return [tx.id, tx.id, tx.id, tx.id];
		} },
	'new events while it reads, and the same row twice': { prepare: ({ mock }) => {
		const made = Array.from({ length: 7 }, () => mock.model.pay().object_id);
		mock.switches.shift(1).duplicateAcrossPages().perPageCap(3);
		return made;
	}, meanwhile: ({ mock }) => mock.switches.shift(0), all: true },
	'a page that fails': { prepare: ({ mock }) => {
		mock.switches.perPageCap(3);
		mock.route('events').status(503, { page: 2, times: 2 });
		return Array.from({ length: 7 }, () => mock.model.pay().object_id);
	} },
	'customers one by one': { prepare: ({ mock }) => {
		mock.switches.ignoreInclude();
		return Array.from({ length: 3 }, () => mock.model.pay().object_id);
	} },
	'types that no hook takes': { prepare: ({ mock }) => {
		for (let i = 0; i < 5; i++) { mock.model.newTransaction().advance('declined'); mock.model.newPayout().advance('sent'); }
		return [mock.model.pay().object_id];
	} },
	'oldest first, rows in any order': { prepare: ({ mock }) => {
		mock.switches.order('shuffled').perPageCap(4);
		return Array.from({ length: 9 }, () => mock.model.pay().object_id);
	} },
	'the webhook is disabled, and enabled again': { options: { webhook: true, api: { reenable: true } }, prepare: ({ mock }) => {
		mock.disableWebhook([...mock.model.webhooks.values()][0].row.id);
		mock.switches.writesAnswer500();
		return Array.from({ length: 3 }, () => mock.model.pay().object_id);
	}, later: ({ mock }) => waitFor(() => [...mock.model.webhooks.values()][0].row.enabled, 'the webhook') },
};

/** Kills hookd as soon as the mock was asked `count` more times. */
async function killAt(mock, d, count) {
	const from = mock.requests.length;
	await waitFor(() => mock.requests.length >= from + count, `${count} requests`);
	await d.kill();
}

for (const [name, { options = {}, prepare, meanwhile = () => {}, later = () => {}, all = false }] of Object.entries(CASES))
	test(`killed in the middle: ${name}`, limit, async (t) => {
		const { mock, d } = await pair(t, options);
		await d.kill();
		d.configure({ listen: `127.0.0.1:${d.at.port}` });
		let wanted = await prepare({ mock, d });
		for (const count of [1, 2, 4]) {
			d.spawn();
			await killAt(mock, d, count);
		}
		await d.start();
		await meanwhile({ mock, d });
		await waitFor(() => {
			if (all) wanted = mock.model.events.map((event) => event.object_id);
			return shipped(d).length >= wanted.length;
		}, 'all hooks to run');
		const asked = mock.asked('events').length;
		await waitFor(() => mock.asked('events').length > asked, 'one more sweep');
		await sleep(500);
		const events = (await d.events('--limit', '1000')).reverse();
		assert.deepEqual(events.map((event) => Number(event.entity_id)).sort(), [...wanted].sort(), 'each event once');
		for (const { id } of events) {
			const { deliveries } = await d.show(id);
			assert.deepEqual(deliveries.map((delivery) => delivery.state), ['DONE']);
			assert.equal(deliveries[0].attempts.filter((attempt) => attempt.result === 'ok' || attempt.result === 'done').length, 1);
		}
		await later({ mock, d });
	});
