// An offer: a list under a text box, from which the keyboard and the mouse choose.

import {h} from "./element.js";

let count = 0;

/** Give `input` one. `pick(option)` takes, `row(option)` makes what it looks like; with `trap`, Tab chooses too.
 * → {node, show(options), hide, place(box)} */
export function offer(input, {label, row, pick, trap = false}) {
	const id = `offer${(count += 1)}`;
	const node = h("div", {class: "options", id, role: "listbox", "aria-label": label, popover: "manual"});
	// A box of several lines can't be a combobox.
	const box = input.tagName === "INPUT";
	const said = open => box && (input.ariaExpanded = open);
	if (box) input.role = "combobox";
	input.ariaAutoComplete = "list";
	input.setAttribute("aria-controls", id);
	said(false);
	let options = [];
	let at = 0;

	const choose = index => {
		at = (index + options.length) % options.length;
		[...node.children].forEach((one, i) => (one.ariaSelected = i === at));
		node.children[at].scrollIntoView({block: "nearest"});
		input.setAttribute("aria-activedescendant", node.children[at].id);
	};
	const hide = () => {
		options = [];
		if (node.matches(":popover-open")) node.hidePopover();
		said(false);
		input.removeAttribute("aria-activedescendant");
	};
	const take = index => {
		const option = options[index];
		hide();
		pick(option);
	};
	const show = next => {
		if (!next.length) return hide();
		options = next;
		node.replaceChildren(...next.map((option, i) => h("div", {class: "option", role: "option", id: `${id}-${i}`, onmousedown: event => (event.preventDefault(), take(i))}, row(option))));
		if (!node.matches(":popover-open")) node.showPopover();
		said(true);
		choose(0);
	};
	const place = at => {
		const below = at.bottom + 4 + node.offsetHeight <= innerHeight;
		node.style.left = `${Math.max(4, Math.min(at.left, innerWidth - node.offsetWidth - 8))}px`;
		node.style.top = `${below ? at.bottom + 4 : at.top - node.offsetHeight - 4}px`;
	};
	input.addEventListener("blur", hide);
	input.addEventListener("keydown", event => {
		if (!options.length || event.ctrlKey || event.metaKey) return;
		if (event.key === "ArrowDown") choose(at + 1);
		else if (event.key === "ArrowUp") choose(at - 1);
		else if (event.key === "Enter" || (trap && event.key === "Tab")) take(at);
		else if (event.key === "Escape") hide();
		else return;
		event.preventDefault();
		event.stopPropagation();
	});
	return {node, show, hide, place};
}
