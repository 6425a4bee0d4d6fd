// What the Makefile promises: hardened programs, an installation that is found and can be
// removed, and no package installed unasked.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync,
	readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { HOOKCTL, HOOKD } from './lib/daemon.mjs';
import { run } from './lib/program.mjs';
import { limit, waitFor } from './lib/wait.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILD = dirname(HOOKD);

function directory(t) {
	const dir = mkdtempSync(join(tmpdir(), 'hookd-build-'));
	chmodSync(dir, 0o755);
	t.after(() => rmSync(dir, { recursive: true, force: true }));
	return dir;
}

/* This test may itself run below make. */
const TOP = { MAKEFLAGS: undefined, MAKELEVEL: undefined };
const make = (args, { env, ...more } = {}) => run('make', args, { cwd: ROOT, ...more, env: { ...TOP, ...env } });

async function output(program, args, options) {
	const { code, stdout, stderr } = await run(program, args, options);
	assert.equal(code, 0, stderr);
	return stdout;
}

/** What a function must begin with, so that jumps lead only there. */
const LANDINGS = { x64: /\tendbr64/, arm64: /\t(paciasp|bti\t+c)/ };

for (const program of [HOOKD, HOOKCTL]) {
	test(`${program.replace(/.*\//, '')} is built with hardening`, limit, async () => {
		const headers = await output('readelf', ['-hldW', program]);
		assert.match(headers, /Type: +DYN/);
		assert.match(headers, /FLAGS_1\).*NOW.*PIE/);
		assert.match(headers, /GNU_RELRO/);
		assert.match(headers, /GNU_STACK.* RW +0x/);
		const imports = await output('nm', ['-D', '--undefined-only', program]);
		assert.match(imports, /__stack_chk_fail/);
		if (!/__[at]san_init/.test(imports)) assert.match(imports, /__\w+_chk@/);
		const landing = LANDINGS[process.arch];
		if (landing === undefined) return;
		const code = await output('objdump', ['-d', '--no-show-raw-insn', program]);
		const functions = new Map([...code.matchAll(/<(\w+)>:\n(.*)/g)].map((m) => [m[1], m[2]]));
		const ours = (await output('nm', [join(BUILD, 'libhookd.a')])).matchAll(/ T (\w+)$/gm);
		const linked = [...ours].map((m) => m[1]).filter((name) => functions.has(name));
		assert.ok(linked.length > 100, `${linked.length} functions`);
		assert.deepEqual(linked.filter((name) => !landing.test(functions.get(name))), []);
	});
}

/** Paths below dir: files, and directories that are empty, these with a slash. */
function contents(dir, path = '') {
	const found = readdirSync(dir + path, { withFileTypes: true }).flatMap((entry) => {
		const inner = `${path}/${entry.name}`;
		if (!entry.isDirectory()) return [inner];
		return readdirSync(dir + inner).length === 0 ? [`${inner}/`] : contents(dir, inner);
	});
	return found.sort();
}

/* Directories in which each shell looks, without a setting. Bash-completion's are XDG's. */
const searched = {
	bash: async () => ['/usr/local/share', '/usr/share'].map((dir) => `${dir}/bash-completion/completions`),
	fish: async (env) => (await output('fish', ['-c', 'string join \\n $fish_complete_path'], env)).split('\n'),
	zsh: async (env) => (await output('zsh', ['-fc', 'print -l $fpath'], env)).split('\n'),
};

for (const prefix of ['/usr/local', '/usr']) {
	test(`what is installed below ${prefix} is found, and uninstall leaves the config alone`, limit, async (t) => {
		const dir = directory(t);
		const args = [`BUILD=${BUILD}`, `prefix=${prefix}`, `DESTDIR=${dir}`];
		const installed = await make(['install', ...args]);
		assert.equal(installed.code, 0, installed.stderr);
		const files = contents(dir);
		for (const name of ['bin/hookctl', 'sbin/hookd', 'share/man/man1/hookctl.1', 'share/man/man5/hookd.yaml.5',
			'share/man/man8/hookd.8', 'share/hookd/mail/fr/approved.shop.txt', 'lib/sysusers.d/hookd.conf',
			'lib/tmpfiles.d/hookd.conf']) assert.ok(files.includes(`${prefix}/${name}`), `${name} in ${files}`);

		const units = prefix === '/usr' ? '/usr/lib/systemd/system' : '/etc/systemd/system';
		const service = readFileSync(`${dir}${units}/hookd.service`, 'utf8');
		assert.ok(service.includes(`${prefix}/sbin/hookd`), service);
		for (const unit of ['service', 'socket'])
			assert.doesNotMatch(readFileSync(`${dir}${units}/hookd.${unit}`, 'utf8'), /@\w+@/);

		const env = { env: { HOME: directory(t), XDG_DATA_DIRS: undefined, XDG_CONFIG_HOME: undefined, FPATH: undefined } };
		for (const [shell, name, source] of [['bash', 'hookctl', 'hookctl.bash'], ['fish', 'hookctl.fish', 'hookctl.fish'], ['zsh', '_hookctl', '_hookctl']]) {
			const found = (await searched[shell](env)).map((path) => `${path}/${name}`).filter((path) => files.includes(path));
			assert.equal(found.length, 1, `${shell} finds ${found}`);
			assert.equal(readFileSync(dir + found[0], 'utf8'), readFileSync(join(ROOT, 'src/hookctl/completion', source), 'utf8'));
		}

		const removed = await make(['uninstall', ...args]);
		assert.equal(removed.code, 0, removed.stderr);
		const kept = ['bin', 'lib', 'sbin', 'share/man'].map((name) => `${prefix}/${name}/`);
		assert.deepEqual(contents(dir).filter((path) => !kept.includes(path) && !path.endsWith('/systemd/system/')),
			['/etc/hookd/hookd.yaml']);
		rmSync(`${dir}/etc/hookd/hookd.yaml`);
		assert.equal((await make(['uninstall', ...args])).code, 0);
		assert.equal(existsSync(`${dir}/etc/hookd`), false);
	});
}

/** A directory of programs to be found first; each leaves its arguments in `calls`. */
function programs(dir, bodies) {
	const bin = join(dir, 'bin');
	mkdirSync(bin, { recursive: true });
	for (const [name, body] of Object.entries(bodies))
		writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >>'${dir}/calls'\n${body}\n`, { mode: 0o755 });
	return { PATH: `${bin}:${process.env.PATH}` };
}

/** argv to run a program without rights. */
const POWERLESS = process.getuid() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];

test('without compiler or libraries, make and make install say in one line what is missing, and install no package', limit, async (t) => {
	const dir = directory(t);
	const env = { ...programs(dir, { 'apt-get': 'exit 1' }), PKG_CONFIG_LIBDIR: dir, PKG_CONFIG_PATH: '' };
	for (const goal of ['all', 'install', 'check-unit'])
		for (const options of [['-j4'], []]) {
			const { code, stdout, stderr } = await make([...options, goal, 'CC=no-such-cc', `BUILD=${dir}/build`, `DESTDIR=${dir}`], { env });
			assert.equal(code, 2);
			assert.equal(stdout, '');
			assert.match(stderr, /^[^\n]*not found: no-such-cc libmicrohttpd [^\n]*`sudo make deps`[^\n]*\n$/);
		}
	assert.deepEqual(readdirSync(dir), ['bin']);
});

test('a user who is not root is shown the command that installs the packages', limit, async (t) => {
	const dir = directory(t);
	copyFileSync(join(ROOT, 'Makefile'), join(dir, 'Makefile'));
	writeFileSync(`${dir}/calls`, '');
	chmodSync(`${dir}/calls`, 0o666);
	const env = { ...programs(dir, { 'apt-get': 'exit 1', 'dpkg-query': "echo 'curl=installed perl=config-files '" }), PKG_CONFIG_LIBDIR: dir, ...TOP };
	for (const [goal, command] of Object.entries({ run: 'deps', deps: 'deps', check: 'deps-test', fuzz: 'deps-test', lint: 'deps-test' })) {
		const { code, stdout, stderr } = await run(...first([...POWERLESS, 'make', goal]), { cwd: dir, env });
		assert.equal(code, 2, stdout);
		assert.equal(stdout, '');
		assert.match(stderr, new RegExp(`^[^\\n]*not installed: gcc [^\\n]*\`sudo make ${command}\`[^\\n]*\\n$`));
		assert.doesNotMatch(stderr, / curl /);
		if (command === 'deps-test') assert.match(stderr, / perl /); // removed, its settings are left
	}
	assert.doesNotMatch(readFileSync(`${dir}/calls`, 'utf8'), /apt-get/);
});

const first = ([program, ...args]) => [program, args];

/* States of policy-rc.d before the installation: [how it is made, its description]. */
const POLICIES = {
	none: () => {},
	'a file': (path) => writeFileSync(path, 'of the machine\n', { mode: 0o640 }),
	'a symbolic link': (path) => symlinkSync('/nowhere', path),
};

function described(path) {
	const stat = lstatSync(path, { throwIfNoEntry: false });
	if (stat === undefined) return 'none';
	return `${stat.ino} ${stat.mode} ${stat.isSymbolicLink() ? readlinkSync(path) : readFileSync(path)}`;
}

for (const [before, prepare] of Object.entries(POLICIES)) {
	test(`while packages are installed no service starts; policy-rc.d before: ${before}`, limit, async (t) => {
		const dir = directory(t);
		mkdirSync(`${dir}/sbin`);
		const policy = `${dir}/sbin/policy-rc.d`;
		prepare(policy);
		const was = described(policy);
		const install = (how) => run('sh', [join(ROOT, 'tests/packages.sh'), 'some-package'], { env: { POLICY_RC_D: policy,
			...programs(dir, { 'apt-get': `case $1 in update) exit;; esac\n'${policy}' nginx start; echo "answer $?" >>'${dir}/calls'\n${how}` }) } });
		const check = () => {
			assert.equal(described(policy), was);
			assert.deepEqual(readdirSync(`${dir}/sbin`), was === 'none' ? [] : ['policy-rc.d']);
			assert.match(readFileSync(`${dir}/calls`, 'utf8'), /^apt-get update.*\napt-get install .* some-package\nanswer 101\n$/);
			rmSync(`${dir}/calls`);
		};
		const good = await install('exit 0');
		assert.equal(good.code, 0, good.stderr);
		assert.match(good.stdout, /^installing packages, .*: some-package\n/);
		check();
		assert.equal((await install('exit 100')).code, 100);
		check();
		assert.notEqual((await install('kill -TERM $PPID')).code, 0);
		check();
		assert.equal((await install('kill -KILL $PPID')).signal, 'SIGKILL'); // leaves it
		rmSync(`${dir}/calls`);
		assert.equal((await install('exit 0')).code, 0);
		check();
	});
}
