// Search: one box for stages, tunnels, pipelines and deals.

import * as api from "./api.js";
import {h, name} from "./element.js";
import {Graph} from "./graph.js";
import {t} from "./i18n.js";
import {offer} from "./offer.js";
import {state} from "./state.js";

const EACH = 6;
const PAUSE = 200;

export function search(input, go) {
	const row = ({kind, text, more}) => [name(text), h("span", {class: "muted"}, kind ? t(`kind.${kind}`) : "", more && [" · ", name(more)])];
	const pick = ({kind, id}) => {
		input.value = "";
		if (kind) go(kind, id);
	};
	const list = offer(input, {label: t("search.label"), row, pick});
	input.after(list.node);
	let timer = null;
	const fill = found => {
		list.show(found.length ? found : [{text: t("search.none")}]);
		list.place(input.getBoundingClientRect());
	};
	input.addEventListener("input", () => {
		const text = input.value.trim();
		clearTimeout(timer);
		if (!text) return list.hide();
		const found = known(text.toLowerCase());
		fill(found);
		if (!state.live?.store.exists) return;
		timer = setTimeout(async () => {
			const answer = await api.deals({search: text, limit: EACH}).catch(() => null);
			if (answer && input.value.trim() === text) fill([...found, ...answer.deals.map(({id, title}) => ({kind: "deal", id, text: title || id, more: id}))]);
		}, PAUSE);
	});
}

function known(text) {
	const {project} = state;
	const graph = new Graph(project);
	const take = (list, made, ...keys) =>
		list.filter(one => keys.some(key => String(one[key] ?? "").toLowerCase().includes(text))).slice(0, EACH).map(made);
	return [
		...take([...graph.stages.values()], one => ({kind: "stage", id: one.stage, text: one.name ?? one.id, more: graph.pipelineName(one.pipeline.id)}), "name", "stage"),
		...take(project.tunnels, one => ({kind: "tunnel", id: one.id, text: one.id, more: one.description}), "id", "description"),
		...take(project.pipelines, one => ({kind: "pipeline", id: one.id, text: one.name ?? one.id}), "id", "name"),
	];
}
