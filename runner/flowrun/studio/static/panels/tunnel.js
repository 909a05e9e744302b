// The panel of a tunnel: every key that the format gives it, with what is wrong under the very signs.

import { conditionEditor } from "../condition.js";
import { choices, field, fieldOptions, line, listed, select, several, stageOptions, tick } from "../controls.js";
import { ask } from "../dialog.js";
import { commit } from "../edits.js";
import { h, icon, name } from "../element.js";
import { Graph } from "../graph.js";
import { moment, t } from "../i18n.js";
import { close, define, show } from "../panel.js";
import { Proposal } from "../proposal.js";
import { state } from "../state.js";
import { setRows } from "./values.js";

const KEYS = ["description", "from", "except", "to", "action", "when", "watch", "after", "at", "window", "calendar", "once", "unless_exists", "fields", "set", "existing", "breaker", "mode", "which", "origin_in"];

define("tunnel", build);

/** An id that no tunnel has yet, from the stages that it joins. */
export function proposed(from, to) {
  const [source, target] = [from, to].map((stage) => stage.split("."));
  const stem = source[0] === target[0] ? `${source[1]}-to-${target[1]}` : `${source.join("-")}-to-${target[0]}`;
  const base = stem.replace(/[^a-z0-9_-]/g, "-").slice(0, 58);
  const taken = new Set(state.project.tunnels.map((tunnel) => tunnel.id));
  for (let n = 1; ; n += 1) if (!taken.has(n === 1 ? base : `${base}-${n}`)) return n === 1 ? base : `${base}-${n}`;
}

function build(panel, id, { from = [], to = "" }) {
  const graph = new Graph(state.project);
  const tunnel = id && graph.tunnels.get(id);
  if (id && !tunnel) return missing(panel, id);
  const draft = { id: id ?? proposed(from[0], to), keys: tunnel ? structuredClone(tunnel.keys) : { from: from.length === 1 ? from[0] : from, to, action: "move" } };
  panel.title(id ?? t("tunnel.new"), tunnel ? `${tunnel.file}:${tunnel.line}` : t("tunnel.join", { from: graph.fullName(from[0]), to: graph.fullName(to) }));

  const spots = new Map();
  const editors = new Map();
  const proposal = new Proposal(panel, {
    fresh: !id,
    edit: () => edit(tunnel, draft),
    title: () => (tunnel ? t("tunnel.saved", { id: draft.id }) : t("tunnel.added", { id: draft.id })),
    saved: () => show("tunnel", draft.id, { focus: false }),
    findings: (list) => {
      for (const [key, spot] of spots) spot.errors(list.filter((one) => one.key?.split(".")[0] === key));
      for (const [key, editor] of editors) editor.errors(list.filter((one) => one.key === key));
      other.replaceChildren(...list.filter((one) => !one.key || !spots.has(one.key.split(".")[0])).slice(0, 6).map((one) => h("p", { class: `note ${one.severity === "error" ? "bad" : "warn"}`, dir: "auto", text: one.help ? `${one.message} ${one.help}` : one.message })));
    },
    extras: tunnel && !state.project.read_only ? [h("button", { type: "button", class: "danger square", "aria-label": t("tunnel.remove"), title: t("tunnel.remove"), on: { click: () => remove(tunnel) } }, icon("trash"))] : [],
  });
  const other = h("div", {});
  const set = (key, value) => {
    if (value === undefined || value === "" || (Array.isArray(value) && !value.length)) delete draft.keys[key];
    else draft.keys[key] = value;
    proposal.changed();
  };
  const spot = (key, make, options) => {
    const made = field(key, make, options);
    spots.set(key, made);
    return made.node;
  };
  const form = { panel, graph, draft, set, spot, editors, again: () => paint() };

  const paint = () => {
    spots.clear();
    editors.clear();
    panel.body.replaceChildren(other, health(tunnel), ...route(form, tunnel), condition(form), time(form), values(form), ...limits(form));
    if (state.project.read_only) proposal.lock();
  };
  paint();
  if (!id) proposal.changed(0);
}

/** The edit that the draft is: null for none. */
function edit(tunnel, draft) {
  if (!tunnel) {
    const { from, to, action, ...keys } = draft.keys;
    return { kind: "tunnel.add", id: draft.id, from: listed(from), to: to ?? "", action, keys, file: null };
  }
  const edits = KEYS.filter((key) => JSON.stringify(tunnel.keys[key]) !== JSON.stringify(draft.keys[key])).map((key) => ({
    kind: "tunnel.set", id: tunnel.id, key, value: draft.keys[key] ?? null,
  }));
  if (draft.id !== tunnel.id) edits.push({ kind: "tunnel.rename", id: tunnel.id, to: draft.id });
  return edits.length === 0 ? null : edits.length === 1 ? edits[0] : { kind: "batch", edits };
}

function missing(panel, id) {
  panel.title(id);
  panel.body.append(h("p", { class: "note", text: t("gone") }));
}

async function remove(tunnel) {
  const sure = await ask({ title: t("tunnel.remove.title", { id: tunnel.id }), body: [h("p", { text: t("tunnel.remove.text") })], size: "narrow", actions: [{ label: t("remove"), value: true, kind: "danger" }] });
  if (sure && (await commit({ kind: "tunnel.remove", id: tunnel.id }, { title: t("tunnel.removed", { id: tunnel.id }) }))) close();
}

/** What the tunnel did of late. */
function health(tunnel) {
  const told = tunnel && state.live?.tunnels[tunnel.id];
  if (!told) return "";
  const parts = [t("picture.fired", { n: told.fired_last_day })];
  if (told.waiting) parts.push(t("badge.waiting", { n: told.waiting }));
  if (told.parked) parts.push(t("badge.parked", { n: told.parked }));
  if (told.state !== "live") parts.push(t(`badge.${told.state}`));
  if (told.last_fired_at) parts.push(t("last-fired", { at: moment(told.last_fired_at, state.project.timezone) }));
  return h("p", { class: told.state === "tripped" || told.parked ? "note bad" : "note", text: parts.join(" · ") });
}

function route({ graph, draft, set, spot, again }, tunnel) {
  const stages = stageOptions(graph);
  const from = listed(draft.keys.from);
  const called = (value) => (value.endsWith(".*") ? t("every-stage", { name: graph.pipelineName(value.slice(0, -2)) }) : graph.stages.has(value) ? graph.fullName(value) : value);
  return [
    h("section", { class: "group" },
      spot("id", (id, about) => line(draft.id, (text) => ((draft.id = text), set("description", draft.keys.description)), { id, "aria-describedby": about, class: "mono", dir: "ltr" }), { help: tunnel ? t("help.rename") : t("help.id") }),
      spot("action", () => choices(draft.keys.action, [["move", t("action.move")], ["copy", t("action.copy")]], (value) => (set("action", value), again()), t("key.action")), { group: true, help: t(`help.action.${draft.keys.action === "copy" ? "copy" : "move"}`) }),
      spot("from", (id, about) => several(from, stageOptions(graph, { wild: true }), (list) => (set("from", list.length === 1 ? list[0] : list), from.some(wild) !== list.some(wild) && again()), { id, describedby: about, shown: called })),
      from.some(wild) ? spot("except", (id, about) => several(listed(draft.keys.except), stages, (list) => set("except", list), { id, describedby: about, shown: called })) : "",
      spot("to", (id, about) => select(draft.keys.to, stages, (value) => set("to", value), { id, "aria-describedby": about })),
      spot("description", (id, about) => line(draft.keys.description, (text) => set("description", text), { id, "aria-describedby": about })),
    ),
  ];
}

const wild = (stage) => stage.endsWith(".*");

function condition({ draft, set, spot, editors }) {
  return h("section", { class: "group" }, h("h3", { text: t("group.condition") }),
    spot("when", (id, about) => {
      const editor = conditionEditor({ id, value: draft.keys.when ?? "", label: t("key.when"), describedby: about, changed: (text) => set("when", text) });
      editors.set("when", editor);
      return editor.node;
    }, { wide: true }),
    spot("watch", () => tick(draft.keys.watch !== "false", t("watch.on"), (on) => set("watch", on ? undefined : "false")), { group: true }),
  );
}

function time({ draft, set, spot, again }) {
  const how = draft.keys.at !== undefined ? "at" : draft.keys.after !== undefined ? "after" : "none";
  const at = typeof draft.keys.at === "object" && draft.keys.at ? draft.keys.at : {};
  const calendars = [["", t("none")], ...state.project.calendars.map((id) => [id, id])];
  const dates = fieldOptions((one) => ["date", "datetime"].includes(one.type));
  const setAt = (key, value) => {
    const next = { ...draft.keys.at, [key]: value };
    if (!value) delete next[key];
    set("at", next);
  };
  const change = (next) => {
    if (next === how) return;
    set("after", next === "after" ? "1d" : undefined);
    set("at", next === "at" ? { field: dates[0]?.[0] ?? "" } : undefined);
    again();
  };
  return h("section", { class: "group" }, h("h3", { text: t("group.time") }),
    field("due", () => choices(how, [["none", t("due.none")], ["after", t("due.after")], ["at", t("due.at")]], change, t("key.due")), { group: true, help: "" }).node,
    how === "after" ? spot("after", (id, about) => line(draft.keys.after, (text) => set("after", text), { id, "aria-describedby": about, class: "mono", dir: "ltr" })) : "",
    how === "at" ? spot("at", (id, about) => select(at.field, dates, (value) => setAt("field", value), { id, "aria-describedby": about })) : "",
    how === "at" ? field("offset", (id, about) => line(at.offset, (text) => setAt("offset", text), { id, "aria-describedby": about, class: "mono", dir: "ltr" })).node : "",
    how === "at" ? field("time", (id, about) => line(at.time, (text) => setAt("time", text), { id, "aria-describedby": about, class: "mono", dir: "ltr", placeholder: "09:00" })).node : "",
    spot("window", (id, about) => select(draft.keys.window, calendars, (value) => set("window", value), { id, "aria-describedby": about })),
    spot("calendar", (id, about) => select(draft.keys.calendar, calendars, (value) => set("calendar", value), { id, "aria-describedby": about })),
  );
}

function values({ draft, set, spot, editors, again }) {
  const copy = draft.keys.action === "copy";
  const taken = draft.keys.fields;
  const mode = Array.isArray(taken) ? "list" : (taken ?? "all");
  return h("section", { class: "group" }, h("h3", { text: t("group.values") }),
    copy ? spot("fields", () => [
      choices(mode, [["all", t("fields.all")], ["none", t("fields.none")], ["list", t("fields.list")]], (value) => (set("fields", value === "all" ? undefined : value === "list" ? fieldOptions().slice(0, 1).map(([id]) => id) : value), again()), t("key.fields")),
      mode === "list" ? several(taken, fieldOptions(), (list) => set("fields", list), { label: t("key.fields") }) : "",
    ], { group: true }) : "",
    spot("set", () => setRows(draft.keys.set, (value) => set("set", value), editors), { wide: true, group: true }),
  );
}

function limits({ graph, draft, set, spot, again }) {
  const { keys } = draft;
  const stages = stageOptions(graph);
  const part = (key, inner, value) => {
    const next = { ...keys[key], [inner]: value };
    if (value === "" || value === undefined) delete next[inner];
    set(key, Object.keys(next).length ? next : undefined);
  };
  const unless = keys.unless_exists ?? {};
  const breaker = keys.breaker ?? {};
  const used = ["once", "mode", "existing", "unless_exists", "breaker", "which", "origin_in"].filter((key) => keys[key] !== undefined);
  return [
    h("details", { class: "group", open: used.length > 0 },
      h("summary", {}, t("group.limits"), h("span", { class: "muted", text: used.join(", ") })),
      spot("mode", () => choices(keys.mode ?? "live", ["live", "shadow", "off"].map((one) => [one, t(`mode.${one}`)]), (value) => set("mode", value === "live" ? undefined : value), t("key.mode")), { group: true }),
      spot("once", () => choices(keys.once ?? "entry", [["entry", t("once.entry")], ["deal", t("once.deal")]], (value) => set("once", value === "entry" ? undefined : value), t("key.once")), { group: true }),
      spot("existing", () => choices(keys.existing ?? "skip", [["skip", t("existing.skip")], ["include", t("existing.include")]], (value) => set("existing", value === "skip" ? undefined : value), t("key.existing")), { group: true }),
      spot("breaker", (id, about) => h("div", { class: "row" },
        line(breaker.firings, (text) => part("breaker", "firings", text), { id, "aria-describedby": about, inputmode: "numeric", dir: "ltr" }),
        h("span", { text: t("breaker.per") }),
        line(breaker.per, (text) => part("breaker", "per", text), { "aria-label": t("breaker.per"), class: "mono", dir: "ltr" }))),
      keys.action === "copy" ? spot("unless_exists", () => [
        several(listed(unless.same), fieldOptions(), (list) => part("unless_exists", "same", list.length ? list : undefined), { label: t("unless.same") }),
        tick(unless.open !== "false", t("unless.open"), (on) => part("unless_exists", "open", on ? undefined : "false"), { disabled: !unless.same }),
        select(unless.in, [["", t("unless.target")], ...graph.project.pipelines.map((one) => [one.id, one.name ?? one.id])], (value) => part("unless_exists", "in", value), { "aria-label": t("unless.in"), disabled: !unless.same }),
      ], { group: true }) : "",
      keys.action === "move" ? spot("which", () => choices(keys.which ?? "deal", [["deal", t("which.deal")], ["origin", t("which.origin")]], (value) => (set("which", value === "deal" ? undefined : value), value === "deal" && set("origin_in", undefined), again()), t("key.which")), { group: true }) : "",
      keys.which === "origin" ? spot("origin_in", (id, about) => several(listed(keys.origin_in), stages, (list) => set("origin_in", list), { id, describedby: about, shown: (value) => (graph.stages.has(value) ? graph.fullName(value) : value) })) : "",
    ),
  ];
}

/** A list of tunnels, each of which can be opened. */
export function tunnelList(tunnels, graph) {
  return h("ul", { class: "list" }, tunnels.map((tunnel) =>
    h("li", {},
      h("div", { class: "line-up" }, h("button", { type: "button", class: "link", on: { click: () => show("tunnel", tunnel.id, { deeper: true }) } }, name(tunnel.id)), h("span", { class: "end", text: t(`action.${tunnel.action}`) })),
      h("div", { class: "sub clamp", dir: "auto", text: `${tunnel.from.map((stage) => graph.fullName(stage)).join(", ")} → ${tunnel.to ? graph.fullName(tunnel.to) : "?"}` }))));
}
