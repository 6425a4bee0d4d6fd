// What hookd withholds from its own scripts, and from the threads that read strangers' requests.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync,
	renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { certificate } from './lib/certificate.mjs';
import { Daemon, HOOKD } from './lib/daemon.mjs';
import { newBody } from './lib/fedapay.mjs';
import { Mailbox } from './lib/mailbox.mjs';
import { Peer } from './lib/peer.mjs';
import { run } from './lib/program.mjs';
import { sendmail, sendmails } from './lib/sendmail.mjs';
import { AS_UID, UID, keep, unprivileged, vault } from './lib/unprivileged.mjs';
import { limit, sleep, waitFor } from './lib/wait.mjs';

const source = (name) => fileURLToPath(new URL(`./lib/${name}.c`, import.meta.url));
const FROM = 'hookd <no-reply@example.com>';
const onlyRoot = (t) => process.getuid() === 0 || (t.skip('only root may become another user'), false);
const statusOf = (path) => Object.fromEntries(readFileSync(`${path}/status`, 'utf8').split('\n')
	.map((line) => line.split(':\t')));

async function build(d, name) {
	const path = `${d.dir}/${name}`;
	const built = await run('cc', ['-D_GNU_SOURCE', '-o', path, source(name)]);
	assert.equal(built.code, 0, built.stderr);
	return path;
}

/** The thief, and its argument: the word that is in each secret. */
async function makeThief(d) {
	const path = await build(d, 'thief');
	const word = `mk${randomBytes(12).toString('hex')}`;
	return { path, word, backwards: [...word].reverse().join('') };
}

/** Its report: {FOUND: […], open: […], shut: […]}. */
function report(output) {
	const lines = output.split('\n').filter(Boolean);
	assert.equal(lines.at(-1), 'the end', output);
	const of = (kind) => lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.slice(kind.length + 1));
	return { FOUND: of('FOUND'), open: of('open'), shut: of('shut') };
}

/* Every kind of place where a secret may be. */
async function withSecrets(t, d, owner) {
	const thief = await makeThief(d);
	const safe = vault(t);
	const secret = (name) => keep(`${safe}/${name}`, `${thief.word}-${name}\n`, owner);
	keep(`${d.credentials ?? safe}/fedapay-secret`, `wh_sandbox_${thief.word}`, owner);
	const pair = await certificate(safe, 'tls');
	const key = keep(`${safe}/key`, `${thief.word}\n${pair.key}`, owner);
	rmSync(pair.keyFile);
	d.secret = `wh_sandbox_${thief.word}`;
	d.env.OLD_SECRET = `wh_sandbox_${thief.word}-old`;
	d.cert = pair.cert;
	d.configure({
		tls: { certificate: pair.certFile, key },
		email: { server: 'smtp://127.0.0.1:9', tls: 'none', username: 'u', from: FROM,
			password: { file: secret('password') } },
		sources: [d.source({ secrets: [d.credentials ? { credential: 'fedapay-secret' }
			: { file: `${safe}/fedapay-secret` }, { env: 'OLD_SECRET' }] })],
	});
	d.configure({ hooks: (d) => [
		d.hook('steal', `exec '${thief.path}' ${thief.backwards} $PPID ${files(d, safe).join(' ')}`,
			{ on: 'steal.it', timeout: '5m', output: '4MiB', retry: { attempts: 1 } }),
		{ name: 'forward', source: 'fedapay', on: 'nothing', forward: { url: 'http://127.0.0.1:9/',
			secret: { file: secret('signing') }, bearer: { file: secret('bearer') } } },
	] });
	return { thief, safe };
}

const files = (d, safe) => [d.credentials ? `${d.credentials}/fedapay-secret` : `${safe}/fedapay-secret`,
	...['key', 'password', 'signing', 'bearer'].map((name) => `${safe}/${name}`)];

const tlsPost = (d, over) => d.post(newBody(over), { at: { ...d.at, tls: { ca: d.cert } } });

async function steal(d) {
	const { event } = (await tlsPost(d, { name: 'steal.it' })).json;
	const { deliveries: [delivery] } = await d.settled(event);
	assert.equal(delivery.state, 'DONE', JSON.stringify(delivery));
	return report(delivery.attempts[0].output);
}

/* What may be read of /proc/HOOKD: nothing of hookd's own. */
function checkBooty({ FOUND, open, shut }) {
	assert.deepEqual(FOUND, []);
	assert.deepEqual(open, []);
	for (const way of ['/proc/HOOKD/environ', '/proc/HOOKD/maps', '/proc/HOOKD/fd/', '/proc/HOOKD/map_files/',
		'memory by /proc/HOOKD/mem', 'memory by process_vm_readv', 'ptrace attach', 'ptrace seize', 'file',
		'file, by /proc/self/root', 'file, by a hard link', 'file, by a symbolic link'])
		assert.ok(shut.some((line) => line === way || line.startsWith(`${way}:`)), `no line on: ${way}`);
}

test('a script of hookd\'s own user reaches none of its secrets', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const d = unprivileged(t);
	const { thief, safe } = await withSecrets(t, d, UID);
	await d.start();
	checkBooty(await steal(d));
	assert.equal(d.log.includes(thief.word), false);

	/* The thief works: without hookd's sandbox it finds the files, and as root the rest. */
	const wherever = files(d, safe);
	const outside = await run(AS_UID[0], [...AS_UID.slice(1), thief.path, thief.backwards, String(d.pid), ...wherever]);
	assert.ok(report(outside.stdout).FOUND.filter((way) => way === 'file').length === wherever.length, outside.stdout);
	const root = report((await run(thief.path, [thief.backwards, String(d.pid)])).stdout);
	for (const way of ['/proc/HOOKD/environ', 'memory by /proc/HOOKD/mem'])
		assert.ok(root.FOUND.includes(way), root.FOUND.join('\n'));
});

test('it reaches none of them after a reload either, with secrets that have moved', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const d = unprivileged(t);
	const { thief, safe } = await withSecrets(t, d, UID);
	await d.start();
	mkdirSync(`${safe}/new`);
	chmodSync(`${safe}/new`, 0o755);
	for (const name of ['password', 'signing']) renameSync(`${safe}/${name}`, `${safe}/new/${name}`);
	renameSync(`${safe}/bearer`, `${safe}/new/was-bearer`); // replaced, as an editor does
	keep(`${safe}/bearer`, `${thief.word}-again\n`);
	const moved = JSON.parse(JSON.stringify(d.config).replaceAll(`${safe}/password`, `${safe}/new/password`)
		.replaceAll(`${safe}/signing`, `${safe}/new/signing`));
	moved.hooks[0] = d.hook('steal', `exec '${thief.path}' ${thief.backwards} $PPID ${safe}/new/password ` +
		`${safe}/new/signing ${safe}/bearer`, { on: 'steal.it', timeout: '5m', output: '4MiB', retry: { attempts: 1 } });
	rmSync(`${safe}/new/was-bearer`);
	d.reload(moved);
	await d.logged(/config reloaded/);
	checkBooty(await steal(d));
});

test('a script of another user reaches none of them either, if root has started hookd', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const d = new Daemon(t);
	chmodSync(d.dir, 0o755);
	await withSecrets(t, d, 0);
	d.configure({ hooks: d.config.hooks.map((h) => (h.run ? { ...h, user: 'nobody' } : h)) });
	await d.start();
	checkBooty(await steal(d));
});

test('hookd leaves no core dump, at any limit', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const place = vault(t);
	chmodSync(place, 0o777);
	const watch = (argv) => ['perl', '-e', 'my $pid = fork(); if (!$pid) { exec @ARGV } ' +
		'print STDERR "pid $pid\\n"; $SIG{TERM} = sub { kill "TERM", $pid }; waitpid $pid, 0; ' +
		'print STDERR "signal ", $? & 127, " core ", ($? & 128) / 128, "\\n"; exit 0',
		'setpriv', '--reuid=' + UID, '--regid=' + UID, '--clear-groups', ...argv];
	const bare = ['sh', '-c', `cd ${place}; ulimit -c unlimited; exec "$@"`, 'sh'];
	const [perl, ...args] = watch([...bare, 'sh', '-c', 'kill -ABRT $$']);
	const control = await run(perl, args);
	assert.match(control.stderr, /signal 6 core 1/, 'a shell leaves one here');
	for (const name of readdirSync(place)) rmSync(`${place}/${name}`);

	const d = unprivileged(t, { hooks: (d) => [d.hook('crash', 'kill -ABRT $PPID', { retry: { attempts: 1 } })] });
	d.wrap = [...watch(bare), ...d.wrap.slice(d.wrap.indexOf('sh'))];
	await d.start();
	d.asked = true; // to end
	await d.post().catch(() => {});
	assert.match(await d.logged(/^signal /), /signal 6 core 0/);
	assert.deepEqual(readdirSync(place), []);
	await d.exited;
});

test('what a script may still do', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const beside = vault(t); // made and filled after hookd has started
	const d = unprivileged(t, { hooks: (d) => [d.hook('works', `
		set -e
		cd "$OUT"
		echo one >a; mkdir -p x y; echo two >x/b; mv x/b y/b; ln y/b x/c; mv x z; cat a y/b z/c
		t=$(mktemp); echo three >"$t"; cat "$t"; mv "$t" "$OUT/moved"; cat moved
		cat /etc/hostname >/dev/null; sort /etc/passwd | head -n 1 >/dev/null
		cat /dev/stdin | wc -c; cat /proc/self/fd/0 >/dev/null
		echo to-stderr >/dev/stderr; cat /dev/null; head -c 4 /dev/urandom | wc -c
		perl -e 'open my $f, "<", "/proc/self/status" or die; print scalar <$f>'
		sh -c 'kill -0 $PPID'
		ls ${d.credentials} >/dev/null 2>&1 || true
		cat '${beside}/late' '${beside}/below/later' || echo missing`, { retry: { attempts: 1 } })] });
	await d.start();
	await d.settled(await d.store()); // the sandbox is ready
	for (const [name, text] of [['late', 'late'], ['below/later', 'later']]) {
		mkdirSync(`${beside}/below`, { recursive: true });
		writeFileSync(`${beside}/${name}`, `${text}\n`);
	}
	const fresh = vault(t); // beside the vault of the credentials
	writeFileSync(`${fresh}/file`, 'fresh\n');
	d.configure({ hooks: (d) => [...d.config.hooks, d.hook('fresh', `cat ${fresh}/file`, { retry: { attempts: 1 } })] });
	const { deliveries: [works] } = await d.settled(await d.store());
	assert.equal(works.state, 'DONE', works.attempts[0].output);
	assert.match(works.attempts[0].output, /^one\ntwo\ntwo\nthree\nthree\n\d+\nto-stderr\n4\nName:\tperl\nlate\nlater\n$/);
	d.signal('SIGHUP');
	await d.logged(/config reloaded/);
	const { deliveries } = await d.settled(await d.store());
	assert.equal(deliveries.find((x) => x.hook === 'fresh').attempts[0].output, 'fresh\n');
});

test('what is created or mounted beside the secrets while hookd runs can be read', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const d = unprivileged(t, {});
	const safe = d.credentials.replace(/\/credentials$/, '');
	d.configure({ hooks: (d) => [d.hook('reads', `cat ${safe}/made/file ${safe}/mounted/file`, { retry: { attempts: 1 } })] });
	mkdirSync(`${safe}/mounted`);
	await d.start();
	const output = async () => (await d.settled(await d.store())).deliveries[0].attempts[0].output;
	assert.match(await output(), /No such file/);
	mkdirSync(`${safe}/made`);
	writeFileSync(`${safe}/made/file`, 'made\n');
	assert.match(await output(), /^made\n.*No such file/s);
	/* Until the directory's last change is so long ago that it counts as known. */
	await sleep(2500);
	assert.match(await output(), /^made\n.*No such file/s);
	const mounted = await run('mount', ['-t', 'tmpfs', 'none', `${safe}/mounted`]);
	assert.equal(mounted.code, 0, mounted.stderr);
	try {
		writeFileSync(`${safe}/mounted/file`, 'mounted\n');
		assert.equal(await output(), 'made\nmounted\n');
	} finally {
		await run('umount', [`${safe}/mounted`]);
	}
});

test('a secret that cannot be kept from scripts is logged', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const d = unprivileged(t);
	const open = keep(`${d.dir}/state/secret`, 'wh_sandbox_0123456789');
	d.configure({ sources: (d) => [d.source({ secrets: [{ file: open }, { credential: 'fedapay-secret' }] })] });
	await d.start();
	const told = d.logLines.filter((line) => /scripts can read a secret/.test(line));
	assert.equal(told.length, 1, d.log);
	assert.ok(told[0].includes(`file=${open} `), told[0]);
	assert.match(told[0], /directory=\/tmp reason="hookd's user can write to it"/);
});

test('a template that scripts can replace is logged, and one that became a link to a secret is refused', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const d = unprivileged(t);
	const file = keep(`${d.dir}/state/mail.txt`, 'Thank you\n');
	const mail = { to: 'a@example.com', subject: 'x', body_file: file };
	d.configure({ email: { server: 'smtp://127.0.0.1:9', tls: 'none', from: 'a@example.com' },
		hooks: (d) => [d.hook('runs', 'true'), { name: 'mails', source: 'fedapay', on: 'transaction.approved', email: mail }] });
	await d.start();
	const told = d.logLines.filter((line) => /scripts can replace a file/.test(line));
	assert.equal(told.length, 1, d.log);
	assert.ok(told[0].includes(`file=${file} directory=`), told[0]);
	unlinkSync(file);
	symlinkSync(`${d.credentials}/fedapay-secret`, file);
	d.signal('SIGHUP');
	await d.logged(/email\.body_file: is a secret's file, or a link to one/);
	await d.logged(/reload refused/);
});

test('everything in the directory of the credentials is protected, whatever its name in the config', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const d = unprivileged(t);
	const file = `${d.credentials}/fedapay-secret`;
	d.configure({ sources: (d) => [d.source({ secrets: [{ file }] })], hooks: (d) => [d.hook('steal', `cat ${file}`, { retry: { attempts: 1 } })] });
	await d.start();
	const { deliveries: [delivery] } = await d.settled(await d.store());
	assert.match(delivery.attempts[0].output, /Permission denied/);
	assert.doesNotMatch(d.log, /scripts can read a secret/);
});

test('secrets are locked in memory; if that is not allowed, hookd logs it', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const d = unprivileged(t);
	await d.start();
	const sanitized = /lib[alt]san/.test(readFileSync(`/proc/${d.pid}/maps`, 'utf8')); // they lock nothing
	assert.ok(sanitized || parseInt(statusOf(`/proc/${d.pid}`).VmLck, 10) > 0);
	assert.doesNotMatch(d.log, /locked in memory/);
	await d.stop();
	d.wrap = ['prlimit', '--memlock=0', ...d.wrap];
	await d.start();
	if (!sanitized) await d.logged(/not every secret could be locked in memory/);
});

// ---- rights

test('as root, no script runs without a user', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const d = new Daemon(t);
	d.plain = true;
	d.configure({ hooks: (d) => [d.hook('one', 'true'), d.hook('two', 'true', { user: 'nobody' }),
		{ name: 'three', source: 'fedapay', on: '*', forward: { url: 'http://127.0.0.1:9/' },
			on_failure: { run: ['/bin/true'] } }] });
	const refused = await run(HOOKD, ['--config', d.configFile]);
	assert.equal(refused.code, 78);
	assert.deepEqual(refused.stderr.split('\n').filter(Boolean).map((line) => /hook=(\S+)/.exec(line)?.[1]),
		['one', 'three/on_failure']);
	assert.match(refused.stderr, /hookd runs as root.*expected="user: NAME/);
	/* Root may ask for a daemon that is not root. */
	assert.equal((await run(HOOKD, ['--config', d.configFile, '--check'])).code, 0);
	assert.equal((await d.ctl('test', 'one')).code, 0);

	d.plain = false;
	d.configure({});
	await d.start();
	d.plain = true;
	d.reload();
	await d.logged(/hookd runs as root.*hook=one/);
	await d.logged(/reload refused/);
	await d.store();
});

/** NoNewPrivs of hookd and of its children. */
const privileges = (d) => statusOf(`/proc/${d.pid}`).NoNewPrivs;
const SHOW = 'grep NoNewPrivs /proc/self/status';

test('no_new_privs is set unless a privilege is needed', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const script = (d) => d.hook('shows', SHOW, { on: 'show.it', retry: { attempts: 1 } });
	const mail = { name: 'mail', source: 'fedapay', on: 'mail.it', email: { to: 'a@example.com', subject: 's', body: 'b' } };
	const shown = async (d) => (await d.settled(await d.store({ name: 'show.it' }))).deliveries[0].attempts[0].output;

	const plain = unprivileged(t, { hooks: (d) => [script(d)] });
	await plain.start();
	assert.equal(privileges(plain), '1');
	assert.equal(await shown(plain), 'NoNewPrivs:\t1\n');

	/* A local sendmail that is set-group-ID keeps that; any other is in the sandbox. */
	const posts = unprivileged(t);
	const program = posts.script('sendmail', `${SHOW} >"$OUT/rights"; cat >/dev/null`);
	posts.configure({ email: { sendmail: program, from: FROM },
		hooks: (d) => [script(d), mail] });
	await posts.start();
	assert.equal(privileges(posts), '0');
	assert.equal(await shown(posts), 'NoNewPrivs:\t1\n');
	for (const [mode, rights] of [[0o755, 1], [0o2755, 0]]) {
		chmodSync(program, mode);
		await posts.settled(await posts.store({ name: 'mail.it' }));
		assert.equal(posts.read('rights'), `NoNewPrivs:\t${rights}\n`);
	}

	plain.reload({ email: posts.config.email, hooks: posts.config.hooks });
	await plain.logged(/set-user-ID programs.*no effect/);

	/* The scripts of a root hookd have users of their own, and may use sudo. */
	const root = await Daemon.start(t, { hooks: (d) => [{ ...script(d), run: ['/bin/grep', 'NoNewPrivs', '/proc/self/status'], user: 'nobody' }] });
	assert.equal(privileges(root), '0');
	assert.equal(await shown(root), 'NoNewPrivs:\t0\n');
	const bare = await Daemon.start(t, { hooks: [] });
	assert.equal(privileges(bare), '1');
});

// ---- the listener's threads

/** The status of each thread, without those that end meanwhile. */
const threads = (d) => readdirSync(`/proc/${d.pid}/task`).flatMap((id) => {
	try {
		return [statusOf(`/proc/${d.pid}/task/${id}`)];
	} catch (error) {
		if (['ENOENT', 'ESRCH'].includes(error.code)) return [];
		throw error;
	}
});

async function confined(d, post) {
	const all = await waitFor(async () => {
		await Promise.all(Array.from({ length: 40 }, post));
		const seen = threads(d).filter(({ Name }) => Name === 'hookd-http');
		return seen.length > 0 && seen.every(({ Seccomp }) => Seccomp === '2') && seen;
	}, 'each thread to be confined');
	for (const thread of all) assert.equal(thread.NoNewPrivs, '1');
	for (const other of threads(d))
		if (other.Name !== 'hookd-http') assert.equal(other.Seccomp, '0', other.Name);
}

/* Everything at once, under all restrictions, with the old and the new TLS certificate. */
async function everything(t, d) {
	const safe = vault(t);
	const pair = await certificate(safe, 'first');
	const other = await certificate(safe, 'second');
	const use = ({ certFile, keyFile }) => {
		renameSync(certFile, `${safe}/tls.pem`);
		renameSync(keyFile, `${safe}/tls.key`);
		for (const name of ['tls.pem', 'tls.key']) chownSync(`${safe}/${name}`, UID, UID);
	};
	use(pair);
	d.cert = pair.cert + other.cert;
	const box = await Mailbox.start(t, { auth: { user: 'shop', pass: 'word' } });
	const peer = await Peer.start(t);
	const own = d.plain ? {} : { user: 'root' };
	d.configure({
		tls: { certificate: `${safe}/tls.pem`, key: `${safe}/tls.key` },
		email: { server: box.url, tls: 'none', username: 'shop', password: { file: keep(`${safe}/password`, 'word') }, from: FROM },
		hooks: (d) => [
			{ name: 'mail', source: 'fedapay', on: '*', email: { to: 'a@example.com', subject: 's', body: 'b' } },
			{ name: 'forward', source: 'fedapay', on: '*', when: { id: { empty: false } },
				forward: { url: peer.url(), secret: { file: keep(`${safe}/signing`, 'signing') } } },
			{ name: 'fds', source: 'fedapay', on: '*', run: ['/bin/ls', '-l', '/proc/self/fd'], concurrency: 8, ...own },
		],
	});
	await d.start();
	const post = async () => {
		const answer = await tlsPost(d);
		assert.equal(answer.json.status, 'stored');
		return answer.json.event;
	};
	const shown = () => new Promise((resolve, reject) => {
		const socket = tls.connect({ ...d.at, rejectUnauthorized: false }, () => {
			resolve(socket.getPeerCertificate().subject.CN);
			socket.destroy();
		});
		socket.once('error', reject);
	});
	const first = Array.from({ length: 30 }, post);
	await confined(d, post);
	checkDescriptors(d.pid);
	use(other);
	d.reload();
	await d.logged(/config reloaded/);
	await waitFor(async () => (await shown()) === 'second', 'the new certificate');
	await confined(d, post);
	const events = [...await Promise.all(first), ...await Promise.all(Array.from({ length: 10 }, post))];
	for (const event of events) {
		const { deliveries } = await d.settled(event);
		assert.deepEqual(deliveries.map(({ hook, state }) => [hook, state]),
			[['mail', 'DONE'], ['forward', 'DONE'], ['fds', 'DONE']]);
		const { output } = deliveries[2].attempts[0];
		const open = output.split('\n').filter((line) => line.includes(' -> '))
			.map((line) => line.split(' -> ')).filter(([, target]) => !/\/fd$/.test(target));
		assert.deepEqual(open.map(([left]) => left.split(' ').at(-1)).sort(), ['0', '1', '2'], output);
	}
	assert.ok(box.mails.length >= events.length);
	assert.doesNotMatch(d.log, /not fully confined/);

	d.reload({ email: { sendmail: sendmail(d), from: FROM } });
	await waitFor(() => d.log.match(/config reloaded/g).length === 2, 'the reload');
	const event = await post();
	await d.settled(event);
	assert.equal((await sendmails(d)).length, 1);
}

/** Every descriptor of the process is close-on-exec, except the standard ones and libcurl's
 * socket pairs, which only libcurl could change. A child changes those itself. */
function checkDescriptors(pid) {
	const pairs = readFileSync(`/proc/${pid}/net/unix`, 'utf8').split('\n')
		.map((line) => /(\d+)$/.exec(line)?.[1]); // those without a path
	let seen = 0;
	for (const fd of readdirSync(`/proc/${pid}/fd`).map(Number).filter((n) => n > 2)) {
		const path = `/proc/${pid}/fd/${fd}`;
		let flags, target;
		try {
			flags = parseInt(/^flags:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))[1], 8);
			target = readlinkSync(path);
		} catch (error) {
			if (error.code === 'ENOENT') continue; // closed meanwhile
			throw error;
		}
		seen++;
		if (pairs.includes(/^socket:\[(\d+)\]$/.exec(target)?.[1])) continue;
		assert.ok(flags & 0o2000000, `descriptor ${fd}, ${target}, is close-on-exec`);
	}
	assert.ok(seen > 10, `${seen} descriptors`);
}

test('a kernel without Landlock and seccomp: logged once, everything works, only the files can be read', limit, async (t) => {
	if (!onlyRoot(t)) return;
	const d = unprivileged(t);
	d.wrap.unshift(await build(d, 'old_kernel'));
	const { safe } = await withSecrets(t, d, UID);
	await d.start();
	const { FOUND, open } = await steal(d);
	await Promise.all(Array.from({ length: 40 }, () => tlsPost(d)));
	assert.ok(FOUND.length > 0);
	const wherever = files(d, safe).map((path) => `search ${path}`);
	assert.deepEqual(FOUND.filter((way) => !way.startsWith('file') && !wherever.includes(way)), []);
	assert.deepEqual(open.filter((way) => !/^(hard link|move)$/.test(way)), []);
	for (const lacking of [/listener threads .*lacking=landlock/, /listener threads .*lacking=seccomp/,
		/cannot keep scripts from .*lacking=landlock/])
		assert.equal(d.logLines.filter((line) => lacking.test(line)).length, 1, `${lacking}`);
});

test('confined, and everything works: TLS and its reload, scripts, mail, forwards; as a user without rights', limit,
	async (t) => {
		if (!onlyRoot(t)) return;
		await everything(t, unprivileged(t));
	});

test('confined, and everything works: the same as root', limit, async (t) => {
	if (!onlyRoot(t)) return;
	await everything(t, new Daemon(t));
});
