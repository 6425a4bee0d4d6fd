// hookctl refused: requests that a wrong secret has refused are kept, and judged again.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Daemon, HOOKD } from './lib/daemon.mjs';
import { newBody, newEvent, newSecret, nowSeconds } from './lib/fedapay.mjs';
import { run } from './lib/program.mjs';
import { wallClock } from './lib/offset.mjs';
import { limit, waitFor } from './lib/wait.mjs';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** The refused requests that are kept, the last first. */
async function kept(d, ...args) {
	const { code, stdout, stderr } = await d.ctl('refused', '--json', '--limit', '100000', ...args);
	assert.equal(code, 0, stderr);
	return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

const keptAre = (d, count) => waitFor(async () => {
	const list = await kept(d);
	return list.length === count && list;
}, `${count} refused requests to be kept`);

/** Posts with a secret that the config does not have. */
async function refuse(d, body, secret) {
	const answer = await d.post(body, { secret });
	assert.equal(answer.status, 401, answer.text);
}

/** The config gets this secret, after the one it has. */
function mend(d, secret) {
	writeFileSync(d.secretFile, `${secret}\n`);
}

async function recheck(d, ...args) {
	const { code, stdout, stderr } = await d.ctl('refused', 'recheck', ...args);
	assert.equal(code, 0, stderr);
	return stdout;
}

test('250 events against a wrong secret, which is mended when their signatures are long too old: 250 hooks run once', limit, async (t) => {
	const d = new Daemon(t);
	const right = newSecret();
	d.configure({ sources: [d.source({ tolerance: '2s' })] });
	await d.start();
	const bodies = Array.from({ length: 250 }, () => newBody());
	for (let i = 0; i < 250; i += 50) await Promise.all(bodies.slice(i, i + 50).map((body) => refuse(d, body, right)));
	await keptAre(d, 250);
	await sleep(3000); // an hour, for a tolerance of two seconds
	assert.match(await recheck(d), /^250 requests judged: 0 events stored, 0 there already, 250 still refused \(no signature matches\); 0 deliveries to run\n$/);
	/* One phrase for one cause: here, in the log and in an alert. */
	assert.match((await d.ctl('refused', 'recheck', '--dry-run')).stderr, /^hookctl: still refused: the secret looks like the sandbox's: /);
	await d.logged(/request refused .*reason="no signature matches" hint="the secret looks like the sandbox's: /);
	assert.deepEqual(await d.events(), []);

	mend(d, right);
	assert.equal((await d.ctl('reload')).code, 0);
	assert.match(await recheck(d, '--dry-run'), /^250 requests judged: 250 events to store, 0 there already, 0 still refused; 250 deliveries to run\n$/);
	assert.deepEqual(await d.events(), []);
	assert.match(await recheck(d), /^250 requests judged: 250 events stored, 0 there already, 0 still refused; 250 deliveries to run\n$/);
	await waitFor(() => d.runs.length >= 250, '250 runs');
	const events = await d.events();
	assert.equal(events.length, 250);
	assert.deepEqual(new Set(events.map((event) => event.origin)), new Set(['recheck']));
	assert.deepEqual(new Set(events.map((event) => event.remote_addr)), new Set(['127.0.0.1']));
	assert.match((await d.ctl('show', String(events[0].id))).stdout, /^ *origin +recheck$/m);
	assert.deepEqual(await kept(d), []);

	// Neither a second recheck nor the sender's next try makes another event.
	assert.match(await recheck(d), /^0 requests judged: 0 events stored/);
	const again = await d.post(bodies[0], { secret: right });
	assert.equal(again.json.status, 'duplicate');
	assert.equal(new Set(d.runs.map((run) => run.event)).size, 250);
	assert.equal(d.runs.length, 250);
	const { stdout } = await d.ctl('audit', '--json');
	const audit = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
	assert.deepEqual(audit.filter((row) => row.act === 'recheck').map((row) => [row.changed, row.result]),
		[[0, 'done'], [250, 'done'], [0, 'done']]);
});

test('what is stored already stays as it is, and only what came in time is authentic', limit, async (t) => {
	const d = await Daemon.start(t);
	const old = d.secret, right = newSecret();
	const body = newBody(), late = newBody();
	await refuse(d, body, right);
	await refuse(d, body, right); // the sender's second try
	await refuse(d, newBody(), newSecret());
	assert.equal((await d.post(late, { secret: right, timestamp: nowSeconds() - 3600 })).status, 401);
	assert.equal((await d.post(newBody(), { header: null })).status, 401);
	assert.equal((await d.post(newBody(), { header: 'nonsense' })).status, 401);
	const list = await keptAre(d, 3); // none that was refused for its head
	assert.deepEqual(list.map((row) => row.reason), Array(3).fill('no signature matches'));

	mend(d, right);
	await d.restart(); // they are on disk
	assert.equal((await d.post(body, { secret: right })).json.status, 'stored');
	assert.match(await recheck(d), /^3 requests judged: 0 events stored, 2 there already, 1 still refused/);
	assert.equal((await kept(d)).length, 1);
	assert.equal((await d.events()).length, 1);
	assert.equal((await d.events())[0].origin, 'webhook');
	assert.notEqual(old, right);
});

test('scripts and templates see that an event was rechecked, also of a replay', limit, async (t) => {
	const d = new Daemon(t, { hooks: (d) => [d.hook('record', 'echo "$HOOKD_ORIGIN $1" >>"$OUT/origins"', { args: ['{{hookd.origin}}'] })] });
	const right = newSecret();
	await d.start();
	await d.settled(await d.store());
	await refuse(d, newBody(), right);
	await keptAre(d, 1);
	mend(d, right);
	assert.equal((await d.ctl('reload')).code, 0);
	assert.match(await recheck(d), /1 event stored/);
	const [{ id }] = await d.events('--limit', '1');
	await d.settled(id);
	assert.equal((await d.ctl('replay', String(id), '--state', 'done')).code, 0);
	await waitFor(() => d.lines('origins').length === 3, 'three runs');
	assert.deepEqual(d.lines('origins'), ['webhook webhook', 'recheck recheck', 'recheck recheck']);
});

test('show, a source, an unknown one, and without a running hookd', limit, async (t) => {
	const d = new Daemon(t);
	const right = newSecret();
	d.configure({ sources: [d.source(), d.source({ name: 'other', path: '/other' })] });
	await d.start();
	const body = JSON.stringify(newEvent({ note: '\u001b[31m' }));
	await refuse(d, body, right);
	const answer = await d.post(newBody(), { secret: right, path: '/other', headers: { Authorization: 'Basic c2VjcmV0' } });
	assert.equal(answer.status, 401);
	const [second, first] = await keptAre(d, 2);
	assert.deepEqual([first.source, second.source, first.remote], ['fedapay', 'other', '127.0.0.1']);
	const shown = await d.ctl('refused', 'show', String(first.id), '--json');
	const row = JSON.parse(shown.stdout);
	assert.equal(row.body, body);
	assert.match(row.headers, /^X-FEDAPAY-SIGNATURE: t=\d+,s=[0-9a-f]{64}\n$/, 'no other header');
	assert.doesNotMatch((await d.ctl('refused', 'show', String(second.id))).stdout, /Basic|c2Vj/);
	assert.match((await d.ctl('refused')).stdout, /no signature matches/);
	assert.deepEqual((await kept(d, '--source', 'other')).map((one) => one.id), [second.id]);
	const none = await d.ctl('refused', 'show', '4711');
	assert.equal(none.code, 1);
	assert.match(none.stderr, /no refused request 4711 is kept/);
	assert.equal((await d.ctl('refused', 'judge')).code, 2);
	assert.match((await d.ctl('refused', 'recheck', '--source', 'none')).stderr, /the config has no source/);

	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	mend(d, right);
	assert.match(await recheck(d, '--source', 'other'), /^1 request judged: 1 event stored/);
	await d.start();
	const events = await d.events();
	assert.deepEqual(events.map((event) => [event.source, event.origin]), [['other', 'recheck']]);
	assert.equal((await kept(d)).length, 1);
});

test('of a source 1000 are kept, the newest, in 16 MiB', limit, async (t) => {
	const d = await Daemon.start(t);
	const wrong = newSecret();
	for (let i = 0; i < 1300; i += 50)
		await Promise.all(Array.from({ length: 50 }, (_, k) => refuse(d, newBody({ id: 5_000_000 + i + k }), wrong)));
	const list = await waitFor(async () => {
		const rows = await kept(d);
		return rows.length === 1000 && rows[0].id >= 1300 && rows;
	}, 'the newest thousand');
	const shown = await d.ctl('refused', 'show', String(list.at(-1).id), '--json');
	const oldest = JSON.parse(JSON.parse(shown.stdout).body).id;
	assert.ok(oldest >= 5_000_200 && oldest < 5_000_400, `the oldest is ${oldest}`);

	// Large ones push out more than one.
	const large = newBody({ filler: 'x'.repeat(900_000) });
	for (let i = 0; i < 20; i++) await refuse(d, large, wrong);
	await waitFor(async () => {
		const rows = await kept(d);
		return rows.length <= 17 && rows[0].bytes > 900_000;
	}, 'the large ones');
	const bytes = (await kept(d)).reduce((sum, row) => sum + row.bytes, 0);
	assert.ok(bytes <= 16 * 1024 * 1024 && bytes > 13_000_000, `${bytes} bytes`);
});

// ---- the alert

const alerting = (t) => new Daemon(t, {
	sources: (d) => [d.source({ tolerance: '0' }), d.source({ name: 'other', path: '/other', tolerance: '0' })],
	alert: (d) => ({ run: [d.script('alert', 'cat >"$OUT/alert.$HOOKD_EVENT_ID"')] }) });

const alerts = (d) => d.events('--type', 'hookd.alert').then((rows) => rows.sort((a, b) => a.id - b.id));

const alertsAre = (d, count) => waitFor(async () => {
	const list = await alerts(d);
	return list.length === count && list;
}, `${count} alerts`);

/** What the alert's script got. */
async function bodyOf(d, event) {
	await d.settled(event.id);
	return JSON.parse(d.read(`alert.${event.id}`));
}

test('a source whose every request is refused for 5 minutes: one alert with its cause, one when it is over', limit, async (t) => {
	const d = alerting(t);
	const clock = await wallClock(d);
	await d.start();
	await d.settled(await d.store());
	const right = newSecret();
	await refuse(d, newBody(), right);
	await d.store({}, { path: '/other' }); // another source's are not its
	clock.set(200);
	await refuse(d, newBody(), right);
	d.reload(); // wakes the reporter
	await sleep(1000);
	assert.deepEqual(await alerts(d), [], 'not yet');

	clock.set(310);
	await refuse(d, newBody(), right);
	d.reload();
	const [first] = await alertsAre(d, 1);
	const body = await bodyOf(d, first);
	assert.deepEqual([body.kind, body.source, body.over, body.count, body.reason], ['refused', 'fedapay', false, 3, 'no signature matches']);
	assert.match(body.cause, /looks like the sandbox's/);
	assert.match(body.text, /looks like the sandbox's[^]*hookctl refused recheck/);
	assert.doesNotMatch(JSON.stringify(body), new RegExp(d.secret.slice(11)));
	const status = await d.ctl('status');
	assert.notEqual(status.code, 0);

	clock.set(900);
	await d.restart(); // the same state
	await refuse(d, newBody(), right);
	clock.set(1300);
	await refuse(d, newBody(), right);
	d.reload();
	await sleep(1000);
	assert.equal((await alerts(d)).length, 1, 'once');

	mend(d, right);
	await d.ctl('reload');
	await d.store({}, { secret: right });
	d.reload();
	const over = await bodyOf(d, (await alertsAre(d, 2))[1]);
	assert.deepEqual([over.source, over.over, over.since], ['fedapay', true, body.since]);

	for (const seconds of [1400, 1800]) { // a state of its own
		clock.set(seconds);
		await refuse(d, newBody(), newSecret());
	}
	d.reload();
	assert.equal((await bodyOf(d, (await alertsAre(d, 3))[2])).over, false);
});

test('hookctl test hookd/alert, and what --explain says', limit, async (t) => {
	const d = alerting(t);
	await d.start();
	const trial = await d.ctl('test', 'hookd/alert');
	assert.match(trial.stdout, /alert/, trial.stderr);
	const { stdout } = await run(HOOKD, ['--config', d.configFile, '--check', '--explain']);
	assert.match(stdout, /alert: when every request of a source is refused for 5 minutes/);
});

test('status: a source all of whose requests are refused', limit, async (t) => {
	const d = new Daemon(t, { sources: (d) => [d.source({ tolerance: '0' })] });
	const clock = await wallClock(d);
	await d.start();
	clock.set(-400);
	for (let i = 0; i < 3; i++) await refuse(d, newBody(), newSecret());
	await keptAre(d, 3);
	clock.set(0);
	const status = await d.ctl('status', '--json');
	const seen = JSON.parse(status.stdout);
	assert.equal(status.code, 1);
	assert.match(seen.attention, /every request of fedapay is refused: no signature matches/);
	assert.deepEqual(seen.refused.map((row) => [row.source, row.kept]), [['fedapay', 3]]);
	assert.match((await d.ctl('status')).stdout, /refused\n {2}fedapay {2}3 requests, the last .* ago: no signature matches/);
	await d.store();
	assert.deepEqual(JSON.parse((await d.ctl('status', '--json')).stdout).refused, []);
});
