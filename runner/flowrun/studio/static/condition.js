// The editor of a condition or template: plain text with what is wrong underlined at the very signs, and completion.

import {completions} from "./complete.js";
import {h} from "./element.js";
import {offer} from "./offer.js";
import {state} from "./state.js";

function vocabulary() {
	const {fields, built_in, vars, functions, pipelines} = state.project;
	return {fields: [...fields, ...built_in], vars, functions, stages: pipelines.flatMap(one => one.stages.map(stage => stage.stage)), pipelines: pipelines.map(one => one.id)};
}

/** → {node, errors(list of {start, end, severity})}; `changed(text)` is called with every change. */
export function conditionEditor({value, label, changed, ...ids}) {
	const paper = h("pre", {"aria-hidden": "true"});
	const input = h("textarea", {value: String(value ?? ""), rows: 1, spellcheck: "false", dir: "ltr", "aria-label": label, ...ids});
	let marks = [];
	let span = null;

	const pick = ({text}) => {
		input.setRangeText(text, span.from, span.to, "end");
		input.dispatchEvent(new Event("input"));
	};
	const row = ({text, detail}) => [h("span", {text}), h("span", {class: "muted", text: detail})];
	const list = offer(input, {label, row, pick, trap: true});
	const node = h("div", {class: "editor"}, paper, input, list.node);

	const paint = () => {
		const text = input.value;
		let begin = 0;
		const parts = marks.flatMap(({start, end, severity}) => {
			if (start < begin || start > text.length) return [];
			const part = [text.slice(begin, start), h("mark", {class: severity, text: text.slice(start, end)})];
			begin = Math.max(start, end);
			return part;
		});
		paper.replaceChildren(...parts, `${text.slice(begin)}\n`);
		input.style.height = "auto";
		input.style.height = `${Math.max(34, input.scrollHeight)}px`;
	};
	const suggest = (asked = false) => {
		span = completions(input.value, input.selectionStart, vocabulary(), asked);
		list.show(span?.options ?? []);
		if (span) list.place(place(paper, span.from));
	};

	input.addEventListener("input", () => {
		marks = [];
		paint();
		changed(input.value);
		suggest();
	});
	input.addEventListener("keydown", event => {
		if (event.key !== " " || !event.ctrlKey) return;
		event.preventDefault();
		suggest(true);
	});
	requestAnimationFrame(paint);
	return {
		node,
		errors(found) {
			// The server counts characters, the browser the units of its texts.
			const units = at => [...input.value].slice(0, at).join("").length;
			marks = found.filter(one => Number.isInteger(one.start)).map(one => ({...one, start: units(one.start), end: units(one.end)})).sort((a, b) => a.start - b.start);
			const bad = found.some(one => one.severity === "error");
			input.ariaInvalid = bad;
			node.toggleAttribute("data-bad", bad);
			paint();
		},
	};
}

function place(paper, offset) {
	const walker = document.createTreeWalker(paper, NodeFilter.SHOW_TEXT);
	for (let node = walker.nextNode(); node; node = walker.nextNode()) {
		if (offset <= node.length) {
			const range = document.createRange();
			range.setStart(node, offset);
			const box = range.getBoundingClientRect();
			if (box.height) return box;
		}
		offset -= node.length;
	}
	return paper.getBoundingClientRect();
}
