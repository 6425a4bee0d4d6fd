// What `hookd --check` and the start make of certificates, credentials and passed sockets; the log's limits.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { certificate } from './lib/certificate.mjs';
import { Daemon, HOOKD } from './lib/daemon.mjs';
import { run } from './lib/program.mjs';
import { limit, rootLimit, waitFor } from './lib/wait.mjs';

const openssl = async (...args) => assert.equal((await run('openssl', args)).code, 0, args.join(' '));

/** A file in another form. */
async function replaced(d, name, command, ...options) {
	await openssl(command, '-in', `${d.dir}/${name}`, '-out', `${d.dir}/other`, ...options);
	d.file(name, readFileSync(`${d.dir}/other`), 0o600);
}

/* What is done to a.pem and a.key, and what is said of it. */
const certificates = {
	'the key of another certificate': [async (d) => { await certificate(d.dir, 'b'); copyFileSync(`${d.dir}/b.key`, `${d.dir}/a.key`); },
		/a\.key: is not the key of the first certificate in \S+a\.pem/],
	'an encrypted key': [(d) => replaced(d, 'a.key', 'pkey', '-aes256', '-passout', 'pass:x'),
		/a\.key: the key is encrypted/],
	'a DER certificate': [(d) => replaced(d, 'a.pem', 'x509', '-outform', 'der'),
		/a\.pem: is DER: expected PEM/],
	'a DER key': [(d) => replaced(d, 'a.key', 'pkey', '-outform', 'der'), /a\.key: is DER/],
	'the two exchanged': [(d) => { const key = readFileSync(`${d.dir}/a.key`); d.file('a.key', readFileSync(`${d.dir}/a.pem`), 0o600);
		d.file('a.pem', key, 0o600); }, /a\.pem: has no certificate as PEM/],
	'an empty key': [(d) => d.file('a.key', '', 0o600), /a\.key: cannot be read: empty/],
	'no certificate': [(d) => run('rm', [`${d.dir}/a.pem`]), /a\.pem.*(cannot be read|No such file)/],
	'a text in a certificate': [(d) => d.file('a.pem', '-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n'),
		/a\.pem and \S+a\.key: cannot be used/],
};

for (const [what, [make, message]] of Object.entries(certificates)) {
	test(`TLS, ${what}: --check and the start say so`, limit, async (t) => {
		const d = new Daemon(t, { tls: (d) => ({ certificate: `${d.dir}/a.pem`, key: `${d.dir}/a.key` }) });
		await certificate(d.dir, 'a');
		assert.equal((await run(HOOKD, ['--config', d.configFile, '--check'])).code, 0);
		await make(d);
		const checked = await run(HOOKD, ['--config', d.configFile, '--check']);
		assert.equal(checked.code, 78, checked.stdout);
		assert.match(checked.stderr, message);
		assert.doesNotMatch(checked.stdout, /ok/);
		const started = await run(HOOKD, ['--config', d.configFile]);
		assert.notEqual(started.code, 0);
		assert.match(started.stderr, message);
	});
}

test('TLS, an expired certificate: both warn, and hookd starts', limit, async (t) => {
	const d = new Daemon(t, { tls: (d) => ({ certificate: `${d.dir}/a.pem`, key: `${d.dir}/a.key` }) });
	await certificate(d.dir, 'a');
	await openssl('x509', '-in', `${d.dir}/a.pem`, '-signkey', `${d.dir}/a.key`, '-days', '-1', '-out', `${d.dir}/b.pem`)
		.catch(() => openssl('req', '-x509', '-key', `${d.dir}/a.key`, '-subj', '/CN=a', '-days', '-1', '-out', `${d.dir}/b.pem`));
	copyFileSync(`${d.dir}/b.pem`, `${d.dir}/a.pem`);
	const checked = await run(HOOKD, ['--config', d.configFile, '--check']);
	assert.equal(checked.code, 0, checked.stderr);
	assert.match(checked.stderr, /a\.pem: has expired at 20/);
	await d.start();
	await d.logged(/warn TLS certificate is not valid now.*has expired at/);
});

test('--check before the first start of the unit: credentials are not there, and that is no error', limit, async (t) => {
	const d = new Daemon(t, { sources: (d) => [d.source({ secrets: [{ credential: 'fedapay-secret' }] })] });
	const env = { ...process.env };
	delete env.CREDENTIALS_DIRECTORY;
	const checked = await run(HOOKD, ['--config', d.configFile, '--check'], { env });
	assert.equal(checked.code, 0, checked.stderr);
	assert.match(checked.stderr, /^warning: credentials were not checked: hookd\.service does not run/m);
	d.configure({ tls: { certificate: '${CREDENTIALS_DIRECTORY}/tls-certificate', key: '${CREDENTIALS_DIRECTORY}/tls-key' } });
	const tls = await run(HOOKD, ['--config', d.configFile, '--check'], { env });
	assert.equal(tls.code, 0, tls.stderr);
	const started = await run(HOOKD, ['--config', d.configFile], { env });
	assert.equal(started.code, 78, 'the start needs them');
	const plain = new Daemon(t);
	assert.equal((await run(HOOKD, ['--config', plain.configFile, '--check'])).stderr, '');
});

/* Descriptors from 3 on, made by perl. */
const sockets = {
	'a datagram socket': ['socket(S, AF_INET, SOCK_DGRAM, 0); bind(S, sockaddr_in(0, INADDR_LOOPBACK))', /is no stream/],
	'a connected socket': ['socketpair(S, T, AF_UNIX, SOCK_STREAM, 0)', /does not listen: expected Accept=no/],
	'one that does not listen': ['socket(S, AF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(0, INADDR_LOOPBACK))', /does not listen/],
	'a file': ['open(S, "</dev/null")', /is not a socket/],
	'too many': ['socket(S, AF_INET, SOCK_STREAM, 0); listen(S, 1); $n = 17', /LISTEN_FDS is not a number of sockets that hookd can take most=16/],
};

for (const [what, [make, message]] of Object.entries(sockets)) {
	test(`LISTEN_FDS with ${what}: refused with the reason`, limit, async (t) => {
		const d = new Daemon(t);
		const code = `my $n = 1; ${make}; dup2(fileno(S), 3); $ENV{LISTEN_FDS} = $n; $ENV{LISTEN_PID} = $$; exec @ARGV`;
		const { code: exit, stderr } = await run('perl', ['-MPOSIX=dup2', '-MSocket', '-e', `$^F = 20; ${code}`, HOOKD, '--config', d.configFile]);
		assert.equal(exit, 1, stderr);
		assert.match(stderr, message);
	});
}

test('"*:PORT" listens on a kernel without IPv6', rootLimit, async (t) => {
	const d = new Daemon(t, { listen: '*:0' });
	// Refuses AF_INET6 as such a kernel does.
	d.file('none.c', `#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
int socket(int domain, int type, int protocol)
{
	int (*real)(int, int, int);
	*(void **)&real = dlsym(RTLD_NEXT, "socket");
	if (domain != AF_INET6) return real(domain, type, protocol);
	errno = EAFNOSUPPORT;
	return -1;
}\n`);
	const made = await run('cc', ['-shared', '-fPIC', '-o', `${d.dir}/none.so`, `${d.dir}/none.c`]);
	assert.equal(made.code, 0, made.stderr);
	d.env = { LD_PRELOAD: `${d.dir}/none.so` };
	await d.start();
	assert.match(d.addresses[0], /^0\.0\.0\.0:\d+$/);
	d.at = { host: '127.0.0.1', port: Number(d.addresses[0].split(':')[1]) };
	await d.store();
});

/** One request to the control socket; resolves to the last line of the answer. */
const ask = (path, request) => new Promise((done, failed) => {
	const socket = net.connect(path, () => socket.write(`${JSON.stringify({ hookd: 1, ...request })}\n`));
	let text = '';
	socket.on('data', (part) => { text += part; }).on('end', () => { socket.end(); done(text.trim().split('\n').at(-1)); }).on('error', failed);
});

test('requests of hookctl are logged at a limit, whatever they ask for', limit, async (t) => {
	const d = await Daemon.start(t);
	const control = `${d.config.store.path}.control`;
	for (let i = 0; i < 60; i++) {
		for (const request of [{ act: i % 2 ? 'pause' : 'resume', hooks: ['record'] }, { act: 'reload' }, { act: 'nonsense' }])
			assert.match(await ask(control, request), /"done"|"error"/);
	}
	await d.store();
	await waitFor(() => /event stored/.test(d.log), 'a later line');
	for (const line of [/request of hookctl done/, /request of hookctl failed/, /config reloaded/]) {
		const count = d.logLines.filter((x) => line.test(x)).length;
		assert.ok(count >= 10 && count <= 20, `${count} of ${line}`);
	}
	assert.ok((await d.ctl('audit', '--json', '--limit', '1000')).stdout.split('\n').length > 60, 'the audit has all');
});

test('the unit is not started again and again for a missing credential or a bad config', limit, () => {
	const unit = readFileSync(fileURLToPath(new URL('../../systemd/hookd.service', import.meta.url)), 'utf8');
	assert.match(unit, /^RestartPreventExitStatus=78 243$/m);
});
