// The page: brings its parts together, and keeps header and bar in step with what is known.

import * as api from "./api.js";
import { redo, refused, undo } from "./edits.js";
import { h, icon } from "./element.js";
import { Graph } from "./graph.js";
import { keep, kept, language, languages, moment, preferred, speak, t } from "./i18n.js";
import { listen } from "./live.js";
import { filterMenu, helpDialog } from "./menu.js";
import { close, refresh, show, shown } from "./panel.js";
import "./panels/lists.js";
import { addPipeline } from "./panels/parts.js";
import "./panels/preview.js";
import { Dots } from "./picture/dots.js";
import { hands } from "./picture/hands.js";
import { keys } from "./picture/keys.js";
import { Link } from "./picture/link.js";
import { Picture } from "./picture/picture.js";
import { setFaces } from "./picture/type.js";
import { search } from "./search.js";
import { on, state, update } from "./state.js";

const $ = (id) => document.getElementById(id);
const HORIZONS = [0, 24, 72, 168, 720];

const picture = new Picture($("picture"));
const link = new Link(picture, (from, to) => show("tunnel", null, { extra: { from: [from], to } }));
const open = (kind, id) => {
	if (["stage", "tunnel", "pipeline"].includes(kind)) picture.reveal(kind, id);
	show(kind, id);
};

async function begin() {
	theme(kept("theme"));
	await speak(preferred());
	setFaces();
	try {
		const project = await api.project();
		update({ project, canUndo: project.can_undo ?? false, canRedo: project.can_redo ?? false });
	} catch (error) {
		notice(error.status === 403 ? t("forbidden") : error.text);
		return;
	}
	wire();
	draw();
	picture.camera.measure();
	picture.camera.begin();
	const dots = new Dots(picture);
	listen((row) => dots.send(row.tunnel, row.from));
	try {
		update({ live: await api.live() });
	} catch (error) {
		refused(error);
	}
}

function draw() {
	for (const tunnel of state.project.tunnels) tunnel.action ??= "move";
	picture.draw(new Graph(state.project));
	$("picture").classList.toggle("editable", !state.project.read_only);
	notice(state.project.pipelines.length ? "" : t("picture.empty"));
}

function notice(text) {
	$("notice").hidden = !text;
	$("notice").textContent = text;
}

function head() {
	const { project, live, connected } = state;
	$("project").textContent = project.project ?? "flowrun studio";
	document.title = `${project.project ?? "flowrun"} · flowrun studio`;
	$("where").textContent = [project.environment, project.read_only && t("locked.chip")].filter(Boolean).join(" · ");
	const running = live?.runners.filter((one) => one.state === "running").length ?? 0;
	const [tone, said] = !connected ? ["bad", t("health.lost")] : running ? ["", t("health.running", { n: running })] : ["none", t("health.none")];
	button("health", [h("i", { class: `state-dot ${tone}` }), h("span", { text: said })], t("health.label", { said }));
	const errors = project.diagnostics.filter((one) => one.severity === "error").length;
	const rest = project.diagnostics.length - errors;
	const problems = errors ? t("errors", { n: errors }) : rest ? t("warnings", { n: rest }) : t("no-problems");
	button("problems", [icon(errors || rest ? "warn" : "won"), h("span", { text: problems })], problems);
	$("problems").classList.toggle("danger", errors > 0);
	$("undo").disabled = !state.canUndo || project.read_only;
	$("redo").disabled = !state.canRedo || project.read_only;
	button("preview", [h("span", { text: t("preview.open") }), live?.store.in_step === false ? h("i", { class: "news" }) : ""], live?.store.in_step === false ? t("preview.news") : t("preview.open"));
	button("filter", [icon("filter"), h("span", { text: state.filter ? t("filter.some", { n: state.filter.length }) : t("filter.all") })]);
	button("add", [icon("plus"), h("span", { text: t("pipeline.add") })]);
	$("add").hidden = project.read_only;
	button("language", [language.toUpperCase()], t("language"));
}

function button(id, content, label) {
	$(id).replaceChildren(...content);
	if (label) {
		$(id).setAttribute("aria-label", label);
		$(id).title = label;
	}
}

function marks() {
	for (const [id, which] of Object.entries({ undo: "undo", redo: "redo", history: "clock", theme: "theme", help: "help", nearer: "plus", farther: "minus", fit: "fit" })) $(id).replaceChildren(icon(which));
}

/** How far ahead the picture looks. */
async function ahead() {
	const hours = HORIZONS[$("horizon").value];
	const said = t(`time.${hours}`);
	$("when").textContent = said;
	$("horizon").setAttribute("aria-valuetext", said);
	if (!hours) return update({ horizon: 0, pending: null });
	const now = state.live ? Date.parse(state.live.now) : Date.now();
	try {
		const pending = await api.pending(new Date(now + hours * 3600000).toISOString());
		if (HORIZONS[$("horizon").value] === hours) update({ horizon: hours, pending });
	} catch (error) {
		refused(error);
	}
}

function pendingButton() {
	const { pending } = state;
	const n = Object.values(pending?.tunnels ?? {}).reduce((sum, one) => sum + one, 0);
	$("pending").hidden = !pending;
	if (pending) button("pending", [t("pending.button", { n })], t("pending.until", { at: moment(pending.until) }));
	if (shown()?.kind === "pending") refresh();
}

function theme(which) {
	if (which) document.documentElement.dataset.theme = which;
	else delete document.documentElement.dataset.theme;
}

function otherTheme() {
	const dark = getComputedStyle(document.documentElement).colorScheme === "dark" || (!kept("theme") && matchMedia("(prefers-color-scheme: dark)").matches);
	keep("theme", dark ? "light" : "dark");
	theme(kept("theme") ?? (dark ? "light" : "dark"));
}

async function otherLanguage() {
	const next = languages[(languages.indexOf(language) + 1) % languages.length];
	keep("language", next);
	await speak(next);
	marks();
	head();
	ahead();
	draw();
	refresh();
}

function wire() {
	marks();
	const focus = keys(picture, link, open);
	hands(picture, link, open);
	search($("search"), $("found"), (kind, id) => {
		open(kind, id);
		if (["stage", "tunnel"].includes(kind)) focus.go(`${kind} ${id}`);
	});
	const click = (id, act) => $(id).addEventListener("click", act);
	click("undo", undo);
	click("redo", redo);
	click("history", () => show("changes"));
	click("problems", () => show("problems"));
	click("preview", () => show("preview"));
	click("pending", () => show("pending"));
	click("help", helpDialog);
	click("theme", otherTheme);
	click("language", otherLanguage);
	click("filter", () => filterMenu($("filter")));
	click("add", addPipeline);
	click("nearer", () => picture.camera.zoom(1.25));
	click("farther", () => picture.camera.zoom(0.8));
	click("fit", () => picture.camera.fit());
	$("horizon").addEventListener("input", ahead);
	ahead();
	document.addEventListener("keydown", shortcut);
	on(["project", "filter", "neighbours"], draw);
	on(["project", "live", "connected", "filter", "canUndo", "canRedo"], head);
	on(["project"], refresh);
	on(["live", "pending"], () => picture.tell());
	on(["pending"], pendingButton);
	on(["lit", "chosen", "preview", "explained"], () => (picture.mark(), picture.sight()));
	head();
}

function shortcut(event) {
	const typing = event.target.closest?.("input:not([type=range], [type=checkbox], [type=radio]), textarea, select, dialog");
	const command = event.ctrlKey || event.metaKey;
	if (event.key === "Escape" && !event.target.closest?.("dialog, [popover]") && shown() && !link.active) close();
	else if (typing) return;
	else if (command && event.code === "KeyZ") event.shiftKey ? redo() : undo();
	else if (command || event.altKey) return;
	else if (event.key === "/") $("search").focus();
	else if (event.key === "?") helpDialog();
	else if (event.key === "+" || event.key === "=") picture.camera.zoom(1.25);
	else if (event.key === "-") picture.camera.zoom(0.8);
	else if (event.key === "0") picture.camera.fit();
	else if (event.key === "1") picture.camera.begin();
	else return;
	event.preventDefault();
}

begin();
