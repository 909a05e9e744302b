// The page: brings its parts together, and keeps header and bar in step with what is known.

import * as api from "./api.js";
import {redo, refused, reload, undo} from "./edits.js";
import {h, icon} from "./element.js";
import {Graph} from "./graph.js";
import {keep, kept, language, languages, preferred, speak, t} from "./i18n.js";
import {listen} from "./live.js";
import {filterMenu, helpDialog} from "./menu.js";
import {close, refresh, show, shown} from "./panel.js";
import "./panels/lists.js";
import {addPipeline} from "./panels/parts.js";
import "./panels/preview.js";
import {Dots} from "./picture/dots.js";
import {hands} from "./picture/hands.js";
import {keys} from "./picture/keys.js";
import {Link} from "./picture/link.js";
import {Picture} from "./picture/picture.js";
import {setFaces} from "./picture/type.js";
import {search} from "./search.js";
import {on, state, update} from "./state.js";

const $ = id => document.getElementById(id);
const ICONS = {undo: "undo", redo: "redo", history: "clock", theme: "theme", help: "help", nearer: "plus", farther: "minus", fit: "fit"};
const HORIZONS = [0, 24, 168, 720];

const picture = new Picture($("picture"));
const link = new Link(picture, (from, to) => show("tunnel", null, {extra: {from: [from], to}}));

async function begin() {
	theme();
	await speak(preferred());
	setFaces();
	try {
		await reload();
	} catch (error) {
		notice(error.status === 403 ? t("forbidden") : error.text);
		return;
	}
	wire();
	picture.camera.measure();
	draw();
	const dots = new Dots(picture);
	listen(row => dots.send(row.tunnel, row.from));
	try {
		update({live: await api.live()});
	} catch (error) {
		refused(error);
	}
}

function draw(changed) {
	const fresh = !picture.laid?.stages.size || changed?.has("filter");
	performance.mark("draw");
	for (const tunnel of state.project.tunnels) tunnel.action ??= "move";
	picture.draw(new Graph(state.project));
	performance.measure("picture", "draw");
	if (fresh) picture.camera.begin();
	$("picture").classList.toggle("editable", !state.project.read_only);
	notice(state.project.pipelines.length ? "" : t("picture.empty"));
}

function notice(text) {
	$("notice").hidden = !text;
	$("notice").textContent = text;
}

function head() {
	const {project, live, connected, filter} = state;
	$("project").textContent = project.project ?? "flowrun studio";
	document.title = `${project.project ?? "flowrun"} · flowrun studio`;
	$("where").textContent = [project.environment, project.read_only && t("locked.chip")].filter(Boolean).join(" · ");
	const running = live?.runners.filter(one => one.state === "running").length ?? 0;
	const [tone, health] = !connected ? ["bad", "health.lost"] : running ? ["", "health.running"] : ["none", "health.none"];
	dress("health", h("i", {class: `state-dot ${tone}`}), t(health, {n: running}));
	const errors = project.diagnostics.filter(one => one.severity === "error").length;
	const n = errors || project.diagnostics.length;
	dress("problems", icon(n ? "warn" : "won"), t(errors ? "errors" : n ? "warnings" : "no-problems", {n}));
	$("problems").classList.toggle("danger", errors > 0);
	$("undo").disabled = !state.canUndo || project.read_only;
	$("redo").disabled = !state.canRedo || project.read_only;
	const news = live?.store.in_step === false;
	dress("preview", t("preview.open"), news && h("i", {class: "news"}));
	$("preview").title = news ? t("preview.news") : "";
	dress("filter", icon("filter"), filter ? t("filter.some", {n: filter.length}) : t("filter.all"));
	dress("add", icon("plus"), t("pipeline.add"));
	$("add").hidden = project.read_only;
	dress("language", language.toUpperCase());
	for (const [id, which] of Object.entries(ICONS)) dress(id, icon(which));
}

const dress = (id, ...content) => $(id).replaceChildren(...content.filter(Boolean));

async function ahead() {
	const hours = HORIZONS[$("horizon").value];
	const said = t(`time.${hours}`);
	$("when").textContent = said;
	$("horizon").ariaValueText = said;
	if (!hours) return update({horizon: 0, pending: null});
	const now = state.live ? Date.parse(state.live.now) : Date.now();
	try {
		const pending = await api.pending(new Date(now + hours * 3600000).toISOString());
		if (HORIZONS[$("horizon").value] === hours) update({horizon: hours, pending});
	} catch (error) {
		refused(error);
	}
}

function pendingButton() {
	const {pending} = state;
	const n = Object.values(pending?.tunnels ?? {}).reduce((sum, one) => sum + one, 0);
	$("pending").hidden = !pending;
	dress("pending", t("badge.due", {n}));
	if (shown()?.kind === "pending") refresh();
}

function theme(which = kept("theme")) {
	if (which) document.documentElement.dataset.theme = which;
}

function otherTheme() {
	const now = kept("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
	keep("theme", now === "dark" ? "light" : "dark");
	theme();
}

async function otherLanguage() {
	const next = languages[(languages.indexOf(language) + 1) % languages.length];
	keep("language", next);
	await speak(next);
	head();
	ahead();
	draw();
	refresh();
}

function wire() {
	const focus = keys(picture, link, show);
	hands(picture, link, show);
	search($("search"), (kind, id) => {
		show(kind, id);
		if (kind !== "deal") focus(kind, id);
	});
	const panels = {history: "changes", problems: "problems", preview: "preview", pending: "pending"};
	const acts = {undo, redo, help: helpDialog, theme: otherTheme, language: otherLanguage, filter: () => filterMenu($("filter")), add: addPipeline, nearer, farther, fit};
	for (const [id, act] of Object.entries(acts)) $(id).addEventListener("click", () => act());
	for (const [id, kind] of Object.entries(panels)) $(id).addEventListener("click", () => show(kind));
	$("horizon").addEventListener("input", ahead);
	ahead();
	document.addEventListener("keydown", shortcut);
	on(["project", "filter", "neighbours"], draw);
	on(["project", "live", "connected", "filter", "canUndo", "canRedo"], head);
	on(["project"], refresh);
	on(["live", "pending"], () => picture.tell());
	on(["pending"], pendingButton);
	on(["chosen"], () => state.chosen && requestAnimationFrame(() => picture.reveal(state.chosen?.kind, state.chosen?.id)));
	on(["lit", "chosen", "preview", "explained"], () => (picture.mark(), picture.sight()));
	head();
}

const nearer = () => picture.camera.zoom(1.25);
const farther = () => picture.camera.zoom(0.8);
const fit = () => picture.camera.fit();
const KEYS = {"/": () => $("search").focus(), "?": helpDialog, "+": nearer, "=": nearer, "-": farther, 0: fit};

function shortcut(event) {
	const inside = what => event.target.closest?.(what);
	const command = event.ctrlKey || event.metaKey;
	if (event.key === "Escape" && !inside("dialog, [popover]") && shown()) close();
	else if (inside("input:not([type=range], [type=checkbox], [type=radio]), textarea, select, dialog")) return;
	else if (command && event.code === "KeyZ") (event.shiftKey ? redo : undo)();
	else if (command || event.altKey || !KEYS[event.key]) return;
	else KEYS[event.key]();
	event.preventDefault();
}

begin();
