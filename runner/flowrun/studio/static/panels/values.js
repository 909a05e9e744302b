// The rows of `set`: a field, and the value that it gets, or names that take turns.

import {button, h, tool} from "../element.js";
import {select} from "../form.js";
import {t} from "../i18n.js";
import {state} from "../state.js";

const turns = value => value !== null && typeof value === "object" && !Array.isArray(value);
const names = text => text.split(",").map(one => one.trim()).filter(Boolean);

export function setRows(form) {
	const rows = Object.entries(form.draft.set ?? {});
	const node = h("div", {});
	const all = ["title", "owner", ...state.project.fields.map(one => one.id)];
	const put = (i, ...entry) => {
		rows[i] = entry;
		form.set("set", Object.fromEntries(rows));
	};
	const again = act => () => {
		act();
		form.set("set", rows.length ? Object.fromEntries(rows) : undefined);
		fill();
	};

	const value = (field, content, i) => {
		const label = t(turns(content) ? "set.turns" : "set.value", {field});
		const list = (words, made) => h("input", {value: words.join(", "), dir: "auto", "aria-label": label, oninput: event => put(i, field, made(names(event.target.value)))});
		if (turns(content)) return list([content.rotate ?? []].flat(), rotate => ({rotate}));
		if (Array.isArray(content)) return list(content, words => words);
		return form.editor(`set.${field}`, {label, value: content, changed: text => put(i, field, text)});
	};

	const line = ([field, content], i) => {
		const free = all.filter(one => one === field || !rows.some(([used]) => used === one)).map(one => [one, one]);
		return h("div", {class: "row"},
			h("div", {class: "fixed"}, select(field, free, next => again(() => (rows[i] = [next, content]))(), {"aria-label": t("set.field")})),
			h("div", {class: "grow"}, value(field, content, i)),
			(field === "owner" || turns(content)) && tool("redo", t("set.turn"), again(() => (rows[i] = [field, turns(content) ? "" : {rotate: []}]))),
			tool("close", t("take-out", {name: field}), again(() => rows.splice(i, 1))));
	};

	const fill = () => {
		for (const key of form.editors.keys()) if (key.startsWith("set.")) form.editors.delete(key);
		const next = all.find(one => !rows.some(([field]) => field === one));
		node.replaceChildren(...rows.map(line), next ? button(t("set.add"), again(() => rows.push([next, ""])), "quiet") : "");
	};
	fill();
	return node;
}
