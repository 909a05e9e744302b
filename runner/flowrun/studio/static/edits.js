// Edits: changes of the files through the server, each a step of undo, never over what somebody else has changed.

import * as api from "./api.js";
import {ask} from "./dialog.js";
import {diffBox} from "./diff.js";
import {h, list, plain, row} from "./element.js";
import {t} from "./i18n.js";
import {note} from "./says.js";
import {state, update} from "./state.js";

/** What was done in this page, newest first: {title, diff}. */
export const done = [];

export async function reload() {
	const project = await api.project();
	update({project, canUndo: project.can_undo, canRedo: project.can_redo});
}

async function took(answer, title, action) {
	done.unshift({title, diff: answer.diff});
	done.splice(100);
	await reload();
	note(title, {action});
	return answer;
}

/** Make an edit. `etag`: of the files that it was made for; `mine`: its diff, to show beside others' changes; `again`:
 * looks at it on top of those. → the answer, {dropped} where theirs was taken, or null. */
export async function commit(change, title, {etag = state.project.etag, mine = "", again = null} = {}) {
	const send = async more => took(await api.edit(etag, change, more), title, {label: t("undo"), act: undo});
	try {
		return await send({});
	} catch (error) {
		if (error.code === "changed") return conflict(error, mine, again);
		if (error.code !== "refused" || !error.findings.length) return refused(error);
		return (await insist(error.findings)) ? send({with_errors: true}).catch(refused) : null;
	}
}

/** What an edit would do, without doing it. Raises Refusal. */
export const tried = (change, etag) => api.edit(etag, change, {dry_run: true, with_errors: true});

export const undo = () => step(api.undo, t("undone"));
export const redo = () => step(api.redo, t("redone"));

async function step(call, title) {
	try {
		await took(await call(state.project.etag), title);
	} catch (error) {
		if (error.code === "changed") await conflict(error, "", null);
		else refused(error);
	}
}

export function refused(error) {
	note(error.text ?? String(error), {bad: true});
	return null;
}

const insist = findings =>
	ask({
		title: t("insist.title"),
		body: [h("p", {text: t("insist.text")}), list(findings.slice(0, 8).map(one => row(plain(one.message), `${one.file}:${one.line}`)))],
		actions: [{label: t("insist.do"), value: true, kind: "danger"}],
	});

/** The files are others now: both are shown, neither is lost. */
async function conflict(error, mine, again) {
	const side = (title, text) => h("div", {}, h("h3", {text: title}), text ? diffBox(text, title) : plain("—"));
	const chosen = await ask({
		title: t("conflict.title"),
		size: "wide",
		body: [h("p", {text: t("conflict.text")}), h("div", {class: "two"}, side(t("conflict.mine"), mine), side(t("conflict.theirs"), Object.values(error.body.theirs ?? {}).join("")))],
		actions: [{label: t("conflict.drop"), value: "drop", kind: ""}, ...(again ? [{label: t("conflict.again"), value: "again"}] : [])],
	});
	if (!chosen) return null;
	await reload();
	if (chosen === "again") again();
	return chosen === "drop" ? {dropped: true} : null;
}
