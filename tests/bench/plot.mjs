// The results as one SVG: speed over connections, and all subjects at 64.

const WIDTH = 880;
const HEIGHT = 360;
const COLOURS = { hookd: '#0b6e4f', ceiling: '#8d99ae', bare: '#c9ada7', 'handed over': '#6c757d', insert: '#bc6c25',
	express: '#9d4edd', webhook: '#d62828', 'hookd, 4 hooks': '#52b788' };

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const text = (x, y, words, more = '') =>
	`<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(String(words))}</text>`;
const k = (n) => (n >= 1000 ? `${+(n / 1000).toFixed(1)}k` : String(Math.round(n)));

/* A round number of so many steps up to `max`. */
function ticks(max) {
	const rough = max / 5;
	const power = 10 ** Math.floor(Math.log10(rough));
	const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
	return Array.from({ length: Math.ceil(max / step) + 1 }, (_, i) => i * step);
}

/* Lines over the number of connections, which grows by doubling. */
function lines(rows, x0, y0, width, height) {
	const names = ['hookd', 'ceiling'];
	const top = ticks(Math.max(...rows.flatMap((r) => names.map((n) => r[n].per_second))));
	const x = (c) => x0 + width * Math.log(c) / Math.log(1000);
	const y = (n) => y0 + height * (1 - n / top.at(-1));
	const out = top.map((n) => `<path d="M${x0} ${y(n).toFixed(1)}h${width}" class="grid"/>` +
		text(x0 - 6, y(n) + 4, k(n), 'text-anchor="end"'));
	for (const c of [1, 4, 16, 64, 256, 1000])
		out.push(text(x(c), y0 + height + 16, c, 'text-anchor="middle"'));
	names.forEach((name, i) => {
		const points = rows.map((r) => `${x(r.connections).toFixed(1)} ` +
			`${y(r[name].per_second).toFixed(1)}`);
		out.push(`<path d="M${points.join('L')}" fill="none" stroke="${COLOURS[name]}" ` +
			'stroke-width="2"/>');
		out.push(text(x0 + 8, y0 + 12 + 16 * i, name, `fill="${COLOURS[name]}"`));
	});
	out.push(text(x0 + width / 2, y0 + height + 34, 'connections', 'text-anchor="middle"'));
	out.push(text(x0, y0 - 12, 'events acknowledged per second', 'class="title"'));
	return out;
}

function bars(values, x0, y0, width, height) {
	const max = Math.max(...values.map(([, n]) => n));
	const step = height / values.length;
	const out = [text(x0, y0 - 12, 'per second at 64 connections', 'class="title"')];
	values.forEach(([name, n], i) => {
		const y = y0 + i * step;
		out.push(`<rect x="${x0 + 100}" y="${(y + 4).toFixed(1)}" rx="2" ` +
			`width="${((width - 160) * n / max).toFixed(1)}" height="${(step - 8).toFixed(1)}" ` +
			`fill="${COLOURS[name] ?? '#888'}"/>`);
		out.push(text(x0 + 94, y + step / 2 + 4, name, 'text-anchor="end"'));
		out.push(text(x0 + 106 + (width - 160) * n / max, y + step / 2 + 4, k(n)));
	});
	return out;
}

/** SVG of the results. */
export function plot(r) {
	const at64 = Object.entries(r.intake.subjects).map(([name, by]) => [name, by[64].per_second]);
	if (r.webhook?.webhook) at64.push(['webhook', r.webhook.webhook.per_second]);
	const parts = r.sweep ? [...lines(r.sweep, 60, 40, 360, 260), ...bars(at64, 460, 40, 400, 260)]
		: bars(at64, 40, 40, 780, 260);
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" ` +
		'font-family="system-ui, sans-serif" font-size="12">\n' +
		'<style>.grid{stroke:#ddd}.title{font-weight:600;font-size:13px}</style>\n' +
		`<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>\n${parts.join('\n')}\n</svg>\n`;
}
