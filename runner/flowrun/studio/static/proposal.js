// A proposal: an edit in the making in a panel. The server says meanwhile what it would do to the files.

import {ask} from "./dialog.js";
import {diffBox} from "./diff.js";
import {commit, tried} from "./edits.js";
import {button, h, plain, remark} from "./element.js";
import {t} from "./i18n.js";
import {refresh} from "./panel.js";
import {state} from "./state.js";

const PAUSE = 220;

export class Proposal {
	/** `edit()`: the edit, or null; `title()`: what it is, in words; `findings(list)`: show them; `saved()`: go on;
	 * `extras`: buttons beside; `fresh`: it makes something new. */
	constructor(panel, {edit, title, findings, saved, extras = [], fresh = false}) {
		Object.assign(this, {panel, edit, title, findings, saved, etag: state.project.etag, turn: 0, mine: "", open: true});
		this.change = h("div", {class: "change"});
		if (state.project.read_only) {
			panel.foot.replaceChildren(remark(t("locked.text")));
			panel.foot.hidden = false;
			requestAnimationFrame(() => panel.body.querySelectorAll(".field :is(input, select, textarea, button)").forEach(one => (one.disabled = true)));
			return;
		}
		this.save = button(t(fresh ? "create" : "save"), () => this.make(), "primary", {disabled: true});
		this.discard = button(t("discard"), () => ((panel.dirty = false), refresh()), "", {hidden: fresh, disabled: true});
		panel.foot.replaceChildren(this.change, ...extras, h("span", {class: "grow"}), this.discard, this.save);
		panel.foot.hidden = false;
		panel.abandon = () => ask({title: t("leave.title"), body: [plain(t("leave.text"))], size: "narrow", actions: [{label: t("leave.do"), value: true, kind: "danger"}]});
		panel.stale = () => this.show(t("stale"), "warn");
		panel.body.addEventListener("keydown", event => {
			if (!(event.ctrlKey || event.metaKey) || !["Enter", "s"].includes(event.key)) return;
			event.preventDefault();
			if (!this.save.disabled) this.make();
		});
	}

	changed(pause = PAUSE) {
		if (!this.save) return;
		const dirty = this.edit() !== null;
		this.panel.dirty = dirty;
		this.discard.disabled = this.save.disabled = !dirty;
		clearTimeout(this.timer);
		this.turn += 1;
		if (dirty) this.timer = setTimeout(() => this.look(), pause);
		else {
			this.change.replaceChildren();
			this.findings([]);
		}
	}

	async look() {
		const turn = this.turn;
		try {
			const answer = await tried(this.edit(), this.etag);
			if (turn !== this.turn) return;
			this.mine = answer.diff;
			this.findings(answer.diagnostics);
			const errors = answer.diagnostics.filter(one => one.severity === "error").length;
			this.change.replaceChildren(
				h("details", {open: this.open, ontoggle: event => (this.open = event.target.open)},
					h("summary", {}, t("diff.title"), h("span", {class: "muted", text: errors ? t("errors", {n: errors}) : answer.files.join(", ")})),
					answer.diff ? diffBox(answer.diff, t("diff.title")) : plain(t("diff.none"))));
		} catch (error) {
			if (turn !== this.turn) return;
			if (error.code === "changed") return this.show(t("stale"), "warn");
			this.findings(error.findings);
			this.show(error.text, "bad");
		}
	}

	show(text, tone) {
		this.change.replaceChildren(remark(text, tone));
	}

	async make() {
		this.save.disabled = this.panel.held = true;
		this.panel.dirty = false;
		const answer = await commit(this.edit(), this.title(), {etag: this.etag, mine: this.mine, again: () => this.anew()});
		this.panel.held = false;
		if (answer?.dropped) refresh();
		else if (answer) this.saved();
		else this.changed();
	}

	anew() {
		this.etag = state.project.etag;
		this.changed(0);
	}
}

/** One edit for several: null for none. */
export const batch = edits => (edits.length > 1 ? {kind: "batch", edits} : (edits[0] ?? null));
