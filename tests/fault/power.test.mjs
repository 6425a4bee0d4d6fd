// Runs power.c: the store on a disk that loses power. LOSSES=1000 is the long run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limit } from '../e2e/lib/wait.mjs';
import { build, drive } from './driver.mjs';
import { seed } from './random.mjs';

const LOSSES = Number(process.env.LOSSES ?? 80);

test('the power fails at random moments: what was acknowledged is stored', { timeout: limit.timeout + LOSSES * 5_000 }, async (t) => {
	const said = await drive(t, build('power'), [LOSSES, seed]);
	assert.match(said, new RegExp(`power: ${LOSSES} losses, `));
});
