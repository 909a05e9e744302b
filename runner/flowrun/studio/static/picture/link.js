// Linking: a new tunnel in the making, from a stage to wherever the hand or the keyboard points.

import { s } from "../element.js";
import { CARD } from "./layout.js";

export class Link {
	from = null;
	to = null;

	/** `made(from, to)` is called when it reached a stage. */
	constructor(picture, made) {
		Object.assign(this, { picture, made });
	}

	get active() {
		return this.from !== null;
	}

	begin(stage) {
		this.from = stage;
		this.line = s("path", { class: "draft" });
		this.tip = s("path", { class: "draft-tip" });
		this.picture.layers.over.append(this.line, this.tip);
		this.picture.svg.classList.add("linking");
		this.mark(stage, "origin", true);
	}

	mark(stage, as, on) {
		if (stage) this.picture.node(`stage ${stage}`)?.classList.toggle(as, on);
	}

	/** Point at a stage, or at a place in the picture. */
	aim(stage, point = null) {
		const boxes = this.picture.laid.stages;
		this.mark(this.to, "aim", false);
		this.to = stage !== this.from && boxes.has(stage) ? stage : null;
		this.mark(this.to, "aim", true);
		const box = boxes.get(this.from);
		const goal = boxes.get(this.to) ?? { x: (point?.[0] ?? box.x) - CARD.width / 2, y: point?.[1] ?? box.y, height: 0 };
		// Over its own row in a bow; else out of one edge and into the other.
		const over = goal.y === box.y;
		const up = goal.y <= box.y;
		const [x1, x2] = [box.x + CARD.width / 2, goal.x + CARD.width / 2];
		const y1 = up ? box.y : box.y + CARD.height;
		const y2 = up && !over ? goal.y + goal.height + 2 : goal.y - 2;
		const bend = over ? -46 : Math.max(24, Math.abs(y2 - y1) / 2) * (up ? -1 : 1);
		const back = over || !up ? 9 : -9;
		this.line.setAttribute("d", `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${over ? y2 + bend : y2 - bend} ${x2} ${y2}`);
		this.tip.setAttribute("d", `M${x2 - 6} ${y2 - back}L${x2} ${y2}L${x2 + 6} ${y2 - back}z`);
	}

	/** End it: a tunnel if it points at a stage and is not called off. */
	end(off = false) {
		const { from, to } = this;
		this.mark(from, "origin", false);
		this.mark(to, "aim", false);
		this.picture.svg.classList.remove("linking");
		this.line.remove();
		this.tip.remove();
		this.from = this.to = null;
		if (to && !off) this.made(from, to);
	}
}
