// Runs errors.c: the store on a disk on which calls fail.
import { test } from 'node:test';
import { limit } from '../e2e/lib/wait.mjs';
import { build, drive, LONG } from './driver.mjs';
import { seed } from './random.mjs';

test('each disk call fails once and for long: refused or stored, and work resumes', { timeout: limit.timeout * 6 },
	(t) => drive(t, build('errors'), [LONG ? 1 : 60, seed]));
