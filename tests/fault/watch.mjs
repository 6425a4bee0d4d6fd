// Watches a running hookd: its memory, descriptors and threads must stay the same, and no zombie
// or RUNNING delivery may remain.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const STUCK = 90_000; // ms: every action here is shorter

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

export class Watch {
	constructor(d) {
		Object.assign(this, { d, samples: [], zombies: new Set(), running: new Map(), oldest: 0 });
		this.sanitized = /lib(asan|tsan|ubsan)/.test(readFileSync(`/proc/${d.pid}/maps`, 'utf8'));
	}

	status() {
		const text = readFileSync(`/proc/${this.d.pid}/status`, 'utf8');
		const of = (field) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)[1]);
		return { memory_kib: of('VmRSS'), threads: of('Threads'), descriptors: this.d.descriptors };
	}

	sample() { this.samples.push(this.status()); }

	/* By the store's path, as the config may be broken just now. status exits 1 when something is wrong. */
	async ask(...args) {
		const { code, stdout, stderr } = await this.d.ctl(...args, '--json', '--store', this.d.config.store.path);
		assert.ok(code === 0 || code === 1, `hookctl ${args[0]}: ${code} ${stderr}`);
		return stdout;
	}

	/** Checks that nothing is stuck. Resolves to the deliveries that wait or run. */
	async look() {
		const { d } = this;
		const zombies = Object.entries(d.children).filter(([, state]) => state === 'Z').map(([pid]) => pid);
		for (const pid of zombies) assert.ok(!this.zombies.has(pid), `child ${pid} was not waited for`);
		this.zombies = new Set(zombies);

		const stdout = await this.ask('deliveries', '--state', 'running', '--limit', '10000');
		const now = new Map();
		for (const { id, attempts } of stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line))) {
			const key = `${id}/${attempts}`;
			now.set(key, this.running.get(key) ?? Date.now());
			this.oldest = Math.max(this.oldest, Date.now() - now.get(key));
			assert.ok(Date.now() - now.get(key) < STUCK, `delivery ${id} stays RUNNING`);
		}
		this.running = now;
		const { waiting, running } = JSON.parse(await this.ask('status'));
		return waiting + running;
	}

	/** Checks that nothing is left once all is done. */
	settled() {
		assert.deepEqual(this.d.children, {}, 'children when nothing runs');
		this.after = this.status();
	}

	/** {memory_kib: {second, last, max, after}, …}: medians of the second and last quarter, the
	 * maximum, and the value once all was done. */
	figures() {
		const quarter = Math.floor(this.samples.length / 4);
		assert.ok(quarter > 4, 'too few samples');
		return Object.fromEntries(['memory_kib', 'descriptors', 'threads'].map((name) => {
			const all = this.samples.map((s) => s[name]);
			return [name, { second: median(all.slice(quarter, 2 * quarter)), last: median(all.slice(-quarter)),
				max: Math.max(...all), after: this.after[name] }];
		}).concat([['samples', this.samples.length], ['longest_running_ms', this.oldest]]));
	}
}
