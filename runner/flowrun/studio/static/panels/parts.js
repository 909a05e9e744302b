// The panels of a pipeline and of a stage: name and order, what is in them, and how they are added and removed.

import {ask, sure} from "../dialog.js";
import {commit} from "../edits.js";
import {button, group, h, link, list, plain, row, tool} from "../element.js";
import {fieldOptions, finding, Form, select, stageOptions} from "../form.js";
import {Graph} from "../graph.js";
import {number, t} from "../i18n.js";
import {close, define, show} from "../panel.js";
import {batch, Proposal} from "../proposal.js";
import {state} from "../state.js";
import {dealList} from "./deals.js";
import {tunnelList} from "./tunnel.js";

const OUTCOMES = ["", "won", "lost"];

define("pipeline", (panel, id) => {
	const graph = new Graph(state.project);
	const pipeline = graph.pipelines.get(id);
	if (!pipeline) return panel.gone();
	panel.title(label(pipeline), `${pipeline.file}:${pipeline.line}`);
	const all = state.project.pipelines;
	const form = part(panel, "pipeline", pipeline, {id}, ["name", "calendar"], all.indexOf(pipeline), all, ["up", "down"], () => removePipeline(pipeline));
	const inside = stage => stage?.split(".")[0] === id;
	panel.body.replaceChildren(
		h("section", {class: "group"}, form.line("name"), form.pick("calendar", [["", t("none")], ...state.project.calendars.map(one => [one, one])]), form.line("id", {mono: true, help: "help.rename"})),
		group(t("stages.title"),
			list(pipeline.stages.map(stage => row(link(label(stage), () => show("stage", stage.stage, {deeper: true})), [stage.outcome && t(`outcome.${stage.outcome}`), number(deals(stage))].filter(Boolean).join(" · "))), ""),
			!state.project.read_only && button(t("stage.add"), () => addStage(pipeline), "quiet")),
		group(t("tunnels.title"), tunnelList(state.project.tunnels.filter(tunnel => [...tunnel.from, tunnel.to].some(inside)), graph)));
});

define("stage", (panel, id) => {
	const graph = new Graph(state.project);
	const stage = graph.stages.get(id);
	if (!stage) return panel.gone();
	const {pipeline} = stage;
	panel.title(label(stage), `${label(pipeline)} · ${id}`);
	const at = pipeline.stages.findIndex(one => one.stage === id);
	const form = part(panel, "stage", stage, {stage: id}, ["name", "outcome", "requires"], at, pipeline.stages, ["left", "right"], () => removeStage(stage),
		[tool("plus", t("stage.add"), () => addStage(pipeline, pipeline.stages[at + 1]?.id), "")]);
	panel.body.replaceChildren(
		h("details", {class: "group"}, h("summary", {text: t("group.stage")}), form.line("name"), form.choose("outcome", OUTCOMES), form.several("requires", fieldOptions()), form.line("id", {mono: true, help: "help.rename"})),
		group(t("deals.title"), dealList(id)),
		group(t("tunnels.out"), tunnelList(graph.out.get(id) ?? [], graph)),
		group(t("tunnels.into"), tunnelList(graph.into.get(id) ?? [], graph)));
});

const label = one => one.name ?? one.id;
const deals = stage => state.live?.stages[stage.stage]?.deals ?? 0;

/** The form of one of them, in its place `at` among `all`. `ref` names it in edits. */
function part(panel, kind, one, ref, keys, at, all, ways, remove, more = []) {
	const draft = Object.fromEntries(["id", ...keys].map(key => [key, one[key] ?? undefined]));
	const before = JSON.stringify(draft);
	const was = JSON.parse(before);
	const said = what => t(`done.${what}`, {name: draft.name || draft.id});
	const put = to => commit({kind: `${kind}.move`, ...ref, before: to ?? null}, said("moved"));
	const same = key => JSON.stringify(draft[key] ?? []) === JSON.stringify(was[key] ?? []);
	const proposal = new Proposal(panel, {
		edit: () => batch([
			...keys.filter(key => !same(key)).map(key => ({kind: `${kind}.set`, ...ref, key, value: draft[key] ?? null})),
			...(same("id") ? [] : [{kind: `${kind}.rename`, ...ref, to: draft.id ?? ""}]),
		]),
		title: () => said("saved"),
		saved: () => show(kind, kind === "stage" ? `${one.pipeline.id}.${draft.id}` : draft.id, {focus: false}),
		findings: found => form.spots.get("name").replaceChildren(...found.filter(one => one.severity === "error").slice(0, 3).map(finding)),
		extras: [
			tool(ways[0], t(`go.${ways[0]}`), () => put(all[at - 1].id), "", {disabled: at === 0}),
			tool(ways[1], t(`go.${ways[1]}`), () => put(all[at + 2]?.id), "", {disabled: at === all.length - 1}),
			...more,
			tool("trash", t("remove.do"), remove, "danger", {disabled: all.length === 1}),
		],
	});
	const form = new Form(draft, () => proposal.changed());
	return form;
}

async function made(title, fields) {
	const draft = {};
	const body = fields(new Form(draft));
	return (await ask({title, size: "narrow", body, actions: [{label: t("create"), value: true}]})) && draft;
}

const base = form => [form.line("name"), form.line("id", {mono: true})];

async function addStage(pipeline, before = null) {
	const got = await made(t("stage.add.title", {name: label(pipeline)}), form => [base(form), form.choose("outcome", OUTCOMES)]);
	if (!got) return;
	const {id = "", name = null, outcome = null} = got;
	if (await commit({kind: "stage.add", pipeline: pipeline.id, id, name, outcome, before}, t("done.added", {name: name ?? id}))) show("stage", `${pipeline.id}.${id}`);
}

export async function addPipeline() {
	const got = await made(t("pipeline.new"), form => [
		base(form),
		form.field("stages", ids => h("textarea", {...ids, rows: 4, class: "mono", dir: "ltr", spellcheck: "false", placeholder: "new\noffer\nsigned: won\nlost: lost", oninput: event => form.set("stages", event.target.value)})),
	]);
	if (!got) return;
	const {id = "", name = null} = got;
	const stages = (got.stages ?? "").split(/[\n,]/).map(one => one.split(":").map(word => word.trim())).filter(([stage]) => stage);
	const change = {kind: "pipeline.add", id, name, stages: stages.map(([stage, outcome]) => ({id: stage, name: null, outcome: outcome || null})), file: null};
	if (await commit(change, t("done.added", {name: name ?? id}))) show("pipeline", id);
}

/** Take `one` out, after asking where the deals of its stages go. `edit(stage id → stage)`: the edit. */
async function takeOut(one, stages, options, edit) {
	const form = new Form({});
	const body = stages.map(stage => form.field(stage.id, ids => select("", [["", t("deals-to.none")], ...options], value => form.set(stage.id, value), ids), {label: `${label(stage)} (${number(deals(stage))}) →`}));
	if ((await sure(label(one), plain(t("deals-to.text")), body)) && (await commit(edit(form.draft), t("done.removed", {name: label(one)})))) close();
}

function removeStage(stage) {
	const others = stageOptions().map(one => ({...one, options: one.options.filter(([id]) => id !== stage.stage)}));
	takeOut(stage, [stage], others, to => ({kind: "stage.remove", stage: stage.stage, deals_to: to[stage.id] ?? null}));
}

function removePipeline(pipeline) {
	const others = stageOptions().filter((_, i) => state.project.pipelines[i].id !== pipeline.id);
	takeOut(pipeline, pipeline.stages, others, to => ({kind: "pipeline.remove", id: pipeline.id, deals: Object.keys(to).length ? to : null}));
}
