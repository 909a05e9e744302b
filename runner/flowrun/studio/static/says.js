// What the page says by itself: short notes at the bottom, and the live region that screen readers listen to.

import {button, h} from "./element.js";

export function say(text) {
	const log = document.getElementById("said");
	log.append(h("p", {text}));
	while (log.childElementCount > 20) log.firstChild.remove();
}

export function note(text, {bad = false, action = null} = {}) {
	say(text);
	const toast = h("div", {class: bad ? "toast bad" : "toast"}, h("span", {class: "clamp", dir: "auto", text}));
	const gone = () => toast.remove();
	if (action) toast.append(button(action.label, () => (gone(), action.act())));
	const shelf = document.getElementById("toasts");
	shelf.append(toast);
	while (shelf.childElementCount > 3) shelf.firstChild.remove();
	setTimeout(gone, bad ? 12000 : 6000);
}
