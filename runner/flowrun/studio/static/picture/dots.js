// Dots: a firing as a small movement along its line. None for those who want no motion, nor where nobody sees it.

import {s} from "../element.js";
import {smooth} from "./curve.js";

const MOST = 40;
const LASTS = 1400;

export class Dots {
	running = new Set();
	still = matchMedia("(prefers-reduced-motion: reduce)");

	constructor(picture) {
		this.picture = picture;
	}

	send(id, from) {
		const {laid, graph, layers, camera} = this.picture;
		const line = laid?.tunnels.get(id)?.lines.get(from);
		if (!line || this.still.matches || document.hidden || this.running.size >= MOST || camera.k < 0.2) return;
		const node = s("circle", {class: `dot ${graph.tunnels.get(id).action}`, r: 5});
		layers.over.append(node);
		const path = s("path", {d: smooth(line)});
		this.running.add({node, path, length: path.getTotalLength(), begin: performance.now()});
		if (this.running.size === 1) this.next();
	}

	next = () => requestAnimationFrame(now => this.turn(now));

	turn(now) {
		for (const dot of this.running) {
			const part = Math.max(0, (now - dot.begin) / LASTS);
			if (part < 1) {
				const {x, y} = dot.path.getPointAtLength((dot.length * (1 - Math.cos(Math.PI * part))) / 2);
				dot.node.setAttribute("transform", `translate(${x} ${y})`);
			} else {
				dot.node.remove();
				this.running.delete(dot);
			}
		}
		if (this.running.size) this.next();
	}
}
