// Labels: what stands on a tunnel's line, in pieces: copy or move, when it is due, its condition, what it did, and
// what is the matter with it.

import { isolated, short } from "../element.js";
import { number, t } from "../i18n.js";
import { FACE, width } from "./type.js";

const ICON = 15;
const GAP = 7;
const PAD = 8;

/** A condition as short as a label needs it. */
export function gist(when) {
	const said = when.replace(/\b(deal|vars)\./g, "").replace(/\s+/g, " ").replace(/>=/g, "≥").replace(/<=/g, "≤");
	return short(said.replace(/!=/g, "≠").replace(/==/g, "=").trim(), 30);
}

/** When a tunnel is due, in a few signs; null for at once. */
export function delay(keys) {
	if (keys.after) return String(keys.after);
	if (keys.at && typeof keys.at === "object") {
		const offset = keys.at.offset && !/^[-+]?0/.test(keys.at.offset) ? ` ${keys.at.offset.replace("-", "−")}` : "";
		return `${keys.at.field ?? "?"}${offset && !offset.includes("−") ? ` +${offset.trim()}` : offset}`;
	}
	return null;
}

/** What is to be seen of a tunnel: `told` as in /api/live or undefined, `due`: how many the horizon brings, or null. */
export function pieces(tunnel, told, due) {
	const found = [{ kind: tunnel.action === "copy" ? "copy" : "move", icon: tunnel.action, text: t(`action.${tunnel.action}`) }];
	const late = delay(tunnel.keys);
	if (late) found.push({ kind: "delay", icon: "clock", text: short(late, 24) });
	if (tunnel.keys.when) found.push({ kind: "when", text: gist(String(tunnel.keys.when)) });
	if (told?.fired_last_day) found.push({ kind: "fired", icon: "bolt", text: number(told.fired_last_day) });
	if (due) found.push({ kind: "due", text: t("badge.due", { n: due }) });
	if (tunnel.mode !== "live") found.push({ kind: "quiet", text: t(`mode.${tunnel.mode}`) });
	if (told?.state === "paused") found.push({ kind: "quiet", text: t("badge.paused") });
	if (told?.state === "tripped") found.push({ kind: "bad", text: t("badge.tripped") });
	if (told?.waiting && !due) found.push({ kind: "quiet", text: t("badge.waiting", { n: told.waiting }) });
	if (told?.parked) found.push({ kind: "bad", text: t("badge.parked", { n: told.parked }) });
	for (const piece of found) {
		const badge = ["due", "quiet", "bad"].includes(piece.kind);
		piece.badge = badge;
		piece.width = width(piece.text, FACE.small) + (piece.icon ? ICON : 0) + (badge ? 10 : 0);
	}
	return found;
}

/** How wide a label with these pieces is. */
export const labelWidth = (found) => 2 * PAD + found.reduce((sum, one) => sum + one.width, 0) + GAP * (found.length - 1);

/** Where each piece begins. */
export function places(found) {
	let x = PAD;
	return found.map((piece) => {
		const begin = x;
		x += piece.width + GAP;
		return begin;
	});
}

/** The same in words, for screen readers. */
export function spoken(tunnel, graph, told) {
	const parts = [
		t("picture.tunnel", {
			action: t(`action.${tunnel.action}`),
			id: isolated(tunnel.id),
			from: isolated(short(tunnel.from.map((stage) => graph.fullName(stage)).join(", "), 200)),
			to: isolated(short(graph.fullName(tunnel.to), 100)),
		}),
	];
	const late = delay(tunnel.keys);
	if (late) parts.push(t("picture.after", { delay: late }));
	if (tunnel.keys.when) parts.push(t("picture.when", { when: isolated(short(String(tunnel.keys.when), 200)) }));
	if (tunnel.mode !== "live") parts.push(t(`mode.${tunnel.mode}`));
	if (told) parts.push(t("picture.fired", { n: told.fired_last_day }));
	if (told && told.state !== "live") parts.push(t(`badge.${told.state}`));
	if (told?.parked) parts.push(t("badge.parked", { n: told.parked }));
	return parts.join("; ");
}
