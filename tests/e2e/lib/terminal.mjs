// A program on a terminal of its own: what it prints there.
import { run } from './program.mjs';

const quote = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/** Runs argv on a pseudo-terminal of so many columns; resolves to what it wrote there.
 * `input` is what is typed, or a function that types it. */
export async function onTerminal(columns, argv, { env = {}, input } = {}) {
	const words = Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`);
	const command = `stty cols ${columns} rows 24 -echo; ${words.join(' ')} ${argv.map(quote).join(' ')}`;
	const { code, stdout } = await run('script', ['-qec', command, '/dev/null'], { input });
	return { code, stdout, text: stdout.replaceAll('\r\n', '\n') };
}
