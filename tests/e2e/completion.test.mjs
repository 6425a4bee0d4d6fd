// Tab completion: each shell reads its script, and offers the commands, their options and what these take.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Daemon, HOOKCTL } from './lib/daemon.mjs';
import { run } from './lib/program.mjs';
import { limit } from './lib/wait.mjs';

/** A directory with hookctl in its bin/ and a shell's script. */
async function prepare(t, shell) {
	const dir = mkdtempSync(join(tmpdir(), 'hookd-completion-'));
	t.after(() => rmSync(dir, { recursive: true }));
	mkdirSync(join(dir, 'bin'));
	symlinkSync(HOOKCTL, join(dir, 'bin/hookctl'));
	const { code, stdout, stderr } = await run(HOOKCTL, ['completion', shell]);
	assert.equal(code, 0, stderr);
	const script = join(dir, shell === 'zsh' ? '_hookctl' : 'script');
	writeFileSync(script, stdout);
	return { dir, script, env: { PATH: `${join(dir, 'bin')}:${process.env.PATH}`, HOME: dir } };
}

/* What is typed, what must be offered then, and what must not. */
const CASES = [
	['', ['status', 'events', 'deliveries', 'replay'], ['--limit']],
	['ev', ['events'], ['status']],
	['events --', ['--type', '--follow', '--utc', '--config'], ['--rate', 'status']],
	['events --l', ['--limit'], ['--type']],
	['events --state d', ['done', 'dead'], ['ready']],
	['deliveries --type payout.s', ['payout.sent'], ['payout.created']],
	['quarantine re', ['release'], ['list']],
	['replay --r', ['--rate'], ['--yes']],
];

for (const [shell, complete] of [
	['bash', async ({ script, env }, words) => {
		const list = words.split(' ');
		const program = `source '${script}'; COMP_WORDS=(hookctl ${words}${words.endsWith(' ') || words === '' ? "''" : ''})
			COMP_CWORD=${list.length}; compopt() { :; }; _hookctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
		return run('bash', ['--norc', '-c', program], { env });
	}],
	['fish', ({ script, env }, words) => run('fish', ['--no-config', '-c', `source '${script}'; complete -C 'hookctl ${words}'`], { env })],
	['zsh', async ({ dir, env }, words) => {
		/* On a terminal, as its completion knows no other way: the list that the first tab draws. */
		const init = `PS1='>'; fpath=('${dir}' $fpath); autoload -Uz compinit; compinit -u -d '${dir}/dump'
			zstyle ':completion:*' list-prompt ''; setopt no_always_last_prompt list_rows_first; LISTMAX=500
			compadd() { local -a found; builtin compadd -O found "$@"; (( $#found )) && print -rl -- $found >>'${dir}/offered'; builtin compadd "$@" }
			_complete_now() { _main_complete; exit }
			zle -C now list-choices _complete_now; bindkey '^T' now\n`;
		writeFileSync(join(dir, '.zshrc'), init);
		writeFileSync(join(dir, 'offered'), '');
		const { code } = await run('script', ['-qec', 'stty cols 200 rows 50; zsh -i', '/dev/null'],
			{ env: { ...env, ZDOTDIR: dir }, input: `hookctl ${words}\x14\nexit\n` });
		return { code, stderr: '', stdout: (await run('cat', [join(dir, 'offered')])).stdout };
	}],
]) {
	test(`${shell} completes commands, options and their arguments`, limit, async (t) => {
		const place = await prepare(t, shell);
		for (const [words, wanted, unwanted] of CASES) {
			const { stdout, stderr } = await complete(place, words);
			const offered = stdout.split('\n').map((line) => line.split('\t')[0].trim());
			for (const word of wanted) assert.ok(offered.includes(word), `${words}: ${word} is missing in ${stdout}${stderr}`);
			for (const word of unwanted) assert.ok(!offered.includes(word), `${words}: ${word} is too much in ${stdout}`);
		}
	});
}

test('hooks are those of the store', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship', 'true'), x.hook('book', 'true')] });
	assert.equal((await d.ctl('completion', 'hooks')).stdout, 'book\nship\n');
	const { code, stderr } = await d.ctl('completion', 'tcsh');
	assert.equal(code, 2);
	assert.match(stderr, /bash, zsh, fish/);
});
