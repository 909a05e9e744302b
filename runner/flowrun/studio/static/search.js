// Search: one box for stages, tunnels, pipelines and deals.

import * as api from "./api.js";
import { h, name } from "./element.js";
import { Graph } from "./graph.js";
import { t } from "./i18n.js";
import { state } from "./state.js";

const EACH = 6;

/** `go(kind, id)` opens what was found. */
export function search(input, list, go) {
	let hits = [];
	let at = 0;
	let turn = 0;

	const choose = (index) => {
		at = index;
		[...list.children].forEach((row, i) => row.setAttribute("aria-selected", String(i === index)));
		const row = list.children[index];
		if (row) {
			row.scrollIntoView({ block: "nearest" });
			input.setAttribute("aria-activedescendant", row.id);
		} else input.removeAttribute("aria-activedescendant");
	};
	const shut = () => {
		list.hidden = true;
		input.setAttribute("aria-expanded", "false");
		input.removeAttribute("aria-activedescendant");
	};
	const open = (hit) => {
		input.value = "";
		shut();
		go(hit.kind, hit.id);
	};
	const fill = (found) => {
		hits = found;
		list.replaceChildren(
			...(hits.length ? hits.map((hit, i) =>
				h("div", { class: "hit-row", role: "option", id: `hit-${i}`, onmousedown: (event) => (event.preventDefault(), open(hit)) },
					name(hit.text), h("span", { class: "muted" }, `${t(`kind.${hit.kind}`)}${hit.more ? " · " : ""}`, hit.more ? name(hit.more) : "")))
				: [h("div", { class: "hit-row muted", role: "option", "aria-disabled": "true", text: t("search.none") })]),
		);
		list.hidden = false;
		input.setAttribute("aria-expanded", "true");
		choose(0);
	};

	input.addEventListener("input", async () => {
		const text = input.value.trim().toLowerCase();
		const mine = (turn += 1);
		if (!text) return shut();
		const found = known(text);
		fill(found);
		if (!state.live?.store.exists) return;
		await new Promise((resolve) => setTimeout(resolve, 200));
		if (mine !== turn) return;
		try {
			const answer = await api.deals({ search: input.value.trim(), limit: EACH });
			if (mine !== turn || !input.value) return;
			fill([...found, ...answer.deals.map((deal) => ({ kind: "deal", id: deal.id, text: deal.title || deal.id, more: deal.id }))]);
		} catch {
			// The files can be searched without the store.
		}
	});
	input.addEventListener("keydown", (event) => {
		if (event.key === "Escape") {
			input.value = "";
			shut();
		} else if (list.hidden || !hits.length) return;
		else if (event.key === "ArrowDown") choose((at + 1) % hits.length);
		else if (event.key === "ArrowUp") choose((at + hits.length - 1) % hits.length);
		else if (event.key === "Enter") open(hits[at]);
		else return;
		event.preventDefault();
	});
	input.addEventListener("blur", shut);
}

function known(text) {
	const graph = new Graph(state.project);
	const has = (...all) => all.some((one) => one && String(one).toLowerCase().includes(text));
	const take = (list, wanted, made) => list.filter(wanted).slice(0, EACH).map(made);
	return [
		...take([...graph.stages.values()], (stage) => has(stage.name, stage.stage), (stage) => ({ kind: "stage", id: stage.stage, text: stage.name ?? stage.id, more: graph.pipelineName(stage.pipeline.id) })),
		...take(state.project.tunnels, (one) => has(one.id, one.description, one.keys.when), (one) => ({ kind: "tunnel", id: one.id, text: one.id, more: one.description })),
		...take(state.project.pipelines, (one) => has(one.id, one.name), (one) => ({ kind: "pipeline", id: one.id, text: one.name ?? one.id })),
	];
}
