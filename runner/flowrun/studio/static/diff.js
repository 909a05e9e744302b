// Diffs: texts with a sign before each line, as `diff -u` and `flowrun diff` write them.

import { h } from "./element.js";

const MOST = 2000;

function kind(line, unified) {
	if (unified && /^(---|\+\+\+) /.test(line)) return "file";
	if (unified && line.startsWith("@@")) return "hunk";
	if (line.startsWith("+")) return "plus";
	if (line.startsWith("-")) return "less";
	if (!unified && line.startsWith("~")) return "swap";
	return "";
}

/** A box with the diff. */
export function diffBox(text, label, unified = true) {
	const lines = text.replace(/\n$/, "").split("\n").slice(0, MOST);
	const kept = unified ? lines.filter((line) => !line.startsWith("--- ")).map((line) => line.replace(/^\+\+\+ (b\/)?/, "+++ ")) : lines;
	return h(
		"div",
		{ class: "diff", tabindex: "0", role: "group", "aria-label": label },
		kept.map((line) => h("code", { class: kind(line, unified), dir: "ltr", text: kind(line, unified) === "file" ? line.slice(4) : line || " " })),
	);
}
