// What a script sees, what its exit means, and what it cannot do to hookd.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { test } from 'node:test';
import { Daemon, isGone, place } from './lib/daemon.mjs';
import { newBody, newEvent, uniqueId } from './lib/fedapay.mjs';
import { limit, rootLimit, waitFor } from './lib/wait.mjs';

const QUICK = { attempts: 3, first: '50ms', max: '100ms' };
const WAIT_FOR_GO = 'until [ -e "$OUT/go" ]; do sleep 0.05; done';

/** A daemon whose only hook runs this body. */
const withScript = (t, body, over) => Daemon.start(t, {
	hooks: (d) => [d.hook('ship', body, { retry: QUICK, ...over })],
});

const environment = (text) => Object.fromEntries(text.split('\0').filter(Boolean)
	.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));

test('the environment is exactly what is promised, and stdin the payload', limit, async (t) => {
	const d = await Daemon.start(t, {
		env: { HOOKD_TEST_LEAK: 'leak', NOTIFY_SOCKET: '', LD_LIBRARY_PATH: '/nowhere' },
		hooks: (d) => [
			d.hook('ship', 'cat /proc/$$/environ >"$OUT/environ"; cat >"$OUT/stdin"',
				{ env: { SHOP: 'Ma Boutique', EMPTY: '', MODE: 'live' } }),
			d.hook('plain', 'cat /proc/$$/environ >"$OUT/plain"')],
	});
	const event = newEvent();
	const body = ` ${JSON.stringify(event)}\n\n`;
	const { event: number } = (await d.post(body)).json;
	const { deliveries } = await d.settled(number);
	const ship = deliveries.find((x) => x.hook === 'ship');
	const seen = environment(d.read('environ'));
	assert.deepEqual(Object.keys(seen).sort(), ['EMPTY', 'HOME', 'HOOKD_ATTEMPT', 'HOOKD_DELIVERY_ID',
		'HOOKD_EVENT_ID', 'HOOKD_EVENT_TYPE', 'HOOKD_HOOK', 'HOOKD_IDEMPOTENCY_KEY', 'HOOKD_ORIGIN', 'HOOKD_SOURCE',
		'LANG', 'MODE', 'PATH', 'SHOP'].sort());
	assert.equal(seen.HOOKD_EVENT_ID, String(number));
	assert.equal(seen.HOOKD_EVENT_TYPE, 'transaction.approved');
	assert.equal(seen.HOOKD_SOURCE, 'fedapay');
	assert.equal(seen.HOOKD_HOOK, 'ship');
	assert.equal(seen.HOOKD_ORIGIN, 'webhook');
	assert.equal(seen.HOOKD_DELIVERY_ID, String(ship.id));
	assert.equal(seen.HOOKD_ATTEMPT, '1');
	assert.ok(seen.HOOKD_IDEMPOTENCY_KEY.includes(String(event.id)), seen.HOOKD_IDEMPOTENCY_KEY);
	assert.equal(seen.HOME, homedir());
	assert.equal(seen.SHOP, 'Ma Boutique');
	assert.equal(seen.EMPTY, '');
	assert.match(seen.PATH, /(^|:)\/usr\/bin(:|$)/);
	assert.equal(d.read('stdin'), body);
	const plain = environment(d.read('plain'));
	assert.equal(plain.SHOP, undefined);
	assert.notEqual(plain.HOOKD_IDEMPOTENCY_KEY, seen.HOOKD_IDEMPOTENCY_KEY, 'each hook has its own key');
});

test('argv only: what `run` lists reaches the program unchanged', limit, async (t) => {
	const args = ['a b', '$(touch /tmp/x)', ';', '*', '', '"', '`id`', 'é'];
	const d = await withScript(t, 'for a; do printf "%s\\n" "<$a>" >>"$OUT/args"; done', { args });
	await d.settled(await d.store());
	assert.deepEqual(d.lines('args'), args.map((arg) => `<${arg}>`));
});

test('a large payload is read completely; one that is not read does no harm', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (d) => [
		d.hook('counts', 'wc -c >"$OUT/count"'), d.hook('ignores', 'exit 0')] });
	const body = newBody({ filler: 'x'.repeat(1_000_000) });
	const { deliveries } = await d.settled((await d.post(body)).json.event);
	assert.deepEqual(deliveries.map((x) => x.state), ['DONE', 'DONE']);
	assert.equal(Number(d.read('count')), Buffer.byteLength(body));
});

test('working directory, resource limits', limit, async (t) => {
	const d = new Daemon(t);
	mkdirSync(`${d.dir}/here`);
	d.configure({ hooks: (d) => [d.hook('ship', 'pwd >"$OUT/pwd"; ulimit -n >"$OUT/files"; ' +
		'ulimit -t >"$OUT/cpu"; ulimit -v >"$OUT/memory"', { directory: `${d.dir}/here`,
		rlimits: { files: 33, cpu: '7s', memory: '512MiB' } })] });
	await d.start();
	await d.settled(await d.store());
	assert.equal(d.read('pwd').trim(), `${d.dir}/here`);
	assert.equal(d.read('files').trim(), '33');
	assert.equal(d.read('cpu').trim(), '7');
	assert.equal(d.read('memory').trim(), String(512 * 1024));
});

test('another user, with that user\'s HOME and groups', limit, async (t) => {
	if (process.getuid() !== 0) return t.skip('only root may become another user');
	const d = new Daemon(t);
	chmodSync(d.dir, 0o755);
	chmodSync(d.out, 0o777);
	d.configure({ hooks: (d) => [d.hook('ship',
		'id -u >"$OUT/uid"; id -G >"$OUT/groups"; echo "$HOME" >"$OUT/home"', { user: 'nobody' })] });
	await d.start();
	await d.settled(await d.store());
	assert.equal(d.read('uid').trim(), '65534');
	assert.equal(d.read('groups').trim(), '65534');
	assert.equal(d.read('home').trim(), '/nonexistent');
});

/* Exit code: the delivery's state, its attempts, the result of each. */
const meanings = {
	0: ['DONE', 1, 'ok'],
	1: ['DEAD', 3, 'tempfail'],
	2: ['DEAD', 3, 'tempfail'],
	75: ['DEAD', 3, 'tempfail'],
	255: ['DEAD', 3, 'tempfail'],
	65: ['DEAD', 1, 'permfail'],
	100: ['DEAD', 1, 'permfail'],
	42: ['DEAD', 1, 'permfail'], // by give_up_on
};

test('what exit codes mean', limit, async (t) => {
	const d = await Daemon.start(t, {
		hooks: (d) => Object.keys(meanings).map((code) => d.hook(`exits-${code}`,
			`echo "I end with ${code}"; exit ${code}`, { retry: QUICK, give_up_on: [42, 43] })),
	});
	const { deliveries } = await d.settled(await d.store());
	for (const [code, [state, attempts, result]] of Object.entries(meanings)) {
		const delivery = deliveries.find((x) => x.hook === `exits-${code}`);
		assert.equal(delivery.state, state, code);
		assert.deepEqual(delivery.attempts.map((a) => a.number),
			Array.from({ length: attempts }, (_, i) => i + 1), code);
		for (const attempt of delivery.attempts) {
			assert.equal(attempt.result, result, code);
			assert.equal(attempt.exit_code, Number(code));
			assert.ok(attempt.output.includes(`I end with ${code}`), code);
		}
	}
	await d.logged(/dead|gave up|given up/i);
});

test('a script that a signal ended is retried', limit, async (t) => {
	const d = await withScript(t, 'kill -9 $$');
	const { deliveries: [delivery] } = await d.settled(await d.store());
	assert.equal(delivery.state, 'DEAD');
	assert.equal(delivery.attempts.length, 3);
	for (const attempt of delivery.attempts) {
		assert.equal(attempt.result, 'tempfail');
		assert.equal(attempt.signal, 9);
		assert.notEqual(attempt.exit_code, 0);
	}
});

test('fails twice, then succeeds: three attempts with one idempotency key', limit, async (t) => {
	const d = await withScript(t, 'echo "$HOOKD_ATTEMPT $HOOKD_IDEMPOTENCY_KEY $HOOKD_DELIVERY_ID" >>"$OUT/tries"\n' +
		'[ "$HOOKD_ATTEMPT" = 3 ]');
	const { deliveries: [delivery] } = await d.settled(await d.store());
	assert.equal(delivery.state, 'DONE');
	assert.deepEqual(delivery.attempts.map((a) => a.result), ['tempfail', 'tempfail', 'ok']);
	const tries = d.lines('tries').map((line) => line.split(' '));
	assert.deepEqual(tries.map((x) => x[0]), ['1', '2', '3']);
	assert.equal(new Set(tries.map((x) => x[1])).size, 1);
	assert.equal(tries[0][2], String(delivery.id));
});

test('at the timeout the whole group is killed, grandchildren that ignore SIGTERM too', limit,
	async (t) => {
		const d = await withScript(t, 'trap "" TERM\necho $$ >"$OUT/child"\n' +
			'sh -c \'trap "" TERM; echo $$ >"$1"; while :; do sleep 1; done\' sh "$OUT/grandchild" &\n' +
			'while :; do sleep 1; done', { timeout: '1s', kill_after: '300ms', retry: { ...QUICK, attempts: 1 } });
		const { deliveries: [delivery] } = await d.settled(await d.store());
		assert.equal(delivery.state, 'DEAD');
		assert.equal(delivery.attempts[0].result, 'tempfail');
		assert.equal(delivery.attempts[0].signal, 9);
		assert.match(delivery.attempts[0].message, /time/i);
		for (const name of ['child', 'grandchild']) {
			const pid = Number(d.read(name));
			assert.ok(pid > 1, name);
			await waitFor(() => isGone(pid), `${name} to be gone`);
		}
		await d.logged(/hook=ship.*(time|signal)|time.*hook=ship/i);
	});

test('at the timeout a script gets SIGTERM first, and may clean up', limit, async (t) => {
	const d = await withScript(t, 'trap \'echo tidied >"$OUT/tidied"; exit 3\' TERM\n' +
		'while :; do sleep 0.05; done', { timeout: '1s', kill_after: '60s', retry: { ...QUICK, attempts: 1 } });
	const { deliveries: [delivery] } = await d.settled(await d.store());
	assert.equal(d.read('tidied').trim(), 'tidied');
	assert.equal(delivery.attempts[0].result, 'tempfail');
});

test('10 MB of output: the script succeeds, and what is kept is limited', limit, async (t) => {
	const d = await withScript(t, 'head -c 10000000 /dev/zero | tr "\\0" x\necho; echo the end', { output: '4KiB' });
	const event = await d.store();
	const { deliveries: [delivery] } = await d.settled(event);
	assert.equal(delivery.state, 'DONE');
	const { output } = delivery.attempts[0];
	assert.ok(output.length >= 4096 && output.length <= 4096 + 64, `${output.length} bytes kept`);
	assert.ok(d.logBytes.length < 15_000_000);
	await d.settled(await d.store());
});

test('10 MB in short lines, on both streams', limit, async (t) => {
	const d = await withScript(t, 'yes "a line of output" | head -c 10000000 >&2', { output: '64KiB' });
	const { deliveries: [delivery] } = await d.settled(await d.store());
	assert.equal(delivery.state, 'DONE');
	assert.match(delivery.attempts[0].output, /a line of output\na line of output/);
	assert.ok(delivery.attempts[0].output.length <= 65536 + 64, 'besides the line that reports the gap');
});

test('output lines are logged as they come, with hook, event and attempt', limit,
	async (t) => {
		const d = await withScript(t, `echo "first words"; echo "more words" >&2\n${WAIT_FOR_GO}\n` +
			'printf "no line end"; [ "$HOOKD_ATTEMPT" = 2 ]');
		const event = await d.store();
		for (const words of ['first words', 'more words']) {
			const line = await d.logged(new RegExp(words)); // the script still runs
			assert.match(line, /\bhook=ship\b/);
			assert.match(line, new RegExp(`\\bevent=${event}\\b`));
			assert.match(line, /\battempt=1\b/);
		}
		d.touch('go');
		const { deliveries: [delivery] } = await d.settled(event);
		assert.match(await d.logged(/no line end/), /\bhook=ship\b/);
		assert.match(await d.logged(/first words.*attempt=2|attempt=2.*first words/), /\bhook=ship\b/);
		assert.equal(delivery.attempts.length, 2);
		assert.match(delivery.attempts[0].output, /first words\nmore words\nno line end$/);
	});

test('forks a child that keeps the output open, and exits: it is done nevertheless', limit, async (t) => {
	const d = await withScript(t, 'sh -c \'echo $$ >"$1"; exec sleep 3000\' sh "$OUT/left" &\n' +
		'until [ -s "$OUT/left" ]; do sleep 0.05; done; echo parent ends; exit 0');
	const { deliveries: [delivery] } = await d.settled(await d.store());
	const pid = Number(d.read('left'));
	t.after(() => { try { process.kill(pid, 'SIGKILL'); } catch {} });
	assert.equal(delivery.state, 'DONE');
	assert.match(delivery.attempts[0].output, /parent ends/);
	await d.settled(await d.store());
	process.kill(Number(d.read('left')), 'SIGKILL');
});

/* What may happen to a script file after hookd has started. */
const breakages = {
	'is missing': (path) => unlinkSync(path),
	'is not executable': (path) => chmodSync(path, 0o644),
	'has an interpreter that is missing': (path) => writeFileSync(path, '#!/no/such/shell\n', { mode: 0o755 }),
	'has become a directory': (path) => { unlinkSync(path); mkdirSync(path); },
};

for (const [what, breakIt] of Object.entries(breakages)) {
	test(`a script that ${what} at run time: a temporary failure that names it; once repaired, it runs`, limit,
		async (t) => {
			const d = await withScript(t, 'echo it runs', { retry: { attempts: 1000, first: '200ms', max: '300ms' } });
			const path = `${d.dir}/bin/ship`;
			renameSync(path, `${path}.kept`);
			writeFileSync(path, '#!/bin/sh\n', { mode: 0o755 });
			breakIt(path);
			const event = await d.store();
			const line = await d.logged(new RegExp(`${path}`));
			assert.match(line, /\bhook=ship\b/);
			assert.match(line, new RegExp(`\\bevent=${event}\\b`));
			const failed = await d.delivery(event, (x) => x.attempts.some((a) => a.result === 'tempfail'));
			assert.ok(failed.attempts[0].message.includes(path), failed.attempts[0].message);
			assert.notEqual(failed.state, 'DONE');
			if (what === 'has become a directory') renameSync(path, `${path}.directory`);
			renameSync(`${path}.kept`, path);
			chmodSync(path, 0o755);
			const { deliveries: [delivery] } = await d.settled(event);
			assert.equal(delivery.state, 'DONE');
			assert.match(delivery.attempts.at(-1).output, /it runs/);
		});
}

test('no descriptor leaks into scripts, nor a blocked or ignored signal', limit, async (t) => {
	const d = await Daemon.start(t, {
		hooks: () => [['fds', '/bin/ls', '-l', '/proc/self/fd'], ['status', '/bin/cat', '/proc/self/status'],
			['stat', '/bin/cat', '/proc/self/stat']].map(([name, ...argv]) => ({ name, source: 'fedapay',
			on: '*', run: argv, concurrency: 8 })),
	});
	const events = (await Promise.all(Array.from({ length: 40 }, () => d.post()))).map((a) => a.json.event);
	for (const event of events) {
		const output = (hook) => seen.deliveries.find((x) => x.hook === hook).attempts[0].output;
		const seen = await d.settled(event);
		const open = output('fds').split('\n').filter((line) => line.includes(' -> '))
			.map((line) => line.split(' -> ')).filter(([, target]) => !/\/fd$/.test(target));
		assert.deepEqual(open.map(([left]) => left.split(' ').at(-1)).sort(), ['0', '1', '2'], output('fds'));
		assert.match(output('status'), /^SigBlk:\t0+$/m);
		assert.match(output('status'), /^SigIgn:\t0+$/m);
		const [pid, , , , group, session] = output('stat').split(' ');
		assert.equal(session, pid, 'a session of its own');
		assert.equal(group, pid);
	}
});

test('no zombies, and no descriptors left open, after many scripts', rootLimit, async (t) => {
	const d = await withScript(t, '(sleep 0.01 &) ; exit $((HOOKD_EVENT_ID % 2))', { concurrency: 8 });
	await d.settled(await d.store());
	const before = d.descriptors;
	const events = (await Promise.all(Array.from({ length: 60 }, () => d.post()))).map((a) => a.json.event);
	for (const event of events) await d.settled(event);
	await waitFor(() => Object.keys(d.children).length === 0, 'no child, dead or alive, to be left');
	await waitFor(() => d.descriptors <= before + 4, `${d.descriptors} descriptors to become ${before} again`);
});

/* Scripts that record how many of them run at once. */
const COUNTING = ': >"$OUT/now.$HOOKD_DELIVERY_ID"; ls "$OUT" | grep -c "^now\\." >>"$OUT/most"\n' +
	'sleep 0.1; rm "$OUT/now.$HOOKD_DELIVERY_ID"';
const most = (d) => Math.max(...d.lines('most').map(Number));

test('concurrency: as many as the hook allows at once, and no more', limit, async (t) => {
	const d = await withScript(t, `${COUNTING}\necho x >>"$OUT/ran"`, { concurrency: 3 });
	const events = (await Promise.all(Array.from({ length: 24 }, () => d.post()))).map((a) => a.json.event);
	for (const event of events) await d.settled(event);
	assert.equal(d.lines('ran').length, 24);
	assert.ok(most(d) <= 3, `${most(d)} at once`);
	assert.ok(most(d) >= 2, `${most(d)} at once`);
});

test('limits.concurrency: the limit over all hooks together', limit, async (t) => {
	const d = await Daemon.start(t, {
		limits: { concurrency: 3 },
		hooks: (d) => ['a', 'b', 'c'].map((name) => d.hook(name, COUNTING, { concurrency: 4 })),
	});
	const events = (await Promise.all(Array.from({ length: 8 }, () => d.post()))).map((a) => a.json.event);
	for (const event of events) await d.settled(event);
	assert.equal(d.lines('most').length, 24);
	assert.ok(most(d) <= 3, `${most(d)} at once`);
});

test('a slow or a failing hook does not delay another', limit, async (t) => {
	const d = await Daemon.start(t, {
		limits: { concurrency: 6 },
		hooks: (d) => [d.hook('slow', WAIT_FOR_GO, { concurrency: 2 }),
			d.hook('fails', 'exit 1', { concurrency: 2, retry: { attempts: 100, first: '50ms', max: '50ms' } }),
			d.hook('quick', 'echo $HOOKD_EVENT_ID >>"$OUT/quick"', { concurrency: 2 })],
	});
	const events = (await Promise.all(Array.from({ length: 40 }, () => d.post()))).map((a) => a.json.event);
	await waitFor(() => d.lines('quick').length === 40, 'the quick hook to run for each event');
	const { deliveries } = await d.show(events.at(-1));
	assert.notEqual(deliveries.find((x) => x.hook === 'slow').state, 'DONE');
});

test('the contents of an event never reach a shell', limit, async (t) => {
	const d = await withScript(t, 'printf %s "$HOOKD_EVENT_TYPE" >"$OUT/type.$HOOKD_EVENT_ID"');
	const evil = (what) => `x$(touch '${d.out}/pwned.${what}')\`touch '${d.out}/pwned.${what}'\`;` +
		`touch '${d.out}/pwned.${what}' #"'`;
	for (const over of [{ name: evil('name').slice(0, 120) }, { id: evil('id') }, { object: evil('object') },
		{ entity: { id: evil('entity'), klass: evil('klass'), updated_at: evil('at') } },
		{ id: `${uniqueId()}\n$(touch '${d.out}/pwned.nl')` }]) {
		const answer = await d.post(newBody(over));
		assert.equal(answer.status, 200);
		const { event } = answer.json;
		assert.equal((await d.settled(event)).deliveries[0]?.state, 'DONE');
		assert.equal(d.read(`type.${event}`), over.name ?? 'transaction.approved');
	}
	assert.ok(!['name', 'id', 'object', 'entity', 'klass', 'at', 'nl'].some((x) => d.has(`pwned.${x}`)));
});

test('neither an event nor a script can forge a log line or colour a terminal', limit, async (t) => {
	const d = await withScript(t, 'printf "red \\033[31m\\rhookd is gone\\a\\b\\177 \\302\\233 \\377\\376 done\\n"');
	const evil = '\u001b[31m\nhookd is gone forged=1\r\u0007\u009b\u2028\u202e';
	for (const over of [{ name: `transaction.x${evil}` }, { id: `x${uniqueId()}${evil}` },
		{ entity: { id: evil, klass: evil } }]) {
		const answer = await d.post(newBody(over));
		assert.equal(answer.status, 200);
		const seen = await d.settled(answer.json.event);
		const shown = await d.ctl('show', String(seen.id));
		assert.equal(shown.code, 0, shown.stderr);
		assert.doesNotMatch(shown.stdout, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/, 'show is safe for terminals');
	}
	await d.post(newBody(), { path: '/x%1b[31m%0ahookd%20is%20gone' });
	await d.post(newBody(), { header: 't=1\t\x9b31m,s=\xff' });
	await d.settled(await d.store());
	const listed = await d.ctl('events');
	assert.doesNotMatch(listed.stdout, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
	assert.ok(Buffer.from(d.log).equals(d.logBytes), 'the log is UTF-8');
	for (const line of d.logLines) {
		assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f]/, JSON.stringify(line));
		assert.doesNotMatch(line, /^\S*hookd is gone/);
	}
});

test('log format json: each line is one object', limit, async (t) => {
	const d = new Daemon(t, { log: { level: 'info', format: 'json' } });
	d.spawn();
	await d.logged(/hookd is ready/);
	const address = JSON.parse(d.logLines.find((line) => /listening/.test(line))).address;
	d.at = place(address);
	await d.settled(await d.store({ name: 'transaction.\u001b"\\\n' }));
	for (const line of d.logLines) assert.equal(typeof JSON.parse(line), 'object', line);
});
