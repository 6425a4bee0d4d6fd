// Writes plain objects as the block YAML a person would write.
const PLAIN = /^[A-Za-z0-9_./-][A-Za-z0-9_./:-]*$/;
const WORDS = /^(true|false|yes|no|on|off|null|~|y|n)$/i;

function scalar(value) {
	if (typeof value !== 'string') return String(value);
	return PLAIN.test(value) && !WORDS.test(value) && !value.endsWith(':') ? value : JSON.stringify(value);
}

const isScalar = (value) => value === null || typeof value !== 'object';
const isEmpty = (value) => Object.keys(value).length === 0;

export function yaml(value, indent = '') {
	if (isScalar(value)) return `${indent}${scalar(value)}\n`;
	if (isEmpty(value)) return `${indent}${Array.isArray(value) ? '[]' : '{}'}\n`;
	let out = '';
	for (const [key, item] of Object.entries(value)) {
		const lead = Array.isArray(value) ? '-' : `${PLAIN.test(key) ? key : JSON.stringify(key)}:`;
		if (item === undefined) continue;
		if (isScalar(item)) out += `${indent}${lead} ${scalar(item)}\n`;
		else if (isEmpty(item)) out += `${indent}${lead} ${Array.isArray(item) ? '[]' : '{}'}\n`;
		else if (Array.isArray(value))
			out += `${indent}- ${yaml(item, indent + '  ').slice(indent.length + 2)}`;
		else out += `${indent}${lead}\n${yaml(item, indent + '  ')}`;
	}
	return out;
}
