// Deals in panels: the list of a stage, page by page, and one deal with its history and what holds it back.

import * as api from "../api.js";
import {refused} from "../edits.js";
import {button, group, h, link, list, name, pair, plain, remark, row} from "../element.js";
import {select, stageOptions} from "../form.js";
import {Graph} from "../graph.js";
import {decimal, moment, t, term} from "../i18n.js";
import {define, refresh, show} from "../panel.js";
import {note} from "../says.js";
import {state, update} from "../state.js";

const TONES = {fires: "goes", fired: "goes", blocked: "holds", held: "holds", parks: "holds", parked: "holds"};

export const dealLink = (id, title) => link(title || id, () => show("deal", id, {deeper: true}));
export const tunnelLink = id => link(id, () => show("tunnel", id, {deeper: true}));

export function dealList(stage) {
	// A stage that the applied revision does not know has no deals yet.
	if (state.live?.store.exists && !(stage in state.live.stages)) return plain(t("preview.news"));
	const rows = h("ul", {class: "list"});
	let after = null;
	const more = button(t("more"), load, "", {hidden: true});
	async function load() {
		try {
			const answer = await api.deals({stage, limit: 50, after});
			rows.append(...answer.deals.map(deal => row(dealLink(deal.id, deal.title), sum(deal), pair(name(deal.id), t("since", {at: moment(deal.entered_at)}), "sub"))));
			if (!rows.childElementCount) rows.append(h("li", {}, plain(t("deals.none"))));
			after = answer.next;
			more.hidden = !after;
		} catch (error) {
			rows.append(h("li", {}, plain(error.text)));
		}
	}
	load();
	return [rows, more];
}

function sum(deal) {
	const field = state.project.fields.find(one => one.type === "decimal");
	return field && deal.fields[field.id] ? decimal(deal.fields[field.id]) : "";
}

define("deal", async (panel, id) => {
	panel.title(id, t("kind.deal"));
	panel.body.append(plain(t("loading")));
	let found;
	try {
		found = await api.deal(id);
	} catch (error) {
		return panel.body.replaceChildren(remark(error.text, "bad"));
	}
	if (!panel.body.isConnected) return;
	const graph = new Graph(state.project);
	const {deal, journal, explain} = found;
	panel.title(deal.title || deal.id, `${deal.id} · ${graph.fullName(deal.stage)}`);
	const verdicts = new Map(explain.tunnels.map(one => [one.tunnel, TONES[one.verdict]]));
	update({explained: verdicts, lit: new Set(verdicts.keys()), chosen: {kind: "stage", id: deal.stage}});
	panel.body.replaceChildren(
		facts(deal),
		group(t("explain.title"), list(explain.tunnels.map(explained), t("explain.none"))),
		group(t("journal.title"), list([...journal].reverse().map(one => firing(one, graph)), t("journal.none"))));
	if (!state.project.read_only) mover(panel, deal, graph);
});

function facts(deal) {
	const all = Object.entries({owner: deal.owner, entered_at: moment(deal.entered_at), origin: deal.origin, ...deal.fields});
	return h("dl", {class: "facts"}, all.filter(([, value]) => value !== null && value !== "" && value.length !== 0).map(([key, value]) => [h("dt", {text: key}), h("dd", {class: "clamp", dir: "auto", text: said(value)})]));
}

const said = value => (value === null ? t("empty") : typeof value === "boolean" ? t(value ? "true" : "false") : [value].flat().join(", "));

function explained(one) {
	const light = on => () => update({lit: on ? new Set([one.tunnel]) : null});
	const why = [one.reason && term("reason", one.reason), one.due_at && t("due-at", {at: moment(one.due_at)}), one.missing?.join(", ")].filter(Boolean);
	// To blame: what is false from the whole down; under a "not", what is true.
	const bad = [one.reason === "condition" ? false : undefined];
	const parts = (one.condition ?? []).map((part, i, all) => {
		const blamed = part.value === bad[part.depth];
		const turned = part.text.replace(/^not\s+/, "").replace(/^\((.*)\)$/, "$1") === all[i + 1]?.text;
		bad[part.depth + 1] = blamed ? bad[part.depth] !== turned : undefined;
		return h("li", {class: `${blamed ? "blames" : ""} deep-${Math.min(part.depth, 3)}`}, h("span", {dir: "ltr", text: part.text}), h("span", {class: "end clamp", text: said(part.value)}));
	});
	const node = row(tunnelLink(one.tunnel), h("span", {class: `end verdict ${TONES[one.verdict] ?? ""}`, text: term("verdict", one.verdict)}), why.join(" · "), h("ul", {class: "parts"}, parts));
	for (const [event, on] of [["mouseenter", true], ["mouseleave", false], ["focusin", true], ["focusout", false]]) node.addEventListener(event, light(on));
	return node;
}

const firing = (one, graph) =>
	row(tunnelLink(one.tunnel), term("verdict", one.result), graph.way([one.from], one.to), [moment(one.fired_at, true), one.reason && term("reason", one.reason)].filter(Boolean).join(" · "));

function mover(panel, deal, graph) {
	let to = "";
	const go = button(t("deal.move"), async () => {
		go.disabled = true;
		try {
			await api.moveDeal(deal.id, to);
			note(t("deal.moved", {deal: deal.title || deal.id, to: graph.fullName(to)}));
			update({live: await api.live()});
			refresh();
		} catch (error) {
			refused(error);
			go.disabled = false;
		}
	}, "primary", {disabled: true});
	const where = select("", [["", t("deal.to")], ...stageOptions()], value => {
		to = value;
		go.disabled = !value || value === deal.stage;
	}, {"aria-label": t("deal.to"), class: "grow"});
	panel.foot.hidden = false;
	panel.foot.replaceChildren(where, go);
}
