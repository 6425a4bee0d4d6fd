// Hostile requests, one per row: {name, status, closed, bytes or steps}.
//
// status   the answer, exactly; 0: closed without one. anyOf: where either is right
// closed   the connection ends after the answer, so that nothing in the row's bytes,
//          nor the good request (the tail) that is sent right after them, is served.
//          When not closed the framing was sound: the tail must be answered 200
// after    the answers that follow the first, when others than these; tail: is it served?
// mayEnd   a status that may follow as the last answer, or be lost with the connection's reset
// stored   the row's own event is to be stored (else it must not be)
// bytes    (c) => text (latin1) or Buffer
// steps    async (raw, c): sends the request in several steps, without a tail
// slow     it may last until the daemon's request_time is over
// tls      sent to a port that speaks TLS
//
// c: body is the text of a new event; length, chunked(text), signature and host are its parts;
// inner() is a good request to be smuggled in, whose event must never be stored.
//
// mhd1     what differs with libmicrohttpd 0.9.77 and later (Debian 13: 1.0.1), and why: all of
//          it is decided by the library, before hookd sees the request
//
// Where the answer is stricter than RFC 9110 and 9112 require, `why` gives the reason.
import { deflateSync, gzipSync } from 'node:zlib';
import { STRICT_LIBRARY } from '../e2e/lib/library.mjs';
import { sleep } from '../e2e/lib/wait.mjs';

export const PATH = '/webhooks/fedapay';
export const LINE = `POST ${PATH} HTTP/1.1`;
const TE = 'Transfer-Encoding: chunked';
const HEX = (text) => Buffer.byteLength(text).toString(16);

/* Bytes of all values, without order. */
const noise = (n) => Buffer.from(Array.from({ length: n }, (_, i) => (i * i * 7 + i * 13 + 5) & 255));

/** A head of CRLF lines, with its blank line. */
const head = (...lines) => `${lines.join('\r\n')}\r\n\r\n`;
/** The usual head with other header lines, without a body. */
const post = (c, ...lines) => head(LINE, c.host, c.signature, ...lines);
/** A whole request with a Content-Length and further header lines. */
const whole = (c, ...lines) => post(c, c.length, ...lines) + c.body;
/** The same with another request line. */
const by = (c, line, ...lines) => head(line, c.host, c.signature, c.length, ...lines) + c.body;

const bad = (name, bytes, more) => ({ name, status: 400, closed: true, bytes, ...more });
const good = (name, bytes, more) => ({ name, status: 200, closed: false, stored: true, bytes, ...more });

/* Columns for mhd1. */
const refusedBy1 = (why) => ({ mhd1: { status: 400, closed: true, stored: false, after: [], why } });
const closedBy1 = (why) => ({ mhd1: { status: 0, closed: true, stored: false, after: [], why } });
const NUL_CLOSES = 'a NUL in the request line closes the connection at once';
const EMPTY_LINES = 'one empty line before a request is skipped, more close the connection';
const LONG_LINE = 'a line beyond the buffer is refused at once; the answer may be lost, as bytes are left unread';
const STRICT_LF = 'a bare LF does not end a line';


/* A last chunk, followed by what a parser that goes by Content-Length takes for body. */
const teFirst = (c, ...lines) => post(c, ...lines) + c.chunked(c.body) + c.inner();
/* The reverse: for a parser that goes by chunks the body ends at once. */
const clFirst = (c, ...lines) => `${post(c, ...lines)}0\r\n\r\n${c.inner()}`;

// RFC 9112 6.1: both together are an error; 6.3: a list of equal lengths may be accepted,
// differing ones not. hookd accepts no list.
const lengths = [
	bad('Content-Length, then Transfer-Encoding', (c) => teFirst(c, c.length, TE)),
	bad('Transfer-Encoding, then Content-Length', (c) => teFirst(c, TE, c.length)),
	bad('Transfer-Encoding and Content-Length: 0', (c) => teFirst(c, TE, 'Content-Length: 0')),
	bad('CL.TE: an empty chunked body, a request after it', (c) => clFirst(c, 'Content-Length: 400', TE)),
	bad('TE.CL: a chunk that is a request', (c) => post(c, 'Content-Length: 4', TE) + c.chunked(c.inner())),
	bad('both, the length of another letter case', (c) => teFirst(c, 'cOnTeNt-lEnGtH: 4', 'tRANSFER-eNCODING: CHUNKED')),
	bad('two equal Content-Lengths', (c) => whole(c, c.length)),
	bad('two Content-Lengths, the right one first', (c) => whole(c, 'Content-Length: 3')),
	bad('two Content-Lengths, the right one last', (c) => post(c, 'Content-Length: 3', c.length) + c.body),
	bad('Content-Length: 0 and the right one', (c) => post(c, 'Content-Length: 0', c.length) + c.body),
	bad('a list of equal lengths', (c) => post(c, `${c.length}, ${c.size}`) + c.body),
	bad('a list of differing lengths', (c) => post(c, `${c.length}, 3`) + c.body),
	bad('a length with a comma', (c) => post(c, `${c.length},`) + c.body),
	bad('a length with a plus', (c) => post(c, `Content-Length: +${c.size}`) + c.body),
	bad('a length with a minus', (c) => post(c, `Content-Length: -${c.size}`) + c.body),
	bad('a length of -0', (c) => post(c, 'Content-Length: -0') + c.inner()),
	bad('a length in hex', (c) => post(c, `Content-Length: 0x${HEX(c.body)}`) + c.body),
	bad('a length in hex digits', (c) => post(c, 'Content-Length: 1ff') + c.body),
	bad('a length with an exponent', (c) => post(c, 'Content-Length: 4e2') + c.body),
	bad('a length with a fraction', (c) => post(c, `${c.length}.0`) + c.body),
	bad('a length with an underscore', (c) => post(c, 'Content-Length: 4_00') + c.body),
	bad('a length with a space within', (c) => post(c, 'Content-Length: 4 00') + c.body),
	bad('a length in quotes', (c) => post(c, `Content-Length: "${c.size}"`) + c.body),
	bad('a length with a vertical tab', (c) => post(c, `Content-Length: \x0b${c.size}`) + c.body),
	bad('an empty length', (c) => post(c, 'Content-Length:') + c.body),
	bad('a length of spaces', (c) => post(c, 'Content-Length:   ') + c.body),
	bad('a length of words', (c) => post(c, `${c.length} bytes`) + c.body),
	bad('digits of another script', (c) => post(c, 'Content-Length: \xef\xbc\x94') + c.body),
	bad('a length followed by a NUL', (c) => post(c, `${c.length}\0`) + c.body),
	good('a length with zeros before it', (c) => post(c, `Content-Length: 000${c.size}`) + c.body),
	good('a length with white space around it', (c) => post(c, `Content-Length: \t ${c.size}`) + c.body),
	// For a number that is only too large 413 is as right; libmicrohttpd decides.
	bad('a length of 2^64', (c) => post(c, `Content-Length: ${2n ** 64n}`) + c.body, { status: 413 }),
	bad('a length that wraps to the right one', (c) => post(c, `Content-Length: ${(2n ** 64n) + BigInt(c.size)}`) + c.body,
		{ status: 413 }),
	bad('a length of 30 digits', (c) => post(c, `Content-Length: ${'9'.repeat(30)}`) + c.body, { status: 413 }),
	bad('a length of 2^63', (c) => post(c, `Content-Length: ${2n ** 63n}`) + c.inner()),
	bad('a length of 2^32 and the body\'s', (c) => post(c, `Content-Length: ${(2n ** 32n) + BigInt(c.size)}`) + c.body + c.inner(),
		{ status: 413 }),
	good('a header of a name like Content-Length', (c) => whole(c, 'Content_Length: 3', 'Content-Length-X: 3')),
	bad('a space before the colon', (c) => post(c, `Content-Length : ${c.size}`) + c.body),
	bad('no length and no coding, with a body', (c) => post(c) + c.inner(), { status: 401, closed: false,
		why: 'RFC 9112 6.3: there is no body then; what follows is a separate request, and is served',
		after: [200, 200], innerStored: true }),
];

const coding = (value) => (c) => teFirst(c, `Transfer-Encoding: ${value}`);
const codings = [
	...['chunked, identity', 'identity, chunked', 'identity', 'xchunked', 'chunkedx', 'chunked-', 'chunked;q=1', '"chunked"',
		'chunked,', ',chunked', 'chunked, chunked', 'gzip, chunked', 'chunked, gzip', 'cow', 'chunked cow',
		'chu\x00nked', '\x00chunked', 'chunked\x00', '\x0bchunked', '\x0cchunked', '\x7fchunked', '\xa0chunked', "'chunked'",
		'{chunked}', 'chunke', ''].map((value) => bad(`Transfer-Encoding: ${JSON.stringify(value)}`, coding(value))),
	bad('Transfer-Encoding twice', (c) => teFirst(c, TE, TE)),
	bad('Transfer-Encoding twice, the second unknown', (c) => teFirst(c, TE, 'Transfer-Encoding: cow')),
	bad('Transfer-Encoding twice, the first unknown', (c) => teFirst(c, 'Transfer-Encoding: x', TE)),
	bad('a folded Transfer-Encoding', (c) => teFirst(c, 'Transfer-Encoding:\r\n chunked')),
	bad('a folded Transfer-Encoding beside a length', (c) => teFirst(c, c.length, 'Transfer-Encoding:\r\n\tchunked')),
	bad('a space before Transfer-Encoding\'s colon', (c) => teFirst(c, c.length, 'Transfer-Encoding : chunked')),
	bad('a tab before the colon', (c) => teFirst(c, c.length, 'Transfer-Encoding\t: chunked')),
	bad('a header line that begins with a space', (c) => teFirst(c, c.length, ' Transfer-Encoding: chunked')),
	bad('hidden after a CR', (c) => teFirst(c, c.length, 'X-A: b\rTransfer-Encoding: chunked')),
	bad('hidden after an LF', (c) => teFirst(c, c.length, 'X-A: b\nTransfer-Encoding: chunked')),
	bad('hidden after CR CR LF', (c) => teFirst(c, c.length, 'X-A: b\r\r\nTransfer-Encoding: chunked')),
	bad('hidden after a NUL', (c) => teFirst(c, c.length, 'X-A: b\0Transfer-Encoding: chunked')),
	bad('hidden in a folded line', (c) => teFirst(c, c.length, 'X-A: b\r\n Transfer-Encoding: chunked')),
	bad('a name with a NUL', (c) => teFirst(c, c.length, 'Transfer-Encoding\0: chunked')),
	bad('a name with a byte above ASCII', (c) => teFirst(c, c.length, 'Transfer-Encoding\xff: chunked')),
	bad('a name with a colon more', (c) => teFirst(c, c.length, 'Transfer-Encoding:: chunked')),
	bad('in HTTP/1.0', (c) => head(LINE.replace('1.1', '1.0'), c.host, c.signature, TE) + c.chunked(c.body) + c.inner()),
	good('an underscore makes another header of it', (c) => whole(c, 'Transfer_Encoding: chunked')),
	good('Content-Encoding: chunked is not framing', (c) => whole(c, 'Content-Encoding: chunked')),
	good('TE: trailers', (c) => whole(c, 'TE: trailers')),
	good('Connection: Content-Length', (c) => whole(c, 'Connection: Content-Length')),
];

// A chunked request is the last on its connection: RFC 9112 9.6 lets a server close at any
// time. libmicrohttpd 0.9.75 accepts more than the grammar of chunks (a bare LF), so that
// another program may see the end of the body elsewhere.
const last = (name, bytes, more) => good(name, bytes, { closed: true, ...more });
const chunks = (c, text) => post(c, TE) + text;
const chunked = [
	last('chunked', (c) => chunks(c, c.chunked(c.body))),
	last('CHUNKED', (c) => post(c, 'Transfer-Encoding: CHUNKED') + c.chunked(c.body)),
	last('a tab before it', (c) => post(c, 'Transfer-Encoding:\tchunked') + c.chunked(c.body)),
	last('no space before it', (c) => post(c, 'Transfer-Encoding:chunked') + c.chunked(c.body)),
	last('a request after the last chunk', (c) => chunks(c, c.chunked(c.body) + c.inner())),
	last('upper-case digits and zeros', (c) => chunks(c, `000${HEX(c.body).toUpperCase()}\r\n${c.body}\r\n000\r\n\r\n`)),
	last('an extension', (c) => chunks(c, `${HEX(c.body)};a=b;c="d e"\r\n${c.body}\r\n0;x\r\n\r\n`),
		refusedBy1('it counts the LF after an extension as the first byte of the chunk')),
	last('trailers, with forbidden names', (c) => chunks(c, `${HEX(c.body)}\r\n${c.body}\r\n0\r\nContent-Length: 3\r\n` +
		'Transfer-Encoding: cow\r\nHost: other\r\nX-FEDAPAY-SIGNATURE: t=1,s=2\r\n\r\n')),
	bad('the signature in a trailer only', (c) => `${head(LINE, c.host, TE)}${HEX(c.body)}\r\n${c.body}\r\n0\r\n${c.signature}\r\n\r\n`,
		{ status: 401 }),
	bad('no digit', (c) => chunks(c, `\r\n${c.body}\r\n0\r\n\r\n`)),
	bad('no hex', (c) => chunks(c, `zz\r\n${c.body}\r\n0\r\n\r\n`)),
	bad('a minus', (c) => chunks(c, `-${HEX(c.body)}\r\n${c.body}\r\n0\r\n\r\n`)),
	bad('a plus', (c) => chunks(c, `+${HEX(c.body)}\r\n${c.body}\r\n0\r\n\r\n`)),
	bad('0x', (c) => chunks(c, `0x${HEX(c.body)}\r\n${c.body}\r\n0\r\n\r\n`)),
	bad('a space before the size', (c) => chunks(c, ` ${HEX(c.body)}\r\n${c.body}\r\n0\r\n\r\n`)),
	bad('a space after the size', (c) => chunks(c, `${HEX(c.body)} \r\n${c.body}\r\n0\r\n\r\n`)),
	bad('a NUL in the size', (c) => chunks(c, `${HEX(c.body)}\0\r\n${c.body}\r\n0\r\n\r\n`)),
	bad('a size beyond 64 bits', (c) => chunks(c, `${'f'.repeat(17)}\r\n${c.body}\r\n0\r\n\r\n`), { status: 413 }),
	bad('a size that wraps', (c) => chunks(c, `1${HEX(c.body).padStart(16, '0')}\r\n${c.body}\r\n0\r\n\r\n`), { status: 413 }),
	bad('a size beyond limits.body', (c) => chunks(c, `ffffffff\r\n${'x'.repeat(70_000)}`), { status: 413 }),
	bad('chunks that together exceed limits.body', (c) => chunks(c, `400\r\n${'x'.repeat(1024)}\r\n`.repeat(70)), { status: 413 }),
	bad('no CRLF after a chunk', (c) => chunks(c, `${HEX(c.body)}\r\n${c.body}0\r\n\r\n`)),
	bad('a chunk longer than its size', (c) => chunks(c, `5\r\n${c.body}\r\n0\r\n\r\n`)),
	bad('a CR alone after a chunk', (c) => chunks(c, `${HEX(c.body)}\r\n${c.body}\r0\r\n\r\n`)),
	bad('a line of a size that never ends', (c) => chunks(c, `${HEX(c.body)};${'x'.repeat(100_000)}`), { status: 408, slow: true,
		mhd1: { anyOf: [0, 413], why: LONG_LINE } }),
	bad('a size of zeros that never ends', (c) => chunks(c, '0'.repeat(100_000)), { status: 408, slow: true,
		mhd1: { anyOf: [0, 413], why: LONG_LINE } }),
	bad('a bad trailer', (c) => chunks(c, `${HEX(c.body)}\r\n${c.body}\r\n0\r\nno colon\r\n\r\n`)),
	bad('endless trailers', (c) => chunks(c, `${HEX(c.body)}\r\n${c.body}\r\n0\r\n${'X-A: b\r\n'.repeat(10_000)}`),
		{ status: 431 }),
	// libmicrohttpd 0.9.75 accepts these; they end the connection as any chunked request.
	last('a bare LF after the size', (c) => chunks(c, `${HEX(c.body)}\n${c.body}\r\n0\r\n\r\n`), refusedBy1(STRICT_LF)),
	last('a bare LF after the chunk', (c) => chunks(c, `${HEX(c.body)}\r\n${c.body}\n0\r\n\r\n`), refusedBy1(STRICT_LF)),
	last('a bare LF in an extension', (c) => chunks(c, `${HEX(c.body)};\n${c.body}\r\n0\r\n\r\n${c.inner()}`),
		refusedBy1(STRICT_LF)),
];

const lines = [
	bad('bare LF after a middle header', (c) => `${LINE}\r\n${c.host}\n${c.signature}\r\n${c.length}\r\n\r\n${c.body}`),
	bad('bare LF after the last header', (c) => `${LINE}\r\n${c.host}\r\n${c.signature}\r\n${c.length}\n\r\n${c.body}`),
	bad('bare LF as the blank line', (c) => `${LINE}\r\n${c.host}\r\n${c.signature}\r\n${c.length}\r\n\n${c.body}`),
	// These two look like CR LF once libmicrohttpd 0.9.75 has read them. nginx does not forward them.
	good('a colon and a bare LF as the blank line', (c) => `${LINE}\r\n${c.host}\r\n${c.signature}\r\n${c.length}\r\n:\n${c.body}`,
		refusedBy1('a header without a name')),
	good('NUL and a bare LF as the blank line', (c) => `${LINE}\r\n${c.host}\r\n${c.signature}\r\n${c.length}\r\n\0\n${c.body}`,
		refusedBy1('a NUL in a header')),
	bad('bare LF after the request line', (c) => `${LINE}\n${c.host}\r\n${c.signature}\r\n${c.length}\r\n\r\n${c.body}`),
	bad('bare LF everywhere', (c) => `${LINE}\n${c.host}\n${c.signature}\n${c.length}\n\n${c.body}`),
	bad('bare CR everywhere', (c) => `${LINE}\r${c.host}\r${c.signature}\r${c.length}\r\r\r\n\r\n`),
	bad('bare CR in a value', (c) => whole(c, 'X-A: b\rX-B: c')),
	bad('bare CR in a name', (c) => whole(c, 'X-\rA: b')),
	bad('CR CR LF after a header', (c) => whole(c, 'X-A: b\r')),
	bad('NUL in the method', (c) => by(c, `PO\0ST ${PATH} HTTP/1.1`), closedBy1(NUL_CLOSES)),
	bad('NUL after the method', (c) => by(c, `POST\0 ${PATH} HTTP/1.1`), closedBy1(NUL_CLOSES)),
	bad('NUL in the target', (c) => by(c, `POST ${PATH}\0x HTTP/1.1`), closedBy1(NUL_CLOSES)),
	bad('NUL in the version', (c) => by(c, `POST ${PATH} HTTP/1.1\0`), closedBy1(NUL_CLOSES)),
	bad('NUL in a name', (c) => whole(c, 'X-\0A: b')),
	bad('NUL in a value', (c) => whole(c, 'X-A: b\0c')),
	bad('NUL in the signature', (c) => head(LINE, c.host, `${c.signature}\0,s=1`, c.length) + c.body),
	bad('NUL as a header line', (c) => whole(c, '\0')),
	bad('a folded header', (c) => whole(c, 'X-A: b\r\n c')),
	bad('a folded header, by a tab', (c) => whole(c, 'X-A: b\r\n\tc')),
	bad('a folded first line', (c) => head(LINE, ' X-A: b', c.host, c.signature, c.length) + c.body),
	bad('a folded Host', (c) => head(LINE, 'Host:\r\n test', c.signature, c.length) + c.body),
	bad('a folded signature', (c) => head(LINE, c.host, c.signature.replace(',', ',\r\n '), c.length) + c.body),
	bad('a folded line of spaces only', (c) => whole(c, 'X-A: b\r\n   ')),
	bad('a name with odd characters', (c) => whole(c, 'X(A)@: b')),
	bad('a name with a space', (c) => whole(c, 'X A: b')),
	bad('a name with bytes above ASCII', (c) => whole(c, 'X-\xe9: b')),
	bad('a name with a control character', (c) => whole(c, 'X\x01A: b')),
	bad('a name in quotes', (c) => whole(c, '"X-A": b')),
	bad('a space before a colon', (c) => whole(c, 'X-A : b')),
	bad('a space before Host\'s colon', (c) => head(LINE, 'Host : test', c.signature, c.length) + c.body),
	bad('a space before the signature\'s colon', (c) => head(LINE, c.host, c.signature.replace(':', ' :'), c.length) + c.body),
	bad('an empty name', (c) => whole(c, ': b')),
	bad('no colon', (c) => whole(c, 'X-A')),
	bad('a control character in a value', (c) => whole(c, 'X-A: b\x08c')),
	bad('an escape sequence in a value', (c) => whole(c, 'X-A: \x1b[31m')),
	bad('DEL in a value', (c) => whole(c, 'X-A: b\x7f')),
	good('bytes above ASCII in a value', (c) => whole(c, 'X-A: caf\xe9')),
	good('an empty value', (c) => whole(c, 'X-A:')),
	good('an empty line before the request', (c) => `\r\n${whole(c)}`),
	bad('a line before the request that begins with a NUL', (c) => `\0 b\r\n${whole(c)}`),
	// libmicrohttpd 0.9.75 skips these as empty, and hookd cannot see them. No proxy forwards them,
	// and what follows is an authentic request of its own.
	good('bare LFs before the request', (c) => `\n\n${whole(c)}`, closedBy1(STRICT_LF)),
	bad('two Hosts', (c) => head(LINE, c.host, 'Host: other', c.signature, c.length) + c.body),
	bad('two equal Hosts', (c) => head(LINE, c.host, c.host, c.signature, c.length) + c.body),
	bad('two Hosts in HTTP/1.0', (c) => head(LINE.replace('1.1', '1.0'), c.host, c.host, c.signature, c.length) + c.body),
	bad('no Host', (c) => head(LINE, c.signature, c.length) + c.body),
	bad('an empty Host', (c) => head(LINE, 'Host:', c.signature, c.length) + c.body),
	...['a b', 'a/b', 'a@b', 'a,b', 'a?b', 'a#b', 'a\\b', 'a"b', 'a<b', '[::1', 'a:b', 'a:80:80', 'a\xe9'].map((host) =>
		bad(`Host: ${host}`, (c) => head(LINE, `Host: ${host}`, c.signature, c.length) + c.body)),
	...['127.0.0.1:8080', '[::1]:80', 'a_b.example', 'a:', 'caf%C3%A9'].map((host) =>
		good(`Host: ${host}`, (c) => head(LINE, `Host: ${host}`, c.signature, c.length) + c.body)),
	bad('two equal signatures', (c) => whole(c, c.signature)),
	bad('two signatures, a wrong one last', (c) => whole(c, 'X-FEDAPAY-SIGNATURE: t=1,s=2')),
	bad('two signatures, in other letters', (c) => whole(c, 'x-fedapay-signature: t=1,s=2')),
	good('two Content-Types', (c) => whole(c, 'Content-Type: application/json', 'Content-Type: text/html')),
];

const targets = [
	good('a query', (c) => by(c, `POST ${PATH}?a=b&c HTTP/1.1`)),
	good('an empty query', (c) => by(c, `POST ${PATH}? HTTP/1.1`)),
	good('the absolute form', (c) => by(c, `POST http://test${PATH} HTTP/1.1`)), // RFC 9112 3.2.2: MUST accept
	good('the absolute form, https and a port', (c) => by(c, `POST HTTPS://test:443${PATH}?a HTTP/1.1`)),
	bad('the absolute form, without a host', (c) => by(c, `POST http://${PATH} HTTP/1.1`), { status: 404, closed: false }),
	bad('another scheme', (c) => by(c, `POST ftp://test${PATH} HTTP/1.1`), { status: 404, closed: false }),
	bad('the authority form', (c) => by(c, 'CONNECT test:443 HTTP/1.1'), { status: 404, closed: false }),
	bad('the authority form, by POST', (c) => by(c, 'POST test:443 HTTP/1.1'), { status: 404, closed: false }),
	bad('OPTIONS *', (c) => by(c, 'OPTIONS * HTTP/1.1'), { status: 404, closed: false }),
	bad('POST *', (c) => by(c, 'POST * HTTP/1.1'), { status: 404, closed: false }),
	bad('a fragment', (c) => by(c, `POST ${PATH}#x HTTP/1.1`)),
	bad('a fragment after a query', (c) => by(c, `POST ${PATH}?a#x HTTP/1.1`)),
	bad('%00', (c) => by(c, `POST ${PATH}%00 HTTP/1.1`)),
	bad('%00 and more', (c) => by(c, `POST ${PATH}%00/x HTTP/1.1`)),
	bad('%00 in the query', (c) => by(c, `POST ${PATH}?a=%00 HTTP/1.1`)),
	bad('a byte above ASCII', (c) => by(c, `POST ${PATH}\xe9 HTTP/1.1`)),
	bad('a control character', (c) => by(c, `POST ${PATH}\x01 HTTP/1.1`)),
	bad('DEL', (c) => by(c, `POST ${PATH}\x7f HTTP/1.1`)),
	bad('a tab in the target', (c) => by(c, `POST ${PATH}\tx HTTP/1.1`)),
	bad('a space in the target', (c) => by(c, `POST ${PATH} x HTTP/1.1`)),
	// A path is compared as it came: nothing is decoded, no dots are followed.
	...['/webhooks%2ffedapay', '/webhooks/%66edapay', '/webhooks/./fedapay', '/x/../webhooks/fedapay', '//webhooks/fedapay',
		'/webhooks/fedapay/', '/webhooks/fedapay;x', '/WEBHOOKS/FEDAPAY', '/webhooks\\fedapay', '/webhooks/fedapay/..%2f',
		'/%2e%2e/webhooks/fedapay', 'webhooks/fedapay', '/%zz'].map((path) =>
		bad(`the path ${path}`, (c) => by(c, `POST ${path} HTTP/1.1`), { status: 404, closed: false })),
	bad('a target of 10,000 bytes', (c) => by(c, `POST /${'y'.repeat(10_000)} HTTP/1.1`), { status: 404, closed: false }),
	bad('a target of a megabyte', (c) => by(c, `POST /${'y'.repeat(1 << 20)} HTTP/1.1`), { status: 414 }),
	bad('a query of a megabyte', (c) => by(c, `POST ${PATH}?${'y'.repeat(1 << 20)} HTTP/1.1`), { status: 414 }),
	bad('no target', (c) => by(c, 'POST HTTP/1.1')),
	bad('two spaces before the target', (c) => by(c, `POST  ${PATH} HTTP/1.1`)),
	bad('two spaces before the version', (c) => by(c, `POST ${PATH}  HTTP/1.1`)),
	bad('a tab before the target', (c) => by(c, `POST\t${PATH} HTTP/1.1`),
		closedBy1('what does not begin with a method it knows and a space is not HTTP to it: no answer')),
	bad('a space before the method', (c) => by(c, ` ${LINE}`)),
	bad('a space after the version', (c) => by(c, `${LINE} `)),
	bad('a request line of spaces', (c) => by(c, '   ')),
];

const old = (version) => `POST ${PATH} ${version}`;
const versions = [
	good('HTTP/1.0, without a Host', (c) => head(old('HTTP/1.0'), c.signature, c.length) + c.body, { closed: true }),
	good('HTTP/1.0, kept alive', (c) => head(old('HTTP/1.0'), c.signature, c.length, 'Connection: keep-alive') + c.body),
	bad('HTTP/0.9', () => `GET ${PATH}\r\n\r\n`),
	bad('no version', (c) => by(c, `POST ${PATH}`)),
	// By RFC 9110 2.5 HTTP/1.2 is to be read as 1.1; it does not exist, and no sender uses it.
	...['HTTP/1.2', 'HTTP/1.10', 'HTTP/01.1', 'HTTP/1', 'HTTP/1.', 'HTTP/x.y', 'http/1.1', 'HTTPS/1.1',
		'HTTP/-1.1', 'HTTP/1.1x', 'ICAP/1.1', 'HTTP 1.1', 'HTTP/1,1'].map((version) =>
		bad(version, (c) => by(c, old(version)))),
	...['HTTP/2.0', 'HTTP/3.1', 'HTTP/9.9'].map((version) => bad(version, (c) => by(c, old(version)), { status: 505 })),
	bad('the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
];

const many = (c, n, line) => whole(c, ...Array.from({ length: n }, (_, i) => line(i)));
const sizes = [
	good('100 header lines of a letter', (c) => many(c, 100, () => 'a:')),
	bad('10,000 header lines of a letter', (c) => many(c, 10_000, () => 'a:'), { status: 431 }),
	bad('2,000 header lines', (c) => many(c, 2000, (i) => `X-${i}: ${'y'.repeat(100)}`), { status: 431 }),
	bad('a header of a megabyte', (c) => whole(c, `X-A: ${'y'.repeat(1 << 20)}`), { status: 431 }),
	bad('a header name of a megabyte', (c) => whole(c, `${'y'.repeat(1 << 20)}: a`), { status: 431 }),
	bad('a signature of a megabyte', (c) => head(LINE, c.host, `X-FEDAPAY-SIGNATURE: t=1,s=${'0'.repeat(1 << 20)}`, c.length) + c.body,
		{ status: 431 }),
	bad('a signature of 6,000 parts', (c) => head(LINE, c.host, `X-FEDAPAY-SIGNATURE: t=1${',s=0'.repeat(1500)}`, c.length) + c.body,
		{ status: 401, closed: false }),
	bad('an X-Forwarded-For of 1,000 addresses', (c) => head(LINE, c.host, c.length, `X-Forwarded-For: ${'1.2.3.4, '.repeat(1000)}1.2.3.4`) + c.body,
		{ status: 401, closed: false }),
	bad('a body announced beyond limits.body, all sent', (c) => post(c, 'Content-Length: 70000') + 'x'.repeat(70_000),
		{ status: 413, closed: false }),
	bad('a body announced far beyond it', (c) => post(c, 'Content-Length: 99999999') + c.inner(), { status: 413 }),
];

const methods = [
	...['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'HEAD', 'PROPFIND', 'post', 'Post', 'POSTS', 'X!#$%'].map((method) =>
		bad(`${method}, with a body`, (c) => by(c, `${method} ${PATH} HTTP/1.1`), { status: 405, closed: false })),
	...['GET', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'HEAD'].map((method) =>
		bad(`${method}, a body far beyond the limit announced`, (c) =>
			head(`${method} ${PATH} HTTP/1.1`, c.host, 'Content-Length: 99999999') + c.inner(), { status: 405 })),
	...['GET', 'DELETE', 'HEAD'].map((method) =>
		bad(`${method}, with an expectation`, (c) =>
			head(`${method} ${PATH} HTTP/1.1`, c.host, 'Content-Length: 50', 'Expect: 100-continue') + c.inner(), { status: 405 })),
	bad('another path by GET, far beyond the limit', (c) => head('GET /x HTTP/1.1', c.host, 'Content-Length: 99999999') + c.inner(),
		{ status: 404 }),
	bad('GET, chunked', (c) => head(`GET ${PATH} HTTP/1.1`, c.host, TE) + c.chunked(c.body) + c.inner(), { status: 405 }),
	bad('GET, a request in its body', (c) => {
		const inner = c.inner();
		return head(`GET ${PATH} HTTP/1.1`, c.host, `Content-Length: ${Buffer.byteLength(inner)}`) + inner;
	}, { status: 405, closed: false }),
	bad('a request as an unsigned body', (c) => {
		const inner = c.inner();
		return head(LINE, c.host, `Content-Length: ${Buffer.byteLength(inner)}`) + inner;
	}, { status: 401, closed: false }),
	bad('a method with odd characters', (c) => by(c, `PO(ST ${PATH} HTTP/1.1`)),
	bad('a method of bytes above ASCII', (c) => by(c, `P\xd6ST ${PATH} HTTP/1.1`)),
	bad('a method of 3,000 letters', (c) => by(c, `${'A'.repeat(3000)} ${PATH} HTTP/1.1`)),
	bad('a method of a megabyte', (c) => by(c, `${'A'.repeat(1 << 20)} ${PATH} HTTP/1.1`)),
];

const unsigned = (c, ...lines) => head(LINE, c.host, c.length, ...lines) + c.body;
const wishes = [
	bad('no signature', (c) => unsigned(c), { status: 401, closed: false }),
	bad('a wrong signature', (c) => unsigned(c, 'X-FEDAPAY-SIGNATURE: t=1,s=2'), { status: 401, closed: false }),
	// RFC 9110 10.1.1: other expectations MAY be refused with 417; hookd ignores them.
	good('Expect: cow', (c) => whole(c, 'Expect: cow')),
	good('Expect: 100-continue in HTTP/1.0 is ignored', (c) =>
		head(old('HTTP/1.0'), c.signature, c.length, 'Expect: 100-continue') + c.body, { closed: true }),
	bad('Expect: 100-continue for another path', (c) =>
		head('POST /x HTTP/1.1', c.host, c.length, 'Expect: 100-continue') + c.inner(), { status: 404 }),
	good('Expect: 100-continue', undefined, { interim: 100, closed: true, steps: async (raw, c) => {
		raw.write(post(c, c.length, 'Expect: 100-continue', 'Connection: close'));
		await raw.until(1);
		raw.write(c.body);
		await raw.until();
	} }),
	good('Upgrade: h2c', (c) => whole(c, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA')),
	good('Upgrade: websocket', (c) => whole(c, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
		'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')),
	good('Upgrade, and bytes of HTTP/2 after it', (c) => `${whole(c, 'Connection: Upgrade', 'Upgrade: h2c')}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
		{ closed: true, after: [505] }),
	good('Connection: close', (c) => whole(c, 'Connection: close'), { closed: true }),
	good('X-HTTP-Method-Override: GET', (c) => whole(c, 'X-HTTP-Method-Override: GET')),
	// The bytes are verified and stored as they came; nothing is decompressed.
	good('Content-Encoding: gzip, but the body is not', (c) => whole(c, 'Content-Encoding: gzip')),
	good('a body in gzip: quarantined, as it came', (c) => c.signed(gzipSync(c.body), 'Content-Encoding: gzip'),
		{ quarantined: true }),
	good('a bomb of a body: quarantined, as it came', (c) => c.signed(deflateSync(Buffer.alloc(20 << 20)), 'Content-Encoding: deflate'),
		{ quarantined: true }),
];

// The end of a client's side is noticed at once, or only at the deadline when it came together
// with the last bytes: libmicrohttpd does not read again after a short read.
const order = [
	good('good + bad: the first is served', (c) => `${whole(c)}${head(LINE, c.host, c.host)}`, { closed: true, after: [400] }),
	good('good + a chunk line that never ends', (c) => `${whole(c)}${post(c, TE)}5;${'x'.repeat(100_000)}`,
		{ closed: true, after: [408], slow: true, mhd1: { after: [], mayEnd: 413, why: LONG_LINE } }),
	bad('bad + good: the second is not', (c) => head(LINE, c.host, c.host, 'Content-Length: 0') + c.inner()),
	good('a body longer than announced: the surplus is a request, of the method "surplusPOST"', (c) => `${whole(c)}surplus`,
		{ after: [405], tail: false }),
	bad('a body shorter than announced, then the end', undefined, { anyOf: [0, 408], slow: true, steps: async (raw, c) => {
		raw.write(post(c, `Content-Length: ${c.size + 1}`) + c.body).halfClose();
		await raw.until();
	} }),
	bad('a body shorter than announced: the next request is body', (c) => post(c, `Content-Length: ${c.size + 5}`) + c.body,
		{ status: 401, after: [400], mhd1: { after: [], why: 'the rest of a body is not HTTP to it: no answer' } }),
	bad('half-closed within the head', undefined, { anyOf: [0, 408], slow: true, steps: async (raw, c) => {
		raw.write(post(c).slice(0, 80)).halfClose();
		await raw.until();
	} }),
	bad('half-closed within a chunk', undefined, { anyOf: [0, 408], slow: true, steps: async (raw, c) => {
		raw.write(chunks(c, c.chunked(c.body).slice(0, -5))).halfClose();
		await raw.until();
	} }),
];

/* Reset (RST) after a part of a request; never after all of it, which may be stored. */
const resets = [['before a byte', () => 0], ['within the request line', () => 10], ['behind it', () => LINE.length + 2],
	['within the signature', () => 90], ['within the body', (all) => all.length - 50], ['before the last byte', (all) => all.length - 1],
].map(([name, at]) => bad(`reset ${name}`, undefined, { status: 0, closed: false, steps: async (raw, c) => {
	const all = whole(c);
	await new Promise((written) => raw.socket.write(all.slice(0, at(all)) || '\r\n', 'latin1', written));
	raw.socket.resetAndDestroy();
} }));

/* Sends bytes one by one, for longer than the daemon's request_time; never all of them. */
const drip = (bytes) => async (raw, c) => {
	const [start, slow] = bytes(c);
	raw.write(start);
	for (let i = 0; i < slow.length && !raw.closed && raw.responses.length === 0; i++) {
		raw.write(slow[i]);
		await sleep(100);
	}
	await raw.until();
};
const slow = [
	['nothing', () => ['', '']],
	['empty lines', () => ['\r\n', '\r\n'.repeat(5000)], closedBy1(EMPTY_LINES)],
	['the request line', () => ['', `POST /${'y'.repeat(5000)}`]],
	['a header', (c) => [`${LINE}\r\n${c.host}\r\n`, `X-A: ${'y'.repeat(5000)}`]],
	['header lines', (c) => [`${LINE}\r\n${c.host}\r\n`, 'a:\r\n'.repeat(5000)]],
	['the body', (c) => [post(c, 'Content-Length: 5000'), 'x'.repeat(4999)]],
	['chunks', (c) => [post(c, TE), '1\r\nx\r\n'.repeat(5000)]],
	['a chunk size', (c) => [post(c, TE), `${'0'.repeat(5000)}`]],
	['trailers', (c) => [chunks(c, `${HEX(c.body)}\r\n${c.body}\r\n0\r\n`), 'a:\r\n'.repeat(5000)]],
	['a body that stands still', (c) => [post(c, 'Content-Length: 5000'), 'x']],
].map(([name, bytes, more]) => bad(`slow: ${name}`, undefined, { status: 408, slow: true, steps: drip(bytes), ...more }));

const onPlain = [
	bad('a TLS hello on the plain port', () => Buffer.concat([Buffer.from('16030100c8010000c40303', 'hex'), noise(190)]),
		{ slow: true }),
	bad('garbage', () => Buffer.concat([Buffer.from([1, 0, 2, 3, 255, 254]), noise(3000), Buffer.from('\r\n\r\n')])),
];

const onTls = [
	['plain HTTP', (c) => whole(c), { status: 400 }],
	['plain HTTP, a bad signature', (c) => unsigned(c), { status: 400 }],
	['a record of no length', () => Buffer.from('1603010000', 'hex')],
	['a record too long', () => Buffer.from('160301ffff', 'hex')],
	['a hello of garbage', () => Buffer.concat([Buffer.from('16030100c8010000c40303', 'hex'), noise(190)])],
	['an alert', () => Buffer.from('15030100020228', 'hex'), { status: 400 }],
	['garbage', () => noise(5000), { status: 400 }],
].map(([name, bytes, more]) => bad(`on the TLS port: ${name}`, bytes, { status: 0, tls: true, slow: true, ...more }));
const heldTls = ['', '16', '160301', '1603010200', '16030102000100'].map((hex) =>
	bad(`on the TLS port: ${hex.length / 2} bytes of a hello, held`, undefined, { status: 0, tls: true, slow: true,
		steps: async (raw) => { raw.write(Buffer.from(hex, 'hex')); await raw.until(); } }));

export const groups = { lengths, codings, chunked, lines, targets, versions, sizes, methods, wishes, order, resets, slow,
	onPlain, onTls, heldTls };
const ofLibrary = ({ mhd1, ...row }) => (STRICT_LIBRARY && mhd1 ? { ...row, ...mhd1 } : row);
/** Rows whose framing two parsers may read differently: for the test with a proxy. */
export const smuggling = Object.entries({ lengths, codings, chunked, lines, targets, versions, methods })
	.flatMap(([group, list]) => list.map((row) => ({ group, ...ofLibrary(row) })));
export const rows = Object.entries(groups).flatMap(([group, list]) => list.map((row) => ({ group, ...ofLibrary(row) })));
