// Panels that are lists: what time will bring, what is wrong in the files, what was done in this page, who runs.

import { diffBox } from "../diff.js";
import { done } from "../edits.js";
import { group, h, link, list, name, plain, remark, row } from "../element.js";
import { moment, t, term } from "../i18n.js";
import { define, show } from "../panel.js";
import { state } from "../state.js";
import { dealLink } from "./deals.js";

const tunnel = (id) => link(id, () => show("tunnel", id, { deeper: true }));

define("pending", (panel) => {
	const { pending } = state;
	panel.title(t("pending.title"), pending ? t("pending.until", { at: moment(pending.until) }) : "");
	panel.body.replaceChildren(
		list((pending?.pending ?? []).map((one) => row(dealLink(one.deal), one.due_at ? moment(one.due_at) : "", tunnel(one.tunnel), term("reason", one.waits_for))), t("pending.none")),
		pending?.more ? plain(t("and-more", { n: pending.more })) : "");
});

define("problems", (panel) => {
	const { diagnostics, files } = state.project;
	panel.title(t("problems.title"));
	panel.body.replaceChildren(diagnostics.length
		? list(diagnostics.slice(0, 300).map((one) => {
			const at = owner(one);
			return row(h("span", { class: "mono", text: `${one.code} ${one.file}:${one.line}` }), at ? tunnel(at.id) : "", remark([one.message, one.help].filter(Boolean).join(" "), one.severity === "error" ? "bad" : "warn"));
		}))
		: remark(t("problems.none", { n: files.length }), "good"));
});

/** The tunnel that a finding lies in: what begins last above it in its file, if that is one. */
function owner(finding) {
	const file = (path) => path.split("/").at(-1);
	const above = (all) => all.filter((one) => file(one.file) === file(finding.file) && one.line <= finding.line);
	const last = (all) => all.reduce((best, one) => (one.line > (best?.line ?? 0) ? one : best), null);
	const found = last(above(state.project.tunnels));
	return found && found.line > (last(above(state.project.pipelines))?.line ?? 0) ? found : null;
}

define("changes", (panel) => {
	panel.title(t("changes.title"));
	const one = ({ title, diff }, i) => h("details", { class: "group", open: i === 0 }, h("summary", {}, name(title)), diffBox(diff ?? "", title));
	panel.body.replaceChildren(...(done.length ? done.map(one) : [plain(t("changes.none"))]));
});

define("health", (panel) => {
	const { live, project } = state;
	panel.title(t("health.title"), project.store);
	const facts = { revision: live?.store.revision, step: live && t(`step.${live.store.in_step ?? "unknown"}`), next: live?.next_at && moment(live.next_at), awake: live?.awake, parked: live?.parked };
	panel.body.replaceChildren(
		h("dl", { class: "facts" }, Object.entries(facts).map(([key, value]) => [h("dt", { text: t(`health.${key}`) }), h("dd", { text: value ?? "—" })])),
		group(t("health.runners"), list((live?.runners ?? []).map((one) =>
			row(name(`${one.host} · ${one.pid}`), h("span", { class: `end verdict ${one.state === "running" ? "goes" : "holds"}`, text: term("runner", one.state) }), t("health.seen", { at: moment(one.seen_at, true), n: one.fired }))), t("health.none"))));
});
