// A mock FedaPay and a hookd that reads from it.
import { Daemon } from './daemon.mjs';
import { FedaPay } from './fedapay_mock.mjs';
import { sleep, waitFor } from './wait.mjs';

export const KEY = 'sk_sandbox_test';
const SHIP = 'printf "%s %s %s\\n" "$1" "$2" "$HOOKD_ORIGIN" >>"$OUT/shipped"; cat >"$OUT/body.$HOOKD_EVENT_ID"';

/** A mock and a hookd. `api` and `hook` replace keys; `webhook`: the mock sends, too; `alert`: alerts go to
 * a script, and its texts to $OUT/alerts; `start: false`: hookd is not started. */
export async function pair(t, { api = {}, hook = {}, webhook = false, start = true, alert = false, mock: options = {}, ...config } = {}) {
	const mock = await FedaPay.start(t, { key: KEY, ...options });
	const d = new Daemon(t, {
		sources: (self) => [self.source({ api: { key: { file: self.file('key', `${KEY}\n`, 0o600) }, url: mock.url, every: '10s', grace: '0', ...api } })],
		hooks: (self) => [self.hook('ship', SHIP, { on: ['transaction.approved'],
			args: ['{{entity.id}}', '{{entity.customer.email}}'], concurrency: 16, ...hook })],
		...(alert ? { alert: (self) => ({ run: [self.script('alert', 'cat >>"$OUT/alerts"; echo >>"$OUT/alerts"')] }) } : {}),
		...config,
	});
	if (start) await begin(d, mock);
	if (webhook) mock.model.newWebhook(`http://127.0.0.1:${d.at.port}/webhooks/fedapay`, { secret: d.secret });
	return { mock, d };
}

/** Starts hookd and waits for its first sweep: what happens from now on counts. */
export async function begin(d, mock) {
	const before = mock.asked('events').length;
	await d.start();
	await waitFor(() => mock.asked('events').length > before, 'the first question');
	await sleep(300);
}

/** The transactions that the hook has run for, in that order. */
export const shipped = (d) => d.lines('shipped').map((line) => Number(line.split(' ')[0]));

/** The alerts that were sent: their bodies. */
export const alerts = (d) => d.lines('alerts').map((line) => JSON.parse(line));
