// Keys: the picture without a mouse. One stop of Tab; arrows go from stage to stage, N and P through the tunnels of a
// stage, Enter opens, T begins a tunnel and Enter at another stage makes it.

import { t } from "../i18n.js";
import { isolated } from "../element.js";
import { say } from "../says.js";
import { state, update } from "../state.js";

export function keys(picture, link, open) {
	const { svg, camera } = picture;
	let at = null; // key of the item that has the focus, or had it last
	let home = null; // the stage whose tunnels are gone through

	svg.setAttribute("tabindex", "0");

	/** Put the focus on an item. */
	function go(key) {
		const node = picture.node(key);
		if (!node) return;
		const [kind, id] = [key.slice(0, key.indexOf(" ")), key.slice(key.indexOf(" ") + 1)];
		at = key;
		picture.reveal(kind, id);
		node.focus({ preventScroll: true });
		update({ lit: kind === "tunnel" ? new Set([id]) : null });
		if (link.active && kind === "stage") {
			link.aim(id, [0, 0]);
			if (link.to) say(t("link.aim", { name: isolated(picture.graph.fullName(id)) }));
		}
	}

	const rows = () => picture.graph.shown(state.filter, state.neighbours);

	function neighbour(key, dx, dy) {
		const all = rows();
		const [kind, id] = [key.slice(0, key.indexOf(" ")), key.slice(key.indexOf(" ") + 1)];
		const r = all.findIndex((row) => row.id === (kind === "pipeline" ? id : id.split(".")[0]));
		if (r < 0) return first();
		const c = kind === "pipeline" ? -1 : all[r].stages.findIndex((stage) => stage.stage === id);
		const row = all[Math.min(all.length - 1, Math.max(0, r + dy))];
		const column = Math.min(row.stages.length - 1, Math.max(-1, c + dx));
		return column < 0 ? `pipeline ${row.id}` : `stage ${row.stages[column].stage}`;
	}

	const first = () => {
		const row = rows()[0];
		return row && (row.stages[0] ? `stage ${row.stages[0].stage}` : `pipeline ${row.id}`);
	};

	function through(step) {
		if (!at) return;
		if (at.startsWith("stage ")) home = at.slice(6);
		if (!home) return;
		const mine = picture.graph.at(home).filter((tunnel) => picture.items.has(`tunnel ${tunnel.id}`));
		if (!mine.length) return say(t("tunnels.none"));
		const now = mine.findIndex((tunnel) => at === `tunnel ${tunnel.id}`);
		go(`tunnel ${mine[(now + step + mine.length) % mine.length].id}`);
	}

	svg.addEventListener("focus", () => {
		const back = at && picture.items.has(at) ? at : first();
		if (back) go(back);
	});
	svg.addEventListener("focusin", (event) => {
		if (event.target !== svg) svg.setAttribute("tabindex", "-1");
	});
	svg.addEventListener("focusout", () => svg.setAttribute("tabindex", "0"));

	svg.addEventListener("keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
		const arrow = arrows[event.key];
		const here = at?.startsWith("tunnel ") && home ? `stage ${home}` : at;
		if (arrow && event.shiftKey) camera.pan(-80 * arrow[0], -80 * arrow[1]);
		else if (arrow && here) go(neighbour(here, ...arrow));
		else if (event.key === "Home") go(first());
		else if (event.key === "End") go(`pipeline ${rows().at(-1)?.id}`);
		else if (event.key === "Enter" || event.key === " ") enter();
		else if (event.code === "KeyT") begin();
		else if (event.code === "KeyN") through(1);
		else if (event.code === "KeyP") through(-1);
		else if (event.key === "Escape" && link.active) {
			link.end(true);
			say(t("link.off"));
		} else if (event.key === "Escape") {
			if (home && at?.startsWith("tunnel ")) go(`stage ${home}`);
			else return;
		} else return;
		event.preventDefault();
		event.stopPropagation();
	});

	function enter() {
		if (!at) return;
		if (link.active) return link.to && link.end();
		open(at.slice(0, at.indexOf(" ")), at.slice(at.indexOf(" ") + 1));
	}

	function begin() {
		if (state.project.read_only || !at?.startsWith("stage ") || link.active) return;
		link.begin(at.slice(6));
		say(t("link.begin", { name: isolated(picture.graph.fullName(at.slice(6))) }));
	}

	return { go };
}
