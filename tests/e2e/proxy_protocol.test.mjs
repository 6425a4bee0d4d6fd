// The PROXY protocol on a listener, and first bytes that are neither HTTP nor TLS.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Daemon, HOOKD, place, wire } from './lib/daemon.mjs';
import { newBody } from './lib/fedapay.mjs';
import { Raw, parseResponses, send } from './lib/http.mjs';
import { run } from './lib/program.mjs';
import { certificate } from './lib/certificate.mjs';
import { limit, sleep, waitFor } from './lib/wait.mjs';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const v1 = (client = '203.0.113.7', kind = 'TCP4', own = kind === 'TCP4' ? '192.0.2.1' : '2001:db8::1') =>
	Buffer.from(`PROXY ${kind} ${client} ${own} 56324 443\r\n`);

/** A header of version 2; what it says of its length may be a lie. */
function v2(addresses, { command = 0x21, kind = 0x11, tlvs = Buffer.alloc(0), length = addresses.length + tlvs.length } = {}) {
	const fixed = Buffer.concat([SIGNATURE, Buffer.from([command, kind, length >> 8, length & 255])]);
	return Buffer.concat([fixed, addresses, tlvs]);
}

const tcp4 = (client) => Buffer.from([...client.split('.').map(Number), 192, 0, 2, 1, 0xdc, 4, 1, 0xbb]);
const tcp6 = Buffer.from('20010db8000000000000000000000042' + '20010db8000000000000000000000001' + 'dc0401bb', 'hex');
const tlv = (type, value, length = value.length) => Buffer.concat([Buffer.from([type, length >> 8, length & 255]), value]);

function crc32c(bytes) {
	let crc = 0xffffffff;
	for (const byte of bytes) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return (crc ^ 0xffffffff) >>> 0;
}

/** The same with a checksum, changed by `off`. */
function summed(addresses, off = 0) {
	const bytes = v2(addresses, { tlvs: Buffer.concat([tlv(4, Buffer.from('noop')), tlv(3, Buffer.alloc(4))]) });
	bytes.writeUInt32BE((crc32c(bytes) + off) >>> 0, bytes.length - 4);
	return bytes;
}

/** Processor time so far, in ms. */
const cpu = (d) => readFileSync(`/proc/${d.pid}/stat`, 'utf8').split(') ').at(-1).split(' ').slice(11, 13).reduce((sum, ticks) => sum + 10 * Number(ticks), 0);

function freePort() {
	return new Promise((resolve) => {
		const server = createServer().listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});
}

const proxied = { listen: [{ address: '127.0.0.1:0', proxy_protocol: true }], trusted_proxies: ['127.0.0.0/8'] };
const refusal = (d, before) => d.logged(/connection refused/, before);

test('the header names the client: versions 1 and 2, IPv4 and IPv6, with further fields', limit, async (t) => {
	const d = await Daemon.start(t, proxied);
	assert.match(d.log, /listening .* proxy_protocol=yes/);
	for (const [header, remote] of [[v1(), '203.0.113.7'], [v1('2001:db8::42', 'TCP6'), '2001:db8::42'],
		[v1('::ffff:203.0.113.8', 'TCP6', '::ffff:192.0.2.1'), '203.0.113.8'],
		[v2(tcp4('203.0.113.9')), '203.0.113.9'], [v2(tcp6, { kind: 0x21 }), '2001:db8::42'],
		[v2(tcp4('203.0.113.10'), { tlvs: tlv(0xea, Buffer.alloc(3500)) }), '203.0.113.10'], [summed(tcp4('203.0.113.11')), '203.0.113.11'],
		// The connection's own address: the balancer's.
		[Buffer.from('PROXY UNKNOWN\r\n'), '127.0.0.1'], [Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), '127.0.0.1'],
		[v2(Buffer.alloc(0), { command: 0x20, kind: 0 }), '127.0.0.1'], [v2(tcp4('203.0.113.12'), { command: 0x20 }), '127.0.0.1'],
		[v2(Buffer.alloc(0), { kind: 0 }), '127.0.0.1'], [v2(tcp4('203.0.113.13'), { kind: 0x12 }), '127.0.0.1'],
		[v2(Buffer.alloc(216, 'x'), { kind: 0x31 }), '127.0.0.1']]) {
		const before = d.logLines.length;
		const raw = await send(d.at, Buffer.concat([header, wire(d), wire(d)]), { count: 2 });
		assert.deepEqual(raw.responses.map((r) => r.status), [200, 200], `${header.toString('latin1')}: ${raw.text}`);
		const second = JSON.parse(raw.responses[1].body).event;
		assert.match(await d.logged(new RegExp(`event stored event=${second} `), before), new RegExp(`remote=${remote.replaceAll('.', '\\.')}$`));
	}
});

test('`allow`, per_ip and X-Forwarded-For go by the client in the header', limit, async (t) => {
	const d = await Daemon.start(t, { ...proxied, limits: { per_ip: 2 },
		sources: (daemon) => [daemon.source({ allow: ['203.0.113.0/24'] })] });
	const from = (header, extra = []) => send(d.at, Buffer.concat([header, wire(d, newBody(), { extra: ['Connection: close', ...extra] })]));
	assert.equal((await from(v1())).responses[0].status, 200);
	assert.equal((await from(v1('198.51.100.1'))).responses[0].status, 403);
	assert.equal((await from(v1('198.51.100.1'), ['X-Forwarded-For: 203.0.113.7'])).responses[0].status, 403, 'the client is no proxy');
	assert.equal((await from(v1('127.0.0.9'), ['X-Forwarded-For: 203.0.113.7'])).responses[0].status, 200, 'a proxy behind the balancer is one');
	assert.equal((await from(Buffer.from('PROXY UNKNOWN\r\n'))).responses[0].status, 403, 'not even the balancer itself');
	assert.equal((await from(v2(Buffer.alloc(216, 'x'), { kind: 0x31 }))).responses[0].status, 403, 'nor a path');
	const held = [];
	for (let i = 0; i < 3; i++) {
		held.push(await Raw.open(d.at));
		held[i].write(Buffer.concat([v1(), wire(d)]));
	}
	t.after(() => held.forEach((raw) => raw.destroy()));
	await waitFor(() => held.filter((raw) => raw.closed && raw.responses.length === 0).length === 1, 'the third of one client to be closed');
	assert.equal((await from(v1('203.0.113.99'))).responses[0].status, 200, 'another client behind the same balancer');
});

test('headers that lie, are malformed, too long or missing: refused, logged, nothing stored', limit, async (t) => {
	const cases = [[v1('203.0.113.7', 'TCP6'), 'a malformed PROXY protocol v1 header'], [v1('2001:db8::1'), 'a malformed PROXY protocol v1 header'],
		[Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 1\r\n'), 'a malformed PROXY protocol v1 header'],
		[Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 1 2 \r\n'), 'a malformed PROXY protocol v1 header'],
		[Buffer.from('PROXY TCP4  203.0.113.7 192.0.2.1 1 2\r\n'), 'a malformed PROXY protocol v1 header'],
		[Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 1 65536\r\n'), 'a malformed PROXY protocol v1 header'],
		[Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 1 2\n'), 'a malformed PROXY protocol v1 header'],
		[Buffer.from('PROXY TCP4 203.0.113.7\0 192.0.2.1 1 2\r\n'), 'a malformed PROXY protocol v1 header'],
		[Buffer.from(`PROXY UNKNOWN ${'x'.repeat(200)}\r\n`), 'a PROXY protocol header that is too long'],
		[v2(tcp4('203.0.113.7'), { length: 65535 }), 'a PROXY protocol header that is too long'],
		[v2(tcp4('203.0.113.7'), { length: 11 }), 'a malformed PROXY protocol v2 header'],
		[v2(tcp4('203.0.113.7'), { kind: 0x31 }), 'a malformed PROXY protocol v2 header'],
		[v2(tcp4('203.0.113.7'), { kind: 0x41 }), 'a malformed PROXY protocol v2 header'],
		[v2(tcp4('203.0.113.7'), { command: 0x22 }), 'a PROXY protocol header of an unknown version or command'],
		[v2(tcp4('203.0.113.7'), { command: 0x11 }), 'a PROXY protocol header of an unknown version or command'],
		[v2(tcp4('203.0.113.7'), { tlvs: tlv(4, Buffer.alloc(2), 3) }), 'a malformed PROXY protocol v2 header'],
		[v2(tcp4('203.0.113.7'), { tlvs: Buffer.from([4, 0]) }), 'a malformed PROXY protocol v2 header'],
		[summed(tcp4('203.0.113.7'), 1), 'a PROXY protocol header whose checksum is wrong'],
		[v2(tcp4('203.0.113.7'), { tlvs: tlv(3, Buffer.alloc(3)) }), 'a PROXY protocol header whose checksum is wrong'],
		[Buffer.concat([v1(), v1()]), 'a second PROXY protocol header'], [Buffer.concat([v2(tcp4('203.0.113.7')), v2(tcp4('203.0.113.7'))]), 'a second PROXY protocol header'],
		[Buffer.alloc(0), 'no PROXY protocol header, but an HTTP request'], [Buffer.from('1603010005', 'hex'), 'no PROXY protocol header, but a TLS hello on a plain port'],
		[Buffer.from([0xff]), 'no PROXY protocol header, but something else']];
	while (cases.length > 0) { // as many as the log takes without a pause
		const d = await Daemon.start(t, proxied);
		for (const [header, reason] of cases.splice(0, 8)) {
			const before = d.logLines.length;
			const raw = await send(d.at, Buffer.concat([header, wire(d)]));
			assert.ok(raw.responses.length <= 1 && raw.responses.every((r) => r.status === 400), `${reason}: ${raw.text}`);
			assert.doesNotMatch(raw.text, /html/);
			assert.match(await refusal(d, before), new RegExp(`reason="${reason}" remote=`));
		}
		assert.deepEqual(await d.events(), []);
		assert.equal((await send(d.at, Buffer.concat([v1(), wire(d)]), { count: 1 })).responses[0].status, 200, 'it still serves');
	}
});

test('a peer that is not in trusted_proxies is refused, whatever it sends', limit, async (t) => {
	const d = await Daemon.start(t, { ...proxied, trusted_proxies: ['192.0.2.1'] });
	for (const header of [v1(), v2(tcp4('203.0.113.7')), Buffer.alloc(0)]) {
		const before = d.logLines.length;
		const raw = await send(d.at, Buffer.concat([header, wire(d)]));
		assert.ok(raw.responses.every((r) => r.status === 400), raw.text);
		assert.match(await refusal(d, before), /reason="not in trusted_proxies, as proxy_protocol requires" remote=127.0.0.1/);
	}
	assert.deepEqual(await d.events(), []);
	d.configure({ trusted_proxies: ['127.0.0.1'] });
	d.reload();
	await d.logged(/configuration reloaded|reloaded/);
	assert.equal((await send(d.at, Buffer.concat([v1(), wire(d)]), { count: 1 })).responses[0].status, 200, 'after a reload');
});

test('byte by byte: a header and a request; nothing else waits for it', limit, async (t) => {
	const d = await Daemon.start(t, proxied);
	for (const header of [v1(), v2(tcp4('203.0.113.7'), { tlvs: tlv(4, Buffer.alloc(9)) })]) {
		const raw = await Raw.open(d.at);
		for (const byte of Buffer.concat([header, wire(d).subarray(0, 30)])) {
			raw.write(Buffer.from([byte]));
			await sleep(3);
			const other = await send(d.at, Buffer.concat([v1('203.0.113.1'), wire(d)]), { count: 1 });
			assert.equal(other.responses[0].status, 200);
		}
		raw.destroy();
	}
});

test('500 connections with half a header: others are served, it sleeps, they are closed in time', limit, async (t) => {
	const d = await Daemon.start(t, { ...proxied, limits: { connections: 600, per_ip: 10 } });
	const held = [];
	t.after(() => held.forEach((raw) => raw.destroy()));
	for (let i = 0; i < 500; i++) {
		held.push(await Raw.open(d.at));
		held[i].write(i % 2 ? v1().subarray(0, 20) : v2(tcp4('203.0.113.7')).subarray(0, 17));
	}
	const before = cpu(d);
	assert.equal((await send(d.at, Buffer.concat([v1(), wire(d)]), { count: 1 })).responses[0].status, 200);
	await sleep(1000);
	assert.ok(cpu(d) - before < 500, 'it sleeps');
	await waitFor(() => held.every((raw) => raw.closed), 'all of them to be closed');
	assert.ok(held.every((raw) => raw.responses.every((r) => r.status === 400 || r.status === 408)));
	assert.match(await refusal(d, 0), /reason="an unfinished PROXY protocol header"/);
	assert.equal((await send(d.at, Buffer.concat([v1(), wire(d)]), { count: 1 })).responses[0].status, 200);
});

test('in front of TLS; on a Unix socket; beside a listener without it', limit, async (t) => {
	const d = new Daemon(t, { trusted_proxies: ['127.0.0.1'] });
	const pem = await certificate(d.dir, 'own');
	d.configure({ tls: { certificate: pem.certFile, key: pem.keyFile },
		listen: [{ address: '127.0.0.1:0', proxy_protocol: true }, { address: `unix:${d.dir}/http.sock`, proxy_protocol: true },
			{ address: '[::1]:0' }] });
	await d.start();
	const speakTls = async (at, header) => {
		const raw = await Raw.open(at);
		raw.socket.removeAllListeners('data');
		raw.write(header);
		const socket = connectTls({ socket: raw.socket, ca: pem.cert, servername: 'localhost' });
		let bytes = Buffer.alloc(0);
		socket.on('error', () => {});
		socket.on('data', (part) => { bytes = Buffer.concat([bytes, part]); });
		socket.write(wire(d));
		await waitFor(() => socket.destroyed || parseResponses(bytes).length === 1, 'an answer');
		socket.destroy();
		return parseResponses(bytes)[0]?.status;
	};
	let before = d.logLines.length;
	assert.equal(await speakTls(d.at, v1()), 200);
	assert.match(await d.logged(/event stored/, before), /remote=203\.0\.113\.7$/);
	assert.equal(await speakTls(d.at, v2(tcp4('203.0.113.9'))), 200);
	assert.equal(await speakTls(place(d.addresses[2]), Buffer.alloc(0)), 200, 'a listener without it');
	before = d.logLines.length;
	assert.equal((await send(place(d.addresses[1]), Buffer.concat([v1('203.0.113.20'), wire(d)]), { count: 1 })).responses[0].status, 200);
	assert.match(await d.logged(/event stored/, before), /remote=203\.0\.113\.20$/);
	for (const [at, bytes, reason] of [[d.at, Buffer.concat([v1(), wire(d)]), 'plain HTTP on a TLS port'], [place(d.addresses[2]), v1(), 'a PROXY protocol v1 header; set proxy_protocol: true'],
		[place(d.addresses[2]), wire(d), 'plain HTTP on a TLS port'], [place(d.addresses[2]), Buffer.from('\0\0\0'), 'garbage, no TLS hello']]) {
		before = d.logLines.length;
		await send(at, bytes);
		assert.match(await refusal(d, before), new RegExp(`reason="${reason}"`));
	}
});

test('a socket that systemd passes takes it from the entry of `listen` with its address', limit, async (t) => {
	for (const [proxy_protocol, other] of [[true, false], [true, true], [false, false]]) {
		const listener = createServer();
		await new Promise((ready) => listener.listen(0, '127.0.0.1', ready));
		const { port } = listener.address();
		const d = new Daemon(t, { ...proxied, wrap: ['sh', '-c', 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', 'sh'], stdio: [listener._handle.fd],
			listen: [{ address: `127.0.0.1:${other ? 1 : port}`, proxy_protocol }] });
		d.spawn();
		listener.close();
		await d.logged(/hookd is ready/);
		const at = { host: '127.0.0.1', port }, wanted = proxy_protocol && !other;
		assert.equal((await send(at, Buffer.concat([v1(), wire(d)]), { count: 1 })).responses[0].status, wanted ? 200 : 400);
		assert.equal((await send(at, wire(d), { count: 1 })).responses[0].status, wanted ? 400 : 200);
	}
});

test('hookctl send: to a listener without it, or with a header of its own', limit, async (t) => {
	const d = await Daemon.start(t, proxied);
	const port = d.at.port;
	d.configure({ listen: [{ address: `127.0.0.1:${port}`, proxy_protocol: true }] });
	const { code, stderr } = await d.ctl('--config', d.configFile, 'send', '--type', 'test.hello');
	assert.equal(code, 0, stderr);
	assert.match((await d.ctl('--config', d.configFile, 'send', '--type', 'test.hello', '--dry-run')).stdout, /--haproxy-protocol/);
	d.configure({ listen: [{ address: '127.0.0.1:1', proxy_protocol: true }, '127.0.0.1:2'] });
	assert.match((await d.ctl('--config', d.configFile, 'send', '--type', 'test.hello', '--dry-run')).stdout, /127\.0\.0\.1:2\//);
});

for (const [kind, options] of Object.entries({ 'version 1': 'send-proxy', 'version 2': 'send-proxy-v2',
	'version 2 with a checksum and more': 'send-proxy-v2 proxy-v2-options crc32c,unique-id,ssl' })) {
	test(`HAProxy in mode tcp, ${kind}`, limit, async (t) => {
		const d = await Daemon.start(t, proxied);
		const port = await freePort();
		const config = d.file('haproxy.cfg', `defaults
	mode tcp
	timeout connect 5s
	timeout client 5s
	timeout server 5s
frontend in
	bind 127.0.0.1:${port}
	unique-id-format %[uuid()]
	default_backend hookd
backend hookd
	server hookd 127.0.0.1:${d.at.port} check inter 100ms ${options}
`);
		const haproxy = spawn('/usr/sbin/haproxy', ['-db', '-f', config], { stdio: 'ignore' });
		t.after(() => haproxy.kill('SIGKILL'));
		await waitFor(async () => (await send({ host: '127.0.0.1', port, localAddress: '127.0.0.8' }, wire(d), { count: 1 }).catch(() => null))?.responses[0]?.status === 200,
			'an answer by way of HAProxy');
		assert.match(await d.logged(/event stored/), /remote=127\.0\.0\.8$/);
		await sleep(500); // HAProxy's own checks of the server
		assert.doesNotMatch(d.log, /connection refused/);
	});
}

test('first bytes that are no HTTP request: 400 of our own, and the log says what they look like', limit, async (t) => {
	const d = await Daemon.start(t);
	for (const [bytes, reason] of [[v1(), 'a PROXY protocol v1 header; set proxy_protocol: true'], [v2(tcp4('203.0.113.7')), 'a PROXY protocol v2 header; set proxy_protocol: true'],
		[Buffer.from('16030100c8010000c40303', 'hex'), 'a TLS hello on a plain port'], [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 'an HTTP/2 preface; hookd speaks HTTP/1.1'],
		[Buffer.from('\0\x01\x02\xff\r\n\r\n', 'latin1'), 'garbage, no HTTP request'], [Buffer.from('(garbage) / HTTP/1.1\r\n\r\n'), 'garbage, no HTTP request'],
		[Buffer.from(`${'x'.repeat(100)} / HTTP/1.1\r\n\r\n`), 'garbage, no HTTP request']]) {
		const before = d.logLines.length;
		const raw = await send(d.at, Buffer.concat([bytes, wire(d)]));
		assert.deepEqual(raw.responses.map((r) => r.status), [400], `${reason}: ${raw.text}`);
		assert.doesNotMatch(raw.text, /html/);
		assert.match(await refusal(d, before), new RegExp(`reason="${reason}" remote=127\\.0\\.0\\.1$`));
	}
	// In pieces it is the same, and a client that leaves without a word is none of this.
	const before = d.logLines.length;
	const raw = await Raw.open(d.at);
	const whole = wire(d);
	for (const byte of whole.subarray(0, 20)) {
		raw.write(Buffer.from([byte]));
		await sleep(2);
	}
	raw.write(whole.subarray(20));
	await raw.until(1);
	raw.destroy();
	for (let i = 0; i < 20; i++) (await Raw.open(d.at)).destroy();
	assert.equal((await d.post()).status, 200);
	assert.equal(d.logLines.slice(before).filter((line) => /refused/.test(line)).length, 0);
	assert.equal((await d.events()).length, 2);
	for (let i = 0; i < 200; i++) await send(d.at, v1());
	assert.ok(d.logLines.filter((line) => /connection refused/.test(line)).length < 40, 'at the limit of the log');
});

test('--check: what proxy_protocol needs, and --explain', limit, async (t) => {
	const d = new Daemon(t);
	const check = async (config, ...args) => {
		d.configure(config);
		return run(HOOKD, ['--config', d.configFile, '--check', ...args], { env: { ...process.env, ...d.env } });
	};
	assert.match((await check({ listen: { address: '127.0.0.1:8080', proxy_protocol: true } })).stderr, /:3:\d+: listen\.proxy_protocol: needs "trusted_proxies"/);
	assert.match((await check({ listen: ['[::1]:1', { address: '127.0.0.1:8080', proxy_protocol: true }] })).stderr, /listen\[2\]: proxy_protocol: needs "trusted_proxies"/);
	const good = await check({ trusted_proxies: ['10.0.0.1'] }, '--explain');
	assert.equal(good.code, 0, good.stderr);
	assert.match(good.stdout.replace(/\s+/g, ' '), /listen 127\.0\.0\.1:8080: only trusted_proxies may connect, and each connection begins with a PROXY/);
});
