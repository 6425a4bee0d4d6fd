// Clients: a well-behaved one, and one that writes any bytes.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { GENEROUS } from './wait.mjs';

/** One request by node's own client: {status, headers, text, json}. `at` is
 * where to: {host, port} or {socketPath}, with `tls` options for https. */
export function request(at, { method = 'POST', path, headers = {}, body, agent = false, chunked }) {
	return new Promise((resolve, reject) => {
		const { tls, ...where } = at;
		const length = body === undefined || chunked ? {} : { 'Content-Length': Buffer.byteLength(body) };
		const options = { ...where, ...tls, method, path, agent, headers: { ...length, ...headers } };
		const req = (tls ? https : http).request(options, (res) => {
			const parts = [];
			res.on('data', (part) => parts.push(part));
			res.on('error', reject);
			res.on('end', () => {
				const text = Buffer.concat(parts).toString();
				resolve({ status: res.statusCode, headers: res.headers, text, port: req.socket?.localPort,
					get json() { return JSON.parse(text); } });
			});
		});
		req.setTimeout(GENEROUS, () => req.destroy(new Error(`no answer to ${method} ${path}`)));
		req.on('error', reject);
		if (chunked) for (const part of [].concat(chunked)) req.write(part);
		req.end(chunked ? undefined : body);
	});
}

/** A connection for bytes: write(), and what came back so far in `text`. */
export class Raw {
	static open(at) {
		return new Promise((resolve, reject) => {
			const socket = net.connect({ ...(at.socketPath ? { path: at.socketPath } : at), noDelay: true,
				allowHalfOpen: true });
			socket.once('error', reject);
			socket.once('connect', () => {
				socket.removeListener('error', reject);
				resolve(new Raw(socket));
			});
		});
	}

	constructor(socket) {
		this.socket = socket;
		this.bytes = Buffer.alloc(0);
		this.closed = false; // the server has ended the connection, in any way
		socket.on('data', (part) => { this.bytes = Buffer.concat([this.bytes, part]); });
		socket.on('end', () => { this.closed = true; socket.end(); });
		socket.on('error', () => { this.closed = true; });
		socket.on('close', () => { this.closed = true; });
	}

	get text() { return this.bytes.toString('latin1'); }

	/** The complete responses so far: {status, headers, body}. */
	get responses() { return parseResponses(this.bytes); }

	write(bytes) {
		if (this.socket.writable) this.socket.write(bytes);
		return this;
	}

	/** Resolves when the server has closed, or `count` responses are whole. */
	async until(count = Infinity, ms = GENEROUS) {
		const end = Date.now() + ms;
		while (!this.closed && this.responses.length < count) {
			if (Date.now() > end)
				throw new Error(`${ms} ms without close or ${count} response(s); so far: ${this.text}`);
			await new Promise((resolve) => {
				const timer = setTimeout(wake, 200);
				const socket = this.socket;
				function wake() {
					clearTimeout(timer);
					for (const name of ['data', 'end', 'close']) socket.removeListener(name, wake);
					setImmediate(resolve);
				}
				for (const name of ['data', 'end', 'close']) socket.once(name, wake);
			});
		}
		return this;
	}

	halfClose() { this.socket.end(); return this; }
	destroy() { this.socket.destroy(); return this; }
}

export function parseResponses(bytes) {
	const found = [];
	let text = bytes.toString('latin1');
	for (;;) {
		const end = text.indexOf('\r\n\r\n');
		if (!/^HTTP\/1\.[01] \d{3}/.test(text) || end < 0) return found;
		const [line, ...rest] = text.slice(0, end).split('\r\n');
		const headers = {};
		for (const header of rest) {
			const colon = header.indexOf(':');
			headers[header.slice(0, colon).toLowerCase()] = header.slice(colon + 1).trim();
		}
		const status = Number(line.slice(9, 12));
		const length = status < 200 ? 0 : Number(headers['content-length'] ?? 0);
		if (text.length < end + 4 + length) return found;
		found.push({ status, headers, body: text.slice(end + 4, end + 4 + length) });
		text = text.slice(end + 4 + length);
	}
}

/** Opens, writes, and waits for the server to close or for `count` responses. */
export async function send(at, bytes, { count, halfClose } = {}) {
	const raw = await Raw.open(at);
	try {
		raw.write(bytes);
		if (halfClose) raw.halfClose();
		return await raw.until(count);
	} finally {
		raw.destroy();
	}
}
