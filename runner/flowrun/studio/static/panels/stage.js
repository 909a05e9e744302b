// The panel of a stage: its name and outcome, its tunnels, its deals; and how it is moved, renamed and removed.

import { choices, field, fieldOptions, line, select, several, stageOptions } from "../controls.js";
import { ask } from "../dialog.js";
import { commit } from "../edits.js";
import { h, icon } from "../element.js";
import { Graph } from "../graph.js";
import { t } from "../i18n.js";
import { close, define, show } from "../panel.js";
import { Proposal } from "../proposal.js";
import { state } from "../state.js";
import { dealList } from "./deals.js";
import { tunnelList } from "./tunnel.js";

define("stage", build);

function build(panel, id) {
  const graph = new Graph(state.project);
  const stage = graph.stages.get(id);
  if (!stage) {
    panel.title(id);
    panel.body.append(h("p", { class: "note", text: t("gone") }));
    return;
  }
  const editable = !state.project.read_only;
  panel.title(stage.name ?? stage.id, `${graph.pipelineName(stage.pipeline.id)} · ${id}`);
  const draft = { id: stage.id, name: stage.name ?? "", outcome: stage.outcome ?? "", requires: stage.requires };
  const spots = new Map();
  const proposal = editable && new Proposal(panel, {
    edit: () => edit(stage, draft),
    title: () => t("stage.saved", { name: draft.name || draft.id }),
    saved: () => show("stage", `${stage.pipeline.id}.${draft.id}`, { focus: false }),
    findings: (list) => spots.get("name")?.errors(list.filter((one) => one.severity === "error").slice(0, 3)),
    extras: actions(stage, graph),
  });
  const set = (key, value) => {
    draft[key] = value;
    proposal.changed();
  };
  const spot = (key, make, more) => {
    const made = field(key, make, more);
    spots.set(key, made);
    return made.node;
  };
  const form = editable && h("details", { class: "group" },
    h("summary", { text: t("group.stage") }),
    spot("name", (id_, about) => line(draft.name, (text) => set("name", text), { id: id_, "aria-describedby": about, placeholder: stage.id })),
    spot("outcome", () => choices(draft.outcome, [["", t("outcome.open")], ["won", t("outcome.won")], ["lost", t("outcome.lost")]], (value) => set("outcome", value), t("key.outcome")), { group: true }),
    spot("requires", (id_, about) => several(draft.requires, fieldOptions(), (list) => set("requires", list), { id: id_, describedby: about })),
    spot("id", (id_, about) => line(draft.id, (text) => set("id", text), { id: id_, "aria-describedby": about, class: "mono", dir: "ltr" }), { help: t("help.rename") }),
  );
  const out = graph.out.get(id) ?? [];
  const into = graph.into.get(id) ?? [];
  panel.body.replaceChildren(
    form || "",
    h("section", { class: "group" }, h("h3", { text: t("deals.title") }), dealList(id)),
    h("section", { class: "group" },
      h("h3", { text: t("tunnels.out") }), out.length ? tunnelList(out, graph) : h("p", { class: "muted", text: t("tunnels.none") }),
      editable && h("button", { type: "button", class: "quiet", on: { click: () => begin(stage, graph) } }, icon("plus"), t("tunnel.from-here"))),
    h("section", { class: "group" }, h("h3", { text: t("tunnels.into") }), into.length ? tunnelList(into, graph) : h("p", { class: "muted", text: t("tunnels.none") })),
  );
}

function edit(stage, draft) {
  const set = (key, value) => ({ kind: "stage.set", stage: stage.stage, key, value });
  const edits = [];
  if (draft.name !== (stage.name ?? "")) edits.push(set("name", draft.name || null));
  if (draft.outcome !== (stage.outcome ?? "")) edits.push(set("outcome", draft.outcome || null));
  if (JSON.stringify(draft.requires) !== JSON.stringify(stage.requires)) edits.push(set("requires", draft.requires.length ? draft.requires : null));
  if (draft.id !== stage.id) edits.push({ kind: "stage.rename", stage: stage.stage, to: draft.id });
  return edits.length === 0 ? null : edits.length === 1 ? edits[0] : { kind: "batch", edits };
}

function actions(stage, graph) {
  const stages = stage.pipeline.stages;
  const at = stages.findIndex((one) => one.stage === stage.stage);
  const put = (before) => commit({ kind: "stage.move", stage: stage.stage, before }, { title: t("stage.moved", { name: stage.name ?? stage.id }) });
  const button = (which, label, act, disabled = false, kind = "square") => h("button", { type: "button", class: kind, title: label, "aria-label": label, disabled, on: { click: act } }, icon(which));
  return [
    button("left", t("stage.left"), () => put(stages[at - 1].id), at === 0),
    button("right", t("stage.right"), () => put(stages[at + 2]?.id ?? null), at === stages.length - 1),
    button("plus", t("stage.add"), () => addStage(stage.pipeline, stages[at + 1]?.id ?? null)),
    button("trash", t("stage.remove"), () => remove(stage, graph), stages.length === 1, "square danger"),
  ];
}

async function begin(stage, graph) {
  let to = "";
  const sure = await ask({
    title: t("tunnel.from", { from: graph.fullName(stage.stage) }),
    size: "narrow",
    body: [field("to", (id) => select("", [["", t("choose")], ...stageOptions(graph)], (value) => (to = value), { id }), { help: "" }).node],
    actions: [{ label: t("go-on"), value: true }],
  });
  if (sure && to && to !== stage.stage) show("tunnel", null, { extra: { from: [stage.stage], to } });
}

/** Ask for a new stage of a pipeline, and add it. */
export async function addStage(pipeline, before = null) {
  const made = { id: "", name: "", outcome: "" };
  const sure = await ask({
    title: t("stage.add.title", { name: pipeline.name ?? pipeline.id }),
    size: "narrow",
    body: [
      field("name", (id) => line("", (text) => (made.name = text), { id })).node,
      field("id", (id) => line("", (text) => (made.id = text), { id, class: "mono", dir: "ltr", required: true }), { help: t("help.id") }).node,
      field("outcome", () => choices("", [["", t("outcome.open")], ["won", t("outcome.won")], ["lost", t("outcome.lost")]], (value) => (made.outcome = value), t("key.outcome")), { group: true }).node,
    ],
    actions: [{ label: t("create"), value: true }],
  });
  if (!sure) return;
  const change = { kind: "stage.add", pipeline: pipeline.id, id: made.id, name: made.name || null, outcome: made.outcome || null, before };
  if (await commit(change, { title: t("stage.added", { name: made.name || made.id }) })) show("stage", `${pipeline.id}.${made.id}`);
}

async function remove(stage, graph) {
  const deals = state.live?.stages[stage.stage]?.deals ?? 0;
  let to = "";
  const other = stageOptions(graph).map((one) => ({ ...one, options: one.options.filter(([id]) => id !== stage.stage) }));
  const sure = await ask({
    title: t("stage.remove.title", { name: stage.name ?? stage.id }),
    size: "narrow",
    body: [
      h("p", { text: t("stage.remove.text", { n: deals }) }),
      field("deals_to", (id) => select("", [["", t("deals-to.none")], ...other], (value) => (to = value), { id }), { help: t("help.deals_to") }).node,
    ],
    actions: [{ label: t("remove"), value: true, kind: "danger" }],
  });
  if (!sure) return;
  const change = { kind: "stage.remove", stage: stage.stage, deals_to: to || null };
  if (await commit(change, { title: t("stage.removed", { name: stage.name ?? stage.id }) })) close();
}
