// Dots: a firing as a small movement along its line. None for those who want no motion, nor where nobody sees it.

import {s} from "../element.js";

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
		const points = laid?.tunnels.get(id)?.lines.get(from);
		if (!points || this.still.matches || document.hidden || this.running.size >= MOST || camera.k < 0.2) return;
		const node = s("circle", {class: `dot ${graph.tunnels.get(id).action}`, r: 5});
		layers.over.append(node);
		this.running.add({node, points, begin: performance.now()});
		if (this.running.size === 1) this.next();
	}

	next = () => requestAnimationFrame(now => this.turn(now));

	turn(now) {
		for (const dot of this.running) {
			const part = Math.max(0, (now - dot.begin) / LASTS);
			if (part < 1) dot.node.setAttribute("transform", `translate(${along(dot.points, (1 - Math.cos(Math.PI * part)) / 2)})`);
			else {
				dot.node.remove();
				this.running.delete(dot);
			}
		}
		if (this.running.size) this.next();
	}
}

function along(points, part) {
	const steps = points.slice(1).map((point, i) => [points[i], point, Math.hypot(point[0] - points[i][0], point[1] - points[i][1])]);
	let left = part * steps.reduce((sum, step) => sum + step[2], 0);
	for (const [a, b, length] of steps) {
		if (left <= length) return [0, 1].map(i => a[i] + ((b[i] - a[i]) * left) / (length || 1));
		left -= length;
	}
	return points.at(-1);
}
