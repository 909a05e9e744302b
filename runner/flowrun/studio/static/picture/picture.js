// The picture: pipelines as rows of stages, tunnels as lines between them. Only what is in sight has nodes, so that a
// big project moves lightly.

import {s} from "../element.js";
import {state} from "../state.js";
import {Camera} from "./camera.js";
import {labelWidth, pieces} from "./labels.js";
import {layout} from "./layout.js";
import * as nodes from "./nodes.js";

const LABELS_FROM = 0.55;
const FAR = 0.3;
const CHANGES = ["add", "change", "rename"];

export class Picture {
	constructor(svg) {
		this.svg = svg;
		this.layers = {};
		for (const layer of ["bands", "lines", "cards", "labels", "over", "heads"]) this.layers[layer] = s("g", {class: layer});
		const {heads, ...world} = this.layers;
		this.world = s("g", {}, Object.values(world));
		svg.replaceChildren(this.world, heads);
		this.items = new Map(); // `${kind} ${id}` → {kind, id, layer, box, make, node}
		this.camera = new Camera(svg, () => this.sight());
	}

	/** Lay it out anew: the project, the filter or the language changed. */
	draw(graph) {
		const {kind, id} = document.activeElement?.closest("#picture [data-kind]")?.dataset ?? {};
		this.graph = graph;
		this.items.clear();
		for (const layer of Object.values(this.layers)) layer.replaceChildren();
		const shown = graph.shown(state.filter, state.neighbours);
		const rows = shown.map(({id, stages}) => ({id, stages: stages.map(stage => stage.stage)}));
		const here = new Set(rows.flatMap(row => row.stages));
		const tunnels = graph.project.tunnels
			.map(tunnel => ({...tunnel, from: tunnel.from.filter(stage => here.has(stage))}))
			.filter(tunnel => here.has(tunnel.to) && tunnel.from.length)
			.map(({id, from, to, ...tunnel}) => ({id, from, to, label: labelWidth(pieces(tunnel, this.told(id), this.due(id)))}));
		this.laid = layout(rows, tunnels);
		this.camera.world = this.laid;
		for (const pipeline of shown) {
			const box = this.laid.rows.get(pipeline.id);
			this.layers.bands.append(s("rect", {class: "band", ...box, rx: 12}));
			this.add("pipeline", pipeline.id, "heads", box, () => nodes.headNode(pipeline, box, state.live?.stages));
		}
		for (const [id, box] of this.laid.stages) this.add("stage", id, "cards", box, () => nodes.stageNode(graph.stages.get(id), box, state.live?.stages[id]));
		for (const [id, route] of this.laid.tunnels) {
			const {x, y, dense} = route.label;
			const tunnel = graph.tunnels.get(id);
			this.add("tunnel", id, "lines", route.box, () => nodes.tunnelNode(tunnel, route, graph, this.told(id)));
			this.add("label", id, "labels", {x: x - 120, y: y - 10, width: 240, height: 20, dense}, () => nodes.labelNode(tunnel, route.label, graph, this.told(id), this.due(id)));
		}
		this.mark();
		this.sight();
		if (kind) this.node(`${kind} ${id}`)?.focus({preventScroll: true});
	}

	told = tunnel => state.live?.tunnels[tunnel];
	due = tunnel => state.horizon && state.pending?.tunnels[tunnel];

	add(kind, id, layer, box, make) {
		this.items.set(`${kind} ${id}`, {kind, id, layer, box, make, node: null});
	}

	node(key) {
		const item = this.items.get(key);
		if (item && !item.node) {
			item.node = item.make();
			this.dress(item);
		}
		if (item && !item.node.isConnected) this.layers[item.layer].append(item.node);
		return item?.node;
	}

	sight() {
		const {x, y, k} = this.camera;
		const left = x + 16 * k;
		this.world.setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
		this.layers.heads.setAttribute("transform", `translate(${Math.max(left, 6)} ${y}) scale(${k})`);
		this.svg.classList.toggle("far", k < FAR);
		this.svg.classList.toggle("floating", left < 6);
		const view = this.camera.view();
		for (const [key, item] of this.items) {
			if (item.kind === "pipeline" || (meet(item.box, view) && (item.kind !== "label" || this.legible(item)))) this.node(key);
			else if (item.node?.isConnected && item.node !== document.activeElement) item.node.remove();
		}
	}

	legible({id, box}) {
		const first = state.lit?.has(id) || (state.chosen?.kind === "tunnel" && state.chosen.id === id);
		return first ? this.camera.k > 0.25 : this.camera.k >= LABELS_FROM && !box.dense;
	}

	/** Write live figures anew, without laying out. What has the keyboard's focus keeps its node. */
	tell() {
		for (const item of this.items.values()) {
			if (!item.node) continue;
			if (item.kind === "stage") nodes.tellStage(item.node, this.graph.stages.get(item.id), state.live?.stages[item.id]);
			else {
				const fresh = item.make();
				item.node.replaceChildren(...fresh.childNodes);
				for (const key of ["transform", "aria-label"]) if (fresh.hasAttribute(key)) item.node.setAttribute(key, fresh.getAttribute(key));
			}
		}
	}

	/** Show what is lit, chosen, in the preview and in an explanation. */
	mark() {
		this.svg.classList.toggle("dim", Boolean(state.lit?.size));
		const lit = [...(state.lit ?? [])].map(id => this.graph.tunnels.get(id)).filter(Boolean);
		this.ends = new Set(lit.flatMap(tunnel => [...tunnel.from, tunnel.to]));
		this.changes = new Map((state.preview?.difference.changes ?? []).map(one => [`${one.kind} ${one.id}`, one.action]));
		for (const item of this.items.values()) if (item.node) this.dress(item);
	}

	dress({kind, id, node}) {
		const what = kind === "label" ? "tunnel" : kind;
		const change = this.changes.get(`${what} ${id}`);
		const verdict = what === "tunnel" && state.explained?.get(id);
		const on = {
			lit: what === "tunnel" ? state.lit?.has(id) : this.ends.has(id),
			chosen: state.chosen?.kind === what && state.chosen.id === id,
			holds: verdict === "holds",
			goes: verdict === "goes",
		};
		for (const one of CHANGES) on[one] = change === one;
		for (const [name, is] of Object.entries(on)) node.classList.toggle(name, Boolean(is));
	}

	reveal(kind, id) {
		const item = this.items.get(`${kind === "tunnel" ? "label" : kind} ${id}`);
		if (item) this.camera.reveal(item.box, kind !== "pipeline");
	}
}

const meet = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
