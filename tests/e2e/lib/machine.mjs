// What a RESULTS file says about the run: when, on which kind of machine, of which commit.
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

function commit() {
	const git = (...args) => execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
	try {
		return git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain', 'src', 'include', 'Makefile') === '' ? '' : ', with changes');
	} catch {
		return 'unknown';
	}
}

/** Lines of Markdown to open a RESULTS file with; `command` is what was run. */
export function opening(title, command) {
	const processors = cpus();
	return [`# ${title}`, '', `Written by \`${command}\`; do not edit.`, '',
		'| | |', '|---|---|',
		`| date | ${new Date().toISOString().slice(0, 10)} |`,
		`| commit | ${commit()} |`,
		`| processors | ${processors.length} × ${processors[0]?.model ?? 'unknown'} |`,
		`| memory | ${Math.round(totalmem() / 2 ** 30)} GiB |`,
		`| kernel | Linux ${release()} |`, ''];
}
