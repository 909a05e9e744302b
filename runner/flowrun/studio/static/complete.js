// Completion: what may stand at the caret of a condition. Pure.

const WORDS = ["and", "or", "not", "in", "not in", "is none", "is not none", "true", "false", "none", "if", "else"];

/** `words`: {fields, vars, functions, stages}. → {from, to, options: [{text, detail}]}; the options replace from..to. */
export function completions(text, caret, words, asked = false) {
	const before = text.slice(0, caret);
	const quote = before.match(/(['"])([^'"]*)$/);
	if (quote && odd(before, quote[1])) return values(before, caret, quote, words);
	const word = before.match(/[A-Za-z_][\w.]*$/)?.[0] ?? "";
	const begin = caret - word.length;
	const lead = before.slice(0, begin);
	let options;
	if (word.startsWith("deal.")) options = words.fields.map(field => ({text: `deal.${field.id}`, detail: field.type}));
	else if (word.startsWith("vars.")) options = words.vars.map(one => ({text: `vars.${one.id}`, detail: one.type}));
	else if (/\|\s*$/.test(lead)) options = calls(words, "filter");
	else if (/\bis\s+(not\s+)?$/.test(lead)) options = [{text: "none", detail: ""}, ...calls(words, "test")];
	else if (word || asked) {
		options = [
			{text: "deal.", detail: ""},
			...(words.vars.length ? [{text: "vars.", detail: ""}] : []),
			...calls(words, "function"),
			...WORDS.map(text => ({text, detail: ""})),
		];
	} else return null;
	const found = options.filter(one => one.text.startsWith(word) && one.text !== word);
	return found.length && (word || asked || /[|]\s*$/.test(lead)) ? {from: begin, to: caret, options: found.slice(0, 60)} : null;
}

const calls = (words, role) =>
	words.functions.filter(one => one.role === role).map(({name, signature}) => ({text: signature.includes("()") ? `${name}()` : signature.includes(`${name}(`) ? `${name}(` : name, detail: signature}));

function values(before, caret, quote, words) {
	const begin = caret - quote[2].length;
	const compared = before.slice(0, begin - 1).match(/deal\.(\w+)\s*(?:==|!=|(?:not\s+)?in\s*\[[^\]]*)\s*$/);
	if (!compared) return null;
	const field = words.fields.find(one => one.id === compared[1]);
	const known = compared[1] === "stage" ? words.stages : compared[1] === "pipeline" ? words.pipelines : (field?.values ?? []);
	const options = known.filter(text => text.startsWith(quote[2])).map(text => ({text: text + quote[1], detail: ""}));
	return options.length ? {from: begin, to: caret, options: options.slice(0, 60)} : null;
}

const odd = (text, quote) => text.split(quote).length % 2 === 0;
