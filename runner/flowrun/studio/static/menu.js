// Menus of the bar: which pipelines are shown, and the keys of the page.

import {ask} from "./dialog.js";
import {button, h, name, plain} from "./element.js";
import {tick} from "./form.js";
import {t} from "./i18n.js";
import {state, update} from "./state.js";

export function filterMenu(opener) {
	const chosen = new Set(state.filter ?? []);
	const tell = () => update({filter: chosen.size ? [...chosen] : null});
	const boxes = state.project.pipelines.map(pipeline =>
		tick(chosen.has(pipeline.id), name(pipeline.name ?? pipeline.id), on => (on ? chosen.add(pipeline.id) : chosen.delete(pipeline.id), tell())),
	);
	const all = button(t("filter.all"), () => (chosen.clear(), tell(), menu.hidePopover()), "quiet");
	const menu = h("div", {class: "popover", popover: "auto", role: "dialog", "aria-label": t("filter.title")},
		tick(state.neighbours, t("filter.neighbours"), on => update({neighbours: on})), h("hr", {}), boxes, all);
	document.body.append(menu);
	const box = opener.getBoundingClientRect();
	menu.style.left = `${Math.max(8, Math.min(box.left, innerWidth - 300))}px`;
	menu.style.top = `${box.bottom + 4}px`;
	menu.addEventListener("toggle", event => event.newState === "closed" && menu.remove());
	menu.showPopover();
	menu.querySelector("input").focus();
}

export const helpDialog = () => ask({title: t("help.title"), body: ["help.drag", "picture.keys", "help.more"].map(key => plain(t(key))), cancel: t("close")});
