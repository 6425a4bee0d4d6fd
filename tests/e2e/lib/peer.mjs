// A real HTTP or HTTPS server that keeps what it was asked and answers as told.
import http from 'node:http';
import https from 'node:https';
import { waitFor } from './wait.mjs';

export class Peer {
	/** `answers`: one answer, a list of them (the last stays), or a function of the
	 * request that gives one. An answer:
	 * status, headers, body   default 200 "taken"
	 * hang: true              never answers
	 * reset: true             cuts the connection off (RST)
	 * close: true             ends the connection without a response
	 * drip: MS                a byte each MS of a header that never gets to the final status
	 * endless: true           after the headers, x without end; `sent` counts
	 * options: host, tls {cert, key, and node's further options} */
	static async start(t, answers = {}, { host = '127.0.0.1', tls } = {}) {
		const peer = new Peer(answers, tls);
		t.after(() => peer.close());
		await new Promise((done, failed) => peer.server.once('error', failed).listen(0, host, done));
		return peer;
	}

	constructor(answers, tls) {
		this.answers = answers;
		this.requests = [];   // {method, url, headers, rawHeaders, body, connection, client}
		this.connections = 0; // TCP's, whether a request came or not
		this.sent = 0;
		this.tls = tls;
		this.sockets = new Set();
		this.server = tls ? https.createServer(tls) : http.createServer();
		this.server.on('connection', (socket) => {
			this.connections++;
			this.sockets.add(socket);
			socket.on('close', () => this.sockets.delete(socket));
		});
		this.server.on('request', (req, res) => this.take(req, res));
		this.server.on('tlsClientError', () => {});
		this.server.on('clientError', (error, socket) => socket.destroy());
		this.server.requestTimeout = 0;
		this.server.keepAliveTimeout = 60_000;
	}

	get port() { return this.server.address().port; }
	url(path = '/in', host = '127.0.0.1') { return `${this.tls ? 'https' : 'http'}://${host}:${this.port}${path}`; }

	/** Waits for the request number n, from 1. */
	async request(n = 1) {
		await waitFor(() => this.requests.length >= n, `request ${n} to arrive`);
		return this.requests[n - 1];
	}

	take(req, res) {
		const parts = [];
		req.on('data', (part) => parts.push(part));
		req.on('error', () => {});
		res.on('error', () => {});
		req.on('end', () => {
			const { method, url, headers, rawHeaders, socket } = req;
			const seen = { method, url, headers, rawHeaders, body: Buffer.concat(parts),
				connection: socket.remotePort, client: socket.getPeerCertificate?.().subject?.CN };
			this.requests.push(seen);
			const { answers } = this;
			if (typeof answers === 'function') this.answer(res, answers(seen, this.requests.length));
			else if (!Array.isArray(answers)) this.answer(res, answers);
			else this.answer(res, answers[Math.min(this.requests.length, answers.length) - 1]);
		});
	}

	answer(res, { status = 200, headers = {}, body = 'taken', hang, reset, close, drip, endless }) {
		const { socket } = res;
		if (hang) return;
		if (reset) {
			socket.resetAndDestroy ? socket.resetAndDestroy() : socket.destroy();
		} else if (close) {
			socket.destroy();
		} else if (drip !== undefined) {
			socket.write('HTTP/1.1 102 Processing\r\nX-Drip: ');
			const timer = setInterval(() => socket.write('X'), drip);
			socket.on('close', () => clearInterval(timer));
		} else if (endless) {
			res.writeHead(status, headers);
			this.pour(res, body);
		} else {
			res.writeHead(status, headers);
			res.end(body);
		}
	}

	pour(res, begin) {
		const block = Buffer.alloc(65_536, 'x');
		const more = () => {
			while (!res.destroyed && res.write(block)) this.sent += block.length;
		};
		res.on('drain', () => { this.sent += block.length; more(); });
		res.write(begin);
		more();
	}

	async close() {
		for (const socket of this.sockets) socket.destroy();
		await new Promise((done) => this.server.close(done));
	}
}
