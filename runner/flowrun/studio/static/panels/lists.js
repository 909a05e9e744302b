// Panels that are lists: what time will bring, what is wrong in the files, what was done in this page, who runs.

import { done } from "../edits.js";
import { diffBox } from "../diff.js";
import { h, name } from "../element.js";
import { moment, t, term } from "../i18n.js";
import { define, show } from "../panel.js";
import { state, update } from "../state.js";

define("pending", (panel) => {
  const { pending, project } = state;
  panel.title(t("pending.title"), pending ? t("pending.until", { at: moment(pending.until, project.timezone) }) : "");
  const list = pending?.pending ?? [];
  panel.body.replaceChildren(
    list.length ? h("ul", { class: "list" }, list.map((one) =>
      h("li", { on: { mouseenter: () => update({ lit: new Set([one.tunnel]) }), mouseleave: () => update({ lit: null }) } },
        h("div", { class: "line-up" }, h("button", { type: "button", class: "link clamp", on: { click: () => show("deal", one.deal, { deeper: true }) } }, name(one.deal)), h("span", { class: "end", text: one.due_at ? moment(one.due_at, project.timezone) : "" })),
        h("div", { class: "sub line-up" }, h("button", { type: "button", class: "link", on: { click: () => show("tunnel", one.tunnel, { deeper: true }) } }, name(one.tunnel)), h("span", { class: "end", text: term("reason", one.waits_for) })))))
      : h("p", { class: "muted", text: t("pending.none") }),
    pending?.more ? h("p", { class: "muted", text: t("and-more", { n: pending.more }) }) : "",
  );
});

define("problems", (panel) => {
  const { project } = state;
  panel.title(t("problems.title"));
  panel.body.replaceChildren(
    project.diagnostics.length ? h("ul", { class: "list" }, project.diagnostics.slice(0, 300).map((one) => {
      const tunnel = at(one);
      return h("li", {},
        h("div", { class: one.severity === "error" ? "note bad" : "note warn" }, h("strong", { text: `${one.code} ` }), name(one.message), one.help ? h("div", { dir: "auto", text: one.help }) : ""),
        h("div", { class: "sub line-up" }, h("span", { class: "mono", text: `${one.file}:${one.line}:${one.column}` }),
          tunnel ? h("span", { class: "end" }, h("button", { type: "button", class: "link", on: { click: () => show("tunnel", tunnel.id, { deeper: true }) } }, name(tunnel.id))) : ""));
    })) : h("p", { class: "note good", text: t("problems.none", { n: project.files.length }) }),
  );
});

/** The tunnel that a finding lies in: the last that begins above it in its file. */
function at(finding) {
  const file = (path) => path.replace(/^.*\//, "");
  const above = state.project.tunnels.filter((tunnel) => file(tunnel.file) === file(finding.file) && tunnel.line <= finding.line);
  const pipelines = state.project.pipelines.filter((one) => file(one.file) === file(finding.file) && one.line <= finding.line);
  const last = above.sort((a, b) => a.line - b.line).at(-1);
  return last && pipelines.every((one) => one.line < last.line) ? last : null;
}

define("changes", (panel) => {
  panel.title(t("changes.title"));
  panel.body.replaceChildren(
    done.length ? h("div", {}, done.map((one, i) => h("details", { class: "group", open: i === 0 }, h("summary", {}, h("bdi", { class: "clamp", text: one.title })), diffBox(one.diff ?? "", one.title))))
      : h("p", { class: "muted", text: t("changes.none") }));
});

define("health", (panel) => {
  const { live, project } = state;
  panel.title(t("health.title"), project.store);
  const fact = (key, value) => [h("dt", { text: t(`health.${key}`) }), h("dd", { dir: "auto", text: value })];
  panel.body.replaceChildren(
    h("dl", { class: "facts" },
      fact("revision", live?.store.revision ?? "—"),
      fact("step", t(`step.${live?.store.in_step ?? "unknown"}`)),
      fact("next", live?.next_at ? moment(live.next_at, project.timezone) : "—"),
      fact("awake", live?.awake ?? "—"), fact("parked", live?.parked ?? "—")),
    h("section", { class: "group" }, h("h3", { text: t("health.runners") }),
      live?.runners.length ? h("ul", { class: "list" }, live.runners.map((one) => h("li", {},
        h("div", { class: "line-up" }, name(`${one.host} · ${one.pid}`), h("span", { class: `end verdict ${one.state === "running" ? "goes" : "holds"}`, text: term("runner", one.state) })),
        h("div", { class: "sub", text: t("health.seen", { at: moment(one.seen_at, project.timezone, true), n: one.fired }) }))))
        : h("p", { class: "muted", text: t("health.none") })));
});
