// The panel: the side of the page that shows one thing at a time, with a way back to the one before.

import {h, remark, tool} from "./element.js";
import {t} from "./i18n.js";
import {update} from "./state.js";

const builders = new Map();
let stack = [];
let current = null;

export const define = (kind, build) => builders.set(kind, build);

/** What is open: {kind, id, dirty, …}, or null. */
export const shown = () => current;

/** Open a panel. `focus` moves the keyboard there; `deeper` keeps the one before for "back". */
export async function show(kind, id = null, {extra = {}, focus = true, deeper = false} = {}) {
	if (!(await leave())) return;
	if (!deeper) stack = [];
	stack = stack.filter(one => one.kind !== kind || one.id !== id);
	stack.push({kind, id, extra});
	build(focus);
}

export async function close() {
	if (!current || !(await leave())) return;
	const frame = document.getElementById("panel");
	frame.hidden = true;
	frame.replaceChildren();
	const back = current.from;
	current = null;
	stack = [];
	update({chosen: null, lit: null, explained: null, preview: null});
	if (back?.isConnected) back.focus();
	else document.getElementById("picture").focus();
}

async function leave() {
	if (!current) return true;
	if (current.dirty && !(await current.abandon())) return false;
	current.closed?.();
	return true;
}

/** Make it anew, as after a change of the files; a draft is kept. */
export function refresh() {
	if (!current || current.held) return;
	if (current.dirty) current.stale?.();
	else build(false);
}

function build(focus) {
	const {kind, id, extra} = stack.at(-1);
	const frame = document.getElementById("panel");
	const inside = frame.contains(document.activeElement);
	const scroll = current?.kind === kind && current.id === id ? current.body.scrollTop : 0;
	const from = current?.from ?? (inside ? null : document.activeElement);
	const title = h("h2", {id: "panel-title", tabindex: "-1"});
	const panel = {
		kind,
		id,
		from,
		dirty: false,
		abandon: async () => true,
		body: h("div", {class: "panel-body"}),
		foot: h("div", {class: "panel-foot", hidden: true}),
		title(text, small = "") {
			title.replaceChildren(h("bdi", {text}), small ? h("small", {dir: "auto", text: small}) : "");
		},
		gone() {
			panel.title(id);
			panel.body.append(remark(t("gone")));
		},
	};
	current = panel;
	update({chosen: ["stage", "tunnel", "pipeline"].includes(kind) && id ? {kind, id} : null, lit: null});
	if (kind !== "preview") update({preview: null});
	if (kind !== "deal") update({explained: null});
	const back = stack.length > 1 && tool("left", t("back"), goBack);
	frame.replaceChildren(h("div", {class: "panel-head"}, back, title, tool("close", t("close"), close)), panel.body, panel.foot);
	frame.hidden = false;
	builders.get(kind)(panel, id, extra);
	panel.body.scrollTop = scroll;
	if (focus || inside) title.focus({preventScroll: true});
}

async function goBack() {
	if (!(await leave())) return;
	stack.pop();
	build(true);
}
