// A proposal: an edit that is being put together in a panel. While it grows the server is asked what it would do to
// the files and what is wrong with it; it is made when someone says so.

import { ask } from "./dialog.js";
import { diffBox } from "./diff.js";
import { commit, tried } from "./edits.js";
import { h } from "./element.js";
import { t } from "./i18n.js";
import { refresh } from "./panel.js";
import { state } from "./state.js";

const PAUSE = 220;

export class Proposal {
  /** `edit()`: the edit, or null for none; `title()`: what it is, in words; `findings(list)`: show them; `saved()`:
   * go on; `extras`: buttons beside. */
  constructor(panel, { edit, title, findings = () => {}, saved, extras = [], fresh = false }) {
    Object.assign(this, { panel, edit, title, findings, saved, fresh });
    this.etag = state.project.etag;
    this.turn = 0;
    this.mine = "";
    this.change = h("div", { class: "change" });
    this.save = h("button", { type: "button", class: "primary", text: fresh ? t("create") : t("save"), disabled: true, on: { click: () => this.make() } });
    this.discard = h("button", { type: "button", text: t("discard"), disabled: true, on: { click: () => this.drop() } });
    panel.foot.hidden = false;
    panel.foot.replaceChildren(this.change, ...extras, h("span", { class: "grow" }), ...(fresh ? [] : [this.discard]), this.save);
    panel.abandon = () => ask({ title: t("leave.title"), body: [h("p", { text: t("leave.text") })], size: "narrow", actions: [{ label: t("leave.do"), value: true, kind: "danger" }] });
    panel.stale = () => this.show(t("stale"), "warn");
    panel.element = panel.body;
    panel.body.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && (event.key === "Enter" || event.key === "s")) {
        event.preventDefault();
        if (!this.save.disabled) this.make();
      }
    });
    if (state.project.read_only) this.lock();
  }

  /** Something in the panel changed. */
  changed(at = PAUSE) {
    const dirty = this.edit() !== null;
    this.panel.dirty = dirty;
    this.discard.disabled = !dirty;
    this.save.disabled = !dirty || state.project.read_only;
    clearTimeout(this.timer);
    this.turn += 1;
    if (dirty) this.timer = setTimeout(() => this.look(), at);
    else {
      this.change.replaceChildren();
      this.findings([]);
    }
  }

  async look() {
    const turn = this.turn;
    const change = this.edit();
    if (!change) return;
    try {
      const answer = await tried(change, this.etag);
      if (turn !== this.turn) return;
      this.mine = answer.diff;
      this.findings(answer.diagnostics);
      const errors = answer.diagnostics.filter((one) => one.severity === "error").length;
      this.change.replaceChildren(
        h("details", { open: this.open ?? true, on: { toggle: (event) => (this.open = event.target.open) } },
          h("summary", {}, h("span", { text: t("diff.title") }), h("span", { class: "muted", text: errors ? t("errors", { n: errors }) : answer.files.join(", ") })),
          answer.diff ? diffBox(answer.diff, t("diff.title")) : h("p", { class: "muted", text: t("diff.none") })),
      );
    } catch (error) {
      if (turn !== this.turn) return;
      if (error.code === "changed") this.show(t("stale"), "warn");
      else {
        this.findings(error.body?.diagnostics ?? []);
        this.show(error.help ? `${error.message} ${error.help}` : error.message, "bad");
      }
    }
  }

  show(text, tone) {
    this.change.replaceChildren(h("p", { class: `note ${tone}`, dir: "auto", text }));
  }

  async make() {
    const change = this.edit();
    if (!change) return;
    this.save.disabled = true;
    this.panel.dirty = false;
    const answer = await commit(change, { title: this.title(), etag: this.etag, mine: this.mine, again: () => this.anew() });
    if (answer?.dropped) refresh();
    else if (answer) this.saved();
    else this.changed();
  }

  /** The same edit, on top of what the files say now. */
  anew() {
    this.etag = state.project.etag;
    this.changed(0);
  }

  drop() {
    this.panel.dirty = false;
    refresh();
  }

  lock() {
    for (const control of this.panel.body.querySelectorAll("input, select, textarea, button[data-edits]")) control.disabled = true;
    this.show(t("read-only"), "");
  }
}
