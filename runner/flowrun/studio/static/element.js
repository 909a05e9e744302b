// Elements: how the page makes its nodes. Text is only ever set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const SET = ["value", "checked", "disabled", "open", "hidden"];

function fill(node, properties, kids) {
	for (const [key, value] of Object.entries(properties)) {
		if (value === undefined || value === null) continue;
		if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
		else if (key === "text") node.textContent = value;
		else if (key === "data") Object.assign(node.dataset, value);
		else if (SET.includes(key)) node[key] = value;
		else if (value !== false) node.setAttribute(key, value === true ? "" : value);
	}
	node.append(...kids.flat(3).filter(kid => kid || kid === 0));
	return node;
}

export const h = (tag, properties = {}, ...kids) => fill(document.createElement(tag), properties, kids);

export const s = (tag, properties = {}, ...kids) => fill(document.createElementNS(SVG, tag), properties, kids);

/** Text of files and deals; its direction of writing doesn't leak. */
export const name = text => h("bdi", {class: "clamp", text});

/** The same for texts that can't hold elements, as labels for screen readers. */
export const isolated = text => `\u2068${text}\u2069`;

/** At most `length` characters of a text that may be of any length. */
export const short = (text, length = 80) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

export const button = (text, onclick, kind = "", more = {}) => h("button", {class: kind, text, onclick, ...more});

export const tool = (which, label, onclick, kind = "quiet", more = {}) =>
	h("button", {class: `square ${kind}`, title: label, "aria-label": label, onclick, ...more}, icon(which));

export const link = (text, onclick) => h("button", {class: "link", onclick}, name(text));

export const plain = text => h("p", {class: "muted", dir: "auto", text});

export const remark = (text, tone = "") => h("p", {class: `note ${tone}`, dir: "auto", text});

export const group = (title, ...kids) => h("section", {class: "group"}, h("h3", {text: title}), kids);

export const list = (rows, none) => (rows.length ? h("ul", {class: "list"}, rows) : plain(none));

/** A row of a list: what it is, what stands at the end of the line, and lines below. */
export const row = (what, end, ...below) =>
	h("li", {}, pair(what, end), below.filter(Boolean).map(line => (line.nodeType ? line : h("div", {class: "sub clamp", dir: "auto", text: line}))));

export const pair = (what, end, kind = "") => h("div", {class: "pair"}, what, end?.nodeType ? end : h("span", {class: `end ${kind}`, text: end ?? ""}));

const ICONS = {
	move: "M2 8h11M9 4l4 4-4 4",
	copy: "M5.5 5.5h8v8h-8zM3 10.5h-.5v-8h8V3",
	clock: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM8 5v3.2l2.2 1.6",
	won: "M3 8.5l3.2 3.2L13 5",
	lost: "M4 4l8 8M12 4l-8 8",
	undo: "M6 3L2.5 6.5 6 10M3 6.5h6a4 4 0 0 1 0 8H6",
	redo: "M10 3l3.5 3.5L10 10M13 6.5H7a4 4 0 0 0 0 8h3",
	close: "M4 4l8 8M12 4l-8 8",
	plus: "M8 3v10M3 8h10",
	minus: "M3 8h10",
	fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
	bolt: "M9 1.5L3.5 9H8l-1 5.5L12.5 7H8z",
	filter: "M2 3.5h12L9.5 8.5V13l-3 -1.5V8.5z",
	theme: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
	help: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2C8.3 8.7 8 9 8 10M8 12.3v.4",
	trash: "M3 4.5h10M6.5 4V2.5h3V4M4.5 4.5l.6 9h5.8l.6-9",
	left: "M10 3L5 8l5 5",
	right: "M6 3l5 5-5 5",
	up: "M3 10l5-5 5 5",
	down: "M3 6l5 5 5-5",
	warn: "M8 2.5l6 11H2zM8 6.5v3.2M8 11.6v.3",
};

export const icon = which =>
	s("svg", {class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true"}, s("path", {d: ICONS[which]}));

export const iconPath = which => ICONS[which];
