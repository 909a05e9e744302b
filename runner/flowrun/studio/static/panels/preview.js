// The preview: what applying the files would change, which deals it would move, and applying that very plan.

import * as api from "../api.js";
import {ask} from "../dialog.js";
import {diffBox} from "../diff.js";
import {refused, reload} from "../edits.js";
import {button, group, h, list, plain, remark, row} from "../element.js";
import {tick} from "../form.js";
import {Graph} from "../graph.js";
import {t} from "../i18n.js";
import {define, refresh} from "../panel.js";
import {note} from "../says.js";
import {state, update} from "../state.js";
import {dealLink} from "./deals.js";

define("preview", async panel => {
	panel.title(t("preview.title"));
	panel.body.append(plain(t("preview.wait")));
	let found;
	try {
		found = await api.preview(state.project.etag);
	} catch (error) {
		if (error.code === "changed") await reload();
		return panel.body.replaceChildren(remark(error.text, "bad"), button(t("again"), refresh));
	}
	if (!panel.body.isConnected) return;
	update({preview: found});
	const graph = new Graph(state.project);
	const {difference, deals} = found;
	const none = !difference.changes.length;
	panel.body.replaceChildren(
		none ? remark(t("preview.none"), "good") : remark(summary(difference)),
		...rails(difference).map(one => remark(one.message, "warn")),
		group(t("preview.deals"),
			list(deals.map(one => row(dealLink(one.deal, one.title), one.action ? t(`action.${one.action}`) : "", [graph.way([one.from], one.to), one.tunnel].filter(Boolean).join(" · "))), t("preview.no-deals")),
			found.more > 0 && plain(t("and-more", {n: found.more}))),
		group(t("preview.text"), diffBox(found.text, t("preview.text"), false)));
	panel.foot.hidden = none;
	const may = state.project.allow_apply && !state.project.read_only && found.plan;
	panel.foot.replaceChildren(may ? "" : h("span", {class: "sub", text: t("apply.how")}), h("span", {class: "grow"}), button(t("apply.open"), () => apply(found), "primary", {disabled: !may}));
});

const rails = difference => difference.refusals ?? [];

const summary = ({summary: count}) => ["add", "change", "rename", "remove"].filter(key => count[key]).map(key => t(`plan.${key}`, {n: count[key]})).join(", ");

async function apply({plan, difference}) {
	const lifted = {};
	const boxes = rails(difference).map(one => {
		const [rail, most] = String(one.allow ?? one.rail).split("=");
		return tick(false, t("rail.lift", {rail: one.allow ?? one.rail, message: one.message}), on => (on ? (lifted[rail] = most ? Number(most) : null) : delete lifted[rail]));
	});
	const sure = await ask({
		title: t("apply.title"),
		body: [h("p", {text: t("apply.text", {store: state.project.store})}), remark(summary(difference)), boxes.length > 0 && remark(t("apply.rails"), "warn"), boxes],
		actions: [{label: t("apply.do"), value: true}],
	});
	if (!sure) return;
	try {
		const answer = await api.apply(plan, lifted);
		note(t("applied", {n: answer.revision}));
		update({live: await api.live()});
		refresh();
	} catch (error) {
		refused(error);
		if (error.code === "stale") refresh();
	}
}
