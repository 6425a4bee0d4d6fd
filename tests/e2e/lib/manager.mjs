// The service manager's end of sd_notify(3). Node has no datagram socket in the
// file system, so a few lines of perl receive.
import { spawn } from 'node:child_process';
import { waitFor } from './wait.mjs';

const RECEIVE = `use IO::Socket::UNIX; use Socket; $| = 1;
my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "$ARGV[0]: $!";
print "ready\\n";
while (defined $s->recv(my $m, 65536)) { print unpack("H*", $m), "\\n"; }`;

export class Manager {
	/** Listens on `path`; `messages` grows by each datagram's text. */
	static async start(t, path) {
		const manager = new Manager();
		manager.path = path;
		manager.child = spawn('perl', ['-e', RECEIVE, path], { stdio: ['ignore', 'pipe', 'inherit'] });
		t.after(() => manager.child.kill('SIGKILL'));
		manager.text = '';
		manager.child.stdout.on('data', (part) => { manager.text += part; });
		await waitFor(() => manager.text.startsWith('ready\n'), 'the receiver of notifications');
		return manager;
	}

	get messages() {
		return this.text.split('\n').slice(1, -1).map((hex) => Buffer.from(hex, 'hex').toString());
	}

	/** All KEY=value lines in order of arrival. */
	get lines() { return this.messages.flatMap((message) => message.split('\n')).filter(Boolean); }

	/** Waits for the first line that matches from line `from` on; resolves to its index. */
	async line(pattern, from = 0) {
		await waitFor(() => this.lines.slice(from).some((line) => pattern.test(line)),
			`a notification like ${pattern}`);
		return this.lines.findIndex((line, i) => i >= from && pattern.test(line));
	}
}
