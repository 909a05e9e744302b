// Words: every word of the page comes from words/<language>.json; here they are looked up and filled in, and numbers,
// sums and times written as the language does.

const LANGUAGES = ["en", "ru"];

let words = {};
let plural = new Intl.PluralRules("en");
export let language = "en";

/** The languages that there are. */
export const languages = LANGUAGES;

/** The one that the reader chose, else the browser's, else English. */
export function preferred() {
  const wanted = [kept("language"), ...navigator.languages].filter(Boolean).map((tag) => tag.slice(0, 2));
  return wanted.find((tag) => LANGUAGES.includes(tag)) ?? "en";
}

/** Load a language and write the words of the page's own markup in it. */
export async function speak(tag) {
  const answer = await fetch(new URL(`words/${tag}.json`, import.meta.url));
  words = await answer.json();
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

/** The words of a key, with {names} filled in; a map of plural forms is chosen from by `n`. */
export function t(key, values = {}) {
  let text = words[key] ?? key;
  if (typeof text === "object") text = text[plural.select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (all, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : (value ?? all);
  });
}

/** The words of a key that may not be there, else the text itself: for words that the server sends. */
export const term = (prefix, word) => (`${prefix}.${word}` in words ? t(`${prefix}.${word}`) : word);

export const number = (value) => new Intl.NumberFormat(language).format(value);

/** A decimal as text, as short as a card needs it. */
export const brief = (decimal) =>
  new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 }).format(Number(decimal));

export const decimal = (text) => new Intl.NumberFormat(language, { maximumFractionDigits: 6 }).format(text);

/** An instant in the project's zone. */
export function moment(instant, zone, seconds = false) {
  const style = { dateStyle: "medium", timeStyle: seconds ? "medium" : "short", timeZone: zone };
  return new Intl.DateTimeFormat(language, style).format(new Date(instant));
}

/** What the reader chose on this machine; null where the browser keeps nothing. */
export function kept(key) {
  try {
    return localStorage.getItem(`flowrun.${key}`);
  } catch {
    return null;
  }
}

/** Keep a choice of the reader's, where the browser lets us. */
export function keep(key, value) {
  try {
    localStorage.setItem(`flowrun.${key}`, value);
  } catch {
    // A browser that keeps nothing asks again next time.
  }
}
