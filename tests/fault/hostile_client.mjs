// Builds the requests of a row of hostile_requests.mjs and reads their answers.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { wire } from '../e2e/lib/daemon.mjs';
import { newBody, sign } from '../e2e/lib/fedapay.mjs';
import { parseResponses } from '../e2e/lib/http.mjs';

const signatureOf = (d, bytes) => `X-FEDAPAY-SIGNATURE: ${sign(Buffer.from(bytes), d.secret)}`;

/** The parts of a row's requests, each event a new one: see hostile_requests.mjs. */
export function context(d) {
	const body = newBody();
	const tailBody = newBody();
	const c = { body, tailBody, innerBodies: [], size: body.length, host: 'Host: test', length: `Content-Length: ${body.length}`,
		signature: signatureOf(d, body),
		chunked: (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`,
		inner: () => {
			const inner = newBody();
			c.innerBodies.push(inner);
			return wire(d, inner, { line: `POST /webhooks/fedapay?inner=${JSON.parse(inner).id} HTTP/1.1` }).toString('latin1');
		},
		signed: (bytes, ...lines) => {
			c.signedBytes = bytes;
			return wire(d, bytes, { extra: lines });
		},
		tail: () => wire(d, tailBody) };
	return c;
}

/** The answers on a connection, in order: [{status, headers}]. */
export function answersOf(raw) {
	// An answer to HEAD has no body.
	const text = raw.text.replace(/Content-Length: \d+(\r\n(?:[^\r]+\r\n)*\r\n)(?=$|HTTP\/)/g, 'Content-Length: 0$1');
	const answers = parseResponses(Buffer.from(text, 'latin1'));
	assert.equal(answers.length, text.match(/HTTP\/1\.\d \d{3} /g)?.length ?? 0, `answers, whole: ${raw.text}`);
	return answers;
}

/** The idempotency key of a body. */
export function keyOf(body) {
	try {
		return `id:${JSON.parse(body).id}`;
	} catch {
		return `sha256:${createHash('sha256').update(body).digest('hex')}`;
	}
}

/** The events in the store: {key: payload}. */
export async function storedEvents(d) {
	const { code, stdout, stderr } = await d.ctl('export', '--format', 'ndjson');
	assert.equal(code, 0, stderr);
	const rows = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
	assert.equal(new Set(rows.map((row) => row.idempotency_key)).size, rows.length);
	return new Map(rows.map((row) => [row.idempotency_key, row.payload]));
}
