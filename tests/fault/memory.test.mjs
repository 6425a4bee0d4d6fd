// Runs memory.c: hookd's parsers and store when allocations fail.
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { limit } from '../e2e/lib/wait.mjs';
import { build, drive, LONG } from './driver.mjs';
import { seed } from './random.mjs';

const CORPUS = fileURLToPath(new URL('../fuzz/corpus', import.meta.url));

test('each allocation fails once and for long: out of memory is reported, or the result is the same', { timeout: limit.timeout * 6 },
	(t) => drive(t, build('memory'), [CORPUS, LONG ? 10 : 400, seed]));
