// Nodes: the SVG of one stage, tunnel, label or pipeline's head. They are made when they come into sight.

import { iconPath, isolated, s, short } from "../element.js";
import { brief, number, t } from "../i18n.js";
import { labelWidth, pieces, places, spoken } from "./labels.js";
import { CARD, HEAD, LABEL } from "./layout.js";
import { FACE, fitted, width } from "./type.js";

const text = (content, x, y, kind, more = {}) => s("text", { x, y, class: kind, text: isolated(content), ...more });

/** The first of a stage's sums, short. */
function sum(told) {
	const [amount] = Object.values(told?.sums ?? {});
	return amount === undefined || amount === null || Number(amount) === 0 ? null : brief(amount);
}

/** What a screen reader says of a stage. */
export function stageSpoken(stage, told) {
	const parts = [`${short(stage.name ?? stage.id)}, ${short(stage.pipeline.name ?? stage.pipeline.id)}`].map(isolated);
	if (stage.outcome) parts.push(t(`outcome.${stage.outcome}`));
	if (told) parts.push(t("count.deals", { n: told.deals }));
	for (const [field, amount] of Object.entries(told?.sums ?? {})) if (amount !== null) parts.push(`${field} ${brief(amount)}`);
	return parts.join("; ");
}

/** A stage's card, at `box`. */
export function stageNode(stage, box, told) {
	const full = stage.name ?? stage.id;
	const node = s(
		"g",
		{ class: `stage ${stage.outcome ?? "open"}`, transform: `translate(${box.x} ${box.y})`, tabindex: "-1", role: "button" },
		s("rect", { class: "card", width: CARD.width, height: CARD.height, rx: 9 }),
		text(fitted(full, FACE.name, CARD.width - 24), 12, 23, "name"),
		s("g", { class: "told" }),
		outcome(stage.outcome),
		s("g", { class: "grip" }, s("circle", { cx: CARD.width, cy: CARD.height / 2, r: 9 }), s("path", { d: iconPath("plus"), transform: `translate(${CARD.width - 6} ${CARD.height / 2 - 6}) scale(.75)` })),
	);
	node.dataset.kind = "stage";
	node.dataset.id = stage.stage;
	tellStage(node, stage, told);
	return node;
}

function outcome(which) {
	if (!which) return null;
	const word = t(`outcome.${which}`);
	const wide = width(word, FACE.small);
	return s(
		"g",
		{ class: "outcome", transform: `translate(${CARD.width - 12 - wide - 17} 45)` },
		which === "won" ? s("circle", { cx: 6, cy: -4, r: 6.5 }) : s("rect", { x: 0, y: -10, width: 12, height: 12, rx: 2.5 }),
		s("path", { d: iconPath(which), transform: "translate(1.6 -8.4) scale(.55)" }),
		s("text", { x: 17, y: 0, text: word }),
	);
}

/** Write the live figures of a stage anew. */
export function tellStage(node, stage, told) {
	node.setAttribute("aria-label", stageSpoken(stage, told));
	if (!told) return;
	const count = number(told.deals);
	const amount = sum(told);
	node.querySelector(".told").replaceChildren(
		s("text", { x: 12, y: 45, class: told.deals ? "count" : "count none", text: count }),
		amount ? s("text", { x: 12 + width(count, FACE.name) + 8, y: 45, class: "sum", text: amount }) : "",
	);
}

/** A tunnel's line with its arrows: a copy is a double line with an open head, a move a single one with a filled. */
export function tunnelNode(tunnel, route, graph, told) {
	const node = s(
		"g",
		{ class: `tunnel ${tunnel.action} ${tunnel.mode}`, tabindex: "-1", role: "button", "aria-label": spoken(tunnel, graph, told) },
		s("title", { text: titled(tunnel, graph) }),
		s("path", { class: "hit", d: route.d }),
		s("path", { class: "line", d: route.d }),
		tunnel.action === "copy" && s("path", { class: "core", d: route.d }),
		route.tips.map(([x, y, down]) =>
			s("path", { class: "tip", d: `M${x - 5.5} ${y - 9 * down}L${x} ${y}L${x + 5.5} ${y - 9 * down}${tunnel.action === "copy" ? "" : "z"}` }),
		),
	);
	node.dataset.kind = "tunnel";
	node.dataset.id = tunnel.id;
	return node;
}

/** What resting on a line tells: all that its label has no room for. */
const titled = (tunnel, graph) => [tunnel.id, tunnel.description, tunnel.keys.when, graph.way(tunnel.from, tunnel.to)].filter(Boolean).map((one) => short(String(one), 300)).join("\n");

/** The pill on the line. */
export function labelNode(tunnel, place, graph, told, due) {
	const found = pieces(tunnel, told, due);
	const starts = places(found);
	const wide = labelWidth(found);
	const node = s(
		"g",
		{ class: `label ${tunnel.action} ${tunnel.mode}`, transform: `translate(${place.x - wide / 2} ${place.y - LABEL / 2})`, "aria-hidden": "true" },
		s("title", { text: titled(tunnel, graph) }),
		s("rect", { class: "pill", width: wide, height: LABEL, rx: LABEL / 2 }),
		found.map((piece, i) => {
			const shift = piece.icon ? 15 : 0;
			return s(
				"g",
				{ class: `piece ${piece.kind}`, transform: `translate(${starts[i]} 0)` },
				piece.badge && s("rect", { class: "badge", y: 3, width: piece.width, height: LABEL - 6, rx: 7 }),
				piece.icon && s("path", { d: iconPath(piece.icon), transform: "translate(0 4) scale(.75)" }),
				s("text", { x: piece.badge ? 5 : shift, y: 14, text: isolated(piece.text) }),
			);
		}),
	);
	node.dataset.kind = "tunnel";
	node.dataset.id = tunnel.id;
	return node;
}

/** A pipeline's name at the left, which stays in sight; what it holds in all. */
export function headNode(pipeline, box, told) {
	const deals = told ? pipeline.stages.reduce((sum, stage) => sum + (told[stage.stage]?.deals ?? 0), 0) : null;
	const full = pipeline.name ?? pipeline.id;
	const node = s(
		"g",
		{ class: "head", transform: `translate(0 ${box.y})`, tabindex: "-1", role: "button", "aria-label": `${t("picture.pipeline")} ${isolated(short(full))}` },
		s("rect", { width: HEAD + 4, height: box.height, rx: 10 }),
		text(fitted(full, FACE.head, HEAD - 28), 14, 34, "name"),
		text(deals === null ? short(pipeline.id, 24) : t("count.deals", { n: deals }), 14, 54, "small"),
	);
	node.dataset.kind = "pipeline";
	node.dataset.id = pipeline.id;
	return node;
}
