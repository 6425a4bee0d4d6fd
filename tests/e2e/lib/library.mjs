// The libmicrohttpd that hookd is built with. From 0.9.77 on it refuses more by itself, before
// hookd sees the request: with an HTML page of its own, or by closing the connection.
import { execFileSync } from 'node:child_process';

const version = execFileSync('pkg-config', ['--modversion', 'libmicrohttpd'], { encoding: 'utf8' }).trim();
const [major, minor, patch] = version.split('.').map(Number);

export const STRICT_LIBRARY = major > 0 || minor > 9 || (minor === 9 && patch >= 77);
