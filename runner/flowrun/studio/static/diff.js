// Diffs: texts with a sign before each line, as `diff -u` and `flowrun diff` write them.

import {h} from "./element.js";

const MOST = 2000;

function kind(line, unified) {
	if (unified && /^(---|\+\+\+) /.test(line)) return "file";
	if (unified && line.startsWith("@@")) return "hunk";
	if (line.startsWith("+")) return "plus";
	if (line.startsWith("-")) return "less";
	if (!unified && line.startsWith("~")) return "swap";
	return "";
}

export function diffBox(text, label, unified = true) {
	const lines = text.replace(/\n$/, "").split("\n").slice(0, MOST);
	const kept = unified ? lines.filter(line => !line.startsWith("--- ")).map(line => line.replace(/^\+\+\+ (b\/)?/, "+++ ")) : lines;
	const show = line => {
		const what = kind(line, unified);
		return h("code", {class: what, dir: "ltr", text: what === "file" ? line.slice(4) : line || " "});
	};
	return h("div", {class: "diff", tabindex: "0", role: "group", "aria-label": label}, kept.map(show));
}
