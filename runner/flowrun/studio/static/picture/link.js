// Linking: a new tunnel in the making, from a stage to wherever the hand or the keyboard points.

import {s} from "../element.js";
import {CARD} from "./layout.js";

export class Link {
	from = null;
	to = null;

	constructor(picture, made) {
		Object.assign(this, {picture, made});
	}

	get active() {
		return this.from !== null;
	}

	begin(stage) {
		this.from = stage;
		this.line = s("path", {class: "draft"});
		this.tip = s("path", {class: "draft-tip"});
		this.picture.layers.over.append(this.line, this.tip);
		this.picture.svg.classList.add("linking");
		this.mark(stage, "origin", true);
	}

	mark(stage, as, on) {
		if (stage) this.picture.node(`stage ${stage}`)?.classList.toggle(as, on);
	}

	aim(stage, point = null) {
		const boxes = this.picture.laid.stages;
		this.mark(this.to, "aim", false);
		this.to = stage !== this.from && boxes.has(stage) ? stage : null;
		this.mark(this.to, "aim", true);
		const box = boxes.get(this.from);
		const goal = boxes.get(this.to);
		const [x2, y] = goal ? [goal.x + CARD.width / 2, goal.y] : (point ?? [box.x, box.y]);
		const x1 = box.x + CARD.width / 2;
		// Down into the upper edge of a stage below; else out of the upper edge in a bow.
		const down = y > box.y + CARD.height;
		const [y1, y2] = down ? [box.y + CARD.height, y] : [box.y, goal && y < box.y ? y + CARD.height : y];
		const bend = down ? Math.max(24, (y2 - y1) / 2) : -46;
		const back = down || y === box.y ? 9 : -9;
		this.line.setAttribute("d", `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - Math.abs(bend) * Math.sign(back)} ${x2} ${y2}`);
		this.tip.setAttribute("d", `M${x2 - 6} ${y2 - back}L${x2} ${y2}L${x2 + 6} ${y2 - back}z`);
	}

	/** End it: a tunnel if it points at a stage and is not called off. */
	end(off = false) {
		const {from, to} = this;
		this.mark(from, "origin", false);
		this.mark(to, "aim", false);
		this.picture.svg.classList.remove("linking");
		this.line.remove();
		this.tip.remove();
		this.from = this.to = null;
		if (to && !off) this.made(from, to);
	}
}
