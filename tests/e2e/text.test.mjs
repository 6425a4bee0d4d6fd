// Text of strangers where people read it: tables, show, the log, exports. Nothing in it steers a
// terminal, reorders what is around it, hides, or moves the columns.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon, HOOKCTL, place } from './lib/daemon.mjs';
import { newEvent } from './lib/fedapay.mjs';
import { onTerminal } from './lib/terminal.mjs';
import { limit } from './lib/wait.mjs';

const HIDDEN = [0x61c, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e,
	0x2060, 0x2066, 0x2067, 0x2068, 0x2069, 0xfeff, 0xad, 0x180e, 0xe0041, 0x85, 0x9b].map((c) => String.fromCodePoint(c));
const ACTS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u;
const PILE = 'e' + '\u0301'.repeat(40); // marks that would cover other lines

/** Without the colours and line ends that hookctl makes itself. */
const plain = (text) => text.replace(/\x1b\[[0-9;]*m/g, '').replaceAll('\r\n', '\n');

/** Columns on a terminal of what these tests use. */
const columns = (text) => [...text].reduce((sum, c) => sum + (/\p{M}/u.test(c) ? 0 : /[\u3000-\u9fff\uff00-\uff60\u{1f300}-\u{1f9ff}]/u.test(c) ? 2 : 1), 0);

const payment = (id, full_name, over = {}) => ({ entity: { ...newEvent().entity, id, reference: `ref-${id}`, ...over,
	customer: { ...newEvent().entity.customer, firstname: null, lastname: null, full_name, email: null } } });


test('characters that act unseen are escaped in each command\'s text and JSON, and in both logs', limit, async (t) => {
	const name = `Awa${HIDDEN.join('x')}${PILE}`;
	const config = (format) => ({ log: { format },
		hooks: (x) => [x.hook('ship', 'echo "$1"; exit 65', { on: ['transaction.approved'], args: ['{{entity.customer.full_name}}'] }),
			{ ...x.hook('never', 'true', { on: ['transaction.approved'] }), when: { 'entity.customer.full_name': 'Koffi' } }] });
	for (const format of ['text', 'json']) {
		const d = new Daemon(t, config(format));
		d.spawn();
		d.at = place(/listening.*address"?[=:]"?([\d.:]+)/.exec(await d.logged(/listening/))[1]);
		await d.logged(/hookd is ready/);
		const id = await d.store(payment(11, name, { reference: `r${name}`, description: name, mode: name }));
		await d.settled(id);
		await d.post(JSON.stringify({ name: 'transaction.approved', entity: { id: `1${name}` } }), { path: `/${encodeURIComponent(name)}` }).catch(() => {});
		assert.doesNotMatch(d.log.replaceAll('\n', ''), ACTS, 'log');
		for (const args of [['events'], ['deliveries'], ['transactions'], ['show', String(id)], ['show', 'transaction:11'],
			['show', String(id), '--payload'], ['export'], ['status'], ['stats'], ['test', 'ship', '--event', String(id)]]) {
			const { text } = await onTerminal(80, [HOOKCTL, '--config', d.configFile, ...args]);
			assert.doesNotMatch(plain(text), ACTS, `${args.join(' ')} on a terminal`);
			assert.doesNotMatch(text, /\u0301{5}/u, `${args.join(' ')}: piles of marks`);
		}
		for (const args of [['events', '--json'], ['deliveries', '--json'], ['transactions', '--json'], ['show', String(id), '--json'],
			['show', 'transaction:11', '--json'], ['show', String(id)], ['export', '--format', 'ndjson']]) {
			const { stdout } = await d.ctl(...args);
			assert.doesNotMatch(stdout.replaceAll('\n', ''), ACTS, args.join(' '));
		}
		const { payload } = JSON.parse((await d.ctl('show', String(id), '--json')).stdout);
		assert.equal(JSON.parse(payload).entity.customer.full_name, name, 'JSON keeps every character');
		assert.equal(JSON.parse((await d.ctl('show', String(id), '--payload')).stdout).entity.customer.full_name, name, 'byte for byte in a pipe');
		await d.stop();
	}
});

test('tables and plots align by columns of the terminal, in any locale', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship', 'true', { on: ['transaction.approved'] })] });
	const names = ['Awa', '日本語の名前', 'Zoe\u0301 E\u0302ve\u0301', '\u0301Zoé', PILE, 'ｗｉｄｅ', '🎁 cadeau', 'Ọláwálé'];
	for (const [i, name] of names.entries()) await d.store(payment(11 + i, name));
	for (const [screen, env] of [[100, { LC_ALL: 'C' }], [100, { LC_ALL: 'C.UTF-8' }], [60, { LC_ALL: 'C' }]]) {
		const { text } = await onTerminal(screen, [HOOKCTL, '--config', d.configFile, 'transactions'], { env });
		const lines = plain(text).trimEnd().split('\n');
		const at = columns(lines[0].slice(0, lines[0].indexOf('reference')));
		for (const line of lines) assert.ok(columns(line) <= screen, line);
		for (const line of lines.slice(1)) assert.equal(columns(line.slice(0, line.search(/ref-|…$|r…|re…/))), at, `${JSON.stringify(env)}:\n${plain(text)}`);
		assert.ok(screen < 100 || lines.some((line) => line.includes('日本語の名前')), 'not escaped');
		assert.ok(screen < 100 || lines.some((line) => line.includes('\\xcc\\x81Zo')), 'a mark without a character');
	}
});
