// The editor of a condition or template: plain text with what is wrong underlined at the very signs, and completion.

import { completions } from "./complete.js";
import { h } from "./element.js";
import { state } from "./state.js";

let count = 0;

function vocabulary() {
	const { project } = state;
	return {
		fields: [...project.fields, ...project.built_in],
		vars: project.vars,
		functions: project.functions,
		stages: project.pipelines.flatMap((pipeline) => pipeline.stages.map((stage) => stage.stage)),
		pipelines: project.pipelines.map((pipeline) => pipeline.id),
	};
}

/** → {node, input, errors(list of {start, end, severity})}; `changed(text)` is called with every change. */
export function conditionEditor({ value, label, changed, ...ids }) {
	const list = `options-${(count += 1)}`;
	const paper = h("pre", { "aria-hidden": "true" });
	const input = h("textarea", {
		value: String(value ?? ""), rows: 1, spellcheck: "false", autocapitalize: "off", dir: "ltr", role: "combobox", ...ids,
		"aria-label": label, "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list,
	});
	const menu = h("div", { class: "options", id: list, role: "listbox", "aria-label": label, popover: "manual" });
	const node = h("div", { class: "editor" }, paper, input, menu);
	let marks = [];
	let offer = null;
	let at = 0;

	const paint = () => {
		const text = input.value;
		const parts = [];
		let begin = 0;
		for (const mark of marks) {
			if (mark.start < begin || mark.start > text.length) continue;
			const end = Math.min(Math.max(mark.end, mark.start), text.length);
			parts.push(text.slice(begin, mark.start), h("mark", { class: mark.severity, text: text.slice(mark.start, end) }));
			begin = end;
		}
		paper.replaceChildren(...parts, `${text.slice(begin)}\n`);
		node.toggleAttribute("data-bad", marks.some((mark) => mark.severity === "error"));
		input.style.height = "auto";
		input.style.height = `${Math.max(34, input.scrollHeight)}px`;
	};

	const shut = () => {
		offer = null;
		if (menu.matches(":popover-open")) menu.hidePopover();
		input.setAttribute("aria-expanded", "false");
		input.removeAttribute("aria-activedescendant");
	};

	const pick = (index) => {
		const { from, to, options } = offer;
		input.setRangeText(options[index].text, from, to, "end");
		shut();
		input.dispatchEvent(new Event("input"));
	};

	const choose = (index) => {
		at = index;
		[...menu.children].forEach((row, i) => row.setAttribute("aria-selected", String(i === index)));
		menu.children[index].scrollIntoView({ block: "nearest" });
		input.setAttribute("aria-activedescendant", menu.children[index].id);
	};

	const suggest = (asked = false) => {
		offer = completions(input.value, input.selectionStart, vocabulary(), asked);
		if (!offer) return shut();
		menu.replaceChildren(
			...offer.options.map((option, i) =>
				h("div", { class: "option", role: "option", id: `${list}-${i}`, onmousedown: (event) => (event.preventDefault(), pick(i)) },
					h("span", { text: option.text }), h("span", { class: "muted", text: option.detail })),
			),
		);
		if (!menu.matches(":popover-open")) menu.showPopover();
		const caret = place(paper, offer.from);
		menu.style.inset = "auto";
		menu.style.left = `${Math.min(caret.left, innerWidth - menu.offsetWidth - 8)}px`;
		const below = caret.bottom + 4;
		menu.style.top = `${below + menu.offsetHeight > innerHeight ? caret.top - menu.offsetHeight - 4 : below}px`;
		input.setAttribute("aria-expanded", "true");
		choose(0);
	};

	input.addEventListener("input", () => {
		marks = [];
		paint();
		changed(input.value);
		suggest();
	});
	input.addEventListener("blur", shut);
	input.addEventListener("keydown", (event) => {
		if (event.key === " " && event.ctrlKey) return event.preventDefault(), suggest(true);
		if (!offer || event.ctrlKey || event.metaKey) return;
		const size = offer.options.length;
		if (event.key === "ArrowDown") choose((at + 1) % size);
		else if (event.key === "ArrowUp") choose((at + size - 1) % size);
		else if (event.key === "Enter" || event.key === "Tab") pick(at);
		else if (event.key === "Escape") shut();
		else return;
		event.preventDefault();
		event.stopPropagation();
	});
	requestAnimationFrame(paint);
	return {
		node,
		input,
		errors(found) {
			const known = found.filter((one) => Number.isInteger(one.start) && Number.isInteger(one.end));
			marks = known.map((one) => ({ ...one, ...units(input.value, one) })).sort((a, b) => a.start - b.start);
			input.setAttribute("aria-invalid", String(found.some((one) => one.severity === "error")));
			paint();
		},
	};
}

/** Offsets in characters as offsets in the units of JavaScript's texts. */
function units(text, { start, end }) {
	const signs = [...text];
	return { start: signs.slice(0, start).join("").length, end: signs.slice(0, end).join("").length };
}

/** Where a sign of the text stands on the screen. */
function place(paper, offset) {
	const walker = document.createTreeWalker(paper, NodeFilter.SHOW_TEXT);
	let left = offset;
	for (let node = walker.nextNode(); node; node = walker.nextNode()) {
		if (left <= node.length) {
			const range = document.createRange();
			range.setStart(node, left);
			range.setEnd(node, left);
			const box = range.getBoundingClientRect();
			return box.height ? box : paper.getBoundingClientRect();
		}
		left -= node.length;
	}
	return paper.getBoundingClientRect();
}
