// The panel of a pipeline: its name and calendar, its place among the others, its stages; and a new one.

import { field, line, select, stageOptions } from "../controls.js";
import { ask } from "../dialog.js";
import { commit } from "../edits.js";
import { h, icon, name } from "../element.js";
import { Graph } from "../graph.js";
import { number, t } from "../i18n.js";
import { close, define, show } from "../panel.js";
import { Proposal } from "../proposal.js";
import { state } from "../state.js";
import { addStage } from "./stage.js";
import { tunnelList } from "./tunnel.js";

define("pipeline", build);

function build(panel, id) {
  const graph = new Graph(state.project);
  const pipeline = graph.pipelines.get(id);
  if (!pipeline) {
    panel.title(id);
    panel.body.append(h("p", { class: "note", text: t("gone") }));
    return;
  }
  const editable = !state.project.read_only;
  panel.title(pipeline.name ?? id, `${pipeline.file}:${pipeline.line}`);
  const draft = { id, name: pipeline.name ?? "", calendar: pipeline.calendar ?? "" };
  const spots = [];
  const proposal = editable && new Proposal(panel, {
    edit: () => edit(pipeline, draft),
    title: () => t("pipeline.saved", { name: draft.name || draft.id }),
    saved: () => show("pipeline", draft.id, { focus: false }),
    findings: (list) => spots[0].errors(list.filter((one) => one.severity === "error").slice(0, 3)),
    extras: actions(pipeline, graph),
  });
  const set = (key, value) => {
    draft[key] = value;
    proposal.changed();
  };
  const spot = (key, make, more) => {
    const made = field(key, make, more);
    spots.push(made);
    return made.node;
  };
  const mine = graph.project.tunnels.filter((tunnel) => [...tunnel.from, tunnel.to].some((stage) => stage?.split(".")[0] === id));
  panel.body.replaceChildren(
    editable ? h("section", { class: "group" },
      spot("name", (id_, about) => line(draft.name, (text) => set("name", text), { id: id_, "aria-describedby": about, placeholder: id })),
      spot("calendar", (id_, about) => select(draft.calendar, [["", t("none")], ...state.project.calendars.map((one) => [one, one])], (value) => set("calendar", value), { id: id_, "aria-describedby": about })),
      spot("id", (id_, about) => line(draft.id, (text) => set("id", text), { id: id_, "aria-describedby": about, class: "mono", dir: "ltr" }), { help: t("help.rename") })) : "",
    h("section", { class: "group" }, h("h3", { text: t("stages.title") }),
      h("ul", { class: "list" }, pipeline.stages.map((stage) => h("li", { class: "line-up" },
        h("button", { type: "button", class: "link clamp", on: { click: () => show("stage", stage.stage, { deeper: true }) } }, name(stage.name ?? stage.id)),
        h("span", { class: "end", text: [stage.outcome && t(`outcome.${stage.outcome}`), state.live && number(state.live.stages[stage.stage]?.deals ?? 0)].filter(Boolean).join(" · ") })))),
      editable && h("button", { type: "button", class: "quiet", on: { click: () => addStage(pipeline) } }, icon("plus"), t("stage.add"))),
    h("section", { class: "group" }, h("h3", { text: t("tunnels.title") }), mine.length ? tunnelList(mine, graph) : h("p", { class: "muted", text: t("tunnels.none") })),
  );
}

function edit(pipeline, draft) {
  const edits = [];
  if (draft.name !== (pipeline.name ?? "")) edits.push({ kind: "pipeline.set", id: pipeline.id, key: "name", value: draft.name || null });
  if (draft.calendar !== (pipeline.calendar ?? "")) edits.push({ kind: "pipeline.set", id: pipeline.id, key: "calendar", value: draft.calendar || null });
  if (draft.id !== pipeline.id) edits.push({ kind: "pipeline.rename", id: pipeline.id, to: draft.id });
  return edits.length === 0 ? null : edits.length === 1 ? edits[0] : { kind: "batch", edits };
}

function actions(pipeline, graph) {
  const all = graph.project.pipelines;
  const at = all.indexOf(pipeline);
  const put = (before) => commit({ kind: "pipeline.move", id: pipeline.id, before }, { title: t("pipeline.moved", { name: pipeline.name ?? pipeline.id }) });
  const button = (which, label, act, disabled = false, kind = "square") => h("button", { type: "button", class: kind, title: label, "aria-label": label, disabled, on: { click: act } }, icon(which));
  return [
    button("up", t("pipeline.up"), () => put(all[at - 1].id), at === 0),
    button("down", t("pipeline.down"), () => put(all[at + 2]?.id ?? null), at === all.length - 1),
    button("trash", t("pipeline.remove"), () => remove(pipeline, graph), all.length === 1, "square danger"),
  ];
}

/** Ask for a new pipeline, and add it. */
export async function addPipeline() {
  const made = { id: "", name: "", stages: "" };
  const sure = await ask({
    title: t("pipeline.new"),
    size: "narrow",
    body: [
      field("name", (id) => line("", (text) => (made.name = text), { id })).node,
      field("id", (id) => line("", (text) => (made.id = text), { id, class: "mono", dir: "ltr", required: true }), { help: t("help.id") }).node,
      field("stages", (id, about) => h("textarea", { id, rows: 4, class: "mono", dir: "ltr", "aria-describedby": about, spellcheck: "false", placeholder: "new\noffer\nsigned: won\nlost: lost", on: { input: (event) => (made.stages = event.target.value) } })).node,
    ],
    actions: [{ label: t("create"), value: true }],
  });
  if (!sure) return;
  const stages = made.stages.split(/[\n,]/).map((one) => one.trim()).filter(Boolean).map((one) => {
    const [id, outcome] = one.split(":").map((part) => part.trim());
    return { id, name: null, outcome: outcome || null };
  });
  const change = { kind: "pipeline.add", id: made.id, name: made.name || null, stages, file: null };
  if (await commit(change, { title: t("pipeline.added", { name: made.name || made.id }) })) show("pipeline", made.id);
}

async function remove(pipeline, graph) {
  const chosen = {};
  const other = stageOptions(graph).filter((one) => one.label !== (pipeline.name ?? pipeline.id));
  const rows = pipeline.stages.map((stage) => {
    const deals = state.live?.stages[stage.stage]?.deals ?? 0;
    return field("deals_to", (id) => select("", [["", t("deals-to.none")], ...other], (value) => (chosen[stage.id] = value), { id }), { label: `${stage.name ?? stage.id} (${number(deals)})`, help: "" }).node;
  });
  const sure = await ask({
    title: t("pipeline.remove.title", { name: pipeline.name ?? pipeline.id }),
    body: [h("p", { text: t("pipeline.remove.text") }), rows],
    actions: [{ label: t("remove"), value: true, kind: "danger" }],
  });
  if (!sure) return;
  const deals = Object.fromEntries(Object.entries(chosen).filter(([, to]) => to));
  const change = { kind: "pipeline.remove", id: pipeline.id, deals: Object.keys(deals).length ? deals : null };
  if (await commit(change, { title: t("pipeline.removed", { name: pipeline.name ?? pipeline.id }) })) close();
}
