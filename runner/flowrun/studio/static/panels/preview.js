// The preview: what applying the files would change, which deals it would move, and applying that very plan.

import * as api from "../api.js";
import { ask } from "../dialog.js";
import { diffBox } from "../diff.js";
import { refused, reload } from "../edits.js";
import { h, name } from "../element.js";
import { Graph } from "../graph.js";
import { t } from "../i18n.js";
import { define, refresh, show } from "../panel.js";
import { note } from "../says.js";
import { state, update } from "../state.js";

define("preview", build);

async function build(panel) {
  panel.title(t("preview.title"));
  panel.body.append(h("p", { class: "muted", text: t("preview.wait") }));
  let found;
  try {
    found = await api.preview(state.project.etag);
  } catch (error) {
    if (!panel.body.isConnected) return;
    if (error.code === "changed") await reload();
    panel.body.replaceChildren(
      h("p", { class: "note bad", dir: "auto", text: error.message }), error.help ? h("p", { dir: "auto", text: error.help }) : "",
      h("button", { type: "button", text: t("again"), on: { click: refresh } }));
    return;
  }
  if (!panel.body.isConnected) return;
  update({ preview: found });
  const graph = new Graph(state.project);
  const { difference, deals } = found;
  const none = !difference.changes.length;
  panel.body.replaceChildren(
    none ? h("p", { class: "note good", text: t("preview.none") }) : h("p", { class: "note", text: summary(difference) }),
    (difference.refusals ?? []).map((one) => h("p", { class: "note warn", dir: "auto", text: one.message })),
    h("section", { class: "group" }, h("h3", { text: t("preview.deals") }),
      deals.length ? h("ul", { class: "list" }, deals.map((one) => deal(one, graph))) : h("p", { class: "muted", text: t("preview.no-deals") }),
      found.more ? h("p", { class: "muted", text: t("and-more", { n: found.more }) }) : ""),
    h("section", { class: "group" }, h("h3", { text: t("preview.text") }), diffBox(found.text, t("preview.text"), false)),
  );
  panel.foot.hidden = none;
  const may = state.project.allow_apply && !state.project.read_only && found.plan;
  panel.foot.replaceChildren(
    may ? "" : h("span", { class: "sub", text: t("apply.how") }), h("span", { class: "grow" }),
    h("button", { type: "button", class: "primary", text: t("apply"), disabled: !may, on: { click: () => apply(found) } }));
}

function summary({ summary: count }) {
  return ["add", "change", "rename", "remove"].filter((key) => count[key]).map((key) => t(`plan.${key}`, { n: count[key] })).join(", ");
}

function deal(one, graph) {
  const place = (stage) => (graph.stages.has(stage) ? graph.fullName(stage) : stage);
  return h("li", { on: { mouseenter: () => update({ lit: new Set([one.tunnel]) }), mouseleave: () => update({ lit: null }) } },
    h("div", { class: "line-up" }, h("button", { type: "button", class: "link clamp", on: { click: () => show("deal", one.deal, { deeper: true }) } }, name(one.title || one.deal)), h("span", { class: "end", text: one.action ? t(`action.${one.action}`) : "" })),
    h("div", { class: "sub clamp", dir: "auto", text: [`${place(one.from)} → ${place(one.to)}`, one.tunnel].filter(Boolean).join(" · ") }));
}

async function apply(found) {
  const { difference } = found;
  const rails = (difference.refusals ?? []).map((one) => {
    const box = h("input", { type: "checkbox" });
    const [rail, most] = String(one.allow ?? one.rail).split("=");
    return { rail: one.rail ?? rail, most: most === undefined ? null : Number(most), box, node: h("label", { class: "tick" }, box, h("span", { dir: "auto", text: t("rail.lift", { rail: one.allow ?? one.rail, message: one.message }) })) };
  });
  const chosen = await ask({
    title: t("apply.title"),
    body: [h("p", { text: t("apply.text", { store: state.project.store }) }), h("p", { class: "note", text: summary(difference) }), rails.length ? h("p", { class: "note warn", text: t("apply.rails") }) : "", rails.map((one) => one.node)],
    actions: [{ label: t("apply.do"), value: () => Object.fromEntries(rails.filter((one) => one.box.checked).map((one) => [one.rail, one.most])) }],
  });
  if (!chosen) return;
  try {
    const answer = await api.apply(found.plan, chosen);
    note(t("applied", { n: answer.revision }));
    update({ live: await api.live() });
    refresh();
  } catch (error) {
    refused(error);
    if (error.code === "stale") refresh();
  }
}
