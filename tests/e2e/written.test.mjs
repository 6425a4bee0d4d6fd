// What a ${NAME} stands for is shown to nobody: as written, by --check --explain and by hookctl test.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Daemon, HOOKD } from './lib/daemon.mjs';
import { run } from './lib/program.mjs';
import { limit } from './lib/wait.mjs';

/* Each name, and a value of its own; those that have to be numbers or the like are odd ones. */
const env = { V_ARG: 'leak-arg', V_PART: 'leak-part', V_ENV: 'leak-env', V_DIR: 'leak-dir', V_PROGRAM: 'leak-program', V_PATH: '/leak-path', V_GLOB: 'leak.*',
	V_EQ: 'leak-eq', V_NUMBER: '98761', V_TIMEOUT: '7123ms', V_FIRST: '311ms', V_MAX: '8123ms', V_ATTEMPTS: '917', V_AT_ONCE: '619', V_TOLERANCE: '4713s',
	V_BASE: 'https://leak-base.example.com', V_QUERY: 'leak-query', V_HEADER: 'leak-header', V_METHOD: 'PATCH', V_DROP: 'leakdrop', V_SERVER: 'smtp://leak-server.example.com',
	V_FROM: 'Leak Name <leak-from@example.com>', V_USER: 'leak-user', V_TO: 'leak-to@example.com', V_TWO: 'Leak Two <leak-two@example.com>', V_SUBJECT: 'leak-subject',
	V_TEXT: 'leak-text', V_HTML: 'leak-html', V_DEFAULT: 'leak-default', V_FIELD: 'leakfield', V_DAY: '07:53', V_SILENCE: '73h', V_HOOK: 'leak-name', V_SENDMAIL: 'leak-option' };
const values = Object.values(env).flatMap((value) => [value, Buffer.from(value).toString('base64').slice(0, 8)])
	.concat('leak', 'Leak', '7123', '7.123', '4713', '07:53', 'PATCH', '73 h', '311', '8123');

function hide(text) {
	for (const value of values) // numbers alone: those of a made-up event are long
		assert.ok(/^[\d.]+$/.test(value) ? !new RegExp(`\\b${value}\\b`).test(text) : !text.includes(value), `${value} is shown:\n${text}`);
}

const config = (d, email = {}) => {
	const program = d.script('leak-program', 'cat');
	const hook = (name, over) => ({ name, source: 'fedapay', on: '*', ...over });
	return {
		email: { server: '${V_SERVER}', from: '${V_FROM}', username: '${V_USER}', password: { file: d.file('password', 'x', 0o600) }, tls: 'starttls', ...email },
		sources: [d.source({ path: '${V_PATH}', tolerance: '${V_TOLERANCE}' })],
		digest: { at: '${V_DAY}', email: { to: '${V_TO}' } },
		silence: { after: '${V_SILENCE}', email: { to: 'a@example.com' } },
		hooks: [
			hook('script', { on: ['${V_GLOB}', '*'], when: { 'entity.mode': { ne: '${V_EQ}' }, 'entity.amount': { lt: '${V_NUMBER}' } },
				run: [program.replace('leak-program', '${V_PROGRAM}'), '${V_ARG}', 'a${V_PART}/{{entity.id}}', '{{entity.none | default: "${V_DEFAULT}"}}', '{{entity.${V_FIELD} | default: none}}', '$${V_ARG}'],
				env: { SHOP: 'b${V_ENV}{{entity.id}}' }, directory: join(d.dir, '${V_DIR}'), timeout: '${V_TIMEOUT}', concurrency: '${V_AT_ONCE}',
				retry: { attempts: '${V_ATTEMPTS}', first: '${V_FIRST}', max: '${V_MAX}' } }),
			hook('forward', { forward: { url: '${V_BASE}/orders/{{entity.id}}?key=${V_QUERY}&id={{entity.id}}', method: '${V_METHOD}', headers: { 'X-Shop': 'c${V_HEADER}{{entity.id}}' }, drop: ['${V_DROP}'] } }),
			hook('mail', { email: { to: ['${V_TO}, {{entity.customer.email}}', '${V_TWO}'], reply_to: 'Help <${V_TO}>', subject: '${V_SUBJECT} {{entity.id}}', body: 'd${V_TEXT}é {{entity.id}}', html: '<p>${V_HTML} {{entity.id}}</p>' } }),
			hook('from', { email: { from: '${V_FROM}', to: 'a@example.com', subject: 'x', body: 'y' } }),
			hook('failing', { email: { from: '${V_ARG}', to: 'a@example.com{{entity.none | default: ""}}', cc: '${V_ARG}{{entity.none}}', subject: 'x', body: 'y' } }),
		] };
};

test('--check --explain shows each ${NAME} as it is written', limit, async (t) => {
	const d = new Daemon(t, { env });
	mkdirSync(join(d.dir, 'leak-dir'));
	const all = config(d);
	all.hooks = all.hooks.slice(0, 4);
	d.configure(all);
	const { code, stdout, stderr } = await run(HOOKD, ['--config', d.configFile, '--check', '--explain'], { env });
	assert.equal(code, 0, stderr);
	hide(stdout + stderr);
	const flat = stdout.replace(/\s+/g, ' ');
	for (const part of ['on ${V_PATH},', 'at most ${V_TOLERANCE} old', 'for ${V_GLOB} or *', 'entity.mode is not ${V_EQ} and entity.amount is less than ${V_NUMBER}',
		'bin/${V_PROGRAM} ${V_ARG} a${V_PART}/{{entity.id}} ', '$${V_ARG}', 'default: \\"${V_DEFAULT}\\"', '{{entity.${V_FIELD} | default: none}}', '/${V_DIR}', 'up to ${V_ATTEMPTS} attempts of at most ${V_TIMEOUT}, ${V_FIRST} to ${V_MAX} apart, at most ${V_AT_ONCE} at once',
		'by ${V_METHOD} to ${V_BASE}/orders/{{entity.id}}?…, without ${V_DROP}', 'to ${V_TO}, {{entity.customer.email}}, ${V_TWO}', '"${V_SUBJECT} {{entity.id}}"',
		'each day at ${V_DAY}', 'nothing for ${V_SILENCE}', 'sent by ${V_SERVER}, encrypted (STARTTLS), as ${V_USER}, from ${V_FROM}', 'from ${V_FROM}, "x"'])
		assert.ok(flat.includes(part), `${part} is not in:\n${stdout}`);
});

test('hookctl test shows each ${NAME} as it is written', limit, async (t) => {
	const d = new Daemon(t, { env });
	mkdirSync(join(d.dir, 'leak-dir'));
	const all = config(d);
	all.hooks = all.hooks.slice(0, 4);
	d.configure(all);
	const preview = async (name) => {
		const { code, stdout, stderr } = await d.ctl('test', name);
		assert.equal(code, 0, stdout + stderr);
		hide(stdout + stderr);
		return stdout;
	};
	const script = await preview('script');
	for (const part of ['matches ${V_GLOB}, *', 'is not ${V_EQ} and', '/bin/${V_PROGRAM}"', '"${V_ARG}"', '"${V_DEFAULT}"', '"…"', /"a\$\{V_PART\}\/\d+"/, /"SHOP=b\$\{V_ENV\}\d+"/, /\/\$\{V_DIR\}( as user root)?, the event/])
		assert.ok(typeof part === 'string' ? script.includes(part) : part.test(script), `${part} is not in:\n${script}`);
	const forward = await preview('forward');
	for (const part of [/\n {2}\$\{V_METHOD\} \$\{V_BASE\}\/orders\/\d+\?key=\$\{V_QUERY\}&id=\d+\n/, /\n {2}X-Shop: c\$\{V_HEADER\}\d+\n/])
		assert.match(forward, part);
	const mail = await preview('mail');
	for (const part of ['by ${V_SERVER}\n', 'from     ${V_FROM}\n', 'to       ${V_TO}\n', 'to       ${V_TWO}\n', /subject {2}\$\{V_SUBJECT\} \d+\n/, /\| d\$\{V_TEXT\}é \d+\n/, /\| <p>\$\{V_HTML\} \d+<\/p>\n/, /\| To: \$\{V_TO\},/, /\| Reply-To: .*\$\{V_TO\}/])
		assert.ok(typeof part === 'string' ? mail.includes(part) : part.test(mail), `${part} is not in:\n${mail}`);
	assert.ok((await preview('from')).includes('from     ${V_FROM}\n'));
	d.configure({ email: { ...all.email, server: undefined, username: undefined, password: undefined, tls: undefined, sendmail: [d.script('sendmail', 'cat'), '-x', '${V_SENDMAIL}'] } });
	assert.match(await preview('mail'), /by \S+ -x \$\{V_SENDMAIL\} .*\$\{V_TO\}/);
});

test('an address that the environment makes is not in the reason why a mail cannot be sent', limit, async (t) => {
	const d = new Daemon(t, { env });
	d.configure({ ...config(d), hooks: [{ name: 'mail', source: 'fedapay', on: '*', email: { to: 'a@example.com', cc: '${V_ARG}{{entity.id}}', subject: 'x', body: 'y' } }] });
	const { code, stdout } = await d.ctl('test', 'mail');
	assert.equal(code, 1);
	assert.match(stdout, /cannot be sent: email\.cc: is not an address, with the environment's value/);
	hide(stdout);
});
