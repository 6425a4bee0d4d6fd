// The documents are right: messages exist, targets are named, links lead somewhere, and the YAML
// that a reader copies is a config that hookd accepts.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Daemon, HOOKD } from './lib/daemon.mjs';
import { run } from './lib/program.mjs';
import { limit } from './lib/wait.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const PAGES = ['README.md', '.github/SECURITY.md', 'conf/README.md', 'conf/README.fr.md', 'systemd/README.md',
	'src/README.md', 'tests/README.md', 'tests/bench/README.md', 'tests/fault/README.md'];

/* C's string literals, those that follow each other joined, as the compiler joins them. */
const LITERAL = /"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*/g;
const joined = (text) => text.replace(/"\s*"/g, '').slice(1, -1).replaceAll('\\"', '"');

const sources = readdirSync(join(ROOT, 'src'), { recursive: true }).filter((name) => name.endsWith('.c'))
	.map((name) => read(`src/${name}`).replace(/\/\*[^]*?\*\//g, ''));
const literals = sources.flatMap((text) => text.match(LITERAL) ?? []).map(joined);

/* hookd(8) names a message by its beginning, up to the end or a punctuation mark. */
const begins = (message, item) => message.startsWith(item) && /^($|[:;,]| \()/.test(message.slice(item.length));

test("hookd(8)'s DIAGNOSTICS are messages of hookd, and all its errors and warnings are among them", limit, () => {
	const section = /\.Sh DIAGNOSTICS\n([^]*?)\n\.Sh /.exec(read('src/man/hookd.8'))[1];
	const items = [...section.matchAll(/^\.It (.*)$/gm)].map((match) => match[1]);
	assert.ok(items.length > 30);
	const quoted = [...section.matchAll(/^\.Dq (.*?)(?: [.,;])?$/gm)].map((match) => match[1]);
	assert.deepEqual([...items, ...quoted].filter((item) => !literals.some((text) => begins(text, item))), [], 'exist in the sources');

	const logged = sources.flatMap((text) => [...text.matchAll(/log_(?:error|warn)\((?:[^;"]*?,\s*)?((?:"(?:[^"\\]|\\.)*"\s*)+)/g)])
		.map((match) => joined(match[1].trim()));
	assert.ok(logged.length > 50);
	assert.deepEqual([...new Set(logged)].filter((text) => !items.some((item) => begins(text, item))), [], 'are explained');
});

test('the README has at most 250 lines and names each target of make', limit, () => {
	const readme = read('README.md');
	assert.ok(readme.split('\n').length <= 251, 'at most 250 lines');
	const targets = [...read('Makefile').matchAll(/^([a-z-]+):.*## /gm)].map((match) => match[1]);
	const unnamed = targets.filter((name) => !['all', 'clean', 'help'].includes(name) && !readme.includes(`make ${name}`));
	assert.deepEqual(unnamed, []);
});

/* A heading's anchor, as GitHub and Gitea make it. */
const anchor = (heading) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');

test('links between the pages lead somewhere', limit, () => {
	const broken = PAGES.flatMap((page) => [...read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].filter(([, path, part]) => {
		const target = path === '' ? page : join(dirname(page), path);
		if (/RESULTS(-\w+)?\.md$/.test(target)) return false; // written by a run
		if (!existsSync(join(ROOT, target))) return true;
		return part !== undefined && ![...read(target).matchAll(/^#+ (.*)$/gm)].some((match) => anchor(match[1]) === decodeURI(part));
	}).map(([link]) => `${page}: ${link}`));
	assert.deepEqual(broken, []);
});

/* A sample as a whole config for this machine: with a source, paths of the tree, and a user where root runs hookd. */
function whole(sample, d) {
	const text = sample.replaceAll('/usr/local/share/hookd/mail', join(ROOT, 'conf/mail'))
		.replaceAll(/\/usr\/local\/bin\/[\w-]+/g, '/bin/true')
		.replaceAll(/^( *)(- )?run: .*$/gm, process.getuid() === 0 ? '$&\n$1user: root' : '$&');
	const source = `sources: [{name: fedapay, path: /webhooks/fedapay, scheme: fedapay, secrets: [{file: ${d.secretFile}}]}]\n`;
	const email = `email: {sendmail: /bin/true, from: shop@example.com}\n`;
	const has = (key) => new RegExp(`^${key}:`, 'm').test(text);
	return (has('sources') ? '' : source) + (has('email') ? '' : email) + text;
}

test('the YAML of the pages is a config that hookd accepts', limit, async (t) => {
	const d = new Daemon(t);
	const credentials = join(d.dir, 'credentials');
	mkdirSync(credentials);
	for (const name of ['fedapay-secret', 'smtp-password', 'erp-secret'])
		d.file(`credentials/${name}`, `wh_sandbox_${name}\n`, 0o600);
	d.file('credentials/fedapay-api-key', 'sk_sandbox_fedapay\n', 0o600);
	const samples = PAGES.flatMap((page) => [...read(page).matchAll(/^```yaml\n([^]*?)^```/gm)].map((match) => ({ page, sample: match[1] })))
		.filter(({ sample }) => /^(sources|hooks|on_failure|email):/m.test(sample));
	assert.ok(samples.length >= 5);
	for (const { page, sample } of samples) {
		const config = d.file('sample.yaml', whole(sample, d));
		const checked = await run(HOOKD, ['--config', config, '--check'], { env: { CREDENTIALS_DIRECTORY: credentials } });
		assert.equal(checked.code, 0, `${page}:\n${sample}\n${checked.stderr}`);
	}
});
