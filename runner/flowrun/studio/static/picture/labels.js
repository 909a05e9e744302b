// Labels: what stands on a tunnel's line, in pieces: copy or move, when it is due, its condition, what it did, and
// what is the matter with it.

import {isolated, short} from "../element.js";
import {number, t} from "../i18n.js";
import {FACE, width} from "./type.js";

const GAP = 7;
const PAD = 8;

function gist(when) {
	const signs = {">=": "≥", "<=": "≤", "!=": "≠", "==": "="};
	return short(when.replace(/\b(deal|vars)\./g, "").replace(/\s+/g, " ").replace(/[><!=]=/g, sign => signs[sign]).trim(), 30);
}

function delay({after, at}) {
	if (!at) return after ?? "";
	const offset = String(at.offset ?? "");
	return `${at.field ?? "?"} ${/^[-+]?0|^$/.test(offset) ? "" : offset.replace(/^(-?)/, (_, minus) => (minus ? "−" : "+"))}`;
}

/** What is to be seen of a tunnel: [{kind, icon, text, badge, x, width}]. `told` as in /api/live or undefined, `due`:
 * how many the horizon brings, or null. */
export function pieces(tunnel, told, due) {
	const found = [];
	const add = (kind, text, icon) => text && found.push({kind, text, icon, badge: !icon && kind !== "when"});
	add(tunnel.action, t(`action.${tunnel.action}`), tunnel.action);
	add("delay", short(String(delay(tunnel.keys)).trim(), 24), "clock");
	add("when", gist(String(tunnel.keys.when ?? "")));
	add("fired", told?.fired_last_day && number(told.fired_last_day), "bolt");
	add("due", due && t("badge.due", {n: due}));
	add("quiet", tunnel.mode !== "live" && t(`mode.${tunnel.mode}`));
	if (told && told.state !== "live") add(told.state === "tripped" ? "bad" : "quiet", t(`badge.${told.state}`));
	add("quiet", !due && told?.waiting && t("badge.waiting", {n: told.waiting}));
	add("bad", told?.parked && t("badge.parked", {n: told.parked}));
	let x = PAD;
	for (const piece of found) {
		piece.x = x;
		piece.width = width(piece.text, FACE.small) + (piece.icon ? 15 : 0) + (piece.badge ? 10 : 0);
		x += piece.width + GAP;
	}
	return found;
}

export const labelWidth = found => found.at(-1).x + found.at(-1).width + PAD;

/** All that there is to say of a tunnel, for screen readers, and for those who rest on it. */
export const spoken = (tunnel, graph, told) =>
	[
		t("picture.tunnel", {id: isolated(tunnel.id), action: t(`action.${tunnel.action}`)}),
		graph.way(tunnel.from, tunnel.to),
		tunnel.description,
		tunnel.keys.when,
		...pieces(tunnel, told).filter(one => one.kind === "delay" || one.badge).map(one => one.text),
		told && t("picture.fired", {n: told.fired_last_day}),
	].filter(Boolean).map(one => isolated(short(String(one), 300))).join("; ");
