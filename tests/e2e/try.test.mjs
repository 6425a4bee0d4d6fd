// Trying a hook before it is needed: hookctl test, hookd --check --explain.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Daemon, HOOKCTL, HOOKD } from './lib/daemon.mjs';
import { newBody, newEvent } from './lib/fedapay.mjs';
import { Mailbox } from './lib/mailbox.mjs';
import { Peer } from './lib/peer.mjs';
import { run } from './lib/program.mjs';
import { sendmail, sendmails } from './lib/sendmail.mjs';
import { limit } from './lib/wait.mjs';

const SECRETS = { bearer: 'bearer-4711', secret: 'signing-4711', password: 'password-4711' };
const FROM = 'Ma Boutique <no-reply@example.com>';

/** newEvent's entity with `over`. */
const entity = (over) => ({ ...newEvent().entity, ...over });

const script = (d) => ({ ...d.hook('ship', 'touch "$OUT/ran"; printf "%s\\0" "$@" >"$OUT/args"; cat >"$OUT/stdin"; ' +
	'echo "$HOOKD_IDEMPOTENCY_KEY" >"$OUT/key"; echo "said this"; exit "${CODE:-0}"',
{ on: ['transaction.approved'], args: ['{{entity.reference}}', 'a b'] }),
env: { ORDER: 'order {{entity.custom_metadata.order_id}}' }, when: { 'entity.amount': { gte: 100 } } });

/** A daemon that is not started with one hook of each kind, and what they talk to. */
async function bench(t, more = {}) {
	const box = await Mailbox.start(t, { auth: { user: 'shop', pass: SECRETS.password } });
	const peer = await Peer.start(t);
	const file = (d, name) => ({ file: d.file(`of-${name}`, `${SECRETS[name]}\n`, 0o600) });
	const d = new Daemon(t, {
		email: (d) => ({ server: box.url, tls: 'none', from: FROM, username: 'shop', password: file(d, 'password') }),
		hooks: (d) => [script(d),
			{ name: 'confirm', source: 'fedapay', on: 'transaction.*', email: { to: '{{entity.customer.email}}', bcc: 'archive@example.com',
				subject: 'Paiement {{entity.reference}} reçu', body: 'Été : {{entity.amount | money}}', html: '<p>{{entity.description}}</p>' } },
			{ name: 'tell', source: 'fedapay', on: '*', forward: { url: peer.url('/in/{{entity.id}}'), headers: { 'X-Order': '{{entity.reference}}' },
				bearer: file(d, 'bearer'), secret: file(d, 'secret') } }],
		...more,
	});
	return { d, box, peer };
}

/** hookctl test: {code, text}; no secret ever shows. */
async function trial(d, ...args) {
	const { code, stdout, stderr } = await d.ctl('test', ...args);
	const text = stdout + stderr;
	for (const secret of Object.values(SECRETS)) assert.ok(!text.includes(secret), `${args}: ${secret}`);
	assert.ok(!text.includes(d.secret));
	return { code, text };
}

test('a script: argv and environment are shown, nothing runs', limit, async (t) => {
	const { d } = await bench(t);
	const { code, text } = await trial(d, 'ship', '--type', 'transaction.approved');
	t.diagnostic(text.replaceAll('\n', ' | '));
	assert.equal(code, 0, text);
	for (const word of [`${d.dir}/bin/ship`, 'a b', 'ORDER', 'HOOKD_EVENT_TYPE', 'HOOKD_IDEMPOTENCY_KEY', 'entity.amount'])
		assert.ok(text.includes(word), `${word} in ${text}`);
	assert.ok(!d.has('ran'));
});

test('a mail: as it would go out, and to whom; nothing is sent', limit, async (t) => {
	const { d, box } = await bench(t);
	const file = d.file('event.json', newBody());
	const { code, text } = await trial(d, 'confirm', '--file', file);
	t.diagnostic(text.replaceAll('\n', ' | '));
	assert.equal(code, 0, text);
	for (const word of ['awa@example.com', 'archive@example.com', 'no-reply@example.com', 'Message-ID', 'Commande 1042'])
		assert.ok(text.includes(word), `${word} in ${text}`);
	assert.match(text, /Subject/);
	assert.equal(box.connections, 0);
});

test('a request: method, url, headers; nothing is sent', limit, async (t) => {
	const { d, peer } = await bench(t);
	const { code, text } = await trial(d, 'tell', '--file', d.file('event.json', newBody()));
	t.diagnostic(text.replaceAll('\n', ' | '));
	assert.equal(code, 0, text);
	for (const word of ['POST', peer.url('/in/98446301'), 'X-Order', 'trx_ZIU_1719787792938', 'webhook-id'])
		assert.ok(text.toLowerCase().includes(word.toLowerCase()), `${word} in ${text}`);
	assert.equal(peer.connections, 0);
});

test('--run runs it, once, and shows the outcome; the store is unchanged', limit, async (t) => {
	const { d, box, peer } = await bench(t);
	const body = newBody();
	const file = d.file('event.json', body);
	const ran = await trial(d, 'ship', '--file', file, '--run');
	assert.equal(ran.code, 0, ran.text);
	assert.match(ran.text, /\bok\b/i);
	assert.match(ran.text, /said this/);
	assert.equal(d.read('args'), 'trx_ZIU_1719787792938\0a b\0');
	assert.equal(d.read('stdin'), body);

	const sent = await trial(d, 'confirm', '--file', file, '--run');
	assert.equal(sent.code, 0, sent.text);
	const { mail, envelope } = await box.mail();
	assert.equal(mail.subject, 'Paiement trx_ZIU_1719787792938 reçu');
	assert.deepEqual([...envelope.to].sort(), ['archive@example.com', 'awa@example.com']);

	const told = await trial(d, 'tell', '--file', file, '--run');
	assert.equal(told.code, 0, told.text);
	assert.match(told.text, /\b200\b|\bok\b/);
	const { headers, body: got } = await peer.request();
	assert.equal(got.toString(), body);
	assert.equal(headers.authorization, `Bearer ${SECRETS.bearer}`);
	const { 'webhook-id': id, 'webhook-timestamp': at } = headers;
	assert.equal(headers['webhook-signature'],
		`v1,${createHmac('sha256', SECRETS.secret).update(`${id}.${at}.`).update(got).digest('base64')}`);
	assert.equal(peer.requests.length, 1);
	assert.equal(box.mails.length, 1);

	await d.start();
	assert.deepEqual(await d.events(), []);
});

test('a run that fails is exit 1, with the reason', limit, async (t) => {
	const peer = await Peer.start(t, { status: 503, body: 'not today' });
	const box = await Mailbox.start(t, { rcpt: { 'awa@example.com': [550, 'nobody'] } });
	const d = new Daemon(t, { email: { server: box.url, tls: 'none', from: FROM }, hooks: (d) => [
		d.hook('ship', 'echo "not today"; exit 3'),
		{ name: 'tell', source: 'fedapay', on: '*', forward: { url: peer.url() } },
		{ name: 'confirm', source: 'fedapay', on: '*', email: { to: '{{entity.customer.email}}', subject: 's', body: 'b' } }] });
	const file = d.file('event.json', newBody());
	for (const [hook, words] of [['ship', /tempfail.*3|3.*tempfail/s], ['tell', /503/], ['confirm', /550/]]) {
		const { code, text } = await trial(d, hook, '--file', file, '--run');
		assert.equal(code, 1, text);
		assert.match(text, words);
		if (hook !== 'confirm') assert.match(text, /not today/);
	}
	assert.equal(peer.requests.length, 1, 'once: no retries');
});

test('an event that would not match: exit 1, with each reason, also with --run', limit, async (t) => {
	const { d } = await bench(t);
	const other = await trial(d, 'ship', '--type', 'payout.sent');
	assert.equal(other.code, 1, other.text);
	assert.match(other.text, /payout\.sent/);
	assert.match(other.text, /transaction\.approved/);
	const small = await trial(d, 'ship', '--file', d.file('small.json', newBody({ entity: entity({ amount: 50 }) })), '--run');
	assert.equal(small.code, 1, small.text);
	assert.match(small.text, /entity\.amount/);
	assert.match(small.text, /\b50\b/);
	assert.match(small.text, /\b100\b/);
	const both = await trial(d, 'ship', '--file', d.file('both.json', newBody({ name: 'payout.sent', entity: entity({ amount: 50 }) })));
	assert.equal(both.code, 1);
	assert.match(both.text, /payout\.sent/);
	const odd = await trial(d, 'ship', '--file', d.file('odd.json', 'not JSON'));
	assert.equal(odd.code, 1);
	assert.match(odd.text, /quarantine|JSON/i);
	assert.ok(!d.has('ran'));
});

test('a missing value: exit 1, and the message names its path', limit, async (t) => {
	const d = new Daemon(t, { hooks: (d) => [d.hook('ship', 'touch "$OUT/ran"', { args: ['{{entity.nothing}}'] }),
		d.hook('dash', 'touch "$OUT/ran"', { args: ['{{entity.description}}'] })] });
	for (const args of [[], ['--run']]) {
		const missing = await trial(d, 'ship', '--type', 'transaction.approved', ...args);
		assert.equal(missing.code, 1, missing.text);
		assert.match(missing.text, /entity\.nothing is missing/);
		const dash = await trial(d, 'dash', '--file', d.file('e.json', newBody({ entity: entity({ description: '--help' }) })), ...args);
		assert.equal(dash.code, 1, dash.text);
	}
	assert.ok(!d.has('ran'));
});

test('--event: with an event of the store, beside the daemon and without it', limit, async (t) => {
	const { d } = await bench(t, {});
	await d.start();
	const event = await d.store({ entity: entity({ reference: 'trx_stored' }) });
	const before = await d.settled(event);
	const key = before.deliveries.find((x) => x.hook === 'ship').idempotency_key;
	for (const args of [[], ['--run']]) {
		const { code, text } = await trial(d, 'ship', '--event', String(event), ...args);
		assert.equal(code, 0, text);
		assert.match(text, /trx_stored/);
	}
	assert.notEqual(d.read('key').trim(), key, 'a trial has a key of its own: the real one stays valid');
	assert.deepEqual(await d.show(event), before, 'no attempt is added');
	await d.stop();
	assert.equal((await trial(d, 'ship', '--event', String(event))).code, 0);
	const none = await trial(d, 'ship', '--event', '999999');
	assert.equal(none.code, 1);
	assert.match(none.text, /999999/);
});

test('--file - is standard input; the event may be hostile', limit, async (t) => {
	const { d } = await bench(t);
	const body = newBody({ entity: entity({ reference: 'x\n\x1b[31mwould run\0', description: 'y' }) });
	for (const hook of ['ship', 'confirm', 'tell']) {
		const { code, stdout, stderr } = await run(HOOKCTL, ['--config', d.configFile, 'test', hook, '--file', '-'], { input: body });
		assert.equal(code, 1, `${hook}: NUL or a line end has no place there: ${stdout}`);
		assert.match(stdout + stderr, /^[^\0\x1b]*$/);
	}
});

test('sendmail and on_failure can be tried too', limit, async (t) => {
	const d = new Daemon(t, { email: (d) => ({ sendmail: [sendmail(d), '-i'], from: FROM }),
		on_failure: { email: { to: 'ops@example.com', subject: '{{failure.hook}} gave up', body: '{{failure.reason}}' } } });
	const shown = await trial(d, 'record/on_failure', '--type', 'transaction.approved');
	assert.equal(shown.code, 0, shown.text);
	assert.match(shown.text, /ops@example\.com/);
	assert.deepEqual(await sendmails(d), []);
	const sent = await trial(d, 'record/on_failure', '--type', 'transaction.approved', '--run');
	assert.equal(sent.code, 0, sent.text);
	assert.deepEqual((await sendmails(d))[0].args.slice(-1), ['ops@example.com']);
});

test("hookd's own mails can be tried: the digest of what the store has, a silence", limit, async (t) => {
	const box = await Mailbox.start(t);
	const email = { to: 'owner@example.com' };
	const d = new Daemon(t, { email: { server: box.url, tls: 'none', from: FROM }, digest: { at: '07:30', email }, silence: { after: '6h', email },
		on_failure: { email: { to: 'ops@example.com', subject: '{{failure.hook}} gave up', body: '{{failure.reason}}' } } });
	const before = await trial(d, 'hookd/digest');
	assert.equal(before.code, 0, before.text);
	assert.match(before.text, /Subject: hookd on \S+: 0 events$/m);
	await d.start();
	for (let i = 0; i < 3; i++) await d.settled(await d.store());
	const events = (await d.events()).length;
	const digest = await trial(d, 'hookd/digest');
	assert.equal(digest.code, 0, digest.text);
	for (const pattern of [/To: owner@example\.com/, /Subject: hookd on \S+: 3 events$/m, /3 +transaction\.approved/, /Approved transactions\n[ |]+1  for 5/,
		/3 +0 +0 +0 +record/, /Nothing is dead\./]) assert.match(digest.text, pattern);
	const silence = await trial(d, 'hookd/silence');
	assert.equal(silence.code, 0, silence.text);
	for (const pattern of [/Subject: hookd on \S+: nothing from fedapay since /, /6 h ago/, /Is the webhook still enabled/])
		assert.match(silence.text, pattern);
	for (const { text } of [before, digest, silence]) assert.doesNotMatch(text, /\{\{|exited with 1/);
	const sent = await trial(d, 'hookd/digest', '--run');
	assert.equal(sent.code, 0, sent.text);
	const { mail } = await box.mail();
	assert.match(mail.subject, /: 3 events$/);
	assert.match(mail.text, /Nothing is dead\./);
	assert.equal((await d.events()).length, events, 'nothing is stored');
	for (const more of [['--type', 'transaction.approved'], ['--amount', '5']])
		assert.equal((await d.ctl('test', 'hookd/digest', ...more)).code, 2);
});

test('wrong arguments: exit 2; for an unknown hook the message lists the known ones; a broken config: 78', limit, async (t) => {
	const { d } = await bench(t);
	const none = await trial(d, 'shipp');
	assert.ok([1, 2].includes(none.code));
	assert.match(none.text, /shipp/);
	assert.match(none.text, /ship, .*confirm|ship.*confirm/s);
	for (const args of [[], ['ship', '--event', 'x'], ['ship', '--type', 'a', '--file', 'b'], ['ship', '--nonsense'], ['ship', 'tell']])
		assert.equal((await d.ctl('test', ...args)).code, 2, args.join(' '));
	d.configure({ hooks: [{ name: 'ship', source: 'fedapay', on: '*' }] });
	assert.equal((await d.ctl('test', 'ship')).code, 78);
});

// ---- hookd --check --explain
test('--check --explain describes what the config does, without secrets', limit, async (t) => {
	const { d, box, peer } = await bench(t, {
		timezone: 'Africa/Porto-Novo',
		on_failure: { email: { to: 'ops@example.com', subject: '{{failure.hook}}', body: '{{failure.reason}}' } },
		digest: { at: '07:30', email: { to: 'owner@example.com' } },
		silence: { after: '3h', sources: ['fedapay'], email: { to: 'owner@example.com' } },
	});
	const plain = await run(HOOKD, ['--config', d.configFile, '--check']);
	assert.equal(plain.code, 0, plain.stderr);
	const { code, stdout, stderr } = await run(HOOKD, ['--config', d.configFile, '--check', '--explain']);
	assert.equal(code, 0, stderr);
	const text = stdout + stderr;
	t.diagnostic(text.replaceAll('\n', ' | '));
	for (const word of ['fedapay', '/webhooks/fedapay', 'ship', 'confirm', 'tell', 'transaction.approved', 'transaction.*', 'entity.amount', '100',
		`${d.dir}/bin/ship`, '{{entity.customer.email}}', peer.url('/in/'), 'owner@example.com', 'ops@example.com', '07:30', '3 h'])
		assert.ok(text.includes(word), `${word} in ${text}`);
	assert.ok(text.includes(box.url) || text.includes(box.url.replace('smtp://', '')), text);
	for (const secret of [...Object.values(SECRETS), d.secret]) assert.ok(!text.includes(secret));
	assert.ok(text.length > plain.stdout.length + plain.stderr.length + 200);
	assert.ok(!d.has('ran'));
	assert.equal(box.connections + peer.connections, 0);
});

test('--explain with errors prints the errors, exit 78; it needs --check', limit, async (t) => {
	const { d } = await bench(t);
	d.configure({ hooks: [{ ...d.config.hooks[0], when: { 'entity.amount': { nosuch: 1 } } }] });
	const { code, stdout, stderr } = await run(HOOKD, ['--config', d.configFile, '--check', '--explain']);
	assert.equal(code, 78);
	assert.match(stdout + stderr, /nosuch/);
	assert.notEqual((await run(HOOKD, ['--config', d.configFile, '--explain'])).code, 0);
});
