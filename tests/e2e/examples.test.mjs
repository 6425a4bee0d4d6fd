// The scripts of conf/examples, run as a hook runs them: event on standard input, HOOKD_… set.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { newBody, newEvent } from './lib/fedapay.mjs';
import { Peer } from './lib/peer.mjs';
import { run } from './lib/program.mjs';
import { limit } from './lib/wait.mjs';

const example = (name) => fileURLToPath(new URL(`../../conf/examples/${name}`, import.meta.url));

/* A HOME of the script's own and the environment that hookd gives it. */
function home(t) {
	const HOME = mkdtempSync(join(tmpdir(), 'hookd-example-'));
	t.after(() => rmSync(HOME, { recursive: true }));
	return { HOME, HOOKD_EVENT_ID: '42', HOOKD_EVENT_TYPE: 'transaction.approved', HOOKD_ATTEMPT: '1',
		HOOKD_IDEMPOTENCY_KEY: 'fedapay/id:98446301/mark-paid' };
}

test('mark-paid tells the shop once, however often it runs', limit, async (t) => {
	const shop = await Peer.start(t, [{ status: 503 }, { status: 200 }]);
	const env = { ...home(t), SHOP_URL: shop.url('/orders/paid') };
	const attempt = (more) => run(example('mark-paid'), [], { input: newBody(), env: { ...env, ...more } });

	assert.equal((await attempt()).code, 75, 'the shop is down: try again');
	const done = await attempt();
	assert.deepEqual([done.code, done.stdout], [0, 'order 1042 is paid\n']);
	const again = await attempt();
	assert.deepEqual([again.code, again.stdout], [0, 'an earlier attempt has done it\n']);

	assert.equal(shop.requests.length, 2);
	const [first, second] = shop.requests;
	assert.deepEqual([second.method, second.url, String(second.body)], ['POST', '/orders/paid', 'order=1042']);
	assert.match(second.headers['idempotency-key'], /^[0-9a-f]{64}$/);
	assert.equal(first.headers['idempotency-key'], second.headers['idempotency-key'], 'the same in both attempts');

	assert.equal((await attempt({ HOOKD_IDEMPOTENCY_KEY: 'fedapay/id:1/mark-paid' })).code, 0);
	assert.equal(shop.requests.length, 3, 'another delivery is another call');
});

test('mark-paid gives up an event that has no order', limit, async (t) => {
	const { entity } = newEvent();
	const input = newBody({ entity: { ...entity, custom_metadata: null } });
	assert.equal((await run(example('mark-paid'), [], { input, env: home(t) })).code, 65);
});
