// Tab completion: each shell reads its file, and offers the commands, their options and what these take.
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Daemon, HOOKCTL } from './lib/daemon.mjs';
import { run } from './lib/program.mjs';
import { limit } from './lib/wait.mjs';

const FILES = { bash: 'hookctl.bash', zsh: '_hookctl', fish: 'hookctl.fish' };
const pathOf = (shell) => fileURLToPath(new URL(`../../src/hookctl/completion/${FILES[shell]}`, import.meta.url));

/** A directory with hookctl in its bin/ (or `program`, a script) and a shell's file. */
function prepare(t, shell, program) {
	const dir = mkdtempSync(join(tmpdir(), 'hookd-completion-'));
	t.after(() => rmSync(dir, { recursive: true }));
	mkdirSync(join(dir, 'bin'));
	if (program === undefined) symlinkSync(HOOKCTL, join(dir, 'bin/hookctl'));
	else writeFileSync(join(dir, 'bin/hookctl'), program, { mode: 0o755 });
	const script = join(dir, FILES[shell]);
	copyFileSync(pathOf(shell), script);
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

const SHELLS = [
	['bash', async ({ script, env }, words) => {
		const list = words.split(' ');
		const program = `source '${script}'; COMP_WORDS=(hookctl ${words}${words.endsWith(' ') || words === '' ? "''" : ''})
			COMP_CWORD=${list.length}; compopt() { :; }; _hookctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
		return run('bash', ['--norc', '-c', program], { env });
	}],
	['fish', ({ script, env }, words) => run('fish', ['--no-config', '-c', `source '${script}'; complete -C 'hookctl ${words}'`], { env })],
	['zsh', async ({ dir, env }, words) => {
		/* On a terminal, because its completion works only there: the list that the first
		 * tab draws. */
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
];

const offered = (stdout) => stdout.split('\n').map((line) => line.split('\t')[0].trim());

for (const [shell, complete] of SHELLS) {
	test(`${shell} completes commands, options and their arguments`, limit, async (t) => {
		const place = prepare(t, shell);
		for (const [words, wanted, unwanted] of CASES) {
			const { stdout, stderr } = await complete(place, words);
			for (const word of wanted) assert.ok(offered(stdout).includes(word), `${words}: ${word} is missing in ${stdout}${stderr}`);
			for (const word of unwanted) assert.ok(!offered(stdout).includes(word), `${words}: ${word} is too much in ${stdout}`);
		}
	});

	test(`${shell} expands nothing that a hook's name contains`, limit, async (t) => {
		const place = prepare(t, shell, '#!/bin/sh\ncat "$HOME/names"\n');
		const ran = join(place.dir, 'ran');
		writeFileSync(join(place.dir, 'names'), ['$(touch ', '`touch ', '"; touch '].map((before, i) => `${before}${ran}${[')', '`', '; "'][i]}\n`).join('') + 'ship\n');
		for (const words of ['pause ', 'pause s', 'replay --hook ', 'replay --hook s']) {
			const { stdout } = await complete(place, words);
			assert.ok(offered(stdout).includes('ship'), `${words}: ${stdout}`);
			assert.ok(!existsSync(ran), words);
		}
	});
}

/** {command: {option: {summary, argument}}} as --help has it. */
async function help() {
	const list = async (...args) => (await run(HOOKCTL, [...args, '--help'])).stdout;
	const commands = [...(await list()).matchAll(/^ {2}([a-z][a-z-]*) +(.*)$/gm)];
	assert.ok(commands.length > 20);
	return Promise.all(commands.map(async ([, name, summary]) => ({ name, summary,
		options: [...(await list(name)).matchAll(/^ {2}--([a-z-]+)( \S+)? +(.*)$/gm)]
			.map(([, option, argument, text]) => ({ option, takes: argument !== undefined, text }))
			.filter(({ option }) => !['config', 'help'].includes(option)) })));
}

const sorted = (list) => list.map(String).sort();
const names = ({ options }) => sorted(options.map(({ option }) => option));

test('bash: the file has each command and option, and no other', limit, async () => {
	const text = readFileSync(pathOf('bash'), 'utf8').replaceAll('\\\n', ' ');
	const options = text.slice(text.indexOf('\n_hookctl_offer_options()'));
	const list = (command) => new RegExp(`^\t${command}\\) _hookctl_offer ([^;]*);;`, 'm').exec(options)[1].trim().split(/\s+/);
	const commands = await help();
	assert.deepEqual(list("''").sort(), sorted([...commands.map(({ name }) => name), '--version']));
	for (const command of commands) assert.deepEqual(sorted(list(command.name).map((word) => word.slice(2))), names(command), command.name);
	assert.match(text, /_hookctl_offer --config --help\n/);
	const arguments_ = /case \$prev in\n([^]*?)\*\) return 1/.exec(text)[1].match(/--[a-z-]+(?=[ )|])/g);
	const taking = commands.flatMap(({ options }) => options.filter(({ takes }) => takes).map(({ option }) => `--${option}`));
	assert.deepEqual(arguments_.sort(), sorted([...new Set([...taking, '--config'])]));
});

test('zsh: the file has each command and option with its summary, and no other', limit, async () => {
	const text = readFileSync(pathOf('zsh'), 'utf8');
	const plain = (escaped) => escaped.replaceAll("'\\''", "'").replaceAll(/\\([[\]:])/g, '$1');
	const commands = await help();
	assert.deepEqual([...text.matchAll(/^\t\t'([a-z-]+):(.*)'$/gm)].map(([, name, summary]) => [name, plain(summary)]),
		commands.map(({ name, summary }) => [name, summary]));
	for (const command of commands) {
		const part = new RegExp(`^\t\t${command.name}\\) _arguments \\$common ([^]*?);;`, 'm').exec(text)[1];
		const options = [...part.matchAll(/^\t\t\t'--([a-z-]+)(=?)\[((?:[^\]\\]|\\.)*)\]/gm)]
			.map(([, option, argument, summary]) => ({ option, takes: argument === '=', text: plain(summary) }));
		assert.deepEqual(options, command.options, command.name);
	}
	assert.equal(text.match(/\) _arguments \$common/g).length, commands.length);
});

test('fish: the file has each command and option with its summary, and no other', limit, async () => {
	const lines = readFileSync(pathOf('fish'), 'utf8').split('\n').filter((line) => line.startsWith('complete '));
	const plain = (escaped) => escaped.replaceAll(/\\(['\\])/g, '$1');
	const commands = await help();
	const match = (pattern) => lines.map((line) => pattern.exec(line)).filter(Boolean);
	assert.deepEqual(match(/-n __fish_use_subcommand -a ([a-z-]+) -d '(.*)'$/).map(([, name, summary]) => [name, plain(summary)]),
		commands.map(({ name, summary }) => [name, summary]));
	for (const command of commands)
		assert.deepEqual(match(new RegExp(`-n '__fish_seen_subcommand_from ${command.name}' -l ([a-z-]+)( -[rx])?.* -d '(.*)'$`))
			.map(([, option, argument, summary]) => ({ option, takes: argument !== undefined, text: plain(summary) })), command.options, command.name);
	const options = commands.reduce((sum, command) => sum + command.options.length, 0);
	assert.equal(match(/ -l /).length, options + 3, 'with --config, --help, --version');
});

test('hooks are those of the store', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: (x) => [x.hook('ship', 'true'), x.hook('book', 'true')] });
	assert.equal((await d.ctl('completion', 'hooks')).stdout, 'book\nship\n');
	const { code, stderr } = await d.ctl('completion', 'bash');
	assert.equal(code, 2);
	assert.match(stderr, /expected hooks/);
});
