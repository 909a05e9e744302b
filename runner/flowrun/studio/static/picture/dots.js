// Dots: a firing as a small movement along its line. None for those who want no motion, nor where nobody sees it.

import { s } from "../element.js";

const MOST = 40;
const LASTS = 1400;

export class Dots {
	constructor(picture) {
		this.picture = picture;
		this.running = new Set();
		this.still = matchMedia("(prefers-reduced-motion: reduce)");
		this.frame = (now) => this.turn(now);
	}

	/** A firing of this tunnel, from this stage. */
	send(id, from) {
		if (this.still.matches || document.hidden || this.running.size >= MOST) return;
		const route = this.picture.laid?.tunnels.get(id);
		const points = route?.lines.get(from);
		const tunnel = this.picture.graph.tunnels.get(id);
		if (!points || this.picture.camera.k < 0.2) return;
		const lengths = points.map((point, i) => (i ? Math.hypot(point[0] - points[i - 1][0], point[1] - points[i - 1][1]) : 0));
		const node = s("circle", { class: `dot ${tunnel.action}`, r: 5 });
		this.picture.layers.over.append(node);
		this.running.add({ node, points, lengths, whole: lengths.reduce((sum, one) => sum + one, 0), begin: performance.now() });
		if (this.running.size === 1) requestAnimationFrame(this.frame);
	}

	turn(now) {
		for (const dot of this.running) {
			const part = (now - dot.begin) / LASTS;
			if (part >= 1) {
				dot.node.remove();
				this.running.delete(dot);
				continue;
			}
			const eased = part < 0.5 ? 2 * part * part : 1 - (2 - 2 * part) ** 2 / 2;
			const [x, y] = along(dot, Math.max(0, eased) * dot.whole);
			dot.node.setAttribute("transform", `translate(${x} ${y})`);
		}
		if (this.running.size) requestAnimationFrame(this.frame);
	}
}

function along({ points, lengths }, way) {
	for (let i = 1; i < points.length; i += 1) {
		if (way <= lengths[i]) {
			const part = lengths[i] ? way / lengths[i] : 0;
			return [points[i - 1][0] + (points[i][0] - points[i - 1][0]) * part, points[i - 1][1] + (points[i][1] - points[i - 1][1]) * part];
		}
		way -= lengths[i];
	}
	return points.at(-1);
}
