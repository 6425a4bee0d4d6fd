// What a merchant would write: Express, FedaPay's own SDK to verify, better-sqlite3
// to store, durably and once. Usage: node server.mjs PORT STORE SECRET_FILE
import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import express from 'express';
import fedapay from 'fedapay';

const [port, store, secretFile] = process.argv.slice(2);
const secret = readFileSync(secretFile, 'utf8').trim();

const db = new Database(store);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec(`CREATE TABLE IF NOT EXISTS events(
	id INTEGER PRIMARY KEY,
	event_id TEXT NOT NULL UNIQUE,
	name TEXT NOT NULL,
	payload TEXT NOT NULL,
	received_at INTEGER NOT NULL)`);
const insert = db.prepare(`INSERT INTO events(event_id, name, payload, received_at)
	VALUES(?, ?, ?, ?) ON CONFLICT(event_id) DO NOTHING`);

const app = express();
app.post('/webhooks/fedapay', express.text({ type: 'application/json', limit: '1mb' }), (req, res) => {
	let event;
	try {
		event = fedapay.Webhook.constructEvent(req.body, req.get('x-fedapay-signature'), secret);
	} catch (error) {
		return res.status(400).json({ error: error.message });
	}
	insert.run(String(event.id), event.name, req.body, Date.now());
	return res.json({ received: true });
});
app.listen(Number(port), '127.0.0.1');
