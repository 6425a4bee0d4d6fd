// What the config's rules do: conditions, templates, order, reports of failures.
import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { Daemon, HOOKD } from './lib/daemon.mjs';
import { newBody, newEvent } from './lib/fedapay.mjs';
import { Mailbox } from './lib/mailbox.mjs';
import { wallClock } from './lib/offset.mjs';
import { run } from './lib/program.mjs';
import { limit, sleep, waitFor } from './lib/wait.mjs';

const QUICK = { attempts: 2, first: '50ms', max: '100ms' };
const FROM = 'hookd <no-reply@example.com>';

/** newEvent's entity with `over`. */
const entity = (over) => ({ ...newEvent().entity, ...over });
const results = (delivery) => delivery.attempts.map((a) => a.result);
const only = async (d, event) => (await d.settled(event)).deliveries[0];
const named = (seen, hook) => seen.deliveries.find((x) => x.hook === hook);

/** "5 000" with any kind of space between the groups. */
const spaced = (text) => text.replace(/[\u00a0\u202f]/g, ' ');

// ---- when
/* Conditions, and whether they match newEvent(). */
const conditions = {
	'a number': [{ 'entity.amount': 5000 }, true],
	'another number': [{ 'entity.amount': 5001 }, false],
	'a range': [{ 'entity.amount': { gte: 100, lt: 5001 } }, true],
	'a range that ends before': [{ 'entity.amount': { gte: 100, lt: 5000 } }, false],
	'a decimal text as a number': [{ 'entity.commission': { gt: 0.0179, lt: '0.0181' } }, true],
	'a text': [{ 'entity.currency.iso': 'XOF' }, true],
	'one of a list': [{ 'entity.mode': ['moov', 'mtn_open'] }, true],
	'none of a list': [{ 'entity.mode': ['moov', 'card'] }, false],
	'not_in': [{ 'entity.mode': { not_in: ['moov', 'card'] } }, true],
	'all keys must hold': [{ 'entity.currency.iso': 'XOF', 'entity.mode': 'moov' }, false],
	'any': [{ any: [{ 'entity.mode': 'moov' }, { 'entity.amount': { gt: 4999 } }] }, true],
	'not': [{ not: { 'entity.mode': 'mtn_open' } }, false],
	'any with not and exists': [{ any: [{ 'entity.nothing': { exists: true } },
		{ not: { 'entity.customer.phone': { empty: false } } }] }, true],
	'empty': [{ 'entity.metadata': { empty: true } }, true],
	'null exists, and is empty': [{ 'entity.callback_url': { exists: true, empty: true } }, true],
	'a glob': [{ 'entity.reference': { glob: 'trx_*' } }, true],
	'an expression': [{ 'entity.customer.email': { matches: '@example\\.(com|org)$' } }, true],
	'a time': [{ created_at: { gt: '2026-06-30T22:50:29Z', lt: '2026-07-01T00:00:00+01:00' } }, true],
	'a missing path': [{ 'entity.nothing': { ne: 'x' } }, false],
	'a type that does not fit': [{ 'entity.customer': { gt: 5 } }, false],
};

test('when: hooks run for what matches, and only for that', limit, async (t) => {
	const names = Object.keys(conditions);
	const d = await Daemon.start(t, { hooks: (d) => names.map((name, i) =>
		({ ...d.hook(`h${i}`, 'true'), when: conditions[name][0] })) });
	const event = await d.store();
	const seen = await d.settled(event);
	for (const [i, name] of names.entries())
		assert.equal(Boolean(named(seen, `h${i}`)), conditions[name][1], name);
	// the same from the API, which has the entity as a string
	const other = await d.settled(await d.store({ entity: JSON.stringify(newEvent().entity) }));
	assert.deepEqual(other.deliveries.map((x) => x.hook), seen.deliveries.map((x) => x.hook));
});

test('an event that a hook declines is stored, and hookctl show says why', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [
		{ ...d.hook('large', 'true'), when: { 'entity.amount': { gte: 100000 } } },
		{ ...d.hook('cards', 'true'), when: { 'entity.mode': ['card', 'visa'] } },
		{ ...d.hook('phone', 'true'), when: { 'entity.customer.phone': { exists: true } } },
		d.hook('payouts', 'true', { on: ['payout.*'] })] });
	const event = await d.store();
	assert.deepEqual((await d.show(event)).deliveries, []);
	const told = await d.ctl('show', String(event));
	assert.equal(told.code, 0);
	assert.match(told.stdout, /large.*entity\.amount.*5000.*100000/s);
	assert.match(told.stdout, /cards.*entity\.mode.*mtn_open/s);
	assert.match(told.stdout, /phone.*entity\.customer\.phone/s);
	assert.doesNotMatch(told.stdout, /payouts/, 'a type it never wanted is not listed');
	const json = JSON.stringify(await d.show(event));
	assert.match(json, /entity\.amount/);
	assert.match(json, /entity\.mode/);
});

test('an expression that takes too many steps declines at once, and hookctl show says so', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [{ ...d.hook('slow', 'true'), when: { 'entity.description': { matches: '^(a+)+$' } } }] });
	const event = await d.store({ entity: entity({ description: `${'a'.repeat(500_000)}!` }) });
	const told = await d.ctl('show', String(event));
	assert.match(told.stdout, /slow.*entity\.description.*too many steps/s);
});

test('what a reason quotes from the event is escaped and cut', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [{ ...d.hook('odd', 'true'), when: { 'entity.mode': 'card' } }] });
	const event = await d.store({ entity: entity({ mode: `x\n\x1b[31m\todd\tfake reason\0${'y'.repeat(100_000)}` }) });
	const told = await d.ctl('show', String(event));
	assert.equal(told.code, 0);
	const reason = told.stdout.slice(0, told.stdout.length).split('\n').find((line) => /odd/.test(line) && /entity\.mode/.test(line));
	assert.ok(reason, told.stdout.slice(0, 3000));
	assert.match(reason, /^[^\0-\x1f\x7f]*$/);
	assert.ok(reason.length < 2000, `${reason.length} characters`);
});

test('a reload with another condition decides the next event', limit, async (t) => {
	const hook = (d, amount) => ({ ...d.hook('ship', 'true'), when: { 'entity.amount': amount } });
	const d = await Daemon.start(t, { hooks: (d) => [hook(d, 1)] });
	assert.deepEqual((await d.show(await d.store())).deliveries, []);
	d.reload({ hooks: [hook(d, 5000)] });
	await waitFor(async () => (await d.show(await d.store())).deliveries.length === 1, 'the new condition');
});

// ---- templates in arguments and environment
const HOSTILE = ['a b', '"', '\'', '`id`', '$(touch /tmp/injected)', '$HOME', '; rm -rf x', '| cat', '&', '>out', '*', '~', '\\', '\\n',
	'line\nbreak', 'carriage\rreturn', 'tab\t', ' x ', '', 'é€\u2028\u{1F600}', '{{entity.id}}', '{{{{', '%s%n', '\x1b[31m', '#', '!', '='];

test('templates in arguments and variables: values arrive unchanged', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [{
		...d.hook('ship', 'printf "%s\\0" "$@" >"$OUT/args.$HOOKD_EVENT_ID"; printf %s "$ORDER" >"$OUT/env.$HOOKD_EVENT_ID"',
			{ args: ['fixed', 'x{{entity.description}}y', '{{entity.description}}', '{{entity.amount}}', '{{{{literal}}',
				'{{entity.customer | json}}', '{{entity.nothing | default: "a b"}}', '{{hookd.hook}}/{{hookd.event}}'] }),
		env: { ORDER: '<{{entity.description}}>' } }] });
	for (const description of HOSTILE) {
		const event = await d.store({ entity: entity({ description }) });
		const delivery = await only(d, event);
		assert.deepEqual(results(delivery), ['ok'], JSON.stringify(description));
		assert.deepEqual(d.read(`args.${event}`).split('\0').slice(0, -1), ['fixed', `x${description}y`, description,
			'5000', '{{literal}}', d.read(`args.${event}`).split('\0')[5], 'a b', `ship/${event}`]);
		assert.deepEqual(JSON.parse(d.read(`args.${event}`).split('\0')[5]), newEvent().entity.customer);
		assert.equal(d.read(`env.${event}`), `<${description}>`);
	}
});

/** Runs the hook that `over` describes for one event; resolves to its delivery. */
async function tryHook(t, over, description, script = 'printf "%s\\0" "$@" >"$OUT/args"; printf %s "$V" >"$OUT/env"') {
	const d = await Daemon.start(t, { hooks: (d) => [{ ...d.hook('ship', script, { retry: QUICK, ...over }) }] });
	return { d, delivery: await only(d, await d.store({ entity: entity({ description }) })) };
}

test('a leading - that comes from the event is refused, unless allow_dash', limit, async (t) => {
	for (const description of ['-x', '--help', '-', '-\n']) {
		for (const template of ['{{entity.description}}', '{{entity.callback_url | default: ""}}{{entity.description}}',
			'{{entity.description}}.txt', '{{entity.description | trim}}']) {
			const { d, delivery } = await tryHook(t, { args: [template] }, description);
			assert.deepEqual(results(delivery), ['permfail'], `${template} of ${description}`);
			assert.match(delivery.attempts[0].message, /-|dash/);
			assert.ok(!d.has('args'), 'nothing ran');
			await d.stop();
		}
	}
	const allowed = await tryHook(t, { args: ['{{entity.description}}'], allow_dash: true }, '--help');
	assert.equal(allowed.delivery.state, 'DONE');
	assert.equal(allowed.d.read('args'), '--help\0');
	const own = await tryHook(t, { args: ['--order={{entity.description}}', '-o', '-{{entity.description}}'] }, '-x');
	assert.equal(own.delivery.state, 'DONE', 'the config\'s own dashes are allowed');
	assert.equal(own.d.read('args'), '--order=-x\0-o\0--x\0');
});

test('null in an argument or a variable is missing: given up, nothing runs', limit, async (t) => {
	for (const over of [{ args: ['{{entity.description}}'] }, { env: { V: 'x{{entity.description}}' } }]) {
		const { d, delivery } = await tryHook(t, over, null);
		assert.deepEqual(results(delivery), ['permfail']);
		assert.match(delivery.attempts[0].message, /entity\.description is null/);
		assert.ok(!d.has('args'));
		await d.stop();
	}
});

test('a NUL in an argument or a variable: given up, nothing runs', limit, async (t) => {
	for (const over of [{ args: ['x{{entity.description}}'] }, { env: { V: 'x{{entity.description}}' } }]) {
		const { d, delivery } = await tryHook(t, over, 'a\0b');
		assert.deepEqual(results(delivery), ['permfail']);
		assert.match(delivery.attempts[0].message, /NUL|zero|\\0|\\x00|u0000|control/i);
		assert.ok(!d.has('args'));
	}
});

/* Templates of an argument that cannot be rendered from newEvent, and the reason. */
const unfilled = {
	'{{entity.nothing.here}}': /entity\.nothing\.here is missing/,
	'a{{entity.customer.phone}}': /entity\.customer\.phone is missing/,
	'{{entity.customer}}': /entity\.customer/, // an object, without | json
	'{{entity.description | money}}': /entity\.description/,
	'{{entity.description | date}}': /entity\.description/,
};

test('a template that cannot be rendered is given up at once, with the path', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => Object.keys(unfilled).flatMap((template, i) => [
		d.hook(`arg-${i}`, 'touch "$OUT/ran"', { args: [template] }),
		{ ...d.hook(`env-${i}`, 'touch "$OUT/ran"'), env: { V: template } }]) });
	const { deliveries } = await d.settled(await d.store());
	for (const delivery of deliveries) {
		const [template, reason] = Object.entries(unfilled)[Number(delivery.hook.slice(4))];
		assert.equal(delivery.state, 'DEAD', `${delivery.hook} ${template}`);
		assert.deepEqual(results(delivery), ['permfail'], template);
		assert.match(delivery.attempts[0].message, reason);
	}
	assert.ok(!d.has('ran'));
});

test('long values: 100 KiB run; 200 KiB run or are given up with a reason; nothing crashes', limit, async (t) => {
	for (const over of [{ args: ['{{entity.description}}'] }, { env: { V: '{{entity.description}}' } }]) {
		const small = await tryHook(t, over, 'x'.repeat(100 * 1024));
		assert.equal(small.delivery.state, 'DONE');
		assert.equal(small.d.read(over.args ? 'args' : 'env').length, 100 * 1024 + (over.args ? 1 : 0));
		const { d, delivery } = await tryHook(t, over, 'é'.repeat(100 * 1024));
		if (delivery.state === 'DEAD') {
			assert.deepEqual(results(delivery), ['permfail'], 'another attempt would be as long');
			assert.match(delivery.attempts[0].message, /too long|too large|at most/i);
		} else {
			assert.equal(d.read(over.args ? 'args' : 'env').replace('\0', ''), 'é'.repeat(100 * 1024));
		}
		assert.equal((await only(d, await d.store())).state, 'DONE', 'and hookd goes on');
	}
	const many = await tryHook(t, { args: Array(30).fill('{{entity.description}}') }, 'x'.repeat(120 * 1024));
	assert.ok(['ok', 'permfail'].includes(results(many.delivery).join()), results(many.delivery).join());
	assert.equal((await only(many.d, await many.d.store())).state, 'DONE');
});

test('the program itself never comes from the event', limit, async (t) => {
	const d = new Daemon(t);
	d.configure({ hooks: [{ name: 'ship', source: 'fedapay', on: '*', run: ['{{entity.description}}'] }] });
	const checked = await run(HOOKD, ['--config', d.configFile, '--check']);
	assert.equal(checked.code, 78);
	assert.match(checked.stderr, /run/);
});

// ---- money, dates, for people
test('money and date in a mail, in the config\'s time zone', limit, async (t) => {
	const box = await Mailbox.start(t);
	const d = await Daemon.start(t, { timezone: 'Africa/Porto-Novo', email: { server: box.url, tls: 'none', from: FROM },
		hooks: [{ name: 'confirm', source: 'fedapay', on: '*', email: { to: 'a@example.com',
			subject: '{{entity.amount | money}} le {{created_at | date: "%d/%m/%Y"}}',
			body: 'Montant : {{entity.amount | money}}\nFrais : {{entity.fees | money: XOF}}\n' +
				'En euros : {{entity.metadata.cents | money: EUR}}\nLe : {{created_at | date: "%d/%m/%Y à %H:%M"}}\n' +
				'ISO : {{created_at | date}}\nNom : {{entity.customer.lastname | upper}}\n' +
				'Court : {{entity.reference | truncate: 8}}' } }] });
	await d.store({ entity: entity({ amount: 1234500, metadata: { cents: 123456 } }) });
	const { mail } = await box.mail();
	assert.equal(spaced(mail.subject), '1 234 500 FCFA le 30/06/2026');
	const text = spaced(mail.text);
	assert.match(text, /Montant : 1 234 500 FCFA$/m);
	assert.match(text, /Frais : 90 FCFA$/m);
	assert.match(text, /En euros : 1 234,56 EUR$/m);
	assert.match(text, /Le : 30\/06\/2026 à 23:50$/m, 'an hour ahead of UTC');
	assert.match(text, /ISO : 2026-06-30 23:50$/m);
	assert.match(text, /Nom : DOSSOU$/m);
	assert.match(text, /Court : trx_ZIU_?…|Court : trx_ZIU…/m);
});

// ---- order
const SHIP = '[ "$1" != slow ] || until [ -e "$OUT/go" ]; do sleep 0.05; done\n' +
	'[ "$1" != fails ] || exit 65\necho "$HOOKD_EVENT_ID" >>"$OUT/order"';

/** A daemon with an ordered hook, and a function that stores an event of an entity. */
async function ordered(t, over = {}, { besides, ...more } = {}) {
	const d = await Daemon.start(t, { ...more, hooks: (d) => [{ ...d.hook('ship', SHIP, { args: ['{{entity.mode}}'], concurrency: 8,
		retry: QUICK }), order: 'entity', ...over }, ...(besides?.(d) ?? [])] });
	const put = (id, { mode = 'quick', second = 0, name = 'transaction.approved' } = {}) => d.store({ name, object_id: id,
		entity: entity({ id, mode }), created_at: new Date(Date.UTC(2026, 5, 30, 12, 0, second)).toISOString() });
	return { d, put };
}

const order = (d) => d.lines('order').map(Number);
const runs = (d, event) => d.delivery(event, (x) => x.state === 'RUNNING', 'the event to run');

test('order: entity: a slow event blocks the next one of its entity, and no other', limit, async (t) => {
	const { d, put } = await ordered(t);
	const slow = await put(1, { mode: 'slow' });
	await runs(d, slow);
	const second = await put(1, { second: 1 });
	const others = [await put(2), await put(3), await put(2, { second: 1 })];
	for (const event of others) await d.settled(event);
	const [held] = (await d.show(second)).deliveries;
	assert.equal(held.state, 'READY');
	assert.deepEqual(held.attempts, []);
	assert.deepEqual([...order(d)].sort(), [...others].sort());
	d.touch('go');
	await d.settled(second);
	assert.deepEqual(order(d).slice(-2), [slow, second]);
});

test('order: entity: those that wait run by the time in the event, not by arrival', limit, async (t) => {
	const { d, put } = await ordered(t);
	const slow = await put(1, { mode: 'slow' });
	await runs(d, slow);
	const third = await put(1, { second: 30 });
	const fourth = await put(1, { second: 40 });
	const second = await put(1, { second: 20 });
	d.touch('go');
	for (const event of [second, third, fourth]) await d.settled(event);
	assert.deepEqual(order(d), [slow, second, third, fourth]);
});

test('order: entity: a retry goes before the next; one that is given up releases it', limit, async (t) => {
	const { d, put } = await ordered(t);
	const fails = await put(1, { mode: 'fails' });
	const next = await put(1, { second: 1 });
	assert.equal((await only(d, next)).state, 'DONE');
	assert.equal((await only(d, fails)).state, 'DEAD');

	const again = await Daemon.start(t, { hooks: (d) => [{ ...d.hook('ship',
		'echo "$HOOKD_EVENT_ID" >>"$OUT/order"; [ "$1" = quick ] || [ "$HOOKD_ATTEMPT" = 3 ]',
		{ args: ['{{entity.mode}}'], concurrency: 8, retry: { attempts: 5, first: '200ms', max: '300ms' } }), order: 'entity' }] });
	const first = await again.store({ entity: entity({ mode: 'twice' }), created_at: '2026-06-30T12:00:00Z' });
	const later = await again.store({ entity: entity({ mode: 'quick' }), created_at: '2026-06-30T12:00:01Z' });
	await again.settled(later);
	assert.deepEqual(order(again), [first, first, first, later]);
});

test('order: entity: kept over a crash and a restart', limit, async (t) => {
	const { d, put } = await ordered(t);
	const slow = await put(1, { mode: 'slow' });
	await runs(d, slow);
	const second = await put(1, { second: 1 });
	const other = await put(2);
	await d.settled(other);
	await d.kill();
	await d.start();
	await runs(d, slow);
	assert.deepEqual((await d.show(second)).deliveries[0].attempts, []);
	d.touch('go');
	await d.settled(second);
	assert.deepEqual(order(d).filter((event) => event !== other).slice(-2), [slow, second]);
});

test('without order no delivery waits, nor do those of another hook', limit, async (t) => {
	const { d, put } = await ordered(t, {}, { besides: (d) => [d.hook('free', 'echo "$HOOKD_EVENT_ID" >>"$OUT/free"')] });
	const slow = await put(1, { mode: 'slow' });
	await runs(d, slow).catch(() => {});
	const second = await put(1, { second: 1 });
	await waitFor(() => d.lines('free').length === 2, 'both events to run in the other hook');
	assert.deepEqual(named(await d.show(second), 'ship').attempts, []);
	d.touch('go');
	await d.settled(second);
});

test('skip_stale: an event that a later state has overtaken is skipped, with the reason', limit, async (t) => {
	const { d, put } = await ordered(t, { skip_stale: true });
	const slow = await put(1, { mode: 'slow', name: 'transaction.updated' });
	await runs(d, slow);
	const created = await put(1, { name: 'transaction.created', second: 1 });
	const approved = await put(1, { name: 'transaction.approved', second: 2 });
	const elsewhere = await put(2, { name: 'transaction.created', second: 1 });
	d.touch('go');
	assert.equal((await only(d, approved)).state, 'DONE');
	assert.equal((await only(d, elsewhere)).state, 'DONE', 'another entity');
	const skipped = await only(d, created);
	assert.equal(skipped.state, 'SKIPPED');
	assert.ok(results(skipped).every((result) => result !== 'ok'));
	const told = await d.ctl('show', String(created));
	assert.match(told.stdout, /SKIPPED/);
	assert.match(told.stdout, /overtak|stale|later|transaction\.approved/i, 'it says why');

	// delayed: the later state came long ago
	const late = await put(1, { name: 'transaction.created', second: 1 });
	assert.equal((await only(d, late)).state, 'SKIPPED');
	// neither a later state is skipped, nor an event without a state
	const transferred = await put(1, { name: 'transaction.transferred', second: 3 });
	assert.equal((await only(d, transferred)).state, 'DONE');
	const updated = await put(1, { name: 'transaction.updated', second: 0 });
	assert.equal((await only(d, updated)).state, 'DONE');
	assert.ok(!order(d).includes(created) && !order(d).includes(late));
});

test('without skip_stale every state runs', limit, async (t) => {
	const { d, put } = await ordered(t);
	const approved = await put(1, { name: 'transaction.approved', second: 2 });
	await d.settled(approved);
	assert.equal((await only(d, await put(1, { name: 'transaction.created', second: 1 }))).state, 'DONE');
});

// ---- once
const reasons = (show) => show.deliveries.map((delivery) => `${delivery.state} ${delivery.reason ?? ''}`.trim());

test('once: entity: one act on a transaction, whatever comes, over a crash and replays', limit, async (t) => {
	const { d, put } = await ordered(t, { order: undefined, once: 'entity' });
	const approved = await put(1, { name: 'transaction.approved', mode: 'slow' });
	await runs(d, approved);
	const transferred = await put(1, { name: 'transaction.transferred', second: 1 });
	const elsewhere = await put(2, { name: 'transaction.approved' });
	await d.settled(elsewhere);
	assert.equal((await d.show(transferred)).deliveries[0].state, 'READY', 'it waits for the first');
	await d.kill();
	await d.start();
	await runs(d, approved);
	d.touch('go');
	const acted = await only(d, approved);
	assert.equal(acted.state, 'DONE');
	const because = `SKIPPED acted already by delivery ${acted.id}`;
	await d.settled(transferred);
	assert.deepEqual(reasons(await d.show(transferred)), [because]);
	const again = await put(1, { name: 'transaction.approved', second: 2 });
	await d.settled(again);
	assert.deepEqual(reasons(await d.show(again)), [because]);

	// what the hook did stays done without the event
	await d.kill();
	await d.start();
	assert.equal((await d.ctl('replay', String(approved), '--yes')).code, 0);
	await d.settled(approved);
	assert.deepEqual(reasons(await d.show(approved)), ['DONE', because]);
	const before = order(d).length;
	assert.equal((await d.ctl('replay', String(transferred), '--again', '--yes')).code, 0);
	await d.settled(transferred);
	assert.equal((await d.show(transferred)).deliveries.at(-1).state, 'DONE');
	assert.deepEqual(order(d).slice(before), [transferred]);
});

test('once: entity: one that is given up has not acted, the next one does', limit, async (t) => {
	const { d, put } = await ordered(t, { once: 'entity' });
	const fails = await put(1, { mode: 'fails' });
	const next = await put(1, { second: 1 });
	const last = await put(1, { second: 2 });
	assert.equal((await only(d, fails)).state, 'DEAD');
	assert.equal((await only(d, next)).state, 'DONE');
	assert.match(reasons(await d.show(last))[0] ?? '', /^SKIPPED acted already by delivery \d+$/);
});

// ---- on_failure
const FACTS = ['{{failure.hook}}', '{{failure.delivery}}', '{{failure.attempts}}', '{{failure.reason}}', '{{failure.output}}',
	'{{hookd.hook}}', '{{hookd.event}}', '{{entity.reference}}'];

/** An action that writes the facts of a failure to $OUT/NAME.EVENT. */
const tells = (d, name, over = {}) => ({ run: [d.script(name, `printf "%s\\0" "$@" >"$OUT/${name}.$HOOKD_EVENT_ID"; ` +
	`cat >"$OUT/${name}.payload"; echo "$HOOKD_HOOK $HOOKD_IDEMPOTENCY_KEY" >>"$OUT/${name}.keys"`), ...FACTS], allow_dash: true, ...over });

test('on_failure: a hook\'s own, or the one for all, with the facts', limit, async (t) => {
	const d = await Daemon.start(t, {
		on_failure: (d) => tells(d, 'global'),
		hooks: (d) => [
			d.hook('tries', 'echo "said $HOOKD_ATTEMPT"; exit 75', { retry: QUICK }),
			{ ...d.hook('gives-up', 'echo "never"; exit 65'), on_failure: tells(d, 'own') },
			d.hook('good', 'true'),
		],
	});
	const body = newBody();
	const { event } = (await d.post(body)).json;
	const seen = await d.settled(event);
	assert.deepEqual(seen.deliveries.map((x) => [x.hook, x.state]).sort(), [['gives-up', 'DEAD'],
		['gives-up/on_failure', 'DONE'], ['good', 'DONE'], ['tries', 'DEAD'], ['tries/on_failure', 'DONE']]);
	const facts = (name) => d.read(`${name}.${event}`).split('\0').slice(0, -1);
	const global = facts('global');
	const tries = named(seen, 'tries');
	assert.deepEqual([...global.slice(0, 3), ...global.slice(5)], ['tries', String(tries.id), '2', 'tries/on_failure', String(event),
		'trx_ZIU_1719787792938']);
	assert.equal(global[3], tries.attempts.at(-1).message);
	assert.match(global[4], /said 2/);
	const own = facts('own');
	assert.deepEqual(own.slice(0, 3), ['gives-up', String(named(seen, 'gives-up').id), '1']);
	assert.match(own[4], /never/);
	assert.equal(d.read('own.payload'), body);
	assert.notEqual(named(seen, 'tries/on_failure').idempotency_key, tries.idempotency_key);
});

test('on_failure by mail', limit, async (t) => {
	const box = await Mailbox.start(t);
	const d = await Daemon.start(t, { email: { server: box.url, tls: 'none', from: FROM },
		on_failure: { email: { to: 'ops@example.com', subject: 'hookd: {{failure.hook}} gave up event {{hookd.event}}',
			body: '{{failure.reason}}\n{{failure.output}}' } },
		hooks: (d) => [d.hook('ship', 'printf "\\033[31mrouge\\000\\377é\\ntwo\\n\\nlines"; exit 65')] });
	const event = await d.store();
	const seen = await d.settled(event);
	assert.equal(named(seen, 'ship/on_failure').state, 'DONE', JSON.stringify(named(seen, 'ship/on_failure').attempts));
	const { mail } = await box.mail();
	assert.equal(mail.subject, `hookd: ship gave up event ${event}`);
	assert.match(mail.text, /65/);
	assert.match(mail.text, /rouge.*\r?\ntwo\r?\n\r?\nlines/, 'the output keeps its lines');
	assert.equal(box.mails.length, 1);
});

test('an on_failure that fails is retried, given up, and nothing follows', limit, async (t) => {
	const d = await Daemon.start(t, {
		on_failure: (d) => ({ run: [d.script('global', 'echo x >>"$OUT/global"; exit 75')], retry: { attempts: 3, first: '50ms', max: '50ms' } }),
		hooks: (d) => [d.hook('ship', 'exit 65'),
			{ ...d.hook('own', 'exit 65'), on_failure: { run: [d.script('fails', 'echo x >>"$OUT/fails"; exit 65')] } }],
	});
	const event = await d.store();
	const seen = await d.settled(event);
	assert.deepEqual(seen.deliveries.map((x) => [x.hook, x.state]).sort(), [['own', 'DEAD'], ['own/on_failure', 'DEAD'],
		['ship', 'DEAD'], ['ship/on_failure', 'DEAD']]);
	await d.settled(await d.store());
	assert.equal(d.lines('global').length, 6);
	assert.equal(d.lines('fails').length, 2);
	assert.deepEqual(await d.show(event), seen, 'nothing came after');
});

test('the on_failure of a dead delivery survives a crash', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [{ ...d.hook('ship', 'exit 65'), on_failure: {
		run: [d.script('tell', 'echo "{}" >>"$OUT/begun"; until [ -e "$OUT/go" ]; do sleep 0.05; done; echo "$1" >>"$OUT/told"'),
			'{{failure.reason}}'] } }] });
	const event = await d.store();
	await waitFor(() => d.has('begun'), 'the action to begin');
	await d.kill();
	d.touch('go');
	await d.start();
	const seen = await d.settled(event);
	assert.equal(named(seen, 'ship/on_failure').state, 'DONE');
	assert.match(d.read('told'), /65/);
});

// ---- digest and silence
const DAY = 86_400;

/** A stopped daemon whose clock, once started, is a few seconds before `at` (UTC). */
async function beforeDigest(t, digest, more = {}) {
	const box = await Mailbox.start(t);
	const d = new Daemon(t, { timezone: 'UTC', email: { server: box.url, tls: 'none', from: FROM },
		sources: (d) => [d.source({ tolerance: '0' })], ...more });
	const clock = await wallClock(d);
	const minute = new Date((Math.ceil(Date.now() / 60_000) + 20) * 60_000);
	const at = minute.toISOString().slice(11, 16);
	d.configure({ digest: { at, email: { to: 'owner@example.com' }, ...digest } });
	/* Sets the clock: that many days later, five seconds before the digest. */
	const approach = (days = 0) => clock.set(days * DAY + Math.floor((minute.getTime() - Date.now()) / 1000) - 5);
	return { d, box, approach };
}

test('the digest: counts, sums, what is dead and how to replay it', limit, async (t) => {
	const { d, box, approach } = await beforeDigest(t, {}, { hooks: (d) => [
		d.hook('ship', '[ "$1" != card ] || exit 65', { on: ['transaction.*'], args: ['{{entity.mode}}'] }),
		d.hook('book', 'true')] });
	await d.start();
	for (const amount of [4000, 6500]) await d.settled(await d.store({ entity: entity({ id: amount, amount }) }));
	await d.settled(await d.store({ entity: entity({ id: 6500, amount: 6500 }) })); // two events, one payment
	await d.settled(await d.store({ entity: entity({ id: 1, amount: 123456, currency: { iso: 'EUR' } }) }));
	await d.settled(await d.store({ name: 'transaction.declined', entity: entity({ amount: 777777 }) }));
	const dead = await d.store({ name: 'transaction.approved', entity: entity({ id: 2, amount: 500, mode: 'card' }) });
	await d.settled(dead);
	await d.stop();
	approach();
	await d.start();
	const { mail, envelope } = await box.mail();
	t.diagnostic(mail.subject);
	t.diagnostic(mail.text.replaceAll('\n', ' | '));
	assert.deepEqual(envelope.to, ['owner@example.com']);
	assert.ok(mail.subject.length > 5);
	const text = spaced(mail.text);
	assert.match(text, /\b5 +transaction\.approved/);
	assert.match(text, /\b1 +transaction\.declined/);
	assert.match(text, /\bship\b/);
	assert.match(text, /\bbook\b/);
	assert.match(text, /11 000 FCFA/, '4000 + 6500 + 500');
	assert.match(text, /1 234,56 EUR/);
	assert.doesNotMatch(text, /777/);
	assert.match(text, new RegExp(`\\b${dead}\\b`));
	assert.match(text, /hookctl\b.*\breplay\b/);
	const [own] = await d.events('--type', 'hookd.digest');
	assert.equal(own.source, 'hookd');
	const seen = await d.settled(own.id);
	assert.deepEqual(seen.deliveries.map((x) => [x.hook, x.state]), [['hookd/digest', 'DONE']]);
	const payload = JSON.parse(await d.payload(own.id));
	assert.equal(payload.name, 'hookd.digest');
	assert.equal(payload.subject, mail.subject);
	await d.settled(await d.store());
	assert.equal(box.mails.length, 1, 'one a day');
});

test('a digest each day, of that day only, also over a restart; hooks of the config do not get it', limit, async (t) => {
	const { d, box, approach } = await beforeDigest(t, {});
	approach();
	await d.start();
	await d.settled(await d.store());
	await box.mail(1);
	await d.restart();
	await d.settled(await d.store({ name: 'payout.sent' }));
	await d.stop();
	approach(1);
	await d.start();
	const second = await box.mail(2);
	assert.match(second.mail.text, /payout\.sent/);
	assert.doesNotMatch(second.mail.text, /transaction\.approved/);
	assert.equal(box.mails.length, 2);
	assert.ok(d.runs.every(({ key }) => !key.startsWith('hookd/')));
	assert.equal(d.runs.length, 2);
});

test('a digest begins where the last one ended, whatever digest.at was then', limit, async (t) => {
	const { d, box, approach } = await beforeDigest(t, {});
	const first = d.config.digest.at;
	const later = (minutes) => new Date(Date.parse(`2026-01-01T${first}Z`) + minutes * 60_000).toISOString().slice(11, 16);
	const at = (minutes) => ({ digest: { at: later(minutes), email: { to: 'owner@example.com' } } });
	const period = async (number) => {
		await box.mail(number);
		const own = await d.events('--type', 'hookd.digest');
		assert.equal(own.length, number);
		return JSON.parse(await d.payload(Math.max(...own.map((e) => e.id)))).period;
	};
	approach();
	await d.start();
	await d.settled(await d.store({ name: 'a.first' }));
	const one = await period(1);

	await d.settled(await d.store({ name: 'a.second' }));
	d.reload(at(2)); // on the same day
	await d.logged(/config reloaded/);
	approach(120 / DAY);
	await d.restart();
	const two = await period(2);
	assert.deepEqual(two.from, one.to);
	assert.equal(Date.parse(two.to) - Date.parse(two.from), 120_000);

	await d.settled(await d.store({ name: 'a.third' }));
	await d.stop();
	d.configure(at(-3)); // earlier: the day's was made
	await d.start();
	await d.settled(await d.store({ name: 'a.fourth' }));
	await d.stop();
	approach(3 - 120 / DAY); // hookd was off for three days
	await d.start();
	const three = await period(3);
	assert.deepEqual(three.from, two.to);
	assert.equal(Date.parse(three.to) - Date.parse(three.from), 3 * DAY * 1000 - 300_000);
	const texts = box.mails.map(({ mail }) => ['first', 'second', 'third', 'fourth'].filter((x) => mail.text.includes(`a.${x}`)));
	assert.deepEqual(texts, [['first'], ['second'], ['third', 'fourth']]);
	assert.equal(box.mails.length, 3);
});

test('digest with when: dead: only after something died', limit, async (t) => {
	const { d, box, approach } = await beforeDigest(t, { when: 'dead' }, { hooks: (d) => [
		d.hook('ship', '[ "$1" != card ] || exit 65', { args: ['{{entity.mode}}'] })] });
	approach();
	await d.start();
	await d.settled(await d.store());
	await sleep(8_000); // past the first digest's time, when nothing is dead
	const dead = await d.store({ entity: entity({ mode: 'card' }) });
	await d.settled(dead);
	await d.stop();
	approach(1);
	await d.start();
	const { mail } = await box.mail();
	assert.match(mail.text, new RegExp(`\\b${dead}\\b`), 'the first mail is of the day on which something died');
});

test('silence: reports once that a source is quiet, and again after it has sent something', limit, async (t) => {
	const box = await Mailbox.start(t);
	const d = new Daemon(t, { timezone: 'UTC', email: { server: box.url, tls: 'none', from: FROM },
		sources: (d) => [d.source({ tolerance: '0' })],
		silence: { after: '10m', sources: ['fedapay'], email: { to: 'owner@example.com' } } });
	const clock = await wallClock(d);
	await d.start();
	for (let day = 5; day > 0; day--) { // events usually come at these times of day
		for (const hour of [1, 3]) {
			clock.set(-day * DAY + hour * 3600 - 300);
			await d.settled(await d.store());
		}
	}
	clock.set(0);
	await d.settled(await d.store());
	clock.set(3600);
	await d.restart();
	const { mail, envelope } = await box.mail();
	t.diagnostic(`${mail.subject} | ${mail.text.replaceAll('\n', ' | ')}`);
	assert.deepEqual(envelope.to, ['owner@example.com']);
	assert.match(mail.subject + mail.text, /fedapay/);
	const [own] = await d.events('--type', 'hookd.silence');
	assert.deepEqual((await d.settled(own.id)).deliveries.map((x) => [x.hook, x.state]), [['hookd/silence', 'DONE']]);
	clock.set(2 * 3600);
	await d.restart();
	await d.settled(await d.store());
	assert.equal(box.mails.length, 1, 'told once');
	clock.set(3 * 3600);
	await d.restart();
	await box.mail(2);
	assert.equal((await d.events('--type', 'hookd.silence')).length, 2);
});

// ---- how --check reports mistakes
const HEAD = (d) => `listen: 127.0.0.1:0
store: {path: ${d.dir}/hookd.db}
sources:
  - {name: fedapay, path: /webhooks/fedapay, scheme: fedapay, secrets: [{file: ${d.secretFile}}]}
`;
const MAILS = 'email: {server: "smtp://127.0.0.1:2525", tls: none, from: a@example.com}\n';
const HOOK = 'hooks:\n  - name: h\n    source: fedapay\n    on: "*"\n';
const RUN = '    run: [/bin/true]\n';
const MAIL = '    email:\n      to: b@example.com\n';

/** Runs hookd --check on a config in which ‹ marks where the mistake starts:
 * {code, errors, line, column}. */
async function check(d, text) {
	const before = text.slice(0, text.indexOf('‹')).split('\n');
	d.file('hookd.yaml', text.replace('‹', ''));
	const { code, stdout, stderr } = await run(HOOKD, ['--config', d.configFile, '--check'], { env: d.env });
	return { code, errors: stdout + stderr, line: before.length, column: before.at(-1).length + 1 };
}

/* Malformed templates and conditions: the config after its head, with ‹ at the first byte
 * that may be meant, and a word of the message. */
const slips = {
	'an unknown filter': [`${MAILS}${HOOK}${MAIL}      body: x\n      subject: Paiement ‹{{entity.reference | nosuch}} x\n`, /nosuch/],
	'an unknown filter, quoted': [`${MAILS}${HOOK}${MAIL}      body: x\n      subject: ‹"Paiement {{entity.reference | nosuch}} x"\n`, /nosuch/],
	'an open {{': [`${MAILS}${HOOK}${MAIL}      body: x\n      subject: Paiement ‹{{entity.reference\n`, /\}\}/],
	'an empty step': [`${MAILS}${HOOK}${MAIL}      body: x\n      subject: a ‹{{entity..x}}\n`, /step|path|name/i],
	'nothing in {{}}': [`${MAILS}${HOOK}${MAIL}      body: x\n      subject: a ‹{{}} b\n`, /path|empty|expected/i],
	'truncate to no number': [`${MAILS}${HOOK}${MAIL}      body: x\n      subject: ‹"a {{x | truncate: many}}"\n`, /truncate|number/i],
	'in a body of several lines': [`${MAILS}${HOOK}${MAIL}      subject: s\n      body: |\n        one\n        two ‹{{x | nosuch}}\n`, /nosuch/],
	'in a list of addresses': [`${MAILS}${HOOK}    email:\n      subject: s\n      body: b\n      to:\n        - a@example.com\n        - b ‹{{x | nosuch}}\n`, /nosuch/],
	'in an argument': [`${HOOK}    run:\n      - /bin/true\n      - order ‹{{x | nosuch}}\n`, /nosuch/],
	'in a variable': [`${HOOK}${RUN}    env:\n      ORDER: order ‹{{x | nosuch}}\n`, /nosuch/],
	'in a url': [`${HOOK}    forward:\n      url: http://example.com/‹{{x | nosuch}}\n`, /nosuch/],
	'in a header': [`${HOOK}    forward:\n      url: http://example.com/\n      headers:\n        X-A: a ‹{{x | nosuch}}\n`, /nosuch/],
	'in on_failure': [`on_failure:\n  run:\n    - /bin/true\n    - a ‹{{x | nosuch}}\n${HOOK}${RUN}`, /nosuch/],
	'when: an unknown operator': [`${HOOK}${RUN}    when:\n      entity.amount: {‹more: 5}\n`, /more/],
	'when: a bad path': [`${HOOK}${RUN}    when:\n      ‹entity..amount: 5\n`, /path|step|name|entity\.\.amount/i],
	'when: an expression that is none': [`${HOOK}${RUN}    when:\n      entity.mode: {‹matches: "(x"}\n`, /matches|expression|paren/i],
	'when: exists maybe': [`${HOOK}${RUN}    when:\n      entity.mode: {‹exists: maybe}\n`, /true|false/],
	'when: gt of a word': [`${HOOK}${RUN}    when:\n      entity.mode: {‹gt: many}\n`, /number|time/i],
	'when: any of no list': [`${HOOK}${RUN}    when:\n      ‹any: {entity.mode: x}\n`, /any|list/i],
	'when: a list as condition': [`${HOOK}${RUN}    when:\n      ‹- entity.mode\n`, /when|mapping/i],
};

for (const [what, [text, words]] of Object.entries(slips)) {
	test(`--check reports line and column: ${what}`, limit, async (t) => {
		const d = new Daemon(t);
		const { code, errors, line, column } = await check(d, HEAD(d) + text);
		t.diagnostic(errors.trim());
		assert.equal(code, 78, errors);
		const lines = errors.split('\n').filter((one) => one.startsWith(`${d.configFile}:`));
		assert.equal(lines.length, 1, errors);
		const [, at, from, rest] = /^.*?:(\d+):(\d+): (.*)$/.exec(lines[0]);
		assert.equal(Number(at), line);
		const end = text.split('\n').find((one) => one.includes('‹')).length;
		assert.ok(Number(from) >= column && Number(from) <= end, `column ${from}, from ${column} to ${end}`);
		assert.match(rest, words);
	});
}

test('--check reports the line and column within a body_file', limit, async (t) => {
	const d = new Daemon(t);
	d.file('confirm.fr.txt', 'Bonjour,\n\nmerci pour {{entity.reference | nosuch}} !\n');
	const { code, errors, line } = await check(d, `${HEAD(d)}${MAILS}${HOOK}${MAIL}      subject: s\n      body_file: ‹confirm.fr.txt\n`);
	t.diagnostic(errors.trim());
	assert.equal(code, 78);
	const [, column] = new RegExp(`:${line}:\\d+: hooks\\[1\\] "h": .*email\\.body_file: .*confirm\\.fr\\.txt:3:(\\d+): .*nosuch`).exec(errors) ?? [];
	assert.ok(Number(column) >= 12 && Number(column) <= 42, errors);
});

/* Other mistakes: the config after its head, and what the message must name. */
const mistakes = {
	'two actions': [`${HOOK}${RUN}    forward: {url: "http://example.com/"}\n`, /run|forward/],
	'no action': [HOOK, /run|email|forward/],
	'a mail and no way to send it': [`${HOOK}${MAIL}      subject: s\n      body: b\n`, /email/],
	'no from anywhere': [`email: {server: "smtp://127.0.0.1:2525", tls: none}\n${HOOK}${MAIL}      subject: s\n      body: b\n`, /from/],
	'server and sendmail': [`email: {server: "smtp://127.0.0.1:2525", sendmail: /bin/true, tls: none, from: a@example.com}\n${HOOK}${RUN}`, /sendmail|server/],
	'a user without a password': [`email: {server: "smtp://127.0.0.1:2525", tls: none, username: u, from: a@example.com}\n${HOOK}${RUN}`, /password/],
	'a password in clear through the world': [`email: {server: "smtp://mail.example.com:25", tls: none, username: u, password: {env: P}, from: a@example.com}\n${HOOK}${RUN}`, /tls|username|password/],
	'another tls': [`email: {server: "smtp://127.0.0.1:2525", tls: maybe, from: a@example.com}\n${HOOK}${RUN}`, /maybe|starttls/],
	'smtps with starttls': [`email: {server: "smtps://127.0.0.1:2525", tls: starttls, from: a@example.com}\n${HOOK}${RUN}`, /tls/],
	'another scheme': [`email: {server: "http://127.0.0.1:2525", from: a@example.com}\n${HOOK}${RUN}`, /smtp/],
	'body and body_file': [`${MAILS}${HOOK}${MAIL}      subject: s\n      body: b\n      body_file: /etc/hostname\n`, /body/],
	'no body at all': [`${MAILS}${HOOK}${MAIL}      subject: s\n`, /body|html/],
	'a body_file that is not there': [`${MAILS}${HOOK}${MAIL}      subject: s\n      body_file: nowhere.txt\n`, /nowhere\.txt/],
	'no to': [`${MAILS}${HOOK}    email: {subject: s, body: b}\n`, /to/],
	'a from that is no address': [`email: {server: "smtp://127.0.0.1:2525", tls: none, from: nobody}\n${HOOK}${RUN}`, /from/],
	'an unknown key of email': [`${MAILS}${HOOK}${MAIL}      subject: s\n      boddy: b\n`, /boddy/],
	'a url of another scheme': [`${HOOK}    forward: {url: "ftp://example.com/"}\n`, /http/],
	'a method that is not offered': [`${HOOK}    forward: {url: "http://example.com/", method: DELETE}\n`, /POST/],
	'a certificate without its key': [`${HOOK}    forward: {url: "https://example.com/", certificate: /etc/hostname}\n`, /key/],
	'the header Host': [`${HOOK}    forward: {url: "http://example.com/", headers: {Host: x}}\n`, /Host/],
	'the header Content-Length': [`${HOOK}    forward: {url: "http://example.com/", headers: {content-length: x}}\n`, /content-length/i],
	'the header Transfer-Encoding': [`${HOOK}    forward: {url: "http://example.com/", headers: {Transfer-Encoding: x}}\n`, /Transfer-Encoding/],
	'the header webhook-id': [`${HOOK}    forward: {url: "http://example.com/", headers: {Webhook-Id: x}}\n`, /webhook-id/i],
	'a header name that is none': [`${HOOK}    forward: {url: "http://example.com/", headers: {"X A": x}}\n`, /X A|header/],
	'Authorization beside bearer': [`${HOOK}    forward: {url: "http://example.com/", bearer: {env: P}, headers: {Authorization: x}}\n`, /Authorization/],
	'another order': [`${HOOK}${RUN}    order: sideways\n`, /sideways|entity/],
	'skip_stale without order': [`${HOOK}${RUN}    skip_stale: true\n`, /order/],
	'a time zone that is not there': [`timezone: Africa/Nowhere\n${HOOK}${RUN}`, /Nowhere/],
	'a time zone outside': [`timezone: ../../../etc/hostname\n${HOOK}${RUN}`, /timezone/],
	'an absolute time zone': [`timezone: /etc/localtime\n${HOOK}${RUN}`, /timezone/],
	'a time that is none': [`${MAILS}digest: {at: "25:00", email: {to: a@example.com}}\n${HOOK}${RUN}`, /25:00|HH:MM/],
	'a digest that does nothing': [`digest: {at: "08:00"}\n${HOOK}${RUN}`, /digest/],
	'silence too soon': [`${MAILS}silence: {after: 1m, email: {to: a@example.com}}\n${HOOK}${RUN}`, /10m|after/],
	'silence of an unknown source': [`${MAILS}silence: {sources: [fedapai], email: {to: a@example.com}}\n${HOOK}${RUN}`, /fedapai/],
	'on_failure with two actions': [`${MAILS}on_failure: {run: [/bin/true], email: {to: a@example.com, subject: s, body: b}}\n${HOOK}${RUN}`, /on_failure/],
	'on_failure within on_failure': [`${HOOK}${RUN}    on_failure: {run: [/bin/true], on_failure: {run: [/bin/true]}}\n`, /on_failure/],
};

test('--check finds each of these mistakes, where it is', limit, async (t) => {
	const d = new Daemon(t, { env: { P: 'password-4711' } });
	for (const [what, [text, words]] of Object.entries(mistakes)) {
		const { code, errors } = await check(d, `${HEAD(d)}${text}‹`);
		assert.equal(code, 78, `${what}: ${errors}`);
		assert.match(errors, words, what);
		assert.match(errors, new RegExp(`^${d.configFile}:\\d+:\\d+: `, 'm'), what);
		assert.doesNotMatch(errors, /password-4711|terminate|Assertion|Sanitizer/, what);
	}
});

test('the source name "hookd" is reserved', limit, async (t) => {
	const d = new Daemon(t);
	const { code, errors } = await check(d, `${HEAD(d).replace('name: fedapay', 'name: hookd')}${HOOK.replace('fedapay', 'hookd')}${RUN}‹`);
	assert.equal(code, 78);
	assert.match(errors, /hookd/);
});

test('a correct config of all this passes --check and starts', limit, async (t) => {
	const d = new Daemon(t);
	d.file('html', '<p>{{entity.reference}}</p>');
	const { code, errors } = await check(d, `${HEAD(d)}timezone: Africa/Porto-Novo
email: {server: "smtp://mail.example.com:587", username: u, password: {file: ${d.secretFile}}, from: "Ma Boutique <a@example.com>"}
on_failure:
  email: {to: ops@example.com, subject: "hookd: {{failure.hook}} gave up event {{hookd.event}}", body: "{{failure.reason}}"}
digest: {email: {to: owner@example.com}}
silence: {email: {to: owner@example.com}}
hooks:
  - name: confirm
    source: fedapay
    on: [transaction.approved, "transaction.d*"]
    when:
      entity.amount: {gte: 100, lt: 1000000}
      entity.mode: [mtn_open, moov]
      entity.currency.iso: XOF
      any:
        - entity.customer.email: {exists: true}
        - {not: {entity.customer.phone: {empty: true}}}
    order: entity
    skip_stale: true
    email:
      to: ["{{entity.customer.email}}", b@example.com]
      cc: c@example.com
      reply_to: d@example.com
      subject: "Paiement {{entity.reference}} reçu"
      body: "Merci {{entity.customer.firstname | default: 'cher client'}}"
      html_file: html
      attach_payload: true
  - name: erp
    source: fedapay
    on: "*"
    forward: {url: "https://erp.example.com/in/{{entity.id}}", method: PUT, headers: {X-Order: "{{entity.reference}}"},
      secret: {file: ${d.secretFile}}, bearer: {file: ${d.secretFile}}}
    on_failure: {run: [/bin/true, "{{failure.reason}}"], timeout: 5s, user: ${userInfo().username}}
  - name: ship
    source: fedapay
    on: transaction.approved
    run: [/bin/true, "{{entity.reference}}"]
    user: ${userInfo().username}
    env: {ORDER: "{{entity.custom_metadata.order_id}}"}
    allow_dash: true
‹`);
	assert.equal(code, 0, errors);
	await d.start();
});
