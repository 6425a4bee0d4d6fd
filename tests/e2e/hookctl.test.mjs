// The operator's tool against the real daemon and the official SDK.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon, HOOKCTL } from './lib/daemon.mjs';
import { Webhook, newBody, newEvent, newSecret, nowSeconds, sign } from './lib/fedapay.mjs';
import { run } from './lib/program.mjs';
import { limit } from './lib/wait.mjs';

const PATH = '/webhooks/fedapay';
const url = (d) => `http://127.0.0.1:${d.at.port}${PATH}`;
const from = (d) => ['--secret-from', `file:${d.secretFile}`];

test('send: a realistic event is made, signed, posted, and reported as 200', limit, async (t) => {
	const d = await Daemon.start(t);
	const sent = await d.ctl('send', '--url', url(d), ...from(d));
	assert.equal(sent.code, 0, sent.stderr);
	assert.match(sent.stdout, /\b200\b/);
	assert.match(sent.stdout, /stored/);
	const [event] = await d.events();
	assert.equal(event.type, 'transaction.approved');
	const payload = JSON.parse(await d.payload(event.id));
	assert.deepEqual(Object.keys(payload), ['name', 'object', 'object_id', 'account', 'entity'], 'as FedaPay sends it: no id, no time');
	for (const key of ['id', 'reference', 'amount', 'status', 'mode', 'customer', 'currency', 'updated_at'])
		assert.ok(key in payload.entity, `entity.${key}`);
	assert.equal((await d.settled(event.id)).deliveries[0].state, 'DONE');
});

test('send: type, amount, the config\'s secret; each is a new event, --same is not', limit, async (t) => {
	const d = await Daemon.start(t);
	const more = await d.ctl('send', '--url', url(d), '--type', 'payout.sent', '--amount', '1234', '--count', '3');
	assert.equal(more.code, 0, more.stderr);
	const events = await d.events();
	assert.equal(events.length, 3);
	assert.equal(new Set(events.map((event) => event.idempotency_key)).size, 3);
	assert.ok(events.every((event) => event.type === 'payout.sent'));
	assert.equal(JSON.parse(await d.payload(events[0].id)).entity.amount, 1234);

	const same = await d.ctl('send', '--url', url(d), '--count', '3', '--same');
	assert.equal(same.code, 0, same.stderr);
	assert.equal(same.stdout.match(/duplicate/g)?.length, 2, same.stdout);
	const [newest] = await d.events();
	assert.equal((await d.events()).length, 4);
	assert.equal(newest.duplicates, 2);
});

test('send: the source\'s own address is the default', limit, async (t) => {
	const d = await Daemon.start(t);
	d.configure({ listen: `127.0.0.1:${d.at.port}` }); // as hookctl reads it
	const sent = await d.ctl('send');
	assert.equal(sent.code, 0, sent.stderr);
	assert.equal((await d.events()).length, 1);
});

test('send --file: the bytes as they are, also from standard input', limit, async (t) => {
	const d = await Daemon.start(t);
	const body = ` ${newBody({ u: 'é' }).replaceAll('/', '\\/')}\r\n\n`;
	const file = d.file('event.json', body);
	assert.equal((await d.ctl('send', '--url', url(d), '--file', file)).code, 0);
	assert.equal((await d.payload((await d.events())[0].id)).toString(), body);
	const other = newBody();
	const piped = await run(HOOKCTL, ['--config', d.configFile, 'send', '--url', url(d), '--file', '-'],
		{ input: other });
	assert.equal(piped.code, 0, piped.stderr);
	assert.equal((await d.payload((await d.events())[0].id)).toString(), other);
});

test('send: refused, or no listener: exit 1 and a message', limit, async (t) => {
	const d = await Daemon.start(t);
	const wrong = d.file('wrong', newSecret(), 0o600);
	const refused = await d.ctl('send', '--url', url(d), '--secret-from', `file:${wrong}`);
	assert.equal(refused.code, 1);
	assert.match(refused.stdout + refused.stderr, /\b401\b/);
	const lost = await d.ctl('send', '--url', `${url(d)}x`);
	assert.equal(lost.code, 1);
	assert.match(lost.stdout + lost.stderr, /\b404\b/);
	await d.stop();
	const nobody = await d.ctl('send', '--url', url(d));
	assert.equal(nobody.code, 1);
	assert.match(nobody.stderr, /nothing listens at http.*is hookd running\?/);
});

test('send --dry-run: a curl command that works in a shell as printed', limit, async (t) => {
	const d = await Daemon.start(t);
	const file = d.file('event.json', newBody({ description: 'l\'été "à" $HOME `id` \\ @x' }));
	for (const args of [[], ['--file', file], ['--type', 'transaction.declined']]) {
		const dry = await d.ctl('send', '--url', url(d), ...from(d), '--dry-run', ...args);
		assert.equal(dry.code, 0, dry.stderr);
		assert.match(dry.stdout, /\bcurl\b/);
		assert.ok(!dry.stdout.includes(d.secret));
		const before = (await d.events()).length;
		const done = await run('sh', ['-c', `${dry.stdout.trim()} --silent --write-out ' %{http_code}'`]);
		assert.equal(done.code, 0, done.stderr);
		assert.match(done.stdout, /"status":\s*"stored".* 200$/s);
		assert.equal((await d.events()).length, before + 1);
	}
	const [, kept] = await d.events();
	assert.ok((await d.payload(kept.id)).equals(Buffer.from(JSON.stringify(JSON.parse(await d.payload(kept.id))))));
});

test('sign: the official SDK accepts the header, and so does the daemon', limit, async (t) => {
	const d = await Daemon.start(t);
	for (const body of [newBody(), `${newBody({ u: 'é\u20ac' })}\n`, ' {"name":"x.y"} ']) {
		const file = d.file('body', body);
		const signed = await d.ctl('sign', ...from(d), file);
		assert.equal(signed.code, 0, signed.stderr);
		const header = signed.stdout.trim().replace(/^X-FEDAPAY-SIGNATURE:\s*/i, '');
		assert.match(header, /^t=\d+,s=[0-9a-f]{64}$/);
		assert.deepEqual(Webhook.constructEvent(body, header, d.secret), JSON.parse(body));
		assert.throws(() => Webhook.constructEvent(`${body} `, header, d.secret));
		assert.equal((await d.post(body, { header })).json.status, 'stored');
	}
	const body = newBody();
	const at = nowSeconds() - 77;
	const timed = await run(HOOKCTL, ['--config', d.configFile, 'sign', '--time', String(at), '-'], { input: body });
	assert.equal(timed.code, 0, timed.stderr);
	assert.ok(timed.stdout.includes(sign(Buffer.from(body), d.secret, at)), 'byte for byte the SDK\'s header');
});

test('sign and verify work without any config, the secret from the environment', limit, async (t) => {
	const secret = newSecret();
	const env = { HOOKD_TEST_SECRET: secret };
	const body = newBody();
	const none = ['--config', '/no/such/config.yaml'];
	const signed = await run(HOOKCTL, [...none, 'sign', '--secret-from', 'env:HOOKD_TEST_SECRET', '-'],
		{ env, input: body });
	assert.equal(signed.code, 0, signed.stderr);
	const header = sign(Buffer.from(body), secret);
	const verified = await run(HOOKCTL, [...none, 'verify', '--header', header, '--secret-from',
		'env:HOOKD_TEST_SECRET', '-'], { env, input: body });
	assert.equal(verified.code, 0, verified.stderr);
	t.diagnostic(verified.stdout);
});

test('verify: OK for what the SDK signed, also given as the whole header line', limit, async (t) => {
	const d = new Daemon(t);
	const body = newBody();
	const file = d.file('body', body);
	const header = sign(Buffer.from(body), d.secret);
	for (const value of [header, `X-FEDAPAY-SIGNATURE: ${header}`, `x-fedapay-signature: ${header}\r`]) {
		const verified = await d.ctl('verify', '--header', value, ...from(d), file);
		assert.equal(verified.code, 0, verified.stdout + verified.stderr);
	}
	assert.equal((await d.ctl('verify', '--header', header, file)).code, 0, 'with the config\'s secrets');
});

/* What went wrong on the way, and words that the diagnosis must contain. */
const diagnoses = {
	'the wrong secret': [(d, body) => ({ header: sign(body, newSecret()), body }), /secret/i],
	'a sandbox secret against a live signature': [(d, body) => ({
		header: sign(body, 'wh_live_0123456789abcdef'), body }), /sandbox|live/i],
	'the clock is behind': [(d, body) => ({ header: sign(body, d.secret, nowSeconds() + 4000), body }),
		/clock|too new|ahead|future/i],
	'the signature is old': [(d, body) => ({ header: sign(body, d.secret, nowSeconds() - 4000), body }),
		/too old|ago|old/i],
	'a line end was added to the body': [(d, body) => ({ header: sign(body, d.secret),
		body: `${body}\n` }), /line (end|break|feed)|newline/i],
	'the line end was lost from the body': [(d, body) => ({ header: sign(`${body}\n`, d.secret), body }),
		/line (end|break|feed)|newline/i],
	'the JSON was rewritten with spaces': [(d, body) => ({ header: sign(body, d.secret),
		body: JSON.stringify(JSON.parse(body), null, 2) }), /body|JSON|white space|spaces|serialis|changed/i],
	'the slashes lost their escapes': [(d, body) => ({
		header: sign(body.toString().replaceAll('/', '\\/'), d.secret), body }), /body|escape|slash|changed/i],
	'no header': [(d, body) => ({ header: '', body }), /header|empty|malformed|cannot be read/i],
	'a malformed header': [(d, body) => ({ header: 'garbage', body }), /malformed|cannot be read|t=/i],
	'no known scheme': [(d, body) => ({ header: `t=${nowSeconds()},v1=00`, body }), /scheme|s=|kind/i],
};

for (const [what, [make, words]] of Object.entries(diagnoses)) {
	test(`verify: ${what} is exit 1 and a diagnosis`, limit, async (t) => {
		const d = new Daemon(t);
		const { header, body } = make(d, Buffer.from(newBody()));
		const file = d.file('body', body);
		const verified = await d.ctl('verify', '--header', header, ...from(d), file);
		assert.equal(verified.code, 1, verified.stderr);
		assert.match(verified.stdout + verified.stderr, words);
		const everything = verified.stdout + verified.stderr;
		assert.ok(!everything.includes(d.secret), 'the secret is not shown');
		t.diagnostic(everything.trim().replaceAll('\n', ' | '));
	});
}

test('verify --at: judged as at that moment', limit, async (t) => {
	const d = new Daemon(t);
	const body = newBody();
	const file = d.file('body', body);
	const header = sign(Buffer.from(body), d.secret, 1_700_000_000);
	const verify = (...args) => d.ctl('verify', '--header', header, ...from(d), ...args, file);
	assert.equal((await verify()).code, 1);
	assert.equal((await verify('--at', '1700000100')).code, 0);
	assert.equal((await verify('--at', '1700000400')).code, 1);
	assert.equal((await verify('--tolerance', '0')).code, 0);
	assert.equal((await verify('--at', '1700000400', '--tolerance', '10m')).code, 0);
});

test('events: newest first, filtered, limited; as a table and as JSON lines', limit, async (t) => {
	const d = await Daemon.start(t);
	const ids = [];
	for (const name of ['transaction.approved', 'customer.created', 'transaction.declined']) {
		ids.push(await d.store({ name }));
		await d.settled(ids.at(-1));
	}
	const { event: odd } = (await d.post('not JSON')).json;
	assert.deepEqual((await d.events()).map((event) => event.id), [odd, ...ids.slice().reverse()]);
	assert.deepEqual((await d.events('--type', 'transaction.*')).map((event) => event.id), [ids[2], ids[0]]);
	assert.deepEqual((await d.events('--quarantined')).map((event) => event.id), [odd]);
	assert.deepEqual((await d.events('--limit', '2')).map((event) => event.id), [odd, ids[2]]);
	assert.deepEqual((await d.events('--before', String(ids[1]))).map((event) => event.id), [ids[0]]);
	assert.deepEqual(await d.events('--source', 'other'), []);
	for (const event of await d.events()) {
		for (const key of ['id', 'source', 'idempotency_key', 'type', 'entity_kind', 'entity_id', 'received_at',
			'duplicates', 'conflicts', 'quarantined'])
			assert.ok(key in event, key);
	}
	const table = await d.ctl('events');
	assert.equal(table.code, 0);
	for (const word of ['transaction.approved', 'customer.created', 'transaction.declined'])
		assert.ok(table.stdout.includes(word), table.stdout);
});

test('show: an event, its deliveries, every attempt with its output; also with the daemon gone', limit,
	async (t) => {
		const d = await Daemon.start(t, {
			hooks: (d) => [d.hook('ship', 'echo "said on try $HOOKD_ATTEMPT"; [ $HOOKD_ATTEMPT = 2 ]',
				{ retry: { attempts: 3, first: '50ms', max: '50ms' } })],
		});
		const event = newEvent();
		const { event: id } = (await d.post(JSON.stringify(event))).json;
		await d.settled(id);
		assert.deepEqual(await d.stop(), { code: 0, signal: null });
		const shown = await d.ctl('show', String(id));
		assert.equal(shown.code, 0, shown.stderr);
		for (const word of [String(event.id), 'transaction.approved', 'ship', 'DONE', 'tempfail', 'ok',
			'said on try 1', 'said on try 2'])
			assert.ok(shown.stdout.includes(word), `${word} in:\n${shown.stdout}`);
		const { deliveries: [delivery] } = await d.show(id);
		assert.deepEqual(delivery.attempts.map((a) => a.output.trim()), ['said on try 1', 'said on try 2']);
		assert.deepEqual(delivery.attempts.map((a) => a.exit_code), [1, 0]);
	});

test('exit codes: 1 not found, 2 wrong arguments, 78 no usable config', limit, async (t) => {
	const d = await Daemon.start(t);
	await d.store();
	const code = async (...args) => (await d.ctl(...args)).code;
	assert.equal(await code('show', '999999'), 1);
	assert.equal(await code('show', '999999', '--json'), 1);
	assert.equal(await code('show', 'abc'), 2);
	assert.equal(await code('show'), 2);
	assert.equal(await code('nonsense'), 2);
	assert.equal(await code(), 2);
	assert.equal(await code('events', '--nonsense'), 2);
	assert.equal(await code('events', '--limit', 'x'), 2);
	assert.equal(await code('send', '--count', '-1'), 2);
	assert.equal(await code('verify', ...from(d), d.configFile), 2, 'no --header');
	assert.notEqual(await code('sign', ...from(d), '/no/such/file'), 0);
	assert.equal((await run(HOOKCTL, ['--config', '/no/such/config.yaml', 'events'])).code, 78);
	assert.equal((await run(HOOKCTL, ['--help'])).code, 0);
	assert.equal((await run(HOOKCTL, ['--version'])).code, 0);
	const nonsense = await d.ctl('nonsense');
	assert.match(nonsense.stderr, /nonsense/);
});

/** hookctl with a last argument that Node cannot write: bytes that are not UTF-8. */
const ctlWithBytes = (d, ...args) => run('sh', ['-c', 'bytes=$(printf "tr\\351s"); exec "$0" "$@$bytes"', HOOKCTL, '--config', d.configFile, ...args],
	{ env: d.env });

test('a text that is not UTF-8 is refused, wherever hookctl takes one; a path is not', limit, async (t) => {
	const d = await Daemon.start(t);
	const commands = [...(await d.ctl('--help')).stdout.matchAll(/^  ([a-z]+) /gm)].map((match) => match[1]);
	let tried = 0;
	for (const command of commands)
		for (const [, option, argument] of (await d.ctl(command, '--help')).stdout.matchAll(/^  --([a-z-]+) ([A-Z][^ ]*) /gm)) {
			const { code, stderr } = await ctlWithBytes(d, command, `--${option}=`);
			if (['FILE', 'WHERE'].includes(argument)) {
				assert.doesNotMatch(stderr, /is not UTF-8/, `${command} --${option}`);
				continue;
			}
			assert.deepEqual([code, stderr], [2, `hookctl: --${option}: "tr\\xe9s" is not UTF-8\n`], `${command} --${option}`);
			tried++;
		}
	assert.ok(tried > 50, `${tried} options`);
	for (const [command, what] of [['pause', 'HOOK'], ['resume', 'HOOK'], ['test', 'HOOK'], ['show', 'KIND:ID']])
		assert.deepEqual(await ctlWithBytes(d, command, 'transaction:').then(({ code, stderr }) => [code, stderr]),
			[2, `hookctl: ${what}: "transaction:tr\\xe9s" is not UTF-8\n`]);
	const { name, ...nameless } = newEvent();
	const { event } = (await d.post(JSON.stringify(nameless))).json;
	assert.equal((await ctlWithBytes(d, 'quarantine', 'release', String(event), '--type=')).code, 2);
	assert.match((await d.show(event)).quarantined, /no type/);
});
