// Controls: the parts of a form. Each stands beside its label, with a line of help and a place for what is wrong.

import { h, icon, isolated, name } from "./element.js";
import { t } from "./i18n.js";
import { state } from "./state.js";

let count = 0;
export const fresh = (prefix = "c") => `${prefix}-${(count += 1)}`;

/** A labelled control. → {node, errors(list)}. `make(id, describedby)` makes what stands beside the label. */
export function field(key, make, { wide = false, label = t(`key.${key}`), help = t(`help.${key}`), group = false } = {}) {
  const id = fresh();
  const about = `${id}-help`;
  const wrong = h("div", { class: "errors", id: `${id}-wrong` });
  const made = make(id, help ? `${about} ${wrong.id}` : wrong.id);
  const node = h(
    "div",
    { class: wide ? "field wide" : "field", role: group ? "group" : null, "aria-label": group ? label : null },
    group ? h("span", { class: "label", "aria-hidden": "true", text: label }) : h("label", { for: id, text: label }),
    h("div", {}, made),
    wrong,
    help && h("div", { class: "help", id: about, text: help }),
  );
  return {
    node,
    errors(list) {
      wrong.replaceChildren(...list.map((one) => h("p", { class: one.severity, dir: "auto", text: one.help ? `${one.message} ${one.help}` : one.message })));
    },
  };
}

/** A line of text. */
export const line = (value, changed, more = {}) =>
  h("input", { type: "text", value: value ?? "", dir: "auto", autocomplete: "off", spellcheck: "false", ...more, on: { input: (event) => changed(event.target.value) } });

/** One of some. `options`: [[value, label]], or {label, options} for a group of them. */
export function select(value, options, changed, more = {}) {
  const option = ([text, label]) => h("option", { value: text, text: isolated(label ?? text) });
  const flat = options.flatMap((one) => (Array.isArray(one) ? [one] : one.options));
  const known = flat.some(([text]) => text === (value ?? ""));
  const node = h(
    "select",
    { ...more, on: { change: (event) => changed(event.target.value) } },
    !known && option([value ?? "", value ?? ""]),
    options.map((one) => (Array.isArray(one) ? option(one) : h("optgroup", { label: isolated(one.label) }, one.options.map(option)))),
  );
  node.value = value ?? "";
  return node;
}

/** A few to choose from, all in sight. */
export function choices(value, options, changed, label) {
  const group = fresh("g");
  return h(
    "div",
    { class: "choices", role: "radiogroup", "aria-label": label },
    options.map(([option, text]) =>
      h("label", {}, h("input", { type: "radio", name: group, value: option, checked: option === value, on: { change: () => changed(option) } }), text),
    ),
  );
}

export const tick = (value, label, changed, more = {}) =>
  h("label", { class: "tick" }, h("input", { type: "checkbox", checked: value, ...more, on: { change: (event) => changed(event.target.checked) } }), label);

/** All stages, for a select. */
export function stageOptions(graph, { wild = false } = {}) {
  return graph.project.pipelines.map((pipeline) => ({
    label: pipeline.name ?? pipeline.id,
    options: [
      ...(wild ? [[`${pipeline.id}.*`, t("every-stage", { name: pipeline.name ?? pipeline.id })]] : []),
      ...pipeline.stages.map((stage) => [stage.stage, stage.name ?? stage.id]),
    ],
  }));
}

/** Several of some, as chips with a select to add more. */
export function several(values, options, changed, { id, label, shown = (value) => value, describedby } = {}) {
  const node = h("div", { class: "chips" });
  const fill = () => {
    const add = select("", [["", t("add-one")], ...left()], (value) => value && set([...values, value]), { id, "aria-describedby": describedby });
    node.replaceChildren(
      ...values.map((value) =>
        h("span", { class: "item", title: value }, name(shown(value)),
          h("button", { type: "button", "aria-label": t("take-out", { name: isolated(shown(value)) }), on: { click: () => set(values.filter((one) => one !== value), true) } }, icon("close"))),
      ),
      add,
    );
  };
  const left = () => {
    const rest = (list) => list.filter(([value]) => !values.includes(value));
    return options.map((one) => (Array.isArray(one) ? one : { ...one, options: rest(one.options) })).filter((one) => !Array.isArray(one) || !values.includes(one[0]));
  };
  const set = (next) => {
    values = next;
    fill();
    changed(values);
    node.querySelector("select").focus();
  };
  fill();
  if (label) node.setAttribute("aria-label", label);
  return node;
}

export const fieldOptions = (wanted = () => true) => state.project.fields.filter(wanted).map((one) => [one.id, one.id]);

/** The texts of a YAML list or scalar; what is none is left out, as the server's findings say. */
export const listed = (value) => (Array.isArray(value) ? value : [value]).filter((one) => typeof one === "string");
