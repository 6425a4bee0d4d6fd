// Clients that post new events one after the other until told to stop, or until
// the daemon is gone, and remember what it promised.
import { newEvent } from './fedapay.mjs';

export class Load {
	/** acked: {FedaPay's id: event number}; sent: {id: body}; others: answers that are not 200. */
	constructor(d, clients = 4, { onAck = () => {} } = {}) {
		Object.assign(this, { d, onAck, acked: new Map(), sent: new Map(), unanswered: [], others: [], stopped: false });
		this.done = Promise.all(Array.from({ length: clients }, () => this.client()));
	}

	async client() {
		while (!this.stopped) {
			const event = newEvent();
			let answer;
			try {
				this.sent.set(String(event.id), JSON.stringify(event));
				answer = await this.d.post(JSON.stringify(event));
			} catch {
				this.unanswered.push(event);
				return; // refused or cut off: the daemon is gone
			}
			if (answer.status === 200) {
				this.acked.set(String(event.id), answer.json.event);
				this.onAck(this.acked.size);
			} else {
				this.others.push(answer.status);
			}
		}
	}

	async stop() {
		this.stopped = true;
		await this.done;
		return this;
	}
}
