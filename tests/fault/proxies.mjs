// Debian's reverse proxies as README.md sets them up, each with the ways it may be set up: a port of its own for each kind.
//
// files     (dir, upstream, ports) => {name: text}, written to dir before it is started
// command   (dir) => the words that start it in the foreground
// log       the file in dir that it logs requests to: a line each, as `entry` reads it
// entry     (line) => {uri, status, answered: hookd's answer was passed on}
// instead   it may answer in hookd's place: where hookd refuses a body before its end (Apache), or
//           the client has gone (Caddy)

/* The three fields of a line; an URI may hold the mark between them. */
function fields(line) {
	const [, uri, status, last] = /^(.*)\|(\d+)\|(.*)$/.exec(line) ?? [];
	return { uri, status: Number(status), last };
}

const nginx = {
	kinds: {
		'as usual': '',
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
	upstream hookd { server 127.0.0.1:${upstream}; keepalive 16; }
	proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
	proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_next_upstream off; proxy_ignore_client_abort on;
	${Object.values(nginx.kinds).map((kind, i) => `server { listen 127.0.0.1:${ports[i]}; ${kind} location / { proxy_pass http://hookd; } }`).join('\n\t')}
}
` }),
	command: (dir) => ['/usr/sbin/nginx', '-p', dir, '-c', `${dir}/nginx.conf`],
	log: 'access.log',
	entry: (line) => {
		const { uri, status, last } = fields(line);
		return { uri, status, answered: /^[\d.]+$/.test(last) };
	},
};

const apache = {
	kinds: {
		'as usual': '',
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
	${kind}
	ProxyPreserveHost On
	ProxyPass / http://127.0.0.1:${upstream}/
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
	kinds: { 'as usual': '', 'whole bodies': 'option http-buffer-request', lenient: 'option accept-invalid-http-request' },
	files: (dir, upstream, ports) => ({ 'haproxy.cfg': `global
	log stdout format raw local0
	maxconn 512
	nbthread 1
defaults
	mode http
	log global
	log-format "%HU|%ST|%Tr"
	timeout connect 5s
	timeout client 1s
	timeout server 30s
	timeout http-request 1s
	timeout http-keep-alive 1s
${Object.values(haproxy.kinds).map((kind, i) => `frontend kind${i}
	bind 127.0.0.1:${ports[i]}
	${kind}
	option forwardfor
	default_backend hookd`).join('\n')}
backend hookd
	http-reuse always
	server hookd 127.0.0.1:${upstream}
` }),
	command: (dir) => ['/usr/sbin/haproxy', '-db', '-f', `${dir}/haproxy.cfg`],
	log: 'output.log',
	entry: (line) => {
		const { uri, status, last } = fields(line);
		return { uri, status, answered: Number(last) >= 0 };
	},
};

const caddy = {
	kinds: { 'as usual': '', 'whole bodies': 'buffer_requests' },
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
${Object.values(caddy.kinds).map((kind, i) => `http://:${ports[i]} {
	bind 127.0.0.1
	log {
		output file ${dir}/access.log
	}
	reverse_proxy 127.0.0.1:${upstream} {
		${kind}
		header_down X-Hookd answered
	}
}`).join('\n')}
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
