// A hookd that root has started as a user without rights, as the shipped unit does: its
// secrets are in a directory where root alone can write, in part as credentials.
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync,
	writeFileSync } from 'node:fs';
import { Daemon, HOOKD } from './daemon.mjs';

/** Nobody else's, and without a name. */
export const UID = 61234;

/** argv to put before a program's to run it as UID. */
export const AS_UID = ['setpriv', `--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', '--'];

/** A directory where root alone can write, and so all on the way to it. */
export function vault(t) {
	const path = mkdtempSync('/run/hookd-e2e-');
	chmodSync(path, 0o755);
	t.after(() => rmSync(path, { recursive: true, force: true }));
	return path;
}

/** A file for its owner alone. */
export function keep(path, content, owner = UID) {
	writeFileSync(path, content, { mode: 0o400 });
	chownSync(path, owner, owner);
	return path;
}

/** Not started. Options as Daemon's; its secret is a credential, as `secret`. */
export function unprivileged(t, { env = {}, ...options } = {}) {
	const d = new Daemon(t, { env: { CREDENTIALS_DIRECTORY: `${vault(t)}/credentials`, ...env } });
	const copy = `${d.dir}/hookd`; // where that user can reach it
	copyFileSync(HOOKD, copy);
	d.wrap = [...AS_UID, 'sh', '-c', `shift; exec '${copy}' "$@"`, 'sh'];
	d.credentials = d.env.CREDENTIALS_DIRECTORY;
	mkdirSync(d.credentials);
	keep(`${d.credentials}/fedapay-secret`, d.secret);
	chownSync(d.credentials, UID, UID);
	chmodSync(d.credentials, 0o500);
	mkdirSync(`${d.dir}/state`);
	for (const path of [`${d.dir}/state`, d.out]) chownSync(path, UID, UID);
	chmodSync(d.dir, 0o755);
	d.plain = true; // no hook gets a user
	d.configure({ store: { path: `${d.dir}/state/hookd.db` },
		sources: (d) => [d.source({ secrets: [{ credential: 'fedapay-secret' }] })], ...options });
	return d;
}
