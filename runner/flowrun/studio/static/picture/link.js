// Linking: a new tunnel in the making, from a stage to wherever the hand or the keyboard points.

import { s } from "../element.js";
import { CARD } from "./layout.js";

export class Link {
	/** `made(from, to)` is called when it reached a stage. */
	constructor(picture, made) {
		this.picture = picture;
		this.made = made;
		this.from = null;
		this.to = null;
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
		this.picture.node(`stage ${stage}`)?.classList.add("origin");
	}

	/** Point at a stage, or at a place in the picture. */
	aim(stage, point) {
		const boxes = this.picture.laid.stages;
		if (this.to) this.picture.node(`stage ${this.to}`)?.classList.remove("aim");
		this.to = stage && stage !== this.from && boxes.has(stage) ? stage : null;
		if (this.to) this.picture.node(`stage ${this.to}`).classList.add("aim");
		const box = boxes.get(this.from);
		const goal = this.to ? boxes.get(this.to) : null;
		const [x2, y2] = goal ? [goal.x + CARD.width / 2, goal.y > box.y ? goal.y - 2 : goal.y + (goal.y === box.y ? -2 : CARD.height + 2)] : point;
		const up = goal ? goal.y <= box.y : y2 < box.y + CARD.height / 2;
		const over = goal?.y === box.y;
		const x1 = box.x + CARD.width / 2;
		const y1 = up ? box.y : box.y + CARD.height;
		const bend = over ? -46 : Math.max(24, Math.abs(y2 - y1) / 2) * (up ? -1 : 1);
		this.line.setAttribute("d", `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${over ? y2 + bend : y2 - bend} ${x2} ${y2}`);
		const down = over || !up ? 1 : -1;
		this.tip.setAttribute("d", `M${x2 - 6} ${y2 - 9 * down}L${x2} ${y2}L${x2 + 6} ${y2 - 9 * down}z`);
	}

	/** End it: a tunnel if it points at a stage and is not called off. */
	end(off = false) {
		if (!this.active) return;
		const { from, to, picture } = this;
		for (const stage of [from, to]) if (stage) picture.node(`stage ${stage}`)?.classList.remove("origin", "aim");
		picture.svg.classList.remove("linking");
		this.line.remove();
		this.tip.remove();
		this.from = this.to = null;
		if (to && !off) this.made(from, to);
	}
}
