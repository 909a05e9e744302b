// Camera: which part of the picture is seen, and how near. Coordinates of the picture times `k`, plus `x`, `y`, are
// pixels of the screen.

const LEAST = 0.08;
const MOST = 2.5;

export class Camera {
	/** `moved` is called at most once a frame, after it moved. */
	constructor(svg, moved) {
		this.svg = svg;
		this.moved = moved;
		this.x = 0;
		this.y = 0;
		this.k = 1;
		this.size = { width: 1, height: 1 };
		this.world = { width: 1, height: 1 };
		this.waiting = false;
		new ResizeObserver(() => this.measure()).observe(svg);
		svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
	}

	measure() {
		const box = this.svg.getBoundingClientRect();
		this.size = { width: box.width || 1, height: box.height || 1 };
		this.tell();
	}

	tell() {
		if (this.waiting) return;
		this.waiting = true;
		requestAnimationFrame(() => {
			this.waiting = false;
			this.moved();
		});
	}

	set(x, y, k = this.k) {
		this.k = Math.min(MOST, Math.max(LEAST, k));
		// At least a strip of the picture stays in sight.
		const keep = 80;
		this.x = Math.min(this.size.width - keep, Math.max(keep - this.world.width * this.k, x));
		this.y = Math.min(this.size.height - keep, Math.max(keep - this.world.height * this.k, y));
		this.tell();
	}

	pan(dx, dy) {
		this.set(this.x + dx, this.y + dy);
	}

	/** Nearer or farther about a point of the screen; by default the middle. */
	zoom(factor, px = this.size.width / 2, py = this.size.height / 2) {
		const k = Math.min(MOST, Math.max(LEAST, this.k * factor));
		const real = k / this.k;
		this.set(px - (px - this.x) * real, py - (py - this.y) * real, k);
	}

	wheel(event) {
		event.preventDefault();
		const box = this.svg.getBoundingClientRect();
		const unit = event.deltaMode === 1 ? 16 : 1;
		if (event.ctrlKey || event.metaKey) {
			this.zoom(Math.exp(-event.deltaY * unit * 0.0035), event.clientX - box.left, event.clientY - box.top);
		} else if (event.shiftKey && !event.deltaX) this.pan(-event.deltaY * unit, 0);
		else this.pan(-event.deltaX * unit, -event.deltaY * unit);
	}

	/** All of it. */
	fit() {
		const k = Math.min(this.size.width / this.world.width, this.size.height / this.world.height, 1.25);
		this.set((this.size.width - this.world.width * k) / 2, Math.max(0, (this.size.height - this.world.height * k) / 2), k);
	}

	/** Its top, as wide as the window, and legible. */
	begin() {
		const k = Math.max(0.62, Math.min(1, this.size.width / this.world.width));
		this.set(Math.max(0, (this.size.width - this.world.width * k) / 2), 0, k);
	}

	/** Move just so far that a box is in sight. */
	reveal(box, margin = 60) {
		const left = box.x * this.k + this.x;
		const top = box.y * this.k + this.y;
		const over = (begin, length, room) =>
			begin < margin ? margin - begin : begin + length > room - margin ? Math.max(room - margin - length, margin) - begin : 0;
		const dx = over(left - 110 * this.k, (box.width + 110) * this.k, this.size.width);
		const dy = over(top, box.height * this.k, this.size.height);
		if (dx || dy) this.pan(dx, dy);
	}

	/** A point of the screen in the picture's coordinates. */
	point(event) {
		const box = this.svg.getBoundingClientRect();
		return [(event.clientX - box.left - this.x) / this.k, (event.clientY - box.top - this.y) / this.k];
	}

	/** What of the picture is in sight, and a little around it. */
	view(around = 150) {
		const edge = around / this.k;
		return {
			x: -this.x / this.k - edge,
			y: -this.y / this.k - edge,
			width: this.size.width / this.k + 2 * edge,
			height: this.size.height / this.k + 2 * edge,
		};
	}
}
