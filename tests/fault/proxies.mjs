// Debian's reverse proxies, each configured in two or three ways (kinds) with a port for each: as
// in conf/proxy, then as leniently as possible, or with bodies forwarded in other ways.
//
// files     (dir, upstream, ports) => {name: text}, written to dir before the start
// command   (dir) => the argv that starts it in the foreground
// log       its request log in dir, a line for each, as `entry` reads it
// entry     (line) => {uri, status, answered: hookd's answer was forwarded}
// instead   it may answer in place of hookd: where hookd refuses a body before its end (Apache), or
//           the client has left (Caddy)

import { readFileSync } from 'node:fs';

/* A file of conf/proxy, with the test's port for hookd. */
const shipped = (name, upstream) => readFileSync(new URL(`../../conf/proxy/${name}`, import.meta.url), 'utf8')
	.replaceAll('127.0.0.1:8080', `127.0.0.1:${upstream}`);

/* Replaces what must be in the file. */
function put(text, what, by) {
	if (text.search(what) < 0) throw new Error(`conf/proxy has changed: no ${what}`);
	return text.replace(what, by);
}

/* The three fields of a line; the URI may contain the separator. */
function fields(line) {
	const [, uri, status, last] = /^(.*)\|(\d+)\|(.*)$/.exec(line) ?? [];
	return { uri, status: Number(status), last };
}

const nginx = {
	kinds: {
		'as shipped': null,
		'bodies passed on as they come': 'proxy_request_buffering off;',
		'lenient, bodies passed on as they come': `proxy_request_buffering off; ignore_invalid_headers off;
			underscores_in_headers on; merge_slashes off;`,
	},
	files: (dir, upstream, ports) => ({ 'nginx.conf': `daemon off; pid ${dir}/nginx.pid; error_log ${dir}/error.log info; worker_processes 1;
${process.getuid() === 0 ? 'user root;' : ''}
events { worker_connections 512; }
http {
	log_format upstream '$request_uri|$status|$upstream_header_time';
	access_log ${dir}/access.log upstream;
	client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/fastcgi;
	uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
	client_header_timeout 1s; client_body_timeout 1s; keepalive_timeout 1s; client_max_body_size 1m; lingering_close off;
	proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
	proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_next_upstream off; proxy_ignore_client_abort on;
	${nginx.shipped(upstream, ports[0])}
	${Object.values(nginx.kinds).slice(1).map((kind, i) => `server { listen 127.0.0.1:${ports[i + 1]}; ${kind} location / { proxy_pass http://hookd; } }`).join('\n\t')}
}
` }),
	shipped: (upstream, port) => put(put(put(shipped('nginx.conf', upstream), /listen 443 ssl;/, `listen 127.0.0.1:${port};`),
		/listen \[::\]:443 ssl;/, ''), /ssl_certificate .*\n.*ssl_certificate_key .*\n/, ''),
	command: (dir) => ['/usr/sbin/nginx', '-p', dir, '-c', `${dir}/nginx.conf`],
	log: 'access.log',
	entry: (line) => {
		const { uri, status, last } = fields(line);
		return { uri, status, answered: /^[\d.]+$/.test(last) };
	},
};

const apache = {
	kinds: {
		'as shipped': null,
		'bodies passed on in chunks': 'SetEnv proxy-sendchunked 1',
		lenient: 'HttpProtocolOptions Unsafe LenientMethods Allow0.9',
	},
	files: (dir, upstream, ports) => ({ 'apache.conf': `ServerRoot ${dir}
ServerName localhost
PidFile ${dir}/apache.pid
DefaultRuntimeDir ${dir}
ErrorLog ${dir}/error.log
${['mpm_event', 'authz_core', 'proxy', 'proxy_http', 'headers', 'env', 'reqtimeout'].map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
ServerLimit 1
StartServers 1
ThreadsPerChild 64
MaxRequestWorkers 64
KeepAliveTimeout 1
RequestReadTimeout header=1 body=1
Header set X-Hookd answered
LogFormat "%r|%>s|%{X-Hookd}o" upstream
CustomLog ${dir}/access.log upstream
${Object.values(apache.kinds).map((kind, i) => `Listen 127.0.0.1:${ports[i]}
<VirtualHost 127.0.0.1:${ports[i]}>
	${kind === null ? shipped('apache.conf', upstream) : `${kind}
	ProxyPreserveHost On
	ProxyPass / http://127.0.0.1:${upstream}/`}
</VirtualHost>`).join('\n')}
` }),
	command: (dir) => ['/usr/sbin/apache2', '-D', 'FOREGROUND', '-f', `${dir}/apache.conf`],
	log: 'access.log',
	entry: (line) => {
		const { uri, status, last } = fields(line);
		return { uri: uri?.replace(/^\S+ +/, '').replace(/ +\S*$/, ''), status, answered: last === 'answered' };
	},
	instead: true,
};

const haproxy = {
	kinds: { 'as shipped': null, 'whole bodies': 'option http-buffer-request', lenient: 'option accept-invalid-http-request' },
	files: (dir, upstream, ports) => ({ 'haproxy.cfg': `global
	log stdout format raw local0
	maxconn 512
	nbthread 1
defaults
	mode http
	log global
	log-format "%ST|%Tr|%HU"
	timeout connect 5s
	timeout client 1s
	timeout server 30s
	timeout http-request 1s
	timeout http-keep-alive 1s
${put(shipped('haproxy.cfg', upstream), /bind :443 .*/, `bind 127.0.0.1:${ports[0]}`)}
${Object.values(haproxy.kinds).slice(1).map((kind, i) => `frontend kind${i}
	bind 127.0.0.1:${ports[i + 1]}
	${kind}
	option forwardfor
	default_backend reused`).join('\n')}
backend reused
	http-reuse always
	server hookd 127.0.0.1:${upstream}
` }),
	command: (dir) => ['/usr/sbin/haproxy', '-db', '-f', `${dir}/haproxy.cfg`],
	log: 'output.log',
	entry: (line) => {
		const [, status, answered, uri] = /^(\d+)\|(-?\d+)\|(.*)$/.exec(line) ?? []; // the URI last: a long line is cut
		return { uri, status: Number(status), answered: Number(answered) >= 0 };
	},
};

const caddy = {
	kinds: { 'as shipped': null, 'whole bodies': 'buffer_requests' },
	files: (dir, upstream, ports) => ({ Caddyfile: `{
	admin off
	auto_https off
	storage file_system ${dir}/caddy
	log {
		output file ${dir}/error.log
	}
	servers {
		timeouts {
			read_header 1s
			read_body 1s
			idle 1s
		}
	}
}
(here) {
	bind 127.0.0.1
	log {
		output file ${dir}/access.log
	}
}
${put(put(shipped('Caddyfile', upstream), /^pay\.example\.com \{/m, `http://:${ports[0]} {\n\timport here`),
		/reverse_proxy .*/, '$& {\n\t\theader_down X-Hookd answered\n\t}')}
http://:${ports[1]} {
	import here
	reverse_proxy 127.0.0.1:${upstream} {
		${caddy.kinds['whole bodies']}
		header_down X-Hookd answered
	}
}
` }),
	command: (dir) => ['/usr/bin/caddy', 'run', '--adapter', 'caddyfile', '--config', `${dir}/Caddyfile`],
	log: 'access.log',
	entry: (line) => {
		const { request, status, resp_headers: headers } = JSON.parse(line);
		return { uri: request.uri, status, answered: headers?.['X-Hookd'] !== undefined };
	},
	instead: true,
};

export const proxies = { nginx, Apache: apache, HAProxy: haproxy, Caddy: caddy };
