// The panel of a tunnel: every key that the format gives it.

import {sure} from "../dialog.js";
import {commit} from "../edits.js";
import {group, h, list, plain, remark, row, tool} from "../element.js";
import {choices, fieldOptions, finding, Form, listed, select, stageOptions} from "../form.js";
import {Graph} from "../graph.js";
import {moment, t} from "../i18n.js";
import {close, define, show} from "../panel.js";
import {batch, Proposal} from "../proposal.js";
import {state} from "../state.js";
import {tunnelLink} from "./deals.js";
import {setRows} from "./values.js";

const LIMITS = ["mode", "once", "existing", "breaker", "unless_exists", "which", "origin_in"];

define("tunnel", build);

export function proposed(from, to) {
	const [source, target] = [from, to].map(stage => stage.split("."));
	const stem = source[0] === target[0] ? `${source[1]}-to-${target[1]}` : `${source.join("-")}-to-${target[0]}`;
	const base = stem.replace(/[^a-z0-9_-]/g, "-").slice(0, 58);
	const taken = new Set(state.project.tunnels.map(tunnel => tunnel.id));
	for (let n = 1, id = base; ; id = `${base}-${(n += 1)}`) if (!taken.has(id)) return id;
}

function build(panel, id, {from = [], to = ""}) {
	const graph = new Graph(state.project);
	const tunnel = graph.tunnels.get(id);
	if (id && !tunnel) return panel.gone();
	const draft = tunnel ? structuredClone(tunnel.keys) : {from: from.length === 1 ? from[0] : from, to, action: "move"};
	draft.id = id ?? proposed(from[0], to);
	panel.title(id ?? t("tunnel.new"), tunnel ? `${tunnel.file}:${tunnel.line}` : `${graph.fullName(from[0])} → ${graph.fullName(to)}`);
	const other = h("div", {class: "errors"});
	const proposal = new Proposal(panel, {
		fresh: !id,
		edit: () => edit(tunnel, draft),
		title: () => t(tunnel ? "done.saved" : "done.added", {name: draft.id}),
		saved: () => show("tunnel", draft.id, {focus: false}),
		findings: all => other.replaceChildren(...form.findings(all).slice(0, 6).map(finding)),
		extras: tunnel ? [tool("trash", t("remove.do"), () => remove(tunnel), "danger")] : [],
	});
	const shape = () => [draft.action, draft.which, typeof draft.fields, listed(draft.from).some(wild)].join();
	let before = shape();
	const form = new Form(draft, () => {
		proposal.changed();
		if (shape() === before) return;
		before = shape();
		paint();
	});
	const paint = () => panel.body.replaceChildren(other, health(tunnel) ?? "", route(form, graph, tunnel), condition(form), time(form, paint), values(form), limits(form, graph));
	paint();
	if (id) return;
	proposal.changed(0);
	panel.dirty = false;
}

const wild = stage => stage.endsWith(".*");

/** The edit that the draft is: null for none. */
function edit(tunnel, {id, ...keys}) {
	if (!tunnel) {
		const {from, to, action, ...rest} = keys;
		return {kind: "tunnel.add", id, from: listed(from), to: to ?? "", action, keys: rest, file: null};
	}
	const all = [...new Set([...Object.keys(tunnel.keys), ...Object.keys(keys)])];
	const edits = all.filter(key => JSON.stringify(tunnel.keys[key]) !== JSON.stringify(keys[key])).map(key => ({kind: "tunnel.set", id: tunnel.id, key, value: keys[key] ?? null}));
	if (id !== tunnel.id) edits.push({kind: "tunnel.rename", id: tunnel.id, to: id ?? ""});
	return batch(edits);
}

async function remove({id}) {
	if ((await sure(id, plain(t("remove.tunnel")))) && (await commit({kind: "tunnel.remove", id}, t("done.removed", {name: id})))) close();
}

function health(tunnel) {
	const told = tunnel && state.live?.tunnels[tunnel.id];
	if (!told) return null;
	const parts = [t("picture.fired", {n: told.fired_last_day}), told.waiting && t("badge.waiting", {n: told.waiting}), told.parked && t("badge.parked", {n: told.parked}), told.state !== "live" && t(`badge.${told.state}`), told.last_fired_at && t("last-fired", {at: moment(told.last_fired_at)})];
	return remark(parts.filter(Boolean).join(" · "), told.state === "tripped" || told.parked ? "bad" : "");
}

function route(form, graph, tunnel) {
	const {draft} = form;
	const shown = value => (wild(value) ? t("every-stage", {name: graph.pipelineName(value.slice(0, -2))}) : graph.fullName(value));
	return h("section", {class: "group"},
		form.line("id", {mono: true, help: tunnel ? "help.rename" : "help.id"}),
		form.choose("action", ["move", "copy"], {help: `help.action.${draft.action}`}),
		form.several("from", stageOptions(true), {shown, single: true}),
		listed(draft.from).some(wild) && form.several("except", stageOptions(), {shown}),
		form.pick("to", stageOptions()),
		form.line("description"));
}

const condition = form => group(t("group.condition"), form.condition("when"), form.tick("watch", t("watch.on")));

function time(form, paint) {
	const {draft} = form;
	const how = draft.at !== undefined ? "at" : draft.after !== undefined ? "after" : "none";
	const calendars = [["", t("none")], ...state.project.calendars.map(id => [id, id])];
	const dates = fieldOptions(one => ["date", "datetime"].includes(one.type));
	const change = next => {
		delete draft.after;
		delete draft.at;
		if (next === "at") draft.at = {field: dates[0]?.[0] ?? ""};
		if (next === "after") draft.after = "1d";
		form.changed();
		paint();
	};
	return group(t("group.time"),
		form.field("due", (_, label) => choices(how, ["none", "after", "at"].map(one => [one, t(`due.${one}`)]), change, label), {group: true}),
		how === "after" && form.line("after", {mono: true}),
		how === "at" && [form.pick("at.field", dates), form.line("at.offset", {mono: true}), form.line("at.time", {mono: true, placeholder: "09:00"})],
		form.pick("window", calendars),
		form.pick("calendar", calendars));
}

function values(form) {
	const taken = form.draft.fields;
	const mode = Array.isArray(taken) ? "list" : (taken ?? "all");
	const change = next => form.set("fields", next === "all" ? "" : next === "list" ? fieldOptions().slice(0, 1).map(([id]) => id) : next);
	return group(t("group.values"),
		form.draft.action === "copy" && [
			form.field("fields", (_, label) => choices(mode, ["all", "none", "list"].map(one => [one, t(`fields.${one}`)]), change, label), {group: true}),
			mode === "list" && form.several("fields", fieldOptions(), {label: t("fields.list"), help: ""})],
		form.field("set", () => setRows(form), {wide: true, group: true}));
}

function limits(form, graph) {
	const {draft} = form;
	const copy = draft.action === "copy";
	const used = LIMITS.filter(key => draft[key] !== undefined);
	const pipelines = [["", t("unless.target")], ...state.project.pipelines.map(one => [one.id, one.name ?? one.id])];
	return h("details", {class: "group", open: used.length > 0},
		h("summary", {}, t("group.limits"), h("span", {class: "muted", text: used.join(", ")})),
		form.choose("mode", ["live", "shadow", "off"]),
		form.choose("once", ["entry", "deal"]),
		form.choose("existing", ["skip", "include"]),
		form.line("breaker.firings", {inputmode: "numeric"}),
		form.line("breaker.per", {mono: true}),
		copy && [form.several("unless_exists.same", fieldOptions()), form.tick("unless_exists.open", t("unless.open")), form.field("unless_exists.in", ids => select(form.get("unless_exists.in"), pipelines, value => form.set("unless_exists.in", value), ids))],
		!copy && form.choose("which", ["deal", "origin"]),
		draft.which === "origin" && form.several("origin_in", stageOptions(), {shown: value => graph.fullName(value)}));
}

export const tunnelList = (tunnels, graph) =>
	list(tunnels.map(tunnel => row(tunnelLink(tunnel.id), t(`action.${tunnel.action}`), graph.way(tunnel.from, tunnel.to))), t("tunnels.none"));
