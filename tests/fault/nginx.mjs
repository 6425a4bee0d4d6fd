// Debian's nginx before hookd, as a process of the test's own, and a tap between the two.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { waitFor } from '../e2e/lib/wait.mjs';

/* How a proxy may be set up; each a port of its own. */
export const KINDS = {
	'as usual': '',
	'bodies passed on as they come': 'proxy_request_buffering off;',
	'lenient, bodies passed on as they come': `proxy_request_buffering off; ignore_invalid_headers off;
		underscores_in_headers on; merge_slashes off;`,
};

const config = (dir, upstream, ports) => `daemon off; pid ${dir}/nginx.pid; error_log ${dir}/error.log info; worker_processes 1;
${process.getuid() === 0 ? 'user root;' : ''}
events { worker_connections 512; }
http {
	log_format upstream '$server_port|$request_uri|$status|$upstream_header_time';
	access_log ${dir}/access.log upstream;
	client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/fastcgi;
	uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
	client_header_timeout 1s; client_body_timeout 1s; keepalive_timeout 1s; client_max_body_size 1m; lingering_close off;
	upstream hookd { server 127.0.0.1:${upstream}; keepalive 16; }
	proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
	proxy_set_header X-Forwarded-For $remote_addr; proxy_next_upstream off; proxy_ignore_client_abort on;
	${Object.values(KINDS).map((kind, i) => `server { listen 127.0.0.1:${ports[i]}; ${kind} location / { proxy_pass http://hookd; } }`).join('\n\t')}
}
`;

const listening = (server) => new Promise((done, failed) => server.once('error', failed).listen(0, '127.0.0.1', () => done(server.address().port)));

async function freePorts(count) {
	const servers = Array.from({ length: count }, () => net.createServer());
	const ports = await Promise.all(servers.map(listening));
	await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
	return ports;
}

export class Nginx {
	/** Before `d`: a port for each of KINDS in `ports`. */
	static async start(t, d) {
		const nginx = new Nginx();
		nginx.dir = d.dir;
		nginx.answers = 0; // final ones, from hookd
		nginx.connections = 0;
		nginx.tap = net.createServer((from) => nginx.relay(from, d.at));
		const upstream = await listening(nginx.tap);
		nginx.ports = await freePorts(Object.keys(KINDS).length);
		writeFileSync(`${d.dir}/nginx.conf`, config(d.dir, upstream, nginx.ports));
		nginx.child = spawn('/usr/sbin/nginx', ['-p', d.dir, '-c', `${d.dir}/nginx.conf`], { stdio: ['ignore', 'ignore', 'pipe'] });
		nginx.child.stderr.on('data', (part) => { nginx.errors = `${nginx.errors ?? ''}${part}`; });
		const ended = new Promise((done) => nginx.child.once('close', done));
		const before = d.last;
		d.last = async () => { // before the directory goes
			nginx.child.kill('SIGTERM');
			await ended;
			nginx.tap.close();
			await before?.();
		};
		await waitFor(() => {
			if (nginx.child.exitCode !== null) throw new Error(`nginx: ${nginx.errors}`);
			return Promise.all(nginx.ports.map((port) => new Promise((done) => {
				const probe = net.connect(port, '127.0.0.1', () => { probe.destroy(); done(true); });
				probe.on('error', () => done(false));
			}))).then((up) => up.every(Boolean));
		}, 'nginx to listen');
		return nginx;
	}

	/** Counts the answers that pass; none of hookd's bodies looks like one. */
	relay(from, at) {
		const to = net.connect(at);
		let rest = '';
		this.connections++;
		to.on('data', (part) => {
			const text = rest + part.toString('latin1');
			this.answers += text.match(/HTTP\/1\.1 [2-5]\d\d /g)?.length ?? 0;
			rest = text.slice(-12).replace(/.*HTTP\/1\.1 [2-5]\d\d /, '');
		});
		for (const [one, other] of [[from, to], [to, from]]) {
			one.on('error', () => other.destroy());
			one.pipe(other);
		}
	}

	/** The requests that it has logged: [{port, uri, status, answered}]. */
	get log() {
		return readFileSync(`${this.dir}/access.log`, 'latin1').split('\n').filter(Boolean).map((line) => {
			const [port, uri, status, time] = line.split('|');
			return { port: Number(port), uri, status: Number(status), answered: /^[\d.]+$/.test(time) };
		});
	}
}
