// hookctl quarantine: list, show, release, drop.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon } from './lib/daemon.mjs';
import { newEvent } from './lib/fedapay.mjs';
import { limit } from './lib/wait.mjs';

const ship = (d) => ({ ...d.hook('ship', 'cat >"$OUT/stdin"; echo "$HOOKD_EVENT_TYPE" >"$OUT/type"', { on: ['transaction.approved'] }),
	when: { 'entity.amount': { gte: 100 } } });
const start = (t) => Daemon.start(t, { hooks: (d) => [ship(d),
	{ ...d.hook('large', 'true', { on: ['transaction.*'] }), when: { 'entity.amount': { gte: 1e6 } } }] });

/** An event without its type. */
async function nameless(d, over = {}) {
	const { name, ...rest } = newEvent(over);
	const body = JSON.stringify(rest);
	const answer = await d.post(body);
	assert.equal(answer.status, 200, answer.text);
	return { id: answer.json.event, body };
}

test('list and show', limit, async (t) => {
	const d = await start(t);
	await d.settled(await d.store());
	const { id } = await nameless(d);
	const listed = await d.ctl('quarantine', 'list', '--json');
	assert.equal(listed.code, 0, listed.stderr);
	assert.deepEqual(listed.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line).id), [id]);
	assert.match((await d.ctl('quarantine', 'list')).stdout, /quarantined/);
	assert.match((await d.ctl('quarantine', 'show', String(id))).stdout, new RegExp(`^event ${id}\n`));
});

test('release: hooks run, and decline, as if the event had arrived with the given type', limit, async (t) => {
	const d = await start(t);
	const { id, body } = await nameless(d);
	const { code, stdout, stderr } = await d.ctl('quarantine', 'release', String(id), '--type', 'transaction.approved');
	assert.equal(code, 0, stderr);
	assert.match(stdout, /released, 1 hook to run/);
	const seen = await d.settled(id);
	assert.deepEqual(seen.deliveries.map((x) => [x.hook, x.state]), [['ship', 'DONE']]);
	assert.deepEqual([seen.type, seen.quarantined], ['transaction.approved', null]);
	assert.deepEqual(seen.declined.map((x) => x.hook), ['large']);
	assert.equal(d.read('stdin'), body, 'the payload is as received');
	assert.equal(d.read('type'), 'transaction.approved\n');
	const again = await d.ctl('quarantine', 'release', String(id), '--type', 'x.y');
	assert.equal(again.code, 1);
	assert.match(again.stderr, /is not in quarantine/);
	const other = await nameless(d, { id: 4711 });
	const none = await d.ctl('quarantine', 'release', String(other.id), '--type', 'payout.sent');
	assert.match(none.stdout, /0 hooks to run/);
	assert.deepEqual((await d.show(other.id)).deliveries, []);
});

test('drop: only after a yes, only what is in quarantine', limit, async (t) => {
	const d = await start(t);
	const good = await d.store();
	await d.settled(good);
	const { id } = await nameless(d);
	assert.equal((await d.ctl('quarantine', 'drop', String(id))).code, 2);
	assert.equal((await d.show(id)).id, id);
	const kept = await d.ctl('quarantine', 'drop', String(good), '--yes');
	assert.equal(kept.code, 1);
	assert.match(kept.stderr, /is not in quarantine/);
	assert.equal((await d.ctl('quarantine', 'drop', String(id), '--yes')).stdout, `event ${id}: dropped\n`);
	assert.equal((await d.ctl('show', String(id))).code, 1);
	assert.equal((await d.show(good)).id, good);
});

test('what cannot be', limit, async (t) => {
	const d = await start(t);
	const { id } = await nameless(d);
	for (const [args, code, pattern] of [
		[[], 2, /expected list, show ID/], [['lst'], 2, /expected list/], [['drop'], 2, /expected list/],
		[['release', String(id)], 2, /--type/], [['release', 'x', '--type', 'a.b'], 2, /ID/],
		[['release', '4711', '--type', 'a.b'], 1, /no event 4711/], [['drop', '4711', '--yes'], 1, /no event 4711/],
		[['release', String(id), '--type', 'a'.repeat(200)], 2, /--type/]]) {
		const got = await d.ctl('quarantine', ...args);
		assert.equal(got.code, code, `${args}: ${got.stderr}`);
		assert.match(got.stderr, pattern);
	}
	await d.stop();
	const released = await d.ctl('quarantine', 'release', String(id), '--type', 'transaction.approved');
	assert.equal(released.code, 0, released.stderr);
	assert.equal(released.stderr, '');
	await d.start();
	assert.deepEqual((await d.settled(id)).deliveries.map((x) => x.state), ['DONE']);
});
