// The rows of `set`: a field, and the value that it gets, or names that take turns.

import { conditionEditor } from "../condition.js";
import { fresh, line, select } from "../controls.js";
import { h, icon } from "../element.js";
import { t } from "../i18n.js";
import { state } from "../state.js";

const turns = (value) => value !== null && typeof value === "object" && !Array.isArray(value) && "rotate" in value;

/** `value`: the map as it is written, or undefined; `changed(map or undefined)`; `editors` takes the editors by key. */
export function setRows(value, changed, editors) {
  const rows = Object.entries(value ?? {});
  const node = h("div", {});
  const tell = () => changed(rows.length ? Object.fromEntries(rows) : undefined);
  const all = ["title", "owner", ...state.project.fields.map((one) => one.id)];

  const row = (entry, i) => {
    const [field, content] = entry;
    const used = rows.map(([one]) => one);
    const options = all.filter((one) => one === field || !used.includes(one)).map((one) => [one, one]);
    const what = h("div", { class: "fixed" }, select(field, options, (next) => ((rows[i] = [next, content]), fill(), tell()), { "aria-label": t("set.field") }));
    const label = t("set.value", { field });
    let box;
    if (turns(content)) {
      const names = Array.isArray(content.rotate) ? content.rotate.join(", ") : String(content.rotate ?? "");
      box = line(names, (text) => ((rows[i] = [field, { rotate: text.split(",").map((one) => one.trim()).filter(Boolean) }]), tell()), { "aria-label": t("set.turns", { field }) });
    } else if (Array.isArray(content)) {
      box = line(content.join(", "), (text) => ((rows[i] = [field, text.split(",").map((one) => one.trim()).filter(Boolean)]), tell()), { "aria-label": label });
    } else {
      const editor = conditionEditor({ id: fresh(), value: String(content ?? ""), label, changed: (text) => ((rows[i] = [field, text]), tell()) });
      editors.set(`set.${field}`, editor);
      box = editor.node;
    }
    const grow = h("div", { class: "grow" }, box);
    grow.style.flex = "1";
    grow.style.minWidth = "0";
    const turn = h("button", { type: "button", class: "quiet square", title: t("set.turn"), "aria-label": t("set.turn"), "aria-pressed": String(turns(content)), on: { click: () => ((rows[i] = [field, turns(content) ? "" : { rotate: [] }]), fill(), tell()) } }, icon("redo"));
    const out = h("button", { type: "button", class: "quiet square", title: t("remove"), "aria-label": t("set.out", { field }), on: { click: () => (rows.splice(i, 1), editors.delete(`set.${field}`), fill(), tell()) } }, icon("close"));
    return h("div", { class: "row" }, what, grow, field === "owner" || turns(content) ? turn : "", out);
  };

  const fill = () => {
    const next = all.find((one) => !rows.some(([field]) => field === one));
    node.replaceChildren(
      ...rows.map(row),
      next ? h("button", { type: "button", class: "quiet", on: { click: () => (rows.push([next, ""]), fill(), tell()) } }, icon("plus"), t("set.add")) : "",
    );
  };
  fill();
  return node;
}
