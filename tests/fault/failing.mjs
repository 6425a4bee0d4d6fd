// What a test preloads into hookd so that its calls fail when told so: failing.c, failing_memory.c.
import assert from 'node:assert/strict';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../e2e/lib/program.mjs';

const CALLS = { open: 1, read: 2, write: 4, sync: 8, truncate: 16 };

export class Failing {
	/** For a daemon that is not started yet; name: "failing" or "failing_memory". */
	static async preload(t, d, name) {
		const failing = new Failing();
		const library = `${d.dir}/${name}.so`;
		const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url));
		const built = await run('cc', ['-shared', '-fPIC', '-O1', '-D_GNU_SOURCE', '-o', library, source]);
		assert.equal(built.code, 0, built.stderr);
		failing.fd = openSync(d.file('failing', Buffer.alloc(16)), 'r+');
		t.after(() => closeSync(failing.fd));
		/* To the daemon alone, not to hookctl. */
		d.wrap = [...d.wrap, 'env', `LD_PRELOAD=${library}`, `FAILING=${d.dir}/failing`, `FAILING_DIRECTORY=${dirname(d.config.store.path)}`,
			'ASAN_OPTIONS=verify_asan_link_order=0'];
		return failing;
	}

	set(calls, error, every = 0) {
		const bytes = Buffer.alloc(12);
		bytes.writeUInt32LE(calls, 0);
		bytes.writeInt32LE(error, 4);
		bytes.writeUInt32LE(every, 8);
		writeSync(this.fd, bytes, 0, 12, 0);
	}

	/** From now on: fail(['write', 'sync'], 'EIO'). */
	fail(calls, error) { this.set(calls.reduce((bits, call) => bits | CALLS[call], 0), constants.errno[error]); }

	/** Every Nth allocation fails. */
	failMemory(every) { this.set(0, 0, every); }

	heal() { this.set(0, 0); }

	/** How many calls have failed. */
	get failed() {
		const bytes = Buffer.alloc(4);
		readSync(this.fd, bytes, 0, 4, 12);
		return bytes.readUInt32LE(0);
	}
}
