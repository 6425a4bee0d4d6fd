// A sendmail(8) that sends nothing: it keeps its arguments and its input.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';

/** Makes the program in the daemon's directory. `exits` are its exit codes, one
 * after the other; the last stays. Returns its path. */
export function sendmail(d, ...exits) {
	const codes = exits.length > 0 ? exits : [0];
	return d.script('sendmail', 'n=$(ls "$OUT" | grep -c "^mail\\..*\\.raw$")\n' +
		'printf "%s\\0" "$@" >"$OUT/mail.$n.args"\n' +
		'cat >"$OUT/mail.$n.part"\n' +
		'mv "$OUT/mail.$n.part" "$OUT/mail.$n.raw"\n' +
		codes.map((code, i) => `[ $n -gt ${i} ] || { echo "sendmail ends with ${code}"; exit ${code}; }`).join('\n') +
		`\nexit ${codes.at(-1)}`);
}

/** Its runs so far, which must have been one after the other: [{args, raw, mail}]. */
export async function sendmails(d) {
	const runs = readdirSync(d.out).filter((name) => /^mail\.\d+\.raw$/.test(name)).length;
	return Promise.all(Array.from({ length: runs }, async (_, n) => {
		const raw = readFileSync(join(d.out, `mail.${n}.raw`));
		const mail = await simpleParser(raw, { skipTextToHtml: true, skipHtmlToText: true });
		return { args: d.read(`mail.${n}.args`).split('\0').slice(0, -1), raw, mail };
	}));
}
