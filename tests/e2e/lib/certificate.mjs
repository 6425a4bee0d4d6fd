// Self-signed certificates, made by openssl where they are needed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { run } from './program.mjs';

/** DIR/NAME.pem and DIR/NAME.key, CN=NAME, for the names in `alt`:
 * {cert, key, certFile, keyFile}. It is its own authority. */
export async function certificate(dir, name, alt = 'DNS:localhost,IP:127.0.0.1') {
	const [certFile, keyFile] = [`${dir}/${name}.pem`, `${dir}/${name}.key`];
	const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
		'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}`,
		'-addext', `subjectAltName=${alt}`, '-keyout', keyFile, '-out', certFile]);
	assert.equal(made.code, 0, made.stderr);
	return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}
