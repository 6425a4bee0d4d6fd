// Runs a program to its end.
import { spawn } from 'node:child_process';
import { GENEROUS, within } from './wait.mjs';

/** {code, signal, stdout, stderr, bytes}; `input` goes to its standard input, or is a function that writes
 * there; after `ms` it is killed. */
export async function run(program, args, { input = '', env = {}, cwd = '/', ms = GENEROUS } = {}) {
	const child = spawn(program, args, { cwd, env: { ...process.env, ...env } });
	const out = [];
	const err = [];
	child.stdout.on('data', (part) => out.push(part));
	child.stderr.on('data', (part) => err.push(part));
	child.stdin.on('error', () => {}); // it need not read
	if (typeof input === 'function') input(child);
	else child.stdin.end(input);
	const ended = new Promise((resolve, reject) => {
		child.once('error', reject);
		child.once('close', (code, signal) => resolve({ code, signal }));
	});
	const end = await within(ended, `${program} ${args.join(' ')}`, ms).catch((error) => {
		child.kill('SIGKILL');
		throw error;
	});
	const bytes = Buffer.concat(out);
	return { ...end, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString() };
}
