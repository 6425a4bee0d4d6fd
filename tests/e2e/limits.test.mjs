// Limits, proxies, the kinds of listening sockets, TLS.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Daemon, headOf, place, wire } from './lib/daemon.mjs';
import { newBody } from './lib/fedapay.mjs';
import { Raw, parseResponses, request, send } from './lib/http.mjs';
import { run } from './lib/program.mjs';
import { limit, waitFor } from './lib/wait.mjs';

/** A connection that has been served once and is kept alive. */
async function keptConnection(d, at = d.at) {
	const raw = await Raw.open(at);
	raw.write(wire(d));
	await raw.until(1);
	return raw;
}

/** Is a new connection served? Refused: closed without an answer, 429 or 503. */
async function served(d, at = d.at, options) {
	const raw = await send(at, wire(d, newBody(), options), { count: 1 }).catch(() => ({ responses: [] }));
	const status = raw.responses[0]?.status;
	assert.ok([200, 429, 503, undefined].includes(status), raw.text);
	return status === 200;
}

test('connections: never more than the limit, a freed place goes to the next', limit, async (t) => {
	const d = await Daemon.start(t, { limits: { connections: 6, per_ip: 6, request_time: '10m' } });
	const held = [];
	t.after(() => held.forEach((raw) => raw.destroy()));
	for (let i = 0; i < 6; i++) {
		held.push(await keptConnection(d));
		assert.equal(held[i].responses[0]?.status, 200, held[i].text);
	}
	const next = await Raw.open(d.at); // waits in the kernel's queue
	held.push(next);
	next.write(wire(d));
	await new Promise((resolve) => { setTimeout(resolve, 300); });
	assert.equal(next.text, '');
	assert.equal((await d.events()).length, 6);
	for (const raw of held) assert.equal(raw.closed, false);
	held.shift().destroy();
	await next.until(1);
	assert.equal(next.responses[0].status, 200);
	for (const raw of held) raw.destroy();
	for (let i = 0; i < 20; i++) await waitFor(() => served(d), 'a place');
});

test('per_ip: one address cannot take all places', limit, async (t) => {
	const d = await Daemon.start(t, { limits: { per_ip: 3 } });
	const held = [];
	t.after(() => held.forEach((raw) => raw.destroy()));
	for (let i = 0; i < 3; i++) held.push(await keptConnection(d));
	assert.deepEqual(held.map((raw) => raw.responses[0]?.status), [200, 200, 200]);
	for (let i = 0; i < 5; i++) assert.equal(await served(d), false);
	const other = { ...d.at, localAddress: '127.0.0.2' };
	for (let i = 0; i < 5; i++) assert.equal(await served(d, other), true, 'another address');
	held[0].destroy();
	await waitFor(() => served(d), 'the freed place');
});

test('per_ip: a trusted proxy is exempt, the clients it forwards for are counted: 429', limit, async (t) => {
	const d = await Daemon.start(t, { limits: { per_ip: 3 }, trusted_proxies: ['127.0.0.1/32'] });
	const held = [];
	t.after(() => held.forEach((raw) => raw.destroy()));
	for (let i = 0; i < 10; i++) {
		held.push(await Raw.open(d.at));
		held[i].write(wire(d, newBody(), { extra: [`X-Forwarded-For: 192.0.2.${i}`] }));
		await held[i].until(1);
		assert.equal(held[i].responses[0]?.status, 200, `connection ${i} of the proxy`);
	}
	const from = (address) => ['X-Forwarded-For: 198.51.100.99, ' + address];
	const begun = [];
	t.after(() => begun.forEach((raw) => raw.destroy()));
	for (let i = 0; i < 3; i++) {
		begun.push(await Raw.open(d.at));
		const bytes = wire(d, newBody(), { extra: [...from('203.0.113.7'), 'Expect: 100-continue'] });
		begun[i].write(headOf(bytes));
		await begun[i].until(1);
		assert.equal(begun[i].responses[0]?.status, 100, begun[i].text);
		begun[i].write(bytes.subarray(headOf(bytes).length, -20));
	}
	const fourth = await send(d.at, wire(d, newBody(), { extra: from('203.0.113.7') }), { count: 1 });
	assert.equal(fourth.responses[0]?.status, 429, fourth.text);
	assert.equal(await served(d, d.at, { extra: from('203.0.113.8') }), true, 'another client');
	for (const raw of begun) raw.destroy();
	await waitFor(() => served(d, d.at, { extra: from('203.0.113.7') }), 'the client to be served again');
});

test('X-Forwarded-For is believed from the right end only', limit, async (t) => {
	const d = await Daemon.start(t, {
		trusted_proxies: ['127.0.0.1/32', '10.0.0.0/8'],
		sources: (d) => [d.source({ allow: ['203.0.113.0/24', '2001:db8::/32'] })],
	});
	const cases = {
		'203.0.113.5': 200,
		'198.51.100.1': 403,
		'203.0.113.5, 198.51.100.1': 403,
		'203.0.113.5,198.51.100.1,10.1.2.3': 403,
		'198.51.100.1, 203.0.113.5': 200,
		'203.0.113.5, 10.1.2.3': 200,
		'198.51.100.1, 203.0.113.5, 10.1.2.3 , 127.0.0.1': 200,
		'2001:db8::1': 200,
		'2001:db9::1': 403,
		'203.0.113.5, 2001:db9::1': 403,
		'::ffff:203.0.113.5': 200,
		'203.0.113.5, garbage': 403,
		'203.0.113.5, ': 403,
		'203.0.113.5.': 403,
		'': 403,
	};
	for (const [list, status] of Object.entries(cases)) {
		const answer = await d.post(newBody(), { headers: { 'X-Forwarded-For': list } });
		assert.equal(answer.status, status, JSON.stringify(list));
	}
	assert.equal((await d.post()).status, 403, 'the proxy itself');
	const two = wire(d, newBody(), { extra: ['X-Forwarded-For: 203.0.113.5', 'X-Forwarded-For: 198.51.100.1'] });
	assert.equal((await send(d.at, two, { count: 1 })).responses[0].status, 403, 'two headers are one list');
	const untrusted = await d.post(newBody(), { at: { ...d.at, localAddress: '127.0.0.2' },
		headers: { 'X-Forwarded-For': '203.0.113.5' } });
	assert.equal(untrusted.status, 403, 'a peer that is not a proxy');
	const event = await d.store({}, { headers: { 'X-Forwarded-For': '203.0.113.77' } });
	assert.equal((await d.show(event)).remote_addr, '203.0.113.77');
});

test('backlog full: 503 with Retry-After, duplicates still 200; 200 once there is room', limit, async (t) => {
	const d = await Daemon.start(t, {
		limits: { backlog: 2 },
		hooks: (d) => [d.hook('slow', 'until [ -e "$OUT/go" ]; do sleep 0.05; done',
			{ on: ['transaction.*'] })],
	});
	const body = newBody();
	assert.equal((await d.post(body)).json.status, 'stored');
	assert.equal((await d.post()).json.status, 'stored');
	const late = newBody();
	for (let i = 0; i < 3; i++) {
		const full = await d.post(late);
		assert.equal(full.status, 503);
		assert.match(full.headers['retry-after'], /^[1-9]\d*$/);
	}
	assert.equal((await d.post(body)).json.status, 'duplicate');
	assert.equal((await d.events()).length, 2);
	d.touch('go');
	await waitFor(async () => (await d.post(late)).status === 200, 'room again');
	assert.equal((await d.events()).length, 3);
});

test('listens on IPv6', limit, async (t) => {
	const d = await Daemon.start(t, { listen: '[::1]:0' });
	assert.equal(d.at.host, '::1');
	const event = await d.store();
	assert.equal((await d.show(event)).remote_addr, '::1');
});

test('listens on a Unix socket, also when a killed daemon left its file', limit, async (t) => {
	const d = await Daemon.start(t, { listen: (d) => `unix:${d.dir}/http.sock` });
	assert.equal(d.at.socketPath, `${d.dir}/http.sock`);
	await d.store();
	await d.kill();
	await d.start();
	await d.store();
	await d.restart();
	const event = await d.store({}, { headers: { 'X-Forwarded-For': '203.0.113.9' } });
	assert.equal((await d.show(event)).remote_addr, '203.0.113.9', 'a local peer is a proxy');
});

test('listens on several at once', limit, async (t) => {
	const d = await Daemon.start(t, {
		listen: (d) => ['127.0.0.1:0', '[::1]:0', `unix:${d.dir}/http.sock`],
	});
	assert.equal(d.addresses.length, 3);
	for (const address of d.addresses) await d.store({}, { at: place(address) });
	assert.equal((await d.settled((await d.events())[0].id)).deliveries[0].state, 'DONE');
});

test('takes its socket from systemd', limit, async (t) => {
	const listener = net.createServer();
	await new Promise((ready) => listener.listen(0, '127.0.0.1', ready));
	const { port } = listener.address();
	const d = new Daemon(t, {
		wrap: ['sh', '-c', 'LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=hookd.socket exec "$@"', 'sh'],
		stdio: [listener._handle.fd],
		listen: '127.0.0.1:1', // which must be ignored
		hooks: (d) => [d.hook('env', 'cat /proc/$$/environ >"$OUT/environ"; ls /proc/$$/fd >"$OUT/fds"')],
	});
	d.spawn();
	listener.close();
	await d.logged(/hookd is ready/);
	d.at = { host: '127.0.0.1', port };
	const event = await d.store();
	await d.settled(event);
	assert.ok(!d.read('environ').includes('LISTEN_'));
	assert.ok(!d.lines('fds').includes('3'), 'the socket does not leak into scripts');
});

test('127 to 514 idle connections, then a request on each: all answered', limit, async (t) => {
	const d = await Daemon.start(t, {
		limits: { connections: 2000, per_ip: 2000 },
		hooks: (d) => [d.hook('few', 'true', { on: ['payout.*'] })],
	});
	const held = [];
	t.after(() => held.forEach((raw) => raw.destroy()));
	for (const count of [127, 128, 129, 254, 255, 256, 257, 258, 510, 512, 514]) {
		while (held.length < count) held.push(await Raw.open(d.at));
		for (let round = 0; round < 2; round++) {
			const want = held.map((raw) => raw.responses.length + 1);
			for (const raw of held) raw.write(wire(d));
			await Promise.all(held.map((raw, i) => raw.until(want[i])));
			assert.ok(held.every((raw, i) => raw.responses.length === want[i]), `${count} connections`);
			assert.ok(held.every((raw) => raw.responses.at(-1).status === 200), `${count} connections`);
		}
	}
});

/** A self-signed certificate for localhost as NAME.pem and NAME.key; resolves to its PEM. */
async function certificate(d, name) {
	const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
		'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
		'-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
		'-keyout', `${d.dir}/${name}.key`, '-out', `${d.dir}/${name}.pem`]);
	assert.equal(made.code, 0, made.stderr);
	return readFileSync(`${d.dir}/${name}.pem`, 'utf8');
}

function use(d, name) {
	for (const kind of ['pem', 'key']) renameSync(`${d.dir}/${name}.${kind}`, `${d.dir}/tls.${kind}`);
}

/** The certificate that the server presents. */
function shown(d) {
	return new Promise((resolve, reject) => {
		const socket = tls.connect({ ...d.at, rejectUnauthorized: false }, () => {
			resolve(socket.getPeerCertificate().subject.CN);
			socket.destroy();
		});
		socket.once('error', reject);
	});
}

test('a reload that fails halfway still answers what it has accepted, and serving goes on', limit, async (t) => {
	const d = new Daemon(t, { hooks: (d) => [d.hook('good', ':')] });
	const library = `${d.dir}/short.so`;
	const source = fileURLToPath(new URL('./lib/short.c', import.meta.url));
	const built = await run('cc', ['-shared', '-fPIC', '-D_GNU_SOURCE', '-o', library, source]);
	assert.equal(built.code, 0, built.stderr);
	Object.assign(d.env, { LD_PRELOAD: library, SHORT_FILE: `${d.dir}/short`,
		ASAN_OPTIONS: 'verify_asan_link_order=0' });
	await d.start();
	const answers = [];
	let stopped = false;
	/* Each on a new connection, which any loop may accept. */
	const clients = Array.from({ length: 16 }, async () => {
		while (!stopped && d.running) {
			answers.push(await d.post(newBody(), { headers: { Connection: 'close' } })
				.then(({ status }) => status, ({ code }) => code));
		}
	});
	await waitFor(() => answers.length > 100, 'answers');
	const refused = () => d.logLines.filter((line) => /reload refused/.test(line)).length;
	d.file('short', '');
	d.configure({ limits: { connections: 500 } });
	for (let i = 1; i <= 10 && d.running; i++) {
		const before = answers.length;
		d.reload();
		await waitFor(() => !d.running || refused() === i, 'the reload to be refused');
		await waitFor(() => !d.running || answers.length > before + 100, 'more answers');
	}
	rmSync(`${d.dir}/short`);
	stopped = true;
	await Promise.all(clients);
	assert.equal(d.running, true);
	assert.deepEqual(answers.filter((status) => status !== 200), []);
	d.reload();
	await d.logged(/config reloaded/);
	assert.equal((await d.post()).status, 200);
});

const tlsDaemon = (t, options) => new Daemon(t, {
	...options, tls: (d) => ({ certificate: `${d.dir}/tls.pem`, key: `${d.dir}/tls.key` }),
});

test('TLS: the new certificate after SIGHUP, and no request is cut off', limit, async (t) => {
	const d = tlsDaemon(t, { limits: { request_time: '60s' } });
	const first = await certificate(d, 'first');
	const second = await certificate(d, 'second');
	use(d, 'first');
	await d.start();
	const at = (ca) => ({ ...d.at, tls: { ca } });
	assert.equal((await d.post(newBody(), { at: at(first) })).json.status, 'stored');
	await assert.rejects(d.post(newBody(), { at: at(second) }), /self.signed|certificate/i);

	const open = async () => {
		const socket = tls.connect({ ...d.at, ca: first });
		t.after(() => socket.destroy());
		const client = { socket, answer: Buffer.alloc(0), ended: false };
		socket.on('data', (part) => { client.answer = Buffer.concat([client.answer, part]); });
		socket.once('end', () => { client.ended = true; });
		await new Promise((ready, failed) => socket.once('secureConnect', ready).once('error', failed));
		return client;
	};
	const answered = ({ answer }) => parseResponses(answer).length === 1;
	const bytes = wire(d), [running, kept, fresh] = [await open(), await open(), await open()];
	running.socket.write(bytes.subarray(0, bytes.length - 10));
	kept.socket.write(wire(d));
	await waitFor(() => answered(kept), 'an answer on what is kept alive');

	use(d, 'second');
	d.reload();
	await waitFor(async () => (await shown(d).catch(() => null)) === 'second', 'the new certificate');
	running.socket.write(bytes.subarray(bytes.length - 10));
	await waitFor(() => answered(running), 'the answer to the request that was under way');
	await waitFor(() => kept.ended, 'the end of the idle one');
	fresh.socket.write(wire(d));
	await waitFor(() => answered(fresh), 'the answer on the one that had no request yet');
	for (const { answer } of [running, kept, fresh]) assert.equal(parseResponses(answer)[0].status, 200);
	assert.equal((await d.post(newBody(), { at: at(second) })).json.status, 'stored');
});

test('TLS: with a broken certificate at SIGHUP the old one stays, and it is logged', limit, async (t) => {
	const d = tlsDaemon(t);
	await certificate(d, 'first');
	use(d, 'first');
	await d.start();
	const from = d.logLines.length;
	d.file('tls.pem', 'this is not a certificate\n');
	d.reload();
	await d.logged(/tls\.pem|certificate/i, from);
	assert.equal(await shown(d), 'first');
	const other = await certificate(d, 'other'); // whose key is not that of tls.pem
	renameSync(`${d.dir}/other.pem`, `${d.dir}/tls.pem`);
	const mark = d.logLines.length;
	d.reload();
	await d.logged(/tls\.(pem|key)|certificate|key/i, mark);
	assert.equal(await shown(d), 'first');
	renameSync(`${d.dir}/other.key`, `${d.dir}/tls.key`);
	d.reload();
	await waitFor(async () => (await shown(d).catch(() => null)) === 'other', 'the repaired certificate');
	assert.equal((await d.post(newBody(), { at: { ...d.at, tls: { ca: other } } })).status, 200);
});

test('TLS: plain HTTP, garbage and silent clients do no harm', limit, async (t) => {
	const d = tlsDaemon(t, { limits: { request_time: '1s' } });
	const ca = await certificate(d, 'first');
	use(d, 'first');
	await d.start();
	for (const bytes of [wire(d), Buffer.from('\x16\x03\x01\xff\xff'), Buffer.alloc(5000, 7)]) {
		const raw = await send(d.at, bytes);
		assert.ok(raw.responses.every((r) => r.status === 400), raw.text);
	}
	assert.deepEqual(await d.events(), []);
	assert.equal((await d.post(newBody(), { at: { ...d.at, tls: { ca } } })).status, 200);
});

test('new limits and proxies are in force after SIGHUP', limit, async (t) => {
	const d = await Daemon.start(t, { limits: { body: '1KiB' } });
	const large = newBody({ filler: 'x'.repeat(2000) });
	assert.equal((await d.post(large)).status, 413);
	d.reload({ limits: { body: '8KiB' }, trusted_proxies: ['127.0.0.1'],
		sources: (d) => [d.source({ allow: ['203.0.113.0/24'] })] });
	const headers = { 'X-Forwarded-For': '203.0.113.1' };
	await waitFor(async () => (await d.post(large, { headers })).status === 200, 'the new limits');
	assert.equal((await d.post()).status, 403);
});

test('a browser sees that the endpoint is up while everything else is busy', limit, async (t) => {
	const d = await Daemon.start(t, { limits: { backlog: 1 },
		hooks: (d) => [d.hook('slow', 'until [ -e "$OUT/go" ]; do sleep 0.05; done')] });
	await d.store();
	assert.equal((await d.post()).status, 503);
	const agent = new http.Agent({ keepAlive: true });
	t.after(() => agent.destroy());
	const page = await request(d.at, { method: 'GET', path: '/webhooks/fedapay', agent });
	assert.equal(page.status, 405);
});
