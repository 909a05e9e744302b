// The picture: pipelines as rows of stages, tunnels as lines between them. It keeps the nodes of what is in sight, and
// only of that, so that a big project moves as lightly as a small one.

import { s } from "../element.js";
import { state } from "../state.js";
import { Camera } from "./camera.js";
import { labelWidth, pieces, spoken } from "./labels.js";
import { layout } from "./layout.js";
import * as nodes from "./nodes.js";

const LABELS_FROM = 0.55;
const FAR = 0.3;

export class Picture {
	constructor(svg) {
		this.svg = svg;
		this.layers = {};
		this.world = s("g", { class: "world" });
		for (const layer of ["bands", "lines", "cards", "labels", "over"]) {
			this.layers[layer] = s("g", { class: layer });
			this.world.append(this.layers[layer]);
		}
		this.layers.heads = s("g", { class: "heads" });
		svg.replaceChildren(this.world, this.layers.heads);
		this.items = new Map();
		this.camera = new Camera(svg, () => this.sight());
		this.after = null;
	}

	/** Lay it out anew: the project, the filter or the language changed. */
	draw(graph) {
		this.graph = graph;
		this.items.clear();
		for (const layer of Object.values(this.layers)) layer.replaceChildren();
		const shown = graph.shown(state.filter, state.neighbours);
		const rows = shown.map((pipeline) => ({ id: pipeline.id, stages: pipeline.stages.map((stage) => stage.stage) }));
		const here = new Set(rows.flatMap((row) => row.stages));
		const tunnels = graph.project.tunnels
			.filter((tunnel) => here.has(tunnel.to) && tunnel.from.some((stage) => here.has(stage)))
			.map((tunnel) => ({
				id: tunnel.id,
				from: tunnel.from.filter((stage) => here.has(stage)),
				to: tunnel.to,
				label: labelWidth(pieces(tunnel, this.told(tunnel.id), this.due(tunnel.id))),
			}));
		this.laid = layout(rows, tunnels);
		this.camera.world = this.laid;
		for (const pipeline of shown) this.row(pipeline);
		for (const [stage, box] of this.laid.stages) this.stage(graph.stages.get(stage), box);
		for (const [id, route] of this.laid.tunnels) this.tunnel(graph.tunnels.get(id), route);
		this.mark();
		this.sight();
	}

	told = (tunnel) => state.live?.tunnels[tunnel];
	due = (tunnel) => (state.horizon ? (state.pending?.tunnels[tunnel] ?? 0) : null);

	row(pipeline) {
		const box = this.laid.rows.get(pipeline.id);
		this.layers.bands.append(s("rect", { class: "band", ...box, rx: 12 }));
		const head = nodes.headNode(pipeline, box, state.live?.stages);
		this.layers.heads.append(head);
		this.items.set(`pipeline ${pipeline.id}`, { key: `pipeline ${pipeline.id}`, box, node: head, fixed: true });
	}

	stage(stage, box) {
		this.add(`stage ${stage.stage}`, "cards", box, () => nodes.stageNode(stage, box, state.live?.stages[stage.stage]));
	}

	tunnel(tunnel, route) {
		const { label } = route;
		this.add(`tunnel ${tunnel.id}`, "lines", route.box, () => nodes.tunnelNode(tunnel, route, this.graph, this.told(tunnel.id)));
		const around = { x: label.x - 120, y: label.y - 10, width: 240, height: 20 };
		this.add(`label ${tunnel.id}`, "labels", around, () =>
			nodes.labelNode(tunnel, label, this.graph, this.told(tunnel.id), this.due(tunnel.id)),
		);
		this.items.get(`label ${tunnel.id}`).dense = label.dense;
	}

	add(key, layer, box, make) {
		this.items.set(key, { key, layer, box, make, node: null });
	}

	/** The node of an item, made if need be. */
	node(key) {
		const item = this.items.get(key);
		if (!item) return null;
		if (!item.node) {
			item.node = item.make();
			this.dress(item);
		}
		if (!item.node.isConnected) this.layers[item.layer].append(item.node);
		return item.node;
	}

	/** Have the nodes of what is in sight. */
	sight() {
		const { camera } = this;
		this.world.setAttribute("transform", `translate(${camera.x} ${camera.y}) scale(${camera.k})`);
		this.layers.heads.setAttribute("transform", `translate(${Math.max(camera.x + 16 * camera.k, 6)} ${camera.y}) scale(${camera.k})`);
		this.svg.classList.toggle("far", camera.k < FAR);
		this.svg.classList.toggle("floating", camera.x + 16 * camera.k < 6);
		const view = camera.view();
		for (const item of this.items.values()) {
			if (item.fixed) continue;
			const seen = apart(item.box, view) ? false : item.layer !== "labels" || this.legible(item);
			if (seen) this.node(item.key);
			else if (item.node?.isConnected && item.node !== document.activeElement) item.node.remove();
		}
		this.after?.();
	}

	legible(item) {
		const id = item.key.slice(6);
		const lit = state.lit?.has(id) || (state.chosen?.kind === "tunnel" && state.chosen.id === id);
		return lit ? this.camera.k > 0.25 : this.camera.k >= LABELS_FROM && !item.dense;
	}

	/** Write live figures anew, without laying out. */
	tell() {
		if (!this.graph) return;
		for (const item of this.items.values()) {
			const [kind, id] = split(item.key);
			if (kind === "pipeline") {
				const fresh = nodes.headNode(this.graph.pipelines.get(id), item.box, state.live?.stages);
				item.node.replaceChildren(...fresh.childNodes);
			}
			if (!item.node || item.fixed) continue;
			if (kind === "stage") nodes.tellStage(item.node, this.graph.stages.get(id), state.live?.stages[id]);
			else if (kind === "tunnel") item.node.setAttribute("aria-label", spoken(this.graph.tunnels.get(id), this.graph, this.told(id)));
			else if (kind === "label") {
				const fresh = item.make();
				if (item.node.isConnected) item.node.replaceWith(fresh);
				item.node = fresh;
				this.dress(item);
			}
		}
	}

	/** Show what is lit, chosen, in the preview and in an explanation. */
	mark() {
		this.svg.classList.toggle("dim", Boolean(state.lit?.size));
		this.ends = new Set();
		for (const id of state.lit ?? []) {
			const tunnel = this.graph.tunnels.get(id);
			for (const stage of [...(tunnel?.from ?? []), tunnel?.to]) this.ends.add(stage);
		}
		this.changes = new Map((state.preview?.difference?.changes ?? []).map((one) => [`${one.kind} ${one.id}`, one.action]));
		for (const item of this.items.values()) if (item.node) this.dress(item);
	}

	dress(item) {
		const [kind, id] = split(item.key);
		const what = kind === "label" ? "tunnel" : kind;
		const list = item.node.classList;
		list.toggle("lit", what === "tunnel" ? Boolean(state.lit?.has(id)) : Boolean(this.ends?.has(id)));
		list.toggle("chosen", state.chosen?.kind === what && state.chosen.id === id);
		const change = this.changes?.get(`${what} ${id}`);
		for (const one of ["add", "change", "rename"]) list.toggle(one, change === one);
		const verdict = what === "tunnel" ? state.explained?.get(id) : null;
		list.toggle("holds", verdict === "holds");
		list.toggle("goes", verdict === "goes");
	}

	/** Bring an item into sight. */
	reveal(kind, id) {
		const item = this.items.get(`${kind} ${id}`);
		if (!item) return;
		if (kind === "tunnel") {
			const { label } = this.laid.tunnels.get(id);
			this.camera.reveal({ x: label.x - 100, y: label.y - 30, width: 200, height: 60 });
		} else this.camera.reveal(item.box);
	}

}

const split = (key) => [key.slice(0, key.indexOf(" ")), key.slice(key.indexOf(" ") + 1)];

const apart = (a, b) => a.x > b.x + b.width || b.x > a.x + a.width || a.y > b.y + b.height || b.y > a.y + a.height;
