// Words: every word of the page comes from words/<language>.json; here they are looked up and filled in, and numbers,
// sums and times written as the language does.

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
		node.setAttribute("aria-label", t(node.dataset.tLabel));
		if (node.tagName === "BUTTON") node.title = t(node.dataset.tLabel);
		if (node.tagName === "INPUT") node.placeholder = t(node.dataset.tLabel);
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

/** The words of a key that may not be there, else the text itself: for words that the server sends. */
export const term = (prefix, word) => (has(`${prefix}.${word}`) ? t(`${prefix}.${word}`) : word);

/** Formats are dear to make: each is made once. */
const formats = new Map();
function format(kind, style) {
	const key = language + JSON.stringify(style);
	if (!formats.has(key)) formats.set(key, new kind(language, style));
	return formats.get(key);
}

export const number = value => format(Intl.NumberFormat, {}).format(value);

export const brief = text => format(Intl.NumberFormat, {notation: "compact", maximumFractionDigits: 1}).format(text);

export const decimal = text => format(Intl.NumberFormat, {maximumFractionDigits: 6}).format(text);

export const moment = (instant, seconds = false) =>
	format(Intl.DateTimeFormat, {dateStyle: "medium", timeStyle: seconds ? "medium" : "short", timeZone: state.project.timezone}).format(new Date(instant));

export const kept = key => localStorage.getItem(`flowrun.${key}`);
export const keep = (key, value) => localStorage.setItem(`flowrun.${key}`, value);
