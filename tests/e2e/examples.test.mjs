// The scripts of conf/examples, run as a hook runs them: event on standard input, HOOKD_… set.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

test('read-back runs the command only for a payment that FedaPay confirms', limit, async (t) => {
	let answer = {};
	const api = await Peer.start(t, () => answer);
	const env = { ...home(t), FEDAPAY_API: api.url('/v1') };
	writeFileSync(join(env.HOME, 'fedapay-auth'), 'Authorization: Bearer sk_sandbox_1\n', { mode: 0o600 });
	const input = newBody();
	const readBack = (command = ['/bin/cat'], body = input) => run(example('read-back'), command, { input: body, env });
	const confirm = (status) => { answer = { body: JSON.stringify({ 'v1/transaction': { id: 98446301, status } }) }; };

	for (const status of ['approved', 'transferred']) {
		confirm(status);
		assert.deepEqual(await readBack().then(({ code, stdout }) => [code, stdout]), [0, input], 'the event is passed on');
	}
	assert.equal(api.requests[0].url, '/v1/transactions/98446301');
	assert.equal(api.requests[0].headers.authorization, 'Bearer sk_sandbox_1');
	assert.equal((await readBack(['/bin/sh', '-c', 'exit 7'])).code, 7, "the command's exit code counts");

	for (const [status, code] of [['pending', 75], ['declined', 65], ['refunded', 65], ['approved_partially_refunded', 65]]) {
		confirm(status);
		const { code: ended, stdout } = await readBack();
		assert.deepEqual([ended, stdout.includes('"entity"')], [code, false], status);
	}
	for (const failing of [{ status: 500 }, { status: 401 }, { body: '{}' }]) {
		answer = failing;
		assert.equal((await readBack()).code, 75, 'no answer: try again');
	}
	const asked = api.requests.length;
	assert.equal((await readBack(['/bin/cat'], newBody({ entity: { id: '1/../2' } }))).code, 65);
	assert.equal(api.requests.length, asked, 'an invalid id is not queried');
	assert.equal((await readBack([])).code, 2, 'no command: never taken for done');
});
