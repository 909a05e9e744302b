// Dialogs: questions that must be answered before the page goes on.

import {button, h} from "./element.js";
import {t} from "./i18n.js";

/** Ask. `actions`: [{label, value, kind}]; `body`: nodes. → the chosen value, null for Escape and Cancel. */
export function ask({title, body = [], actions = [], size = "", cancel = t("cancel")}) {
	return new Promise(resolve => {
		const done = value => {
			dialog.close();
			dialog.remove();
			resolve(value);
		};
		const buttons = actions.map(({label, value, kind = "primary"}) => button(label, () => done(value), kind));
		const dialog = h(
			"dialog",
			{class: size, "aria-labelledby": "dialog-title"},
			h("h2", {id: "dialog-title", dir: "auto", text: title}),
			h("div", {class: "dialog-body"}, body),
			h("div", {class: "dialog-foot"}, button(cancel, () => done(null)), buttons),
		);
		dialog.addEventListener("cancel", event => {
			event.preventDefault();
			done(null);
		});
		dialog.addEventListener("keydown", event => {
			if (event.key === "Enter" && event.target.matches("input:not([type=checkbox])") && buttons.length) buttons.at(-1).click();
		});
		document.body.append(dialog);
		dialog.showModal();
	});
}

export const sure = (name, ...body) => ask({title: t("remove.title", {name}), size: "narrow", body, actions: [{label: t("remove.do"), value: true, kind: "danger"}]});
