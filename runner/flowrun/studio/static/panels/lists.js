// Panels that are lists: what time will bring, what is wrong in the files, what was done in this page.

import {diffBox} from "../diff.js";
import {done} from "../edits.js";
import {h, list, name, plain, remark, row} from "../element.js";
import {advice} from "../form.js";
import {moment, t, term} from "../i18n.js";
import {define} from "../panel.js";
import {state} from "../state.js";
import {dealLink, tunnelLink} from "./deals.js";

define("pending", panel => {
	const {pending} = state;
	panel.title(t("pending.title"), pending ? t("pending.until", {at: moment(pending.until)}) : "");
	panel.body.replaceChildren(
		list((pending?.pending ?? []).map(one => row(dealLink(one.deal), one.due_at ? moment(one.due_at) : "", tunnelLink(one.tunnel), term("reason", one.waits_for))), t("pending.none")),
		pending?.more ? plain(t("and-more", {n: pending.more})) : "");
});

define("problems", panel => {
	const {diagnostics, files} = state.project;
	panel.title(t("problems.title"));
	panel.body.replaceChildren(diagnostics.length
		? list(diagnostics.slice(0, 300).map(one => {
			const at = owner(one);
			return row(h("span", {class: "mono", text: `${one.code} ${one.file}:${one.line}`}), at ? tunnelLink(at.id) : "", remark(advice(one), one.severity === "error" ? "bad" : "warn"));
		}))
		: remark(t("problems.none", {n: files.length}), "good"));
});

/** The tunnel that a finding lies in: what begins last above it in its file, if that is one. */
function owner(finding) {
	const file = path => path.split("/").at(-1);
	const above = all => all.filter(one => file(one.file) === file(finding.file) && one.line <= finding.line);
	const last = all => all.reduce((best, one) => (one.line > (best?.line ?? 0) ? one : best), null);
	const found = last(above(state.project.tunnels));
	return found && found.line > (last(above(state.project.pipelines))?.line ?? 0) ? found : null;
}

define("changes", panel => {
	panel.title(t("changes.title"));
	const one = ({title, diff}, i) => h("details", {class: "group", open: i === 0}, h("summary", {}, name(title)), diffBox(diff ?? "", title));
	panel.body.replaceChildren(...(done.length ? done.map(one) : [plain(t("changes.none"))]));
});
