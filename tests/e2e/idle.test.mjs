// An idle hookd does nothing: none of its threads wakes up.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { certificate } from './lib/certificate.mjs';
import { Daemon, HOOKD } from './lib/daemon.mjs';
import { limit, sleep, waitFor } from './lib/wait.mjs';

const WINDOW = 5000;
const WINDOWS = 6;

const SANITIZED = /__tsan_init/.test(readFileSync(HOOKD, 'latin1'));

/** Context switches of each thread: { "TID name": n }. ThreadSanitizer's own thread wakes up,
 * but it has no name, as all of hookd's have. */
function switches(pid) {
	const counts = {};
	for (const tid of readdirSync(`/proc/${pid}/task`)) {
		const dir = `/proc/${pid}/task/${tid}`;
		const name = readFileSync(`${dir}/comm`, 'utf8').trim();
		if (SANITIZED && name === 'hookd' && tid !== String(pid)) continue;
		const status = readFileSync(`${dir}/status`, 'utf8');
		counts[`${tid} ${name}`] = [...status.matchAll(/ctxt_switches:\s+(\d+)/g)]
			.reduce((sum, [, n]) => sum + Number(n), 0);
	}
	return counts;
}

test('idle, with everything that has a timer: no thread wakes up', limit, async (t) => {
	const day = 86_400_000;
	const later = new Date(Date.now() + day / 2).toISOString().slice(11, 16);
	const d = await Daemon.start(t, {
		timezone: 'UTC',
		email: { server: 'smtp://127.0.0.1:1', tls: 'none', from: 'hookd@example.com' },
		digest: { at: later, email: { to: 'owner@example.com' } },
		silence: { after: '6h', sources: ['fedapay'], email: { to: 'owner@example.com' } },
		hooks: (d) => [
			d.hook('good', 'echo x'),
			d.hook('ordered', 'echo x', { order: 'entity', skip_stale: true }),
			d.hook('bad', 'exit 75', { retry: { attempts: 10, first: '1h', max: '2h' } }),
		],
	});
	let last;
	for (let i = 0; i < 20; i++) last = await d.store();
	await waitFor(async () => (await d.show(last)).deliveries.every((x) => x.attempts.length > 0),
		'an attempt of each of its deliveries');

	/* What is left to do after the last event ends in some window; what comes again and
	 * again does so in all of them. */
	let seen;
	for (let i = 0; i < WINDOWS; i++) {
		const before = switches(d.pid);
		await sleep(WINDOW);
		const after = switches(d.pid);
		seen = Object.entries(after).filter(([thread, n]) => n !== before[thread])
			.map(([thread, n]) => `${thread}: ${n - (before[thread] ?? 0)}`);
		if (seen.length === 0) return;
	}
	assert.deepEqual(seen, [], `wakes up within ${WINDOW} ms`);
});

/** The processor time that the process has used, in ms. */
function used(pid) {
	const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
	return (Number(fields[11]) + Number(fields[12])) * 10;
}

test('a TLS handshake that stops halfway uses no processor time', limit,
	async (t) => {
		const d = new Daemon(t, {
			limits: { request_time: '5m' },
			tls: (d) => ({ certificate: `${d.dir}/tls.pem`, key: `${d.dir}/tls.key` }),
		});
		await certificate(d.dir, 'tls');
		await d.start();
		const socket = connect(d.at);
		t.after(() => socket.destroy());
		socket.on('error', () => {});
		/* Only the head of a record of 512 bytes. */
		socket.write(Buffer.from('1603010200', 'hex'));
		await sleep(1000);
		const before = used(d.pid);
		await sleep(WINDOW);
		const spent = used(d.pid) - before;
		assert.equal(socket.destroyed, false);
		assert.ok(spent < WINDOW / 10, `${spent} ms of the processor in ${WINDOW} ms`);
	});
