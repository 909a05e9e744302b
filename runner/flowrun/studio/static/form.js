// Forms: controls that read and write a draft by key, each with its label, its help and a place for what is wrong.

import {conditionEditor} from "./condition.js";
import {h, isolated, name, tool} from "./element.js";
import {has, t} from "./i18n.js";
import {state} from "./state.js";

let count = 0;

export class Form {
	/** `draft`: a map of YAML texts, lists and maps; `changed()` is called when something in it changed. */
	constructor(draft, changed = () => {}) {
		Object.assign(this, {draft, changed, spots: new Map(), editors: new Map()});
	}

	get(path) {
		return path.split(".").reduce((map, key) => map?.[key], this.draft);
	}

	set(path, value) {
		const [key, inner] = path.split(".");
		if (inner) {
			const map = {...(typeof this.draft[key] === "object" && this.draft[key]), [inner]: value};
			if (empty(value)) delete map[inner];
			value = Object.keys(map).length ? map : undefined;
		}
		if (empty(value)) delete this.draft[key];
		else this.draft[key] = value;
		this.changed(path);
	}

	field(path, make, {group = false, wide = false, label = t(`key.${path}`), help = `help.${path}`} = {}) {
		const id = `c${(count += 1)}`;
		const wrong = h("div", {class: "errors", id: `${id}w`});
		if (!this.spots.has(path.split(".")[0])) this.spots.set(path.split(".")[0], wrong);
		return h("div", {class: wide ? "field wide" : "field", role: group ? "group" : null, "aria-label": group ? label : null},
			group ? h("span", {class: "label", "aria-hidden": "true", text: label}) : h("label", {for: id, text: label}),
			h("div", {}, make({id, "aria-describedby": `${id}h ${id}w`}, label)),
			wrong,
			has(help) && h("div", {class: "help", id: `${id}h`, text: t(help)}));
	}

	line(path, {mono = false, ...more} = {}) {
		const code = mono ? {class: "mono", dir: "ltr"} : {dir: "auto"};
		return this.field(path, ids => h("input", {value: String(this.get(path) ?? ""), autocomplete: "off", spellcheck: "false", ...code, ...ids, ...more, oninput: event => this.set(path, event.target.value)}), more);
	}

	pick(path, options, more) {
		return this.field(path, ids => select(this.get(path), options, value => this.set(path, value), ids), more);
	}

	/** One of a few, all in sight; the first is what no key means. `words`: the prefix of their names. */
	choose(path, options, {words = path, ...more} = {}) {
		return this.field(path, (_, label) => choices(this.get(path) || options[0], options.map(one => [one, t(`${words}.${one || "open"}`)]), value => this.set(path, value === options[0] && path !== "action" ? "" : value), label), {group: true, ...more});
	}

	tick(path, text, more) {
		return this.field(path, () => tick(this.get(path) !== "false", text, on => this.set(path, on ? "" : "false")), {group: true, ...more});
	}

	/** Several, as chips, with a select to add more. A single text is written where there is one and `single`. */
	several(path, options, {shown = value => value, single = false, ...more} = {}) {
		return this.field(path, (ids, label) => {
			const node = h("div", {class: "chips", role: "group", "aria-label": label});
			const put = values => {
				this.set(path, single && values.length === 1 ? values[0] : values);
				fill();
				node.querySelector("select").focus();
			};
			const fill = () => {
				const values = listed(this.get(path));
				const left = all => all.filter(([value]) => !values.includes(value));
				const rest = options.map(one => (Array.isArray(one) ? one : {...one, options: left(one.options)})).filter(one => !Array.isArray(one) || !values.includes(one[0]));
				node.replaceChildren(
					...values.map(value => h("span", {class: "item"}, name(shown(value)), tool("close", t("take-out", {name: isolated(shown(value))}), () => put(values.filter(one => one !== value))))),
					select("", [["", t("add-one")], ...rest], value => value && put([...values, value]), ids));
			};
			fill();
			return node;
		}, more);
	}

	condition(path) {
		return this.field(path, (ids, label) => this.editor(path, {...ids, label, value: this.get(path), changed: text => this.set(path, text)}), {wide: true});
	}

	editor(path, options) {
		const editor = conditionEditor(options);
		this.editors.set(path, editor);
		return editor.node;
	}

	/** Show findings where they belong; → those that belong nowhere here. */
	findings(all) {
		const root = one => one.key?.split(".")[0];
		for (const [key, spot] of this.spots) spot.replaceChildren(...all.filter(one => root(one) === key).map(finding));
		for (const [key, editor] of this.editors) editor.errors(all.filter(one => (one.path ?? []).join(".") === key));
		return all.filter(one => !this.spots.has(root(one)));
	}
}

const empty = value => value === undefined || value === "" || (Array.isArray(value) && !value.length);

export const advice = ({message, help}) => [message, help].filter(Boolean).join("; ");

export const finding = one => h("p", {class: one.severity, dir: "auto", text: advice(one)});

export function select(value, options, changed, more = {}) {
	const option = ([text, label]) => h("option", {value: text, text: isolated(label ?? text)});
	const known = options.flatMap(one => (Array.isArray(one) ? [one] : one.options)).some(([text]) => text === (value ?? ""));
	const node = h("select", {...more, onchange: event => changed(event.target.value)},
		!known && option([value ?? ""]),
		options.map(one => (Array.isArray(one) ? option(one) : h("optgroup", {label: isolated(one.label)}, one.options.map(option)))));
	node.value = value ?? "";
	return node;
}

export function choices(value, options, changed, label) {
	const group = `g${(count += 1)}`;
	return h("div", {class: "choices", role: "radiogroup", "aria-label": label},
		options.map(([option, text]) => h("label", {}, h("input", {type: "radio", name: group, value: option, checked: option === value, onchange: () => changed(option)}), text)));
}

export const tick = (checked, label, changed = () => {}) =>
	h("label", {class: "tick"}, h("input", {type: "checkbox", checked, onchange: event => changed(event.target.checked)}), label);

export const stageOptions = (wild = false) =>
	state.project.pipelines.map(pipeline => ({
		label: pipeline.name ?? pipeline.id,
		options: [...(wild ? [[`${pipeline.id}.*`, t("every-stage", {name: pipeline.name ?? pipeline.id})]] : []), ...pipeline.stages.map(stage => [stage.stage, stage.name ?? stage.id])],
	}));

export const fieldOptions = (wanted = () => true) => state.project.fields.filter(wanted).map(one => [one.id, one.id]);

/** The texts of a YAML list or scalar; what is none is left out, as the server's findings say. */
export const listed = value => (Array.isArray(value) ? value : [value]).filter(one => typeof one === "string");
