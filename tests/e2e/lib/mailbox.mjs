// A real SMTP server, and what arrived at it. A relay in front of it counts the
// connections and keeps the bytes that clients wrote.
import net from 'node:net';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { waitFor } from './wait.mjs';

const refusal = ([code, text]) => Object.assign(new Error(text), { responseCode: code });

export class Mailbox {
	/** options:
	 * tls: {cert, key}   offers STARTTLS; with implicit: true, TLS from the first byte
	 * auth: {user, pass} must be given
	 * rcpt: {address: [code, text]}  what a recipient is refused with
	 * from: [code, text]             what every sender is refused with
	 * greylist: N        so many recipients get 450 first
	 * data: [[code, text], …]  answers to the first mails once they are whole; then 250
	 * hang: 'greeting' | 'data'      never answers, or not to a whole mail
	 * greeting: [code, text]         refuses every connection
	 * closeAfter: N      mails on one connection, then it is closed
	 * noUtf8: true       announces no SMTPUTF8
	 * path: FILE         a Unix socket instead of a port of 127.0.0.1 */
	static async start(t, options = {}) {
		const box = new Mailbox(options);
		t.after(() => box.close());
		await box.listen();
		return box;
	}

	constructor(options) {
		this.options = options;
		this.arrived = []; // every mail that was sent whole: {envelope, raw, mail, secure, user, accepted, session}
		this.logins = [];  // {user, pass} of each try
		this.wires = [];   // of each connection: the Buffers that the client wrote
		this.sockets = new Set();
		this.greylisted = 0;
		const { tls, auth } = options;
		this.server = new SMTPServer({
			...(tls && { cert: tls.cert, key: tls.key, secure: Boolean(options.implicit) }),
			logger: false, disableReverseLookup: true, authOptional: !auth, allowInsecureAuth: true,
			closeTimeout: 100, socketTimeout: 600_000,
			hideSMTPUTF8: Boolean(options.noUtf8),
			disabledCommands: [...(tls ? [] : ['STARTTLS']), ...(auth ? [] : ['AUTH'])],
			onConnect: (session, done) => done(options.greeting && refusal(options.greeting)),
			onAuth: ({ username, password }, session, done) => this.login(username, password, done),
			onMailFrom: (address, session, done) => done(options.from && refusal(options.from)),
			onRcptTo: ({ address }, session, done) => this.recipient(address, done),
			onData: (stream, session, done) => this.take(stream, session, done),
		});
		this.server.on('error', () => {}); // a client that breaks off
		this.relay = net.createServer((socket) => this.connected(socket));
	}

	async listen() {
		await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
		await new Promise((done) => {
			if (this.options.path) this.relay.listen(this.options.path, done);
			else this.relay.listen(0, '127.0.0.1', done);
		});
	}

	/* What hookd's config calls it. */
	get url() {
		if (this.options.path) return `unix:${this.options.path}`;
		return `${this.options.implicit ? 'smtps' : 'smtp'}://127.0.0.1:${this.relay.address().port}`;
	}

	get connections() { return this.wires.length; }
	get mails() { return this.arrived.filter(({ accepted, mail }) => accepted && mail); }

	/** What clients wrote, connection by connection; readable without TLS only. */
	get transcripts() { return this.wires.map((parts) => Buffer.concat(parts).toString('latin1')); }

	/** Waits for the mail number n, from 1. */
	async mail(n = 1) {
		await waitFor(() => this.mails.length >= n, `mail ${n} to arrive`);
		return this.mails[n - 1];
	}

	login(user, pass, done) {
		this.logins.push({ user, pass });
		const { auth } = this.options;
		if (user === auth.user && pass === auth.pass) done(null, { user });
		else done(refusal([535, 'these are not the words']));
	}

	recipient(address, done) {
		const { rcpt = {}, greylist = 0 } = this.options;
		if (this.greylisted < greylist) {
			this.greylisted++;
			done(refusal([450, 'greylisted, come back later']));
		} else {
			done(rcpt[address] && refusal(rcpt[address]));
		}
	}

	take(stream, session, done) {
		const parts = [];
		stream.on('data', (part) => parts.push(part));
		stream.on('end', async () => {
			const raw = Buffer.concat(parts);
			const answer = (this.options.data ?? [])[this.arrived.length];
			const { mailFrom, rcptTo } = session.envelope;
			const arrived = { raw, session, secure: session.secure, user: session.user ?? null,
				envelope: { from: mailFrom.address, to: rcptTo.map((to) => to.address) }, accepted: !answer };
			this.arrived.push(arrived);
			arrived.mail = await simpleParser(raw, { skipTextToHtml: true, skipHtmlToText: true });
			if (this.options.hang === 'data') return;
			done(answer ? refusal(answer) : null, answer ? undefined : 'taken');
			const seen = this.arrived.filter((mail) => mail.session.id === session.id).length;
			if (seen === this.options.closeAfter) setImmediate(() => this.hangUp(session.id));
		});
	}

	hangUp(id) {
		for (const connection of this.server.connections)
			if (connection.id === id) connection.close();
	}

	connected(socket) {
		const parts = [];
		this.wires.push(parts);
		this.sockets.add(socket);
		const to = this.options.hang === 'greeting' ? null : net.connect(this.server.server.address().port, '127.0.0.1');
		socket.on('data', (part) => { parts.push(part); to?.write(part); });
		socket.on('error', () => to?.destroy());
		socket.on('close', () => { this.sockets.delete(socket); to?.destroy(); });
		socket.on('end', () => to?.end());
		to?.on('data', (part) => socket.write(part));
		to?.on('end', () => socket.end());
		to?.on('error', () => socket.destroy());
	}

	async close() {
		for (const socket of this.sockets) socket.destroy();
		await new Promise((done) => this.relay.close(done));
		await new Promise((done) => this.server.close(done));
	}
}

/** The header fields of a raw mail, unfolded: [[name, value], …]. */
export function headersOf(raw) {
	const text = raw.toString('latin1');
	return text.slice(0, text.indexOf('\r\n\r\n')).replace(/\r\n[ \t]/g, ' ').split('\r\n')
		.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
}

/** The one value of a header field of a raw mail; undefined when there is none. */
export function header(raw, name) {
	const found = headersOf(raw).filter(([field]) => field.toLowerCase() === name.toLowerCase());
	if (found.length > 1) throw new Error(`${found.length} fields ${name}`);
	return found[0]?.[1];
}
