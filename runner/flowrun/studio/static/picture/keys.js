// Keys: the picture without a mouse, one stop of Tab. Arrows go from stage to stage, N and P through a stage's tunnels,
// Enter opens, T begins a tunnel and Enter at another stage makes it.

import {isolated} from "../element.js";
import {t} from "../i18n.js";
import {say} from "../says.js";
import {state, update} from "../state.js";

const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

export function keys(picture, link, open) {
	const {svg} = picture;
	let at = null; // {kind, id} of what has the focus, or had it last
	let home = null; // the stage whose tunnels are gone through

	function go(kind, id) {
		const node = picture.node(`${kind} ${id}`);
		if (!node) return;
		at = {kind, id};
		if (kind === "stage") home = id;
		picture.reveal(kind, id);
		node.focus({preventScroll: true});
		update({lit: kind === "tunnel" ? new Set([id]) : null});
		if (!link.active || kind !== "stage") return;
		link.aim(id);
		if (link.to) say(t("link.aim", {name: isolated(picture.graph.fullName(id))}));
	}

	const rows = () => picture.graph.shown(state.filter, state.neighbours);

	/** Go `dx` stages and `dy` pipelines on; left of the first stage is the pipeline itself. */
	function step(dx, dy) {
		const all = rows();
		const id = at.kind === "tunnel" ? home : at.id;
		const r = Math.max(0, all.findIndex(row => row.id === id.split(".")[0]));
		const c = all[r].stages.findIndex(stage => stage.stage === id);
		const row = all[Math.min(all.length - 1, Math.max(0, r + dy))];
		const stage = row.stages[Math.min(row.stages.length - 1, c + dx)];
		if (stage) go("stage", stage.stage);
		else go("pipeline", row.id);
	}

	function first() {
		const [row] = rows();
		if (row) go("stage", row.stages[0]?.stage);
	}

	function through(by) {
		const mine = home ? picture.graph.at(home).filter(tunnel => picture.items.has(`tunnel ${tunnel.id}`)) : [];
		if (!mine.length) return say(t("tunnels.none"));
		const now = at.kind === "tunnel" ? mine.findIndex(tunnel => tunnel.id === at.id) : by < 0 ? 0 : -1;
		go("tunnel", mine[(now + by + mine.length) % mine.length].id);
	}

	function enter() {
		if (!link.active) open(at.kind, at.id);
		else if (link.to) link.end();
	}

	function begin() {
		if (state.project.read_only || at.kind !== "stage" || link.active) return;
		link.begin(at.id);
		say(t("link.begin", {name: isolated(picture.graph.fullName(at.id))}));
	}

	function escape() {
		if (link.active) {
			link.end(true);
			say(t("link.off"));
		} else if (at.kind === "tunnel" && home) go("stage", home);
		else return false;
		return true;
	}

	const acts = {Enter: enter, Space: enter, KeyT: begin, KeyN: () => through(1), KeyP: () => through(-1), Escape: escape};

	svg.setAttribute("tabindex", "0");
	svg.addEventListener("focus", () => (at && picture.items.has(`${at.kind} ${at.id}`) ? go(at.kind, at.id) : first()));
	svg.addEventListener("focusin", event => event.target !== svg && svg.setAttribute("tabindex", "-1"));
	svg.addEventListener("focusout", () => svg.setAttribute("tabindex", "0"));
	svg.addEventListener("keydown", event => {
		if (event.ctrlKey || event.metaKey || event.altKey || !at) return;
		const arrow = ARROWS[event.key];
		if (arrow && event.shiftKey) picture.camera.pan(-80 * arrow[0], -80 * arrow[1]);
		else if (arrow) step(...arrow);
		else if (!acts[event.code] || acts[event.code]() === false) return;
		event.preventDefault();
		event.stopPropagation();
	});
	return go;
}
