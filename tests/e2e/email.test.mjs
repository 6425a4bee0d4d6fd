// E-mail: what arrives at a real SMTP server, or at sendmail(8), and what never does.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { certificate } from './lib/certificate.mjs';
import { Daemon } from './lib/daemon.mjs';
import { newBody, newEvent } from './lib/fedapay.mjs';
import { Mailbox, header, headersOf } from './lib/mailbox.mjs';
import { sendmail, sendmails } from './lib/sendmail.mjs';
import { limit, waitFor } from './lib/wait.mjs';

const QUICK = { attempts: 3, first: '50ms', max: '100ms' };
const FROM = 'Ma Boutique <no-reply@example.com>';
const MAIL = { to: 'awa@example.com', subject: 'Paiement {{entity.reference}} reçu', body: 'Merci.' };

/** A hook that sends a mail: MAIL with `over`. */
const mailer = (over = {}, hook = {}) => ({ name: 'confirm', source: 'fedapay', on: '*', retry: QUICK,
	...hook, email: { ...MAIL, ...over } });

/** A daemon that sends through the mailbox. `server` changes keys of the section email. */
const daemonFor = (t, box, { server, ...more }) => Daemon.start(t, {
	email: { server: box.url, ...(box.options.tls ? { ca: box.options.tls.certFile } : { tls: 'none' }),
		from: FROM, ...server },
	...more,
});

/** One daemon, one mailbox, one hook. */
async function withMail(t, over, { box: options, ...more } = {}) {
	const box = await Mailbox.start(t, options);
	const d = await daemonFor(t, box, { hooks: [mailer(over)], ...more });
	return { box, d };
}

/** newEvent's entity with `over`; its customer with `customer`. */
const entity = (over = {}, customer = {}) => {
	const plain = newEvent().entity;
	return { ...plain, ...over, customer: { ...plain.customer, ...customer } };
};

/** Mailparser's {value: [{name, address}]} as "name <address>" texts. */
const people = (field) => [].concat(field ?? []).flatMap((x) => x.value)
	.map(({ name, address }) => (name ? `${name} <${address}>` : address));

const lines = (text) => text.replace(/\r\n/g, '\n').trimEnd();
const results = (delivery) => delivery.attempts.map((a) => a.result);
const only = async (d, event) => (await d.settled(event)).deliveries[0];

/** The message that a client sent in DATA, as on the wire. */
function dataOf(transcript) {
	const begin = transcript.indexOf('\r\nDATA\r\n') + 8;
	assert.ok(begin > 8, transcript);
	return transcript.slice(begin, transcript.indexOf('\r\n.\r\n', begin) + 2);
}

// ---- what is in a mail
test('a mail as people read it: accents in subject, names and body', limit, async (t) => {
	const name = 'Aïssatou N’Dïaye-Hounkpè';
	const description = 'Été à Cotonou : thé, café & gâteau «maison» — 12 € ✓';
	const { box, d } = await withMail(t, {
		to: '{{entity.customer.full_name}} <{{entity.customer.email}}>',
		subject: 'Paiement {{entity.reference}} reçu : {{entity.description}}',
		body: 'Bonjour {{entity.customer.full_name}},\n\nnous avons bien reçu votre paiement.\n' +
			'Référence : {{entity.reference}}\nObjet : {{entity.description}}\n\nÀ bientôt !\n',
	});
	const event = await d.store({ entity: entity({ description }, { full_name: name }) });
	const { raw, mail, envelope } = await box.mail();
	assert.equal((await only(d, event)).state, 'DONE');
	assert.deepEqual(envelope, { from: 'no-reply@example.com', to: ['awa@example.com'] });
	assert.equal(mail.subject, `Paiement trx_ZIU_1719787792938 reçu : ${description}`);
	assert.deepEqual(people(mail.to), [`${name} <awa@example.com>`]);
	assert.deepEqual(people(mail.from), [FROM]);
	assert.equal(lines(mail.text), `Bonjour ${name},\n\nnous avons bien reçu votre paiement.\n` +
		`Référence : trx_ZIU_1719787792938\nObjet : ${description}\n\nÀ bientôt !`);
	assert.equal(mail.html, false);
	assert.deepEqual(mail.attachments, []);
	const head = raw.subarray(0, raw.indexOf('\r\n\r\n')).toString('latin1');
	assert.match(head, /^[\t\r\n -~]*$/, 'the header is ASCII');
	for (const word of head.match(/=\?[^?]+\?[bq]\?[^?]*\?=/gi)) assert.ok(word.length <= 75, word);
	for (const line of head.split('\r\n')) assert.ok(line.length <= 998, line);
	assert.equal(header(raw, 'MIME-Version'), '1.0');
	assert.match(header(raw, 'Content-Type'), /^text\/plain;\s*charset="?utf-8"?/i);
});

test('a from of the hook\'s own, with a template and an accent', limit, async (t) => {
	const { box, d } = await withMail(t, { from: 'Épicerie {{entity.customer.lastname}} <epicerie@example.org>' });
	await d.store();
	const { mail, envelope, raw } = await box.mail();
	assert.deepEqual(people(mail.from), ['Épicerie Dossou <epicerie@example.org>']);
	assert.equal(envelope.from, 'epicerie@example.org');
	assert.match(header(raw, 'Message-ID'), /^<[^@<>\s]+@[^@<>\s]+>$/);
});

test('several addresses in to, cc, bcc and reply_to; bcc only in the envelope', limit, async (t) => {
	const { box, d } = await withMail(t, {
		to: ['{{entity.customer.firstname}} <{{entity.customer.email}}>',
			'{{entity.metadata.one}}, "Deux, l\'autre" <{{entity.metadata.two}}>'],
		cc: 'compta@example.com, "Dupont, Zoé" <zoe@example.com>',
		bcc: ['secret-archive@example.net', '{{entity.metadata.nobody}}'],
		reply_to: ['Aide <aide@example.com>', 'sos@example.com'],
	});
	const metadata = { one: 'un@example.com', two: 'deux@example.com' };
	await only(d, await d.store({ entity: entity({ metadata }) }));
	const { raw, mail, envelope } = await box.mail();
	assert.deepEqual(people(mail.to), ['Awa <awa@example.com>', 'un@example.com', 'Deux, l\'autre <deux@example.com>']);
	assert.deepEqual(people(mail.cc), ['compta@example.com', 'Dupont, Zoé <zoe@example.com>']);
	assert.deepEqual(people(mail.replyTo), ['Aide <aide@example.com>', 'sos@example.com']);
	assert.deepEqual([...envelope.to].sort(), ['awa@example.com', 'compta@example.com', 'deux@example.com',
		'secret-archive@example.net', 'un@example.com', 'zoe@example.com']);
	assert.equal(header(raw, 'Bcc'), undefined);
	assert.ok(!raw.includes('secret-archive'), 'the blind copy is not mentioned');
	assert.equal(box.mails.length, 1, 'one mail to all of them');
});

test('an event cannot add recipients', limit, async (t) => {
	const { box, d } = await withMail(t, null, { hooks: [
		mailer({ to: '{{entity.customer.email}}' }, { name: 'to' }),
		mailer({ to: 'shop@example.com', cc: 'a@example.com, {{entity.customer.email}}' }, { name: 'cc' }),
		mailer({ to: 'shop@example.com', bcc: '{{entity.customer.full_name}} <awa@example.com>' }, { name: 'bcc' }),
		mailer({ to: 'shop@example.com', reply_to: '{{entity.customer.email}}' }, { name: 'reply_to' })] });
	const { deliveries } = await d.settled(await d.store({ entity: entity({}, { email: 'awa@example.com, eve@example.net',
		full_name: 'Eve <eve@example.net>, Awa' }) }));
	for (const delivery of deliveries) {
		assert.deepEqual(results(delivery), ['permfail'], delivery.hook);
		assert.match(delivery.attempts[0].message, new RegExp(`email\\.${delivery.hook}\\b.*address`));
	}
	assert.equal(box.connections, 0);
});

test('an event cannot add recipients: place by place', limit, async (t) => {
	const { box, d } = await withMail(t, null, { hooks: [
		mailer({ to: 'shop@example.com', cc: '{{entity.customer.email}}, {{entity.callback_url}}' }, { name: 'cc' }),
		mailer({ to: '{{entity.customer.email}}, {{entity.callback_url | default: ""}}' }, { name: 'to' }),
		mailer({ to: '"Shop, {{entity.customer.full_name}}" <awa@example.com>, {{entity.callback_url | default: ""}}' }, { name: 'quoted', concurrency: 1 })] });
	for (const email of ['awa@example.com, eve@example.net', 'awa@example.com,eve@example.net', '"x", eve@example.net', 'awa@example.com\neve@example.net']) {
		const { deliveries } = await d.settled(await d.store({ entity: entity({ callback_url: null }, { email, full_name: 'Eve" <eve@example.net>, "Awa' }) }));
		for (const delivery of deliveries) assert.deepEqual(results(delivery), ['permfail'], `${delivery.hook} ${email}`);
	}
	assert.equal(box.connections, 0);
});

test('missing paths are empty in subject, body, cc, bcc, reply_to; a mail without recipient is given up', limit, async (t) => {
	const { box, d } = await withMail(t, null, { hooks: [
		mailer({ cc: '{{entity.no.cc}}', bcc: '{{entity.no.bcc}}', reply_to: '{{entity.no.reply}}',
			subject: 'a{{entity.no.subject}}b', body: 'c{{entity.no.body}}d {{entity.callback_url}}e' }),
		mailer({ to: '{{entity.no.address}}' }, { name: 'missing' }),
		mailer({ to: '{{entity.callback_url}}' }, { name: 'null' }),
		mailer({ to: ['{{entity.no.address | default: ""}}', '{{entity.callback_url}}'] }, { name: 'nobody' }),
		mailer({ from: '{{entity.no.address}}' }, { name: 'from' }),
	] });
	const { deliveries } = await d.settled(await d.store());
	const of = (name) => deliveries.find((x) => x.hook === name);
	assert.equal(of('confirm').state, 'DONE');
	for (const name of ['missing', 'null', 'nobody', 'from']) {
		assert.equal(of(name).state, 'DEAD', name);
		assert.deepEqual(results(of(name)), ['permfail'], name);
	}
	for (const name of ['missing', 'from'])
		assert.match(of(name).attempts[0].message, /entity\.no\.address is missing/);
	const { raw, mail } = await box.mail();
	assert.equal(mail.subject, 'ab');
	assert.equal(lines(mail.text), 'cd e');
	for (const name of ['Cc', 'Bcc', 'Reply-To']) assert.equal(header(raw, name), undefined, name);
	assert.equal(box.arrived.length, 1);
});

test('text and HTML: two alternatives of one mail, values escaped in HTML only', limit, async (t) => {
	const { box, d } = await withMail(t, {
		body: 'Objet : {{entity.description}}',
		html: '<p class="à">Objet : <b>{{entity.description}}</b> <a title="{{entity.description}}" href="https://shop.example/?q={{entity.description}}">x</a> ' +
			'{{entity.description | raw}}</p>',
	});
	const description = '<script>alert("1")</script> & \'é\'';
	await d.store({ entity: entity({ description }) });
	const { raw, mail } = await box.mail();
	assert.match(header(raw, 'Content-Type'), /^multipart\/alternative\b/);
	assert.ok(raw.indexOf('text/plain') < raw.indexOf('text/html'), 'the better one last');
	assert.equal(lines(mail.text), `Objet : ${description}`);
	const [, first, second, query, rest] = /<b>(.*?)<\/b> <a title="(.*?)" href="https:\/\/shop\.example\/\?q=(.*?)">x<\/a> (.*)<\/p>/s.exec(mail.html);
	assert.match(query, /^[-%._~A-Za-z0-9]*$/);
	assert.equal(decodeURIComponent(query), description);
	for (const escaped of [first, second]) {
		assert.doesNotMatch(escaped, /[<>"']/);
		const plain = escaped.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;|&#34;|&#x22;/g, '"')
			.replace(/&#39;|&#x27;|&apos;/g, '\'').replace(/&amp;/g, '&');
		assert.equal(plain, description);
	}
	assert.equal(rest, description, 'raw is raw');
});

test('a text has the lines of its template, unless raw asks for the value\'s own', limit, async (t) => {
	const { box, d } = await withMail(t, { to: '{{entity.customer.full_name | line}} <{{entity.customer.email}}>',
		subject: 'Paiement {{entity.description | line}}',
		body: 'Client : {{entity.customer.full_name}}\nObjet : {{entity.description | truncate: 60}}\nMontant : {{entity.amount | money}}\n{{entity.mode | raw}}\n' });
	const nl = '\r\n\n\u2028\u2029\u0085\v\f';
	await d.store({ entity: entity({ description: `${nl}Commande${nl}Montant : 1 FCFA`, mode: 'a\nb', amount: 5000 }, { full_name: `Awa${nl}\u202eMontant${nl}` }) });
	const { mail } = await box.mail();
	assert.equal(lines(mail.text), 'Client : Awa Montant\nObjet : Commande Montant : 1 FCFA\nMontant : 5\u00a0000 FCFA\na\nb'.replace('\u00a0', mail.text.includes('5 000') ? ' ' : '\u00a0'));
	assert.equal(mail.subject, 'Paiement Commande Montant : 1 FCFA');
	assert.deepEqual(people(mail.to), ['Awa Montant <awa@example.com>']);
});

test('HTML: what another filter makes of an escaped value is escaped again', limit, async (t) => {
	const { box, d } = await withMail(t, { body: undefined, html: '<p title="{{entity.description | html | json}}">{{entity.description | html}}</p>' });
	assert.equal((await only(d, await d.store({ entity: entity({ description: 'x" onclick="<y>' }) }))).state, 'DONE');
	const { mail } = await box.mail();
	assert.equal(lines(mail.html), '<p title="&quot;x&amp;quot; onclick=&amp;quot;&amp;lt;y&amp;gt;&quot;">x&quot; onclick=&quot;&lt;y&gt;</p>');
});

test('HTML alone', limit, async (t) => {
	const { box, d } = await withMail(t, { body: undefined, html: '<p>Reçu : {{entity.reference}}</p>' });
	await d.store();
	const { mail, raw } = await box.mail();
	assert.equal(lines(mail.html), '<p>Reçu : trx_ZIU_1719787792938</p>');
	assert.ok(!mail.text, 'no other part');
	assert.match(header(raw, 'Content-Type'), /^text\/html;\s*charset="?utf-8"?/i);
});

for (const kind of ['body', 'html']) {
	test(`attach_payload: the payload byte for byte, beside the ${kind}`, limit, async (t) => {
		const { box, d } = await withMail(t, { body: kind === 'body' ? 'Voilà.' : undefined,
			html: kind === 'html' ? '<p>Voilà.</p>' : undefined, attach_payload: true });
		const body = ` \t${JSON.stringify(newEvent({ odd: 'é\u2028 \u00e9 \\ /' })).replaceAll('/', '\\/')}\r\n\n\r \n`;
		const { event } = (await d.post(body)).json;
		const { mail, raw } = await box.mail();
		assert.match(header(raw, 'Content-Type'), /^multipart\/mixed\b/);
		assert.equal(mail.attachments.length, 1);
		const [attached] = mail.attachments;
		assert.equal(attached.filename, `event-${event}.json`);
		assert.equal(attached.contentType, 'application/json');
		assert.equal(attached.contentDisposition, 'attachment');
		assert.deepEqual(attached.content, Buffer.from(body));
		assert.match(kind === 'body' ? mail.text : mail.html, /Voilà\./);
	});
}

test('body_file and html_file are beside the config; a reload reads them again', limit, async (t) => {
	const box = await Mailbox.start(t);
	const d = new Daemon(t, { email: { server: box.url, tls: 'none', from: FROM },
		hooks: [mailer({ body: undefined, body_file: 'confirm.fr.txt', html_file: 'mails/confirm.fr.html' })] });
	d.file('confirm.fr.txt', 'Chère {{entity.customer.firstname}},\nmerci !\n');
	mkdirSync(join(d.dir, 'mails'));
	d.file('mails/confirm.fr.html', '<p>Chère {{entity.customer.firstname}}</p>\n');
	await d.start();
	await d.store();
	const { mail } = await box.mail();
	assert.equal(lines(mail.text), 'Chère Awa,\nmerci !');
	assert.equal(lines(mail.html), '<p>Chère Awa</p>');
	d.file('confirm.fr.txt', 'Salut {{entity.customer.firstname}}');
	d.reload();
	await d.logged(/reload/i);
	await waitFor(async () => {
		await d.settled(await d.store());
		return lines(box.mails.at(-1).mail.text) === 'Salut Awa';
	}, 'the new text');
});

test('Date in the config\'s time zone, Auto-Submitted, one of each field', limit, async (t) => {
	const { box, d } = await withMail(t, { cc: 'b@example.com', reply_to: 'c@example.com' },
		{ timezone: 'Africa/Porto-Novo' });
	const before = Math.floor(Date.now() / 1000) * 1000;
	await only(d, await d.store());
	const { raw, mail } = await box.mail();
	assert.ok(mail.date.getTime() >= before && mail.date.getTime() <= Date.now(), mail.date.toISOString());
	assert.match(header(raw, 'Date'), /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), +\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d \+0100$/);
	assert.equal(header(raw, 'Auto-Submitted'), 'auto-generated');
	for (const name of ['From', 'To', 'Cc', 'Reply-To', 'Subject', 'Date', 'Message-ID', 'MIME-Version',
		'Content-Type', 'Auto-Submitted'])
		assert.ok(header(raw, name), name);
	const names = headersOf(raw).map(([name]) => name.toLowerCase());
	assert.equal(new Set(names).size, names.length, names.join());
});

test('Message-ID: the same on each attempt of a delivery, another one for each delivery', limit, async (t) => {
	const { box, d } = await withMail(t, {}, {
		box: { greylist: 1, data: [[451, 'not now'], [452, 'no room']] },
		hooks: [mailer({}, { retry: { ...QUICK, attempts: 6 } }),
			mailer({}, { name: 'second', on: 'payout.*' })],
	});
	const delivery = await only(d, await d.store());
	assert.equal(delivery.state, 'DONE');
	assert.deepEqual(results(delivery), ['tempfail', 'tempfail', 'tempfail', 'ok']);
	assert.match(delivery.attempts[0].message, /450/);
	assert.match(delivery.attempts[1].message, /451/);
	await d.settled(await d.store());
	await d.settled(await d.store({ name: 'payout.sent' }));
	const ids = box.arrived.map(({ raw }) => header(raw, 'Message-ID'));
	assert.equal(ids.length, 6, 'three tries of the first, one more, and two for the payout');
	assert.equal(new Set(ids.slice(0, 3)).size, 1, 'stable over attempts');
	assert.equal(new Set(ids).size, 4, 'different between deliveries');
	for (const id of ids) assert.match(id, /^<[0-9A-Za-z.+_-]+@example\.com>$/);
});

test('dots, long lines and odd line ends in bodies arrive unchanged', limit, async (t) => {
	const { box, d } = await withMail(t, { body: '{{entity.description | raw}}', html: '<pre>{{entity.description}}</pre>' });
	const text = ['.', '..', '.hidden', '', 'From me', 'x'.repeat(5000), 'é'.repeat(3000), 'trailing  ', 'tab\t',
		'=3D = =', '-- ', '.', 'mot '.repeat(900).trim(), '', '.', 'end'].join('\n');
	for (const end of ['\n', '\r\n']) {
		await only(d, await d.store({ entity: entity({ description: text.replaceAll('\n', end) }) }));
		const { mail, raw } = box.mails.at(-1);
		assert.equal(lines(mail.text), text);
		assert.equal(lines(mail.html.replace(/^<pre>|<\/pre>\s*$/g, '')), text);
		for (const line of raw.toString('latin1').split('\r\n')) assert.ok(line.length <= 998, `${line.length} bytes`);
	}
	for (const part of box.transcripts) assert.doesNotMatch(dataOf(part), /\r(?!\n)|(?<!\r)\n/, 'CRLF only');
});

// ---- addresses that are not ASCII
const utf8 = (text) => Buffer.from(text).toString('latin1');

test('a domain that is not ASCII goes out as IDNA has it, to any server', limit, async (t) => {
	const { box, d } = await withMail(t, { to: 'Zoé <zoe@BÉNIN.example>', cc: '{{entity.customer.email}}', reply_to: 'aide@bénin.example' },
		{ box: { noUtf8: true } });
	await d.store({ entity: entity({}, { email: 'awa@日本.example' }) });
	const { raw } = await box.mail();
	assert.match(header(raw, 'To'), /<zoe@xn--bnin-bpa\.example>$/);
	assert.equal(header(raw, 'Cc'), 'awa@xn--wgv71a.example');
	assert.match(box.transcripts[0], /RCPT TO:<zoe@xn--bnin-bpa\.example>\r\nRCPT TO:<awa@xn--wgv71a\.example>\r\n/);
	assert.equal(header(raw, 'Reply-To'), 'aide@xn--bnin-bpa.example');
	assert.doesNotMatch(box.transcripts[0], /SMTPUTF8/);
	for (const bad of ['awa@bé nin.example', 'awa@é..example', 'awa@-é.example', 'awa@\u2488.example', 'awa@\uff11.\uff12', 'a\u200bb@example.com', 'a\u202e@example.com'])
		assert.deepEqual(results(await only(d, await d.store({ entity: entity({}, { email: bad }) }))), ['permfail'], bad);
	assert.equal(box.mails.length, 1);
});

for (const tls of [false, true])
	test(`an address that is not ASCII: SMTPUTF8 where the server has it, else given up with the reason${tls ? ', by STARTTLS' : ''}`, limit, async (t) => {
		const to = 'hélène@bénin.example';
		for (const noUtf8 of [false, true]) {
			const box = await Mailbox.start(t, { noUtf8, ...(tls && { tls: await certificate(mkdtempSync(join(tmpdir(), 'hookd-')), 'box') }) });
			const d = await daemonFor(t, box, { hooks: [mailer({ to: '{{entity.customer.email}}' })] });
			await only(d, await d.store()); // the connection that stays open
			const delivery = await only(d, await d.store({ entity: entity({}, { email: to }) }));
			if (noUtf8) {
				assert.deepEqual(results(delivery), ['permfail']);
				assert.match(delivery.attempts[0].message, /not ASCII.*SMTPUTF8/);
				assert.equal(box.mails.length, 1);
				for (const part of box.transcripts) assert.doesNotMatch(part, /xn--/);
			} else {
				assert.deepEqual(results(delivery), ['ok'], JSON.stringify(delivery.attempts));
				const { envelope, raw } = await box.mail(2);
				assert.deepEqual(envelope.to, [to]); // the server decodes the domain
				assert.equal(header(raw, 'To'), utf8('hélène@xn--bnin-bpa.example'));
				if (!tls) assert.match(box.transcripts.at(-1), /MAIL FROM:<no-reply@example\.com>.* SMTPUTF8\r\nRCPT TO:<h\xc3\xa9l\xc3\xa8ne@xn--bnin-bpa\.example>\r\n/);
			}
			assert.equal((await only(d, await d.store())).state, 'DONE', 'others go on');
		}
	});

test('reply_to is ASCII before its @: --check and the event', limit, async (t) => {
	const { box, d } = await withMail(t, { reply_to: '{{entity.customer.email}}' });
	const { attempts } = await only(d, await d.store({ entity: entity({}, { email: 'hélène@example.com' }) }));
	assert.match(attempts[0].message, /reply_to: has a part before its @ that is not ASCII/);
	assert.equal(box.connections, 0);
});

// ---- ways to the server
test('STARTTLS, by default: the mail is encrypted, and nothing is sent before that', limit, async (t) => {
	const d = new Daemon(t);
	const tls = await certificate(d.dir, 'box');
	const box = await Mailbox.start(t, { tls });
	d.configure({ email: { server: box.url, ca: tls.certFile, from: FROM }, hooks: [mailer()] });
	await d.start();
	assert.equal((await only(d, await d.store())).state, 'DONE');
	assert.equal((await box.mail()).secure, true);
	assert.doesNotMatch(box.transcripts[0], /MAIL FROM|RCPT|awa@/);
});

test('STARTTLS is required: a server without it gets nothing', limit, async (t) => {
	const box = await Mailbox.start(t, { auth: { user: 'shop', pass: 'geheim' } });
	const d = await Daemon.start(t, { hooks: [mailer()], email: (d) => ({ server: box.url, from: FROM,
		username: 'shop', password: { file: d.file('password', 'geheim\n', 0o600) } }) });
	const delivery = await only(d, await d.store());
	assert.equal(delivery.state, 'DEAD');
	assert.deepEqual(results(delivery), ['tempfail', 'tempfail', 'tempfail']);
	assert.match(delivery.attempts[0].message, /TLS|SSL/i);
	assert.ok(box.connections >= 1);
	for (const transcript of box.transcripts) assert.doesNotMatch(transcript, /MAIL|RCPT|DATA|AUTH/i);
	assert.deepEqual(box.logins, []);
});

test('a reload that asks for STARTTLS: the connection that is kept open is not used', limit, async (t) => {
	const d = new Daemon(t);
	const tls = await certificate(d.dir, 'box');
	const box = await Mailbox.start(t, { tls });
	const mail = { server: box.url, ca: tls.certFile, from: FROM };
	d.configure({ email: { ...mail, tls: 'none' }, hooks: [mailer()] });
	await d.start();
	assert.equal((await only(d, await d.store())).state, 'DONE');
	assert.equal((await box.mail()).secure, false);
	d.configure({ email: mail, hooks: [mailer()] });
	assert.equal((await d.ctl('reload')).code, 0);
	assert.equal((await only(d, await d.store())).state, 'DONE');
	assert.equal((await box.mail(2)).secure, true);
});

test('email.hostname: the name that the server is greeted by', limit, async (t) => {
	const { box, d } = await withMail(t, {}, { server: { hostname: 'shop.example.com' } });
	assert.equal((await only(d, await d.store())).state, 'DONE');
	assert.match(box.transcripts[0], /^EHLO shop\.example\.com\r\n/);
	d.configure({ email: { server: box.url, tls: 'none', from: FROM, hostname: 'shop/../x' }, hooks: [mailer()] });
	const { code, stderr } = await d.ctl('reload');
	assert.equal(code, 1);
	assert.match(stderr, /hostname: .*is not a host name/);
});

test('smtps: TLS from the first byte', limit, async (t) => {
	const d = new Daemon(t);
	const tls = await certificate(d.dir, 'box');
	const box = await Mailbox.start(t, { tls, implicit: true });
	d.configure({ email: { server: box.url, ca: tls.certFile, from: FROM }, hooks: [mailer()] });
	await d.start();
	assert.equal((await only(d, await d.store())).state, 'DONE');
	assert.equal((await box.mail()).secure, true);
	assert.match(box.url, /^smtps:/);
});

/* Certificates that must be refused: [its names, is it given as ca?]. */
const distrusted = {
	'nobody vouches for': ['DNS:localhost,IP:127.0.0.1', false],
	'is another host\'s': ['DNS:other.example,IP:127.0.0.9', true],
};

for (const [what, [names, known]] of Object.entries(distrusted)) {
	for (const implicit of [false, true]) {
		test(`a certificate that ${what} is refused, ${implicit ? 'smtps' : 'STARTTLS'}`, limit, async (t) => {
			const d = new Daemon(t);
			const tls = await certificate(d.dir, 'box', names);
			const other = await certificate(d.dir, 'other');
			const box = await Mailbox.start(t, { tls, implicit, auth: { user: 'shop', pass: 'geheim' } });
			const password = { file: d.file('password', 'geheim\n', 0o600) };
			const server = { server: box.url, from: FROM, username: 'shop', password };
			d.configure({ email: { ...server, ca: known ? tls.certFile : other.certFile }, hooks: [mailer()] });
			await d.start();
			const delivery = await only(d, await d.store());
			assert.equal(delivery.state, 'DEAD');
			assert.deepEqual(results(delivery), ['tempfail', 'tempfail', 'tempfail'], 'a person can correct it');
			assert.match(delivery.attempts[0].message, /certificate|SSL|TLS/i);
			assert.deepEqual(box.logins, [], 'no password for a stranger');
			assert.deepEqual(box.arrived, []);
		});
	}
}

test('without ca, the system\'s authorities are trusted', limit, async (t) => {
	const d = new Daemon(t);
	const tls = await certificate(d.dir, 'box');
	const box = await Mailbox.start(t, { tls });
	d.configure({ email: { server: box.url, from: FROM }, hooks: [mailer()] });
	await d.start();
	assert.deepEqual(results(await only(d, await d.store())), ['tempfail', 'tempfail', 'tempfail']);
	assert.deepEqual(box.arrived, []);
});

/** Every byte that hookd leaves: the log, the store's files, hookctl's output. */
async function traces(d, event) {
	const files = readdirSync(d.dir).filter((name) => name.startsWith('hookd.db') && !name.endsWith('.control'))
		.map((name) => readFileSync(join(d.dir, name)));
	const told = [await d.ctl('show', String(event)), await d.ctl('show', String(event), '--json'),
		await d.ctl('events')].flatMap(({ bytes, stderr }) => [bytes, Buffer.from(stderr)]);
	return Buffer.concat([d.logBytes, ...files, ...told]);
}

test('AUTH: user and password, with all characters', limit, async (t) => {
	const d = new Daemon(t);
	const tls = await certificate(d.dir, 'box');
	const pass = 'p@ss:wörd%41 "\\é#';
	const box = await Mailbox.start(t, { tls, auth: { user: 'shop@example.com', pass } });
	d.configure({ hooks: [mailer()], email: { server: box.url, ca: tls.certFile, from: FROM,
		username: 'shop@example.com', password: { file: d.file('password', `${pass}\n`, 0o600) } } });
	await d.start();
	const event = await d.store();
	assert.equal((await only(d, event)).state, 'DONE');
	const { user, secure } = await box.mail();
	assert.equal(user, 'shop@example.com');
	assert.equal(secure, true);
	assert.ok(!(await traces(d, event)).includes(pass));
});

test('a wrong password is retried, and is written nowhere', limit, async (t) => {
	const d = new Daemon(t);
	const tls = await certificate(d.dir, 'box');
	const wrong = 'the-wrong-password-4711';
	const box = await Mailbox.start(t, { tls, auth: { user: 'shop', pass: 'right' } });
	d.configure({ hooks: [mailer()], log: { level: 'debug' }, email: { server: box.url, ca: tls.certFile,
		from: FROM, username: 'shop', password: { env: 'SMTP_PASSWORD' } } });
	d.env.SMTP_PASSWORD = wrong;
	await d.start();
	const event = await d.store();
	const delivery = await only(d, event);
	assert.equal(delivery.state, 'DEAD');
	assert.deepEqual(results(delivery), ['tempfail', 'tempfail', 'tempfail']);
	assert.match(delivery.attempts[0].message, /535|authenti|login|denied|user/i);
	assert.deepEqual([...new Set(box.logins.map(({ pass }) => pass))], [wrong]);
	assert.deepEqual(box.arrived, []);
	const left = await traces(d, event);
	for (const form of [wrong, Buffer.from(wrong).toString('base64'), Buffer.from(`\0shop\0${wrong}`).toString('base64')])
		assert.ok(!left.includes(form), 'the password left a trace');
});

test('a Unix socket', limit, async (t) => {
	const d = new Daemon(t);
	const box = await Mailbox.start(t, { path: join(d.dir, 'smtp.sock') });
	d.configure({ email: { server: box.url, from: FROM }, hooks: [mailer()] });
	await d.start();
	assert.equal((await only(d, await d.store())).state, 'DONE');
	assert.deepEqual((await box.mail()).envelope.to, ['awa@example.com']);
});

test('a connection is used for more than one mail', limit, async (t) => {
	const { box, d } = await withMail(t, {}, { hooks: [mailer({}, { concurrency: 1 })] });
	const events = (await Promise.all(Array.from({ length: 10 }, () => d.post()))).map((a) => a.json.event);
	for (const event of events) assert.deepEqual(results(await only(d, event)), ['ok']);
	assert.equal(box.mails.length, 10);
	assert.equal(new Set(box.mails.map(({ raw }) => header(raw, 'Message-ID'))).size, 10);
	assert.ok(box.connections <= 3, `${box.connections} connections`);
});

test('a server that closes after each mail gets all of them, each once', limit, async (t) => {
	const { box, d } = await withMail(t, {}, { box: { closeAfter: 1 },
		hooks: [mailer({}, { retry: { ...QUICK, attempts: 20 } })] });
	for (let i = 0; i < 5; i++) {
		assert.equal((await only(d, await d.store())).state, 'DONE');
		assert.equal(box.arrived.length, i + 1);
	}
});

// ---- what a server's answers mean
/* Mailbox options: [result of each attempt, what the message says]. */
const answers = {
	'550 for the recipient': [{ rcpt: { 'awa@example.com': [550, 'no such user here'] } }, 'permfail', /550/],
	'553 for the recipient': [{ rcpt: { 'awa@example.com': [553, 'bad name'] } }, 'permfail', /553/],
	'452 for the recipient': [{ rcpt: { 'awa@example.com': [452, 'too many'] } }, 'tempfail', /452/],
	'554 for the sender': [{ from: [554, 'go away'] }, 'permfail', /554/],
	'451 for the sender': [{ from: [451, 'not now'] }, 'tempfail', /451/],
	'552 for the mail': [{ data: Array(9).fill([552, 'too big']) }, 'permfail', /552/],
	'554 for the mail': [{ data: Array(9).fill([554, 'spam']) }, 'permfail', /554/],
	'451 for the mail': [{ data: Array(9).fill([451, 'not now']) }, 'tempfail', /451/],
	'421 as greeting': [{ greeting: [421, 'busy'] }, 'tempfail', /421/],
	// it rejects us, not this mail: a person can correct that
	'530 for the sender, login needed': [{ from: [530, 'log in first'] }, 'tempfail', /530/],
	'534 for the sender, login too weak': [{ from: [534, 'mechanism too weak'] }, 'tempfail', /534/],
	'535 for the recipient': [{ rcpt: { 'awa@example.com': [535, 'not you'] } }, 'tempfail', /535/],
	'538 for the mail, TLS needed': [{ data: Array(9).fill([538, 'encrypt first']) }, 'tempfail', /538/],
	'504 for our name': [{ rcpt: { 'awa@example.com': [504, 'Helo command rejected: need fully-qualified hostname'] } }, 'tempfail', /504/],
	'554 as greeting': [{ greeting: [554, 'no service'] }, 'tempfail', /554/],
};

for (const [what, [options, result, words]] of Object.entries(answers)) {
	test(`${what}: ${result}`, limit, async (t) => {
		const { box, d } = await withMail(t, {}, { box: options });
		const delivery = await only(d, await d.store());
		assert.equal(delivery.state, 'DEAD');
		assert.deepEqual(results(delivery), result === 'tempfail' ? Array(3).fill(result) : [result]);
		for (const { message } of delivery.attempts) assert.match(message, words);
		assert.deepEqual(box.mails, []);
	});
}

for (const place of ['first', 'last']) {
	test(`one recipient refused, the ${place}: nobody gets the mail`, limit, async (t) => {
		const list = ['one@example.com', 'two@example.com', 'three@example.com'];
		const refused = list.at(place === 'first' ? 0 : -1);
		const { box, d } = await withMail(t, { to: list[0], cc: list[1], bcc: list[2] },
			{ box: { rcpt: { [refused]: [550, 'no such user'] } } });
		const delivery = await only(d, await d.store());
		assert.deepEqual(results(delivery), ['permfail']);
		assert.match(delivery.attempts[0].message, /550/);
		assert.deepEqual(box.arrived, []);
		for (const transcript of box.transcripts) assert.doesNotMatch(transcript, /^DATA/m);
	});
}

test('no server listens: it is retried', limit, async (t) => {
	const box = await Mailbox.start(t);
	const { url } = box;
	await box.close();
	const d = await Daemon.start(t, { email: { server: url, tls: 'none', from: FROM }, hooks: [mailer()] });
	const delivery = await only(d, await d.store());
	assert.deepEqual(results(delivery), ['tempfail', 'tempfail', 'tempfail']);
	assert.match(delivery.attempts[0].message, /connect|refused/i);
});

for (const hang of ['greeting', 'data']) {
	test(`a server that hangs (${hang}) fails at the timeout, and delays nothing else`, limit, async (t) => {
		const { box, d } = await withMail(t, {}, { box: { hang }, hooks: (d) => [
			mailer({}, { timeout: '1s', retry: { ...QUICK, attempts: 2 } }),
			d.hook('ship', 'echo "$HOOKD_EVENT_ID" >>"$OUT/shipped"')] });
		const event = await d.store();
		const { deliveries } = await d.settled(event);
		const confirm = deliveries.find((x) => x.hook === 'confirm');
		assert.deepEqual(results(confirm), ['tempfail', 'tempfail']);
		for (const { message, started_at, ended_at } of confirm.attempts) {
			assert.match(message, /time/i);
			const took = Date.parse(ended_at) - Date.parse(started_at);
			assert.ok(took < 30_000, `ended after ${took} ms: hookd waited for the server`);
		}
		assert.ok(box.connections >= 1);
		assert.deepEqual(d.lines('shipped'), [String(event)]);
	});

	test(`a server that hangs (${hang}) does not delay hookd's end; the attempt counts as interrupted`, limit,
		async (t) => {
			const { box, d } = await withMail(t, {}, { box: { hang }, limits: { grace: '1s' },
				hooks: [mailer({}, { timeout: '10m' })] });
			const event = await d.store();
			await waitFor(() => (hang === 'data' ? box.arrived.length : box.connections) > 0, 'the server to have it');
			const begin = Date.now();
			assert.deepEqual(await d.stop(), { code: 0, signal: null });
			assert.ok(Date.now() - begin < 30_000, 'hookd ends without waiting for the server');
			const [delivery] = (await d.show(event)).deliveries;
			assert.equal(delivery.state, 'READY');
			assert.deepEqual(results(delivery), ['interrupted']);
		});
}

// ---- sendmail
const withSendmail = (t, exits, over = {}, more = {}) => Daemon.start(t, { hooks: [mailer(over)], ...more,
	email: (d) => ({ sendmail: [sendmail(d, ...exits), '-i'], from: FROM }) });

test('sendmail: sender and recipients as arguments, the mail on standard input', limit, async (t) => {
	const d = await withSendmail(t, [0], { to: ['Awa <awa@example.com>', 'c@example.com'],
		cc: 'b@example.com', bcc: 'secret-archive@example.net', subject: 'Reçu', body: 'Un\n.\nDeux\n', attach_payload: true });
	const body = `${newBody()}\r\n`;
	const { event } = (await d.post(body)).json;
	assert.deepEqual(results(await only(d, event)), ['ok']);
	const [{ args, raw, mail }] = await sendmails(d);
	assert.deepEqual(args.slice(0, 4), ['-i', '-f', 'no-reply@example.com', '--']);
	assert.deepEqual(args.slice(4).sort(), ['awa@example.com', 'b@example.com', 'c@example.com',
		'secret-archive@example.net']);
	assert.equal(mail.subject, 'Reçu');
	assert.equal(lines(mail.text), 'Un\n.\nDeux');
	assert.deepEqual(mail.attachments[0].content, Buffer.from(body));
	assert.deepEqual(people(mail.from), [FROM]);
	assert.ok(mail.messageId);
	assert.ok(mail.date);
	assert.ok(!raw.includes('secret-archive'));
});

test('sendmail reads nothing in the home of scripts', limit, async (t) => {
	const d = new Daemon(t);
	const program = d.script('sendmail', 'printf %s "$HOME" >"$OUT/home"; cat >/dev/null');
	d.env.HOME = d.dir;
	d.configure({ hooks: [mailer()], email: { sendmail: program, from: FROM } });
	await d.start();
	assert.equal((await only(d, await d.store())).state, 'DONE');
	assert.equal(d.read('home'), '/');
});

test('sendmail as a plain path; without daemon and network', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: [mailer()],
		email: (d) => ({ sendmail: sendmail(d), from: FROM }) });
	assert.deepEqual(results(await only(d, await d.store())), ['ok']);
	assert.deepEqual((await sendmails(d))[0].args, ['-f', 'no-reply@example.com', '--', 'awa@example.com']);
});

/* Exit codes of sysexits(3). */
const exits = { 75: 'tempfail', 1: 'tempfail', 69: 'tempfail', 77: 'tempfail', 65: 'permfail', 67: 'permfail', 68: 'permfail' };

for (const [code, result] of Object.entries(exits)) {
	test(`sendmail ends with ${code}: ${result}`, limit, async (t) => {
		const d = await withSendmail(t, [code]);
		const delivery = await only(d, await d.store());
		assert.equal(delivery.state, 'DEAD');
		assert.deepEqual(results(delivery), result === 'tempfail' ? Array(3).fill(result) : [result]);
		assert.equal(delivery.attempts[0].exit_code, Number(code));
		assert.match(delivery.attempts[0].output, new RegExp(`sendmail ends with ${code}`));
	});
}

test('sendmail: fails first, then accepts it, with the same Message-ID', limit, async (t) => {
	const d = await withSendmail(t, [75, 75, 0]);
	const delivery = await only(d, await d.store());
	assert.deepEqual(results(delivery), ['tempfail', 'tempfail', 'ok']);
	assert.equal(new Set((await sendmails(d)).map(({ mail }) => mail.messageId)).size, 1);
});

test('sendmail that hangs is ended at the timeout; one that reads nothing does no harm', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: [mailer({ body: '{{entity.description}}' },
		{ timeout: '1s', kill_after: '300ms', retry: { ...QUICK, attempts: 2 } })],
	email: (d) => ({ sendmail: d.script('sendmail',
		'if [ -e "$OUT/again" ]; then exit 0; fi\ntouch "$OUT/again"\ntrap "" TERM\nwhile :; do sleep 1; done'), from: FROM }) });
	const delivery = await only(d, await d.store({ entity: entity({ description: 'x'.repeat(500_000) }) }));
	assert.deepEqual(results(delivery), ['tempfail', 'ok']);
	assert.match(delivery.attempts[0].message, /time/i);
});

// ---- injection
const EVIL = 'evil@example.net';
const ALLOWED = ['no-reply@example.com', 'awa@example.com', 'ok@example.com'];

/* Each puts {{entity.description}} into one field. */
const fields = {
	to: { to: '{{entity.description}}' },
	'to-after': { to: ['awa@example.com', 'awa@example.com{{entity.description}}'] },
	'to-name': { to: '{{entity.description}} <awa@example.com>' },
	'to-quoted-name': { to: '"{{entity.description}}" <awa@example.com>' },
	cc: { cc: 'ok@example.com{{entity.description}}' },
	'cc-name': { cc: 'x{{entity.description}} <ok@example.com>' },
	bcc: { bcc: 'ok@example.com{{entity.description}}' },
	'reply-to': { reply_to: 'ok@example.com{{entity.description}}' },
	'reply-to-name': { reply_to: 'x{{entity.description}} <ok@example.com>' },
	from: { from: 'ok@example.com{{entity.description}}' },
	'from-name': { from: 'Boutique {{entity.description}} <ok@example.com>' },
	subject: { subject: 'Reçu {{entity.description}}' },
	'subject-alone': { subject: '{{entity.description}}' },
};

/* Values with control characters: refused wherever they would be in a header. */
const controls = {
	'CR LF and a header': `x\r\nBcc: ${EVIL}\r\nX-Injected: 1`,
	'LF and a header': `x\nX-Injected: 1`,
	'CR and a header': `x\rX-Injected: 1`,
	'CR LF and a folded line': `x\r\n X-Injected: 1`,
	'CR LF CR LF and a body': `x\r\n\r\nX-Injected: a body`,
	'SMTP commands': `awa@example.com>\r\nRCPT TO:<${EVIL}>\r\nDATA\r\nX-Injected: 1\r\n.`,
	'CR LF at the end': 'x\r\n',
	'NUL': 'x\0y',
	'NUL at the end': 'awa@example.com\0',
	'a tab': 'x\ty',
	'DEL': 'x\x7fy',
	'ESC': 'x\x1b[31my',
	'BEL alone': '\x07',
};

/* Without control characters, but with a meaning to some program. None may add a header, a
 * recipient or a command; some fields may contain them as text. */
const tricks = {
	'U+2028': `x\u2028X-Injected: 1`,
	'U+0085': `x\u0085X-Injected: 1`,
	'a second address in brackets': `>, <${EVIL}`,
	'SMTP parameters': '> NOTIFY=SUCCESS ORCPT=rfc822;x',
	'an address of its own': `<${EVIL}>`,
	'an encoded word': '=?utf-8?q?x=0D=0AX-Injected:_1?=',
	'an encoded address': `=?utf-8?q?<${EVIL}>?=`,
	'a comment': `(x) <${EVIL}>`,
	'a group': `x: ${EVIL};`,
	'quotes': `" <${EVIL}>, "`,
	'a backslash': 'x\\',
	'invalid surrogates as text': 'x\uFFFD\u{1F600}y',
	'10,000 characters': 'é'.repeat(10_000),
	'10,000 addresses': `, ${Array.from({ length: 10_000 }, (_, i) => `a${i}@example.org`).join(', ')}`,
};

const hooksOf = () => Object.entries(fields)
	.map(([name, over]) => mailer({ body: 'of {{hookd.hook}}', ...over }, { name }));

/** What must be true of every mail. */
function assertClean({ raw, envelope }, what) {
	const names = headersOf(raw).map(([name]) => name.toLowerCase());
	assert.ok(!names.includes('x-injected'), `${what}: ${raw}`);
	assert.ok(!names.includes('bcc'), `${what}: ${raw}`);
	assert.equal(new Set(names).size, names.length, `${what}: ${names}`);
	for (const name of names) assert.match(name, /^[a-z0-9-]+$/, what);
	for (const to of [envelope.from, ...envelope.to]) assert.match(to, /^[^\s<>"(),:;\\]+@[^\s<>"(),:;\\]+$/, what);
}

function assertCleanWire(box, what) {
	for (const transcript of box.transcripts)
		assert.doesNotMatch(transcript, /^X-Injected/mi, what);
}

for (const [what, description] of Object.entries(controls)) {
	test(`injection, ${what}: refused in every field of the header, for good`, limit, async (t) => {
		const { box, d } = await withMail(t, null, { hooks: hooksOf() });
		const { deliveries } = await d.settled(await d.store({ entity: entity({ description }) }));
		assert.equal(deliveries.length, Object.keys(fields).length);
		for (const delivery of deliveries) {
			assert.equal(delivery.state, 'DEAD', delivery.hook);
			assert.deepEqual(results(delivery), ['permfail'], delivery.hook);
			assert.ok(delivery.attempts[0].message.length > 5, delivery.hook);
			assert.match(delivery.attempts[0].message, /^[^\0-\x1f\x7f]*$/, 'the reason itself is clean');
		}
		assert.deepEqual(box.arrived, []);
		assertCleanWire(box, what);
		assert.match(d.log, /^[^\0-\x09\x0b-\x1f\x7f]*$/, 'it never appears unescaped in the log');
	});
}

/* Hooks whose template contains the address: no one else may get the mail. */
const addressed = ['to-name', 'to-quoted-name', 'cc-name', 'reply-to-name', 'from-name', 'subject', 'subject-alone'];

for (const [what, description] of Object.entries(tricks)) {
	test(`injection, ${what}: no field takes it for more than text`, limit, async (t) => {
		const { box, d } = await withMail(t, null, { hooks: hooksOf() });
		const { deliveries } = await d.settled(await d.store({ entity: entity({ description }) }));
		t.diagnostic(deliveries.map((x) => `${x.hook} ${x.state}`).join(', '));
		for (const delivery of deliveries)
			assert.ok(['ok', 'permfail'].includes(results(delivery).join()), `${delivery.hook}: ${results(delivery)}`);
		for (const mail of box.mails) assertClean(mail, what);
		assertCleanWire(box, what);
		for (const { mail, envelope } of box.mails) {
			const [, hook] = /^of ([a-z-]+)/.exec(mail.text);
			if (!addressed.includes(hook)) continue;
			assert.ok([envelope.from, ...envelope.to].every((address) => ALLOWED.includes(address)),
				`${hook}: from ${envelope.from} to ${envelope.to}`);
		}
	});
}

test('injection through bodies: one mail with that text, no other', limit, async (t) => {
	const { box, d } = await withMail(t, { body: 'A {{entity.description}} Z', html: '<p>{{entity.description | raw}}</p>' });
	const smuggled = `MAIL FROM:<${EVIL}>\r\nRCPT TO:<${EVIL}>\r\nDATA\r\nX-Injected: 1\r\n\r\nevil\r\n.\r\n`;
	for (const end of ['\r\n.\r\n', '\n.\n', '\r.\r', '\n.\r\n', '\r\n.\n', '\r\n.\r', '\0\r\n.\r\n', '\r\r\n.\r\r\n']) {
		const before = box.arrived.length;
		const delivery = await only(d, await d.store({ entity: entity({ description: `x${end}${smuggled}` }) }));
		assert.equal(delivery.state, 'DONE', JSON.stringify(end));
		assert.equal(box.arrived.length, before + 1, JSON.stringify(end));
		const { envelope, mail, raw } = box.arrived.at(-1);
		assert.deepEqual(envelope, { from: 'no-reply@example.com', to: ['awa@example.com'] });
		assert.ok(mail.text.includes(`RCPT TO:<${EVIL}>`) && mail.text.trimEnd().endsWith('Z'), mail.text);
		assertClean({ envelope, raw }, JSON.stringify(end));
	}
	for (const transcript of box.transcripts)
		for (const part of transcript.split(/\r\nDATA\r\n/).slice(1))
			assert.doesNotMatch(part.slice(0, part.indexOf('\r\n.\r\n')), /\r(?!\n)|(?<!\r)\n|\0/, 'CRLF only, no NUL');
});

test('injection through sendmail: refused there as well', limit, async (t) => {
	const d = await Daemon.start(t, { hooks: hooksOf(), email: (d) => ({ sendmail: [sendmail(d), '-i'], from: FROM }) });
	for (const description of [controls['CR LF and a header'], controls.NUL, controls['a tab']]) {
		const { deliveries } = await d.settled(await d.store({ entity: entity({ description }) }));
		for (const delivery of deliveries) assert.deepEqual(results(delivery), ['permfail'], delivery.hook);
	}
	assert.deepEqual(await sendmails(d), []);
});

test('servers that hang up just at the timeout of the mail', limit, async (t) => {
	const box = await Mailbox.start(t, { hang: 'data' });
	const d = await Daemon.start(t, { email: { server: box.url, tls: 'none', from: 'shop@example.com' },
		limits: { concurrency: 32 },
		hooks: [{ name: 'mail', source: 'fedapay', on: '*', timeout: '500ms', concurrency: 32, retry: { attempts: 2, first: '100ms', max: '100ms' },
			email: { to: 'awa@example.com', subject: 'x', body: 'y' } }] });
	/* Around the timeout: the mail still ends while the result goes to the store. */
	let n = 0;
	const hangUp = setInterval(() => {
		for (const socket of box.sockets) {
			if (socket.late !== undefined) continue;
			socket.late = setTimeout(() => socket.destroy(), 490 + (n++ % 30));
		}
	}, 2);
	t.after(() => clearInterval(hangUp));
	for (let i = 0; i < 100; i++) await d.store();
	await waitFor(async () => (await d.events('--state', 'dead')).length === 100, 'all to be given up');
});

test('a name with a comma or quotes is the name of one address', limit, async (t) => {
	const { box, d } = await withMail(t, { to: ['{{entity.description}} <awa@example.com>, sos@example.com', '"Boutique, {{entity.description}}" <un@example.com>'] });
	for (const description of ['Dupont, Jean', '"Awa" \\', 'eve@example.net,', '"', '\\', ',', 'a@b, c@d;']) {
		assert.deepEqual(results(await only(d, await d.store({ entity: entity({ description }) }))), ['ok'], description);
		const { mail, envelope } = box.mails.at(-1);
		assert.deepEqual([...envelope.to].sort(), ['awa@example.com', 'sos@example.com', 'un@example.com'], description);
		assert.deepEqual(mail.to.value.map(({ name }) => name), [description.trim(), '', `Boutique, ${description}`]);
	}
});

test('HTML where escaping is not enough is refused at load, with its place', limit, async (t) => {
	const { d } = await withMail(t, { html: '<p>{{entity.id}}</p>' });
	const file = d.file('page.html', '<p>\n <a title="é"\n  href="{{entity.description}}">x</a>\n</p>\n');
	for (const [html, column, what] of [['<a href={{entity.id}}>', 9, /without quotes/], ['<p onclick="{{entity.id}}">', 13, /a program, a style/],
		['<script>{{entity.id}}</script>', 9, /in a script/], ['<!-- {{entity.id}} -->', 6, /in a comment/],
		['<a href="{{entity.id | url}}">', 10, /expected its scheme and host before/]]) {
		d.configure({ hooks: [mailer({ html: undefined, html_file: d.file('part.html', `<p>\n${html}`) })] });
		const { code, stderr } = await d.ctl('reload');
		assert.equal(code, 1, html);
		assert.match(stderr, new RegExp(`hooks\\[1\\] "confirm": email\\.html_file: .*part\\.html:2:${column}: \\{\\{entity\\.id\\}\\} `));
		assert.match(stderr, what);
	}
	d.configure({ hooks: [mailer({ html_file: file })] });
	assert.match((await d.ctl('reload')).stderr, /page\.html:3:9: /);
	d.file('page.html', '<p title="{{entity.description}}"><a href="https://shop.example/{{entity.description}}?a={{entity.id | url}}">{{entity.description}}</a>\n');
	const good = await d.ctl('reload');
	assert.equal(good.code, 0, good.stderr);
});
