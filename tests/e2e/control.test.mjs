// The control socket against those who may connect to it and mean ill: nobody else waits for them, and
// hookd keeps nothing of them.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Daemon, HOOKD } from './lib/daemon.mjs';
import { anotherBody } from './lib/fedapay.mjs';
import { UID } from './lib/unprivileged.mjs';
import { limit, rootLimit, sleep, waitFor, within } from './lib/wait.mjs';

/* A sanitizer's allocator holds much more. */
const sanitized = /__(asan|tsan)_init/.test(readFileSync(HOOKD, 'latin1'));

const socketOf = (d) => `${d.dir}/hookd.db.control`;

/** A connection; `text` is what has come, `ended` a promise of its end. Reads nothing if it is deaf. */
function client(t, path, { deaf = false } = {}) {
	const socket = connect({ path, allowHalfOpen: true });
	socket.text = '';
	socket.on('error', () => {});
	if (!deaf) socket.on('data', (part) => { socket.text += part; });
	socket.ended = new Promise((resolve) => socket.once('close', resolve));
	socket.on('end', () => socket.destroy());
	t.after(() => socket.destroy());
	return socket;
}

/** The same as another user, who may write to the socket. */
function strangerOf(t, d, options) {
	process.seteuid(UID);
	try { return client(t, socketOf(d), options); } finally { process.seteuid(0); }
}

const request = (act, more) => `${JSON.stringify({ hookd: 1, act, ...more })}\n`;

async function answerTo(t, d, text) {
	const socket = client(t, socketOf(d));
	socket.write(text);
	await within(socket.ended, `the answer to ${text.slice(0, 100)}`);
	return socket.text;
}

const rss = (d) => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${d.pid}/status`, 'utf8'))[1]);

/* hook "later" makes rows that a replay finds, "record" shows that events still run */
const hooks = (d) => [d.hook('record', 'echo run >>"$OUT/runs"')];

async function worksOn(d, what) {
	const began = Date.now();
	await d.settled(await d.store());
	assert.ok(Date.now() - began < 20_000, `${what}: an event took ${Date.now() - began} ms`);
	const { code, stderr } = await d.ctl('pause', 'record');
	assert.equal(code, 0, `${what}: ${stderr}`);
	assert.equal((await d.ctl('resume', 'record')).code, 0, what);
}

test('a thousand connections that send nothing, a part, or garbage', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	await worksOn(d, 'before');
	const before = { descriptors: d.descriptors, rss: rss(d) };
	const sends = ['', '{"hookd":1,', '{"hookd":1,"act":"status"', 'garbage\n', '\0\0\0\n', '[[[[[[[[\n', `${'['.repeat(60_000)}\n`,
		'x'.repeat(70_000), '{"hookd":99999999999999999999,"act":"status"}\n', '{"hookd":1,"act":"status","evil":1}\n'];
	const clients = [];
	for (let i = 0; i < 1000; i++) {
		const socket = client(t, socketOf(d));
		socket.write(sends[i % sends.length]);
		clients.push(socket);
		if (i % 20 === 19) await new Promise((done) => { socket.once('connect', done); socket.once('error', done); });
		if (i % 100 === 99) await worksOn(d, `with ${i + 1} connections`);
	}
	assert.ok(d.descriptors < before.descriptors + 100, `${d.descriptors} descriptors, ${before.descriptors} before`);
	const answered = clients.filter((socket) => /^\{"error":"/.test(socket.text)).length;
	assert.ok(answered >= 700, `${answered} were told why`);
	clients.forEach((socket) => socket.destroy());
	await waitFor(() => d.descriptors <= before.descriptors + 2, 'the connections to be closed');
	if (!sanitized) assert.ok(rss(d) < before.rss + 65_536, `${rss(d)} kB, ${before.rss} before`);
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	assert.ok(d.logLines.filter((line) => /request of hookctl failed/.test(line)).length < 200, 'the log has a limit');
});

test('what has no line for ten seconds is closed', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const clients = ['', '{"hookd":1,', 'x'].map((text) => { const c = client(t, socketOf(d)); c.write(text); return c; });
	const began = Date.now();
	await Promise.all(clients.map((c) => within(c.ended, 'its end')));
	assert.ok(Date.now() - began > 8000, `${Date.now() - began} ms`);
	for (const c of clients) assert.equal(c.text, '{"error":"no request has arrived in time"}\n');
});

test('an endless line, and an import of one', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const before = rss(d);
	for (const first of ['', request('import')]) {
		const socket = client(t, socketOf(d));
		socket.write(first);
		const chunk = 'y'.repeat(1 << 20);
		for (let i = 0; i < 100 && !socket.destroyed; i++) await new Promise((done) => { socket.write(chunk, done); });
		socket.end();
		await within(socket.ended, 'its end');
	}
	if (!sanitized) assert.ok(rss(d) < before + 100_000, `${rss(d)} kB, ${before} before`);
	await worksOn(d, 'after');
});

test('another user takes all the places he can get: there is one for root', rootLimit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	chmodSync(d.dir, 0o711);
	chmodSync(socketOf(d), 0o666);
	const before = d.descriptors;
	const idle = [];
	for (let i = 0; i < 10; i++) {
		const socket = strangerOf(t, d);
		socket.write(`${request('import')}[]\n`);
		idle.push(socket);
	}
	await waitFor(() => idle.every((socket) => socket.text !== ''), 'ten answers');
	assert.equal(idle.filter((socket) => /busy/.test(socket.text)).length, 4);
	await worksOn(d, 'beside six imports');
	idle.forEach((socket) => socket.end());
	await Promise.all(idle.map((socket) => within(socket.ended, 'its end')));
	await d.logged(new RegExp(`request of hookctl done act=import uid=${UID} pid=${process.pid} result="imported=0 there=0 refused=1`));
	await waitFor(() => d.descriptors <= before, 'the connections to be closed');
});

/** Rows enough that an answer does not fit into a socket. */
async function withRows(t) {
	const d = await Daemon.start(t, { hooks });
	const file = d.file('in', Array.from({ length: 5000 }, () => `${anotherBody()}\n`).join(''));
	const { code, stderr } = await d.ctl('import', file);
	assert.equal(code, 0, stderr);
	return d;
}

test('a client that does not read is given up after ten seconds', limit, async (t) => {
	const d = await withRows(t);
	const began = Date.now();
	const deaf = client(t, socketOf(d), { deaf: true });
	deaf.pause();
	deaf.write(request('replay', { state: 'skipped' }));
	await d.logged(/request of hookctl stopped act=replay .* found=5000/);
	assert.ok(Date.now() - began > 9000, `${Date.now() - began} ms`);
	const [{ changed, result }] = (await d.ctl('audit', '--json', '--limit', '1')).stdout.split('\n').filter(Boolean).map((x) => JSON.parse(x));
	assert.equal(result, 'stopped');
	assert.ok(changed < 5000, `${changed}`);
	await worksOn(d, 'after');
});

test('a stop waits neither for a client that does not read nor for one that does not write', limit, async (t) => {
	const d = await withRows(t);
	const deaf = client(t, socketOf(d), { deaf: true });
	deaf.pause();
	deaf.write(request('replay', { state: 'skipped', dry_run: true }));
	const importing = client(t, socketOf(d));
	importing.write(`${request('import')}[]\n`);
	const slow = client(t, socketOf(d));
	slow.write(request('replay', { state: 'skipped', rate: 1 }));
	const silent = client(t, socketOf(d));
	await waitFor(() => importing.text !== '' && slow.text !== '', 'both to be at work');
	await sleep(200);
	const began = Date.now();
	assert.deepEqual(await d.stop(), { code: 0, signal: null });
	assert.ok(Date.now() - began < 10_000, `${Date.now() - began} ms`);
	for (const socket of [importing, slow]) assert.match(socket.text, /"stopped":true\}\}\n$/);
	await within(silent.ended, 'its end');
	assert.ok(!existsSync(socketOf(d)));
});

test('with a runtime directory the socket is there; of several, in the first', limit, async (t) => {
	const d = new Daemon(t, { hooks, env: {} });
	const directory = `${d.dir}/${'long'.repeat(40)}`;
	mkdirSync(directory);
	d.env = { RUNTIME_DIRECTORY: `${directory}:/nowhere` };
	await d.start();
	assert.equal(statSync(`${directory}/control`).mode & 0o7777, 0o660);
	assert.ok(!existsSync(socketOf(d)));
	assert.equal(readFileSync(`${d.dir}/hookd.db.lock`, 'utf8'), `${d.pid} hookd\n${directory}/control\n`);
	await worksOn(d, 'there');
	await d.stop();
	assert.ok(!existsSync(`${directory}/control`));
});

test('status by hand, as the protocol says', limit, async (t) => {
	const d = await Daemon.start(t, { hooks });
	const { done } = JSON.parse(await answerTo(t, d, request('status')));
	assert.equal(done.pid, d.pid);
	assert.equal(done.store, `${d.dir}/hookd.db`);
	assert.deepEqual(done.reload, { at: 0, good: true });
	d.reload({ hooks: [{ name: 'x' }] });
	await d.logged(/reload refused/);
	const { reload } = JSON.parse(await answerTo(t, d, request('status'))).done;
	assert.equal(reload.good, false);
	assert.match(reload.text, /hookd\.yaml:\d+:\d+: /);
	assert.ok(Math.abs(Date.now() - reload.at) < 60_000);
});
