// Camera: which part of the picture is seen, and how near. Coordinates of the picture times `k`, plus `x`, `y`, are
// pixels of the screen.

const LEAST = 0.04;
const MOST = 2.5;
const STRIP = 80;

const between = (least, value, most) => Math.min(most, Math.max(least, value));

export class Camera {
	x = 0;
	y = 0;
	k = 1;
	world = {width: 1, height: 1};

	constructor(svg, moved) {
		Object.assign(this, {svg, moved});
		this.measure();
		new ResizeObserver(() => this.measure()).observe(svg);
		svg.addEventListener("wheel", event => this.wheel(event), {passive: false});
	}

	measure() {
		this.box = this.svg.getBoundingClientRect();
		this.tell();
	}

	tell() {
		this.frame ??= requestAnimationFrame(() => {
			this.frame = null;
			this.moved();
		});
	}

	set(x, y, k = this.k) {
		this.k = between(LEAST, k, MOST);
		this.x = between(STRIP - this.world.width * this.k, x, this.box.width - STRIP);
		this.y = between(STRIP - this.world.height * this.k, y, this.box.height - STRIP);
		this.tell();
	}

	pan(dx, dy) {
		this.set(this.x + dx, this.y + dy);
	}

	zoom(factor, px = this.box.width / 2, py = this.box.height / 2) {
		const k = between(LEAST, this.k * factor, MOST);
		this.set(px - ((px - this.x) * k) / this.k, py - ((py - this.y) * k) / this.k, k);
	}

	wheel(event) {
		event.preventDefault();
		const [dx, dy] = [event.deltaX, event.deltaY].map(delta => -delta * (event.deltaMode ? 16 : 1));
		if (event.ctrlKey || event.metaKey) this.zoom(Math.exp(dy * 0.0035), event.clientX - this.box.left, event.clientY - this.box.top);
		else if (event.shiftKey && !dx) this.pan(dy, 0);
		else this.pan(dx, dy);
	}

	/** All of it. */
	fit() {
		const {width, height} = this.world;
		const k = Math.min(this.box.width / width, this.box.height / height, 1.25);
		this.set((this.box.width - width * k) / 2, (this.box.height - height * k) / 2, k);
	}

	/** Its upper left, as wide as the window, and legible. */
	begin() {
		this.set(0, 0, between(0.62, this.box.width / this.world.width, 1));
	}

	/** Move just so far that a box is in sight, right of the pipelines' names, which need no move `across`. */
	reveal(box, across, margin = 60) {
		const over = (begin, length, room) => (begin < margin ? margin - begin : Math.min(0, Math.max(room - margin - length, margin) - begin));
		this.pan(across && over((box.x - 110) * this.k + this.x, (box.width + 110) * this.k, this.box.width), over(box.y * this.k + this.y, box.height * this.k, this.box.height));
	}

	point(event) {
		return [(event.clientX - this.box.left - this.x) / this.k, (event.clientY - this.box.top - this.y) / this.k];
	}

	view() {
		const edge = 150;
		return {x: (-this.x - edge) / this.k, y: (-this.y - edge) / this.k, width: (this.box.width + 2 * edge) / this.k, height: (this.box.height + 2 * edge) / this.k};
	}
}
