// The store on a disk on which calls fail: errors.c does it, here it is run.
import { test } from 'node:test';
import { limit } from '../e2e/lib/wait.mjs';
import { build, drive, LONG } from './driver.mjs';
import { seed } from './random.mjs';

test('each call to the disk fails once and for long: refused or stored, and work goes on', { timeout: limit.timeout * 6 },
	(t) => drive(t, build('errors'), [LONG ? 1 : 60, seed]));
