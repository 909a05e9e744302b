// Words: those of words/<language>.json are looked up and filled in; numbers, sums and times as the language has them.

import {state} from "./state.js";

/** The forms of words that are counted, in the order in which "one|more" has them. */
const FORMS = {en: ["one", "other"], ru: ["one", "few", "many"]};
export const languages = Object.keys(FORMS);

let words = {};
let plural = new Intl.PluralRules("en");
export let language = "en";

export function preferred() {
	const wanted = [kept("language"), ...navigator.languages].filter(Boolean).map(tag => tag.slice(0, 2));
	return wanted.find(tag => languages.includes(tag)) ?? "en";
}

export async function speak(tag) {
	const answer = await fetch(new URL(`words/${tag}.json`, import.meta.url));
	words = {};
	gather(await answer.json(), "");
	language = tag;
	plural = new Intl.PluralRules(tag);
	document.documentElement.lang = tag;
	for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
	for (const node of document.querySelectorAll("[data-t-label]")) {
		node.ariaLabel = t(node.dataset.tLabel);
		if (node.tagName === "BUTTON") node.title = node.ariaLabel;
		if (node.tagName === "INPUT") node.placeholder = node.ariaLabel;
	}
}

function gather(group, prefix) {
	for (const [key, value] of Object.entries(group)) {
		if (typeof value === "string") words[prefix + key] = value;
		else gather(value, `${prefix}${key}.`);
	}
}

/** The words of a key, with {names} filled in; of several forms, the one for `n`. */
export function t(key, values = {}) {
	const forms = (words[key] ?? key).split("|");
	const text = forms[FORMS[language].indexOf(plural.select(values.n))] ?? forms.at(-1);
	return text.replace(/\{(\w+)\}/g, (all, name) => {
		const value = values[name];
		return typeof value === "number" ? number(value) : (value ?? all);
	});
}

export const has = key => key in words;

/** The words for what the server sends, else the text itself. */
export const term = (prefix, word) => (has(`${prefix}.${word}`) ? t(`${prefix}.${word}`) : word);

/** Formats are dear to make: each is made once. */
const formats = new Map();
function format(kind, style) {
	const key = language + JSON.stringify(style);
	if (!formats.has(key)) formats.set(key, new kind(language, style));
	return formats.get(key);
}

const figures = style => value => format(Intl.NumberFormat, style).format(value);
export const number = figures({});
export const brief = figures({notation: "compact", maximumFractionDigits: 1});
export const decimal = figures({maximumFractionDigits: 6});

export const moment = (instant, seconds = false) =>
	format(Intl.DateTimeFormat, {dateStyle: "medium", timeStyle: seconds ? "medium" : "short", timeZone: state.project.timezone}).format(new Date(instant));

export const kept = key => localStorage.getItem(`flowrun.${key}`);
export const keep = (key, value) => localStorage.setItem(`flowrun.${key}`, value);
