// Nodes: the SVG of one stage, tunnel, label or pipeline's head. They are made when they come into sight.

import {iconPath, isolated, s, short} from "../element.js";
import {brief, number, t} from "../i18n.js";
import {state} from "../state.js";
import {labelWidth, pieces, spoken} from "./labels.js";
import {CARD, HEAD, LABEL} from "./layout.js";
import {FACE, fitted, width} from "./type.js";

const text = (content, x, y, kind) => s("text", {x, y, class: kind, text: content});
const button = {tabindex: "-1", role: "button"};

export function stageNode(stage, box, told) {
	const node = s("g", {class: `stage ${stage.outcome ?? ""}`, transform: `translate(${box.x} ${box.y})`, data: {kind: "stage", id: stage.stage}, ...button},
		s("rect", {class: "card", width: CARD.width, height: CARD.height, rx: 9}),
		text(isolated(fitted(stage.name ?? stage.id, FACE.name, CARD.width - 24)), 12, 23, "name"),
		s("g", {class: "told"}),
		stage.outcome && outcome(stage.outcome),
		s("g", {class: "grip", transform: `translate(${CARD.width} ${CARD.height / 2})`}, s("circle", {r: 9}), s("path", {d: iconPath("plus"), transform: "translate(-6 -6) scale(.75)"})));
	tellStage(node, stage, told);
	return node;
}

function outcome(which) {
	const word = t(`outcome.${which}`);
	return s("g", {class: "outcome", transform: `translate(${CARD.width - 29 - width(word, FACE.small)} 45)`},
		which === "won" ? s("circle", {cx: 6, cy: -4, r: 6.5}) : s("rect", {y: -10, width: 12, height: 12, rx: 2.5}),
		s("path", {d: iconPath(which), transform: "translate(1.6 -8.4) scale(.55)"}),
		text(word, 17, 0));
}

/** Write the live figures of a stage anew: its deals, and the sum of the first decimal field. */
export function tellStage(node, stage, told) {
	const field = state.project.fields.find(one => one.type === "decimal")?.id;
	const sum = Number(told?.sums?.[field] ?? 0) ? brief(told.sums[field]) : "";
	const deals = told && t("count.deals", {n: told.deals});
	const said = [stage.name ?? stage.id, stage.pipeline.name ?? stage.pipeline.id].map(one => isolated(short(one)));
	node.ariaLabel = [...said, stage.outcome && t(`outcome.${stage.outcome}`), deals, sum && `${field} ${sum}`].filter(Boolean).join("; ");
	if (!told) return;
	const count = number(told.deals);
	node.querySelector(".told").replaceChildren(text(count, 12, 45, told.deals ? "count" : "count none"), text(sum, 20 + width(count, FACE.name), 45));
}

/** A tunnel's line with its arrows: a copy is a double line with an open head, a move a single one with a filled. */
export function tunnelNode(tunnel, route, graph, told) {
	const copy = tunnel.action === "copy";
	const path = (kind, d = route.d) => s("path", {class: kind, d});
	const said = spoken(tunnel, graph, told);
	return s("g", {class: `tunnel ${tunnel.action} ${tunnel.mode}`, "aria-label": said, data: {kind: "tunnel", id: tunnel.id}, ...button},
		s("title", {text: said}),
		path("hit"), path("line"), copy && path("core"),
		route.tips.map(([x, y, down]) => path("tip", `M${x - 5.5} ${y - 9 * down}L${x} ${y}L${x + 5.5} ${y - 9 * down}${copy ? "" : "z"}`)));
}

export function labelNode(tunnel, place, graph, told, due) {
	const found = pieces(tunnel, told, due);
	const wide = labelWidth(found);
	return s("g", {class: `label ${tunnel.action}`, transform: `translate(${place.x - wide / 2} ${place.y - LABEL / 2})`, "aria-hidden": "true", data: {kind: "tunnel", id: tunnel.id}},
		s("title", {text: spoken(tunnel, graph, told)}),
		s("rect", {class: "pill", width: wide, height: LABEL, rx: LABEL / 2}),
		found.map(({kind, badge, icon, ...piece}) =>
			s("g", {class: `piece ${kind}`, transform: `translate(${piece.x} 0)`},
				badge && s("rect", {class: "badge", y: 3, width: piece.width, height: LABEL - 6, rx: 7}),
				icon && s("path", {d: iconPath(icon), transform: "translate(0 4) scale(.75)"}),
				text(isolated(piece.text), badge ? 5 : icon ? 15 : 0, 14))));
}

/** A pipeline's name at the left, which stays in sight; what it holds in all. */
export function headNode(pipeline, box, told) {
	const full = pipeline.name ?? pipeline.id;
	const deals = told && pipeline.stages.reduce((sum, stage) => sum + (told[stage.stage]?.deals ?? 0), 0);
	return s("g", {class: "head", transform: `translate(0 ${box.y})`, "aria-label": `${t("kind.pipeline")}: ${isolated(short(full))}`, data: {kind: "pipeline", id: pipeline.id}, ...button},
		s("rect", {width: HEAD + 4, height: box.height, rx: 10}),
		text(isolated(fitted(full, FACE.head, HEAD - 28)), 14, 34, "name"),
		text(told ? t("count.deals", {n: deals}) : short(pipeline.id, 20), 14, 54, "small"));
}
