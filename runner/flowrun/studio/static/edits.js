// Edits: changes of the files through the server, each one step of undo; nothing is ever written over what somebody
// else has changed.

import * as api from "./api.js";
import { ask } from "./dialog.js";
import { diffBox } from "./diff.js";
import { h, name } from "./element.js";
import { t } from "./i18n.js";
import { note } from "./says.js";
import { state, update } from "./state.js";

/** What was done in this page, newest first: {title, diff}. */
export const done = [];

/** Read the project anew. */
export async function reload() {
  const project = await api.project();
  update({ project, ...(project.can_undo === undefined ? {} : { canUndo: project.can_undo, canRedo: project.can_redo }) });
  return project;
}

function took(answer, title) {
  done.unshift({ title, diff: answer.diff });
  done.splice(100);
  update({ canUndo: answer.can_undo, canRedo: answer.can_redo });
}

/** Make an edit. `etag`: of the files that it was made for; `mine`: its diff, to show beside others' changes; `again`:
 * what to do when it shall be looked at on top of those. → the answer, or null when it was not made. */
export async function commit(change, { title, etag = state.project.etag, mine = "", again = null }) {
  for (const errors of [false, true]) {
    try {
      const answer = await api.edit(etag, change, errors ? { with_errors: true } : {});
      took(answer, title);
      await reload();
      note(title, { action: { label: t("undo"), act: undo } });
      return answer;
    } catch (error) {
      if (error.code === "changed") return conflict(error, mine, again);
      const findings = error.body?.diagnostics ?? error.body?.error?.diagnostics ?? [];
      if (error.code === "refused" && findings.length && !errors) {
        if (await insist(findings)) continue;
        return null;
      }
      refused(error);
      return null;
    }
  }
  return null;
}

/** What an edit would do, without doing it. Raises Refusal. */
export const tried = (change, etag) => api.edit(etag, change, { dry_run: true, with_errors: true });

export const undo = () => step(api.undo, t("undone"));
export const redo = () => step(api.redo, t("redone"));

async function step(call, title) {
  try {
    took(await call(state.project.etag), title);
    await reload();
    note(title);
  } catch (error) {
    if (error.code === "changed") await conflict(error, "", null);
    else refused(error);
  }
}

/** Tell why something was not done. */
export function refused(error) {
  const said = error.code === "unreachable" ? t("unreachable") : error.message;
  note(error.help ? `${said} ${error.help}` : said, { bad: true });
}

function insist(findings) {
  const list = findings.slice(0, 8).map((one) => h("li", {}, name(one.message), h("div", { class: "sub", text: `${one.file}:${one.line}` })));
  return ask({
    title: t("insist.title"),
    body: [h("p", { text: t("insist.text") }), h("ul", { class: "list" }, list)],
    actions: [{ label: t("insist.do"), value: true, kind: "danger" }],
  });
}

/** The files are others now: both are shown, neither is lost. */
async function conflict(error, mine, again) {
  const theirs = Object.values(error.body.theirs ?? error.body.error?.theirs ?? {}).join("");
  const side = (title, text) => h("div", {}, h("h3", { text: title }), text ? diffBox(text, title) : h("p", { class: "muted", text: t("conflict.nothing") }));
  const chosen = await ask({
    title: t("conflict.title"),
    size: "wide",
    body: [h("p", { text: t("conflict.text") }), h("div", { class: "two" }, side(t("conflict.mine"), mine), side(t("conflict.theirs"), theirs))],
    actions: [
      { label: t("conflict.drop"), value: "drop", kind: "" },
      ...(again ? [{ label: t("conflict.again"), value: "again" }] : []),
    ],
  });
  if (!chosen) return null;
  await reload();
  if (chosen === "again") again();
  return chosen === "drop" ? { dropped: true } : null;
}
