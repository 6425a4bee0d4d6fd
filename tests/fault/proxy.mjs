// Starts a reverse proxy in front of hookd, with a tap between the two.
import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { waitFor } from '../e2e/lib/wait.mjs';

const listening = (server) => new Promise((done, failed) => server.once('error', failed).listen(0, '127.0.0.1', () => done(server.address().port)));

async function freePorts(count) {
	const servers = Array.from({ length: count }, () => net.createServer());
	const ports = await Promise.all(servers.map(listening));
	await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
	return ports;
}

export class Proxy {
	/** In front of `d`: `program` of proxies.mjs, a port for each of its kinds in `ports`. */
	static async start(t, d, program) {
		const proxy = new Proxy();
		proxy.program = program;
		proxy.dir = d.dir;
		proxy.answers = 0; // final ones, from hookd
		proxy.connections = 0;
		proxy.tap = net.createServer((from) => proxy.relay(from, d.at));
		const upstream = await listening(proxy.tap);
		proxy.ports = await freePorts(Object.keys(program.kinds).length);
		for (const [name, text] of Object.entries(program.files(d.dir, upstream, proxy.ports)))
			writeFileSync(`${d.dir}/${name}`, text);
		const output = openSync(`${d.dir}/output.log`, 'w');
		const [command, ...args] = program.command(d.dir);
		proxy.child = spawn(command, args, { stdio: ['ignore', output, output], env: { HOME: d.dir, PATH: process.env.PATH } });
		const ended = new Promise((done) => proxy.child.once('close', done));
		const before = d.last;
		d.last = async () => { // before the directory is removed
			proxy.child.kill('SIGTERM');
			await ended;
			proxy.tap.close();
			await before?.();
		};
		await waitFor(() => {
			if (proxy.child.exitCode !== null) throw new Error(`${command}: ${readFileSync(`${d.dir}/output.log`, 'utf8')}`);
			return Promise.all(proxy.ports.map((port) => new Promise((done) => {
				const probe = net.connect(port, '127.0.0.1', () => { probe.destroy(); done(true); });
				probe.on('error', () => done(false));
			}))).then((up) => up.every(Boolean));
		}, `${command} to listen`);
		return proxy;
	}

	/** Counts the answers that pass; none of hookd's bodies looks like one. libmicrohttpd 0.9.75's
	 * own refusal of a Content-Length, which closes the connection, writes its head twice. */
	relay(from, at) {
		const to = net.connect(at);
		let rest = '';
		this.connections++;
		to.on('data', (part) => {
			const text = rest + part.toString('latin1').replace(/(HTTP\/1\.1 4\d\d [^]*?\r\n\r\n)\1/g, '$1');
			this.answers += text.match(/HTTP\/1\.1 [2-5]\d\d /g)?.length ?? 0;
			rest = text.slice(-12).replace(/.*HTTP\/1\.1 [2-5]\d\d /, '');
		});
		for (const [one, other] of [[from, to], [to, from]]) {
			one.on('error', () => other.destroy());
			one.pipe(other);
		}
	}

	/** The requests that it has logged: [{uri, status, answered}]. */
	get log() {
		const file = `${this.dir}/${this.program.log}`;
		const lines = existsSync(file) ? readFileSync(file, 'latin1').split('\n') : [];
		return lines.filter(Boolean).map(this.program.entry);
	}
}
