// What `hookd --check` makes of configs that are large, strange or mean nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Daemon, HOOKD } from './lib/daemon.mjs';
import { run } from './lib/program.mjs';
import { limit } from './lib/wait.mjs';

/* Texts of less than 800 KB that would be gigabytes with their aliases written out. */
const bombs = {
	'a long text, many times': `big: &b "${'x'.repeat(760000)}"\nlist: [${Array(2500).fill('*b').join(', ')}]\n`,
	'a long key, many times': `big: &b\n  ? "${'x'.repeat(760000)}"\n  : 1\nlist: [${Array(2500).fill('*b').join(', ')}]\n`,
	'texts of texts': `a: &a [${Array(300).fill(`"${'x'.repeat(2000)}"`)}]\nb: &b [${Array(300).fill('*a')}]\nc: [${Array(300).fill('*b')}]\n`,
	'lists of lists': `a0: &a0 [x]\n${Array.from({ length: 25 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}]\n`).join('')}`,
	'a template in each hook': `text: &t "${'{{a}}'.repeat(150000)}"\nhooks: [${Array(9000).fill('{run: [/bin/true, *t]}').join(', ')}]\n`,
};

for (const [what, text] of Object.entries(bombs)) {
	test(`aliases that repeat ${what}: refused with the line, in 300 MB`, limit, async (t) => {
		const d = new Daemon(t);
		d.file('bomb.yaml', text);
		const checked = await run('sh', ['-c', `ulimit -v 300000; exec ${HOOKD} --config ${d.dir}/bomb.yaml --check`]);
		assert.equal(checked.code, 78, checked.stderr);
		assert.match(checked.stderr, /bomb\.yaml:\d+:\d+: (aliases repeat too much text|too many values): expected at most/);
		assert.doesNotMatch(checked.stderr, /out of memory/);
	});
}
