// Deals in panels: the list of a stage, page by page, and one deal with its history and what holds it back.

import * as api from "../api.js";
import { select, stageOptions } from "../controls.js";
import { refused } from "../edits.js";
import { h, name } from "../element.js";
import { Graph } from "../graph.js";
import { decimal, moment, t, term } from "../i18n.js";
import { define, refresh, show } from "../panel.js";
import { note } from "../says.js";
import { state, update } from "../state.js";

const GOES = new Set(["fires", "fired"]);
const HOLDS = new Set(["blocked", "held", "parks", "parked", "waits"]);

define("deal", build);

/** A list that loads itself. */
export function dealList(stage) {
  const list = h("ul", { class: "list" });
  const more = h("button", { type: "button", text: t("more"), hidden: true, on: { click: () => load() } });
  let after = null;
  const load = async () => {
    more.disabled = true;
    try {
      const answer = await api.deals({ stage, limit: 50, after });
      list.append(...answer.deals.map(row));
      if (!list.childElementCount) list.append(h("li", { class: "muted", text: t("deals.none") }));
      after = answer.next;
      more.hidden = !after;
    } catch (error) {
      list.append(h("li", { class: "muted", dir: "auto", text: error.message }));
    }
    more.disabled = false;
  };
  load();
  return h("div", {}, list, more);
}

function row(deal) {
  const amount = sum(deal);
  return h("li", {},
    h("div", { class: "line-up" },
      h("button", { type: "button", class: "link clamp", on: { click: () => show("deal", deal.id, { deeper: true }) } }, name(deal.title || deal.id)),
      h("span", { class: "end", text: amount })),
    h("div", { class: "sub line-up" }, name(deal.id, { class: "clamp" }), h("span", { class: "end", text: t("since", { at: moment(deal.entered_at, state.project.timezone) }) })));
}

function sum(deal) {
  const field = state.project.fields.find((one) => one.type === "decimal");
  const value = field && deal.fields[field.id];
  return value ? decimal(value) : "";
}

async function build(panel, id) {
  panel.title(id, t("deal"));
  panel.body.append(h("p", { class: "muted", text: t("loading") }));
  let found;
  try {
    found = await api.deal(id);
  } catch (error) {
    panel.body.replaceChildren(h("p", { class: "note bad", dir: "auto", text: error.message }));
    return;
  }
  if (!panel.body.isConnected) return;
  const graph = new Graph(state.project);
  const { deal, journal, explain } = found;
  panel.title(deal.title || deal.id, `${deal.id} · ${graph.fullName(deal.stage)}`);
  const verdicts = new Map(explain.tunnels.map((one) => [one.tunnel, GOES.has(one.verdict) ? "goes" : HOLDS.has(one.verdict) ? "holds" : "other"]));
  update({ explained: verdicts, lit: new Set(verdicts.keys()), chosen: { kind: "stage", id: deal.stage } });
  panel.body.replaceChildren(
    facts(deal),
    h("section", { class: "group" }, h("h3", { text: t("explain.title") }),
      explain.tunnels.length ? h("ul", { class: "list" }, explain.tunnels.map(explained)) : h("p", { class: "muted", text: t("explain.none") })),
    h("section", { class: "group" }, h("h3", { text: t("journal.title") }),
      journal.length ? h("ul", { class: "list" }, [...journal].reverse().map((one) => firing(one, graph))) : h("p", { class: "muted", text: t("journal.none") })),
  );
  if (!state.project.read_only) move(panel, deal, graph);
}

function facts(deal) {
  const entries = [["owner", deal.owner], ["entered_at", moment(deal.entered_at, state.project.timezone)], ["origin", deal.origin], ...Object.entries(deal.fields)];
  const shown = entries.filter(([, value]) => value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && !value.length));
  return h("dl", { class: "facts" }, shown.flatMap(([key, value]) => [h("dt", { text: key }), h("dd", { class: "clamp", dir: "auto", text: said(value) })]));
}

const said = (value) => (value === null ? t("empty") : Array.isArray(value) ? value.join(", ") : String(value));

/** One tunnel, what it would do with the deal, and the part of its condition that says no. */
function explained(one) {
  const tone = GOES.has(one.verdict) ? "goes" : HOLDS.has(one.verdict) ? "holds" : "";
  const light = (on) => () => update({ lit: on ? new Set([one.tunnel]) : null });
  const why = [one.reason && term("reason", one.reason), one.due_at && t("due-at", { at: moment(one.due_at, state.project.timezone) }), one.missing?.length && one.missing.join(", ")].filter(Boolean);
  return h("li", { on: { mouseenter: light(true), mouseleave: light(false), focusin: light(true), focusout: light(false) } },
    h("div", { class: "line-up" },
      h("button", { type: "button", class: "link", on: { click: () => show("tunnel", one.tunnel, { deeper: true }) } }, name(one.tunnel)),
      h("span", { class: `end verdict ${tone}`, text: term("verdict", one.verdict) })),
    why.length ? h("div", { class: "sub", dir: "auto", text: why.join(" · ") }) : "",
    one.condition?.length ? h("ul", { class: "parts" }, one.condition.map((part) => piece(part, one))) : "");
}

function piece(part, one) {
  const blames = part.value === false && one.reason === "condition";
  const depth = Math.min(part.depth, 3);
  return h("li", { class: `${blames ? "blames" : ""} ${depth ? `deep-${depth}` : ""}` },
    h("span", { dir: "ltr", text: part.text }), h("span", { class: "end", text: typeof part.value === "boolean" ? t(part.value ? "true" : "false") : said(part.value) }));
}

function firing(one, graph) {
  const place = (stage) => (graph.stages.has(stage) ? graph.fullName(stage) : stage);
  return h("li", {},
    h("div", { class: "line-up" }, h("button", { type: "button", class: "link", on: { click: () => show("tunnel", one.tunnel, { deeper: true }) } }, name(one.tunnel)), h("span", { class: "end", text: term("result", one.result) })),
    h("div", { class: "sub", dir: "auto", text: `${place(one.from)} → ${place(one.to)}` }),
    h("div", { class: "sub", text: `${moment(one.fired_at, state.project.timezone, true)}${one.reason ? ` · ${term("reason", one.reason)}` : ""}` }));
}

function move(panel, deal, graph) {
  let to = "";
  const button = h("button", { type: "button", class: "primary", text: t("deal.move"), disabled: true, on: { click: go } });
  const where = select("", [["", t("deal.to")], ...stageOptions(graph)], (value) => ((to = value), (button.disabled = !value || value === deal.stage)), { "aria-label": t("deal.to") });
  where.style.flex = "1";
  panel.foot.hidden = false;
  panel.foot.replaceChildren(where, button);

  async function go() {
    button.disabled = true;
    try {
      await api.moveDeal(deal.id, to);
      note(t("deal.moved", { deal: deal.title || deal.id, to: graph.fullName(to) }));
      update({ live: await api.live() });
      refresh();
    } catch (error) {
      refused(error);
      button.disabled = false;
    }
  }
}
