// Hands: mouse, pen and fingers on the picture. Drag the ground to pan, drag a stage to begin a tunnel,
// click to open, rest on something to see what belongs to it.

import { state, update } from "../state.js";

const FAR_ENOUGH = 5;
const REST = 90;

export function hands(picture, link, open) {
	const { svg, camera } = picture;
	const down = new Map();
	let drag = null;
	let rest = null;

	const over = (event) => event.target.closest?.("[data-kind]") ?? null;
	const under = (event) => document.elementFromPoint(event.clientX, event.clientY)?.closest?.('[data-kind="stage"]')?.dataset.id ?? null;

	svg.addEventListener("pointerdown", (event) => {
		if (event.button > 1) return;
		down.set(event.pointerId, event);
		hide();
		const target = over(event);
		drag = { x: event.clientX, y: event.clientY, target, moved: false, how: target?.dataset.kind === "stage" && event.button === 0 ? "link" : "pan" };
		if (drag.how === "link" && (state.project.read_only || link.active)) drag.how = "pan";
	});

	svg.addEventListener("pointermove", (event) => {
		if (!down.has(event.pointerId)) return hover(event);
		const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
		if (!drag.moved && Math.hypot(dx, dy) < FAR_ENOUGH) return;
		if (!drag.moved) {
			drag.moved = true;
			svg.setPointerCapture(event.pointerId);
			if (drag.how === "link") link.begin(drag.target.dataset.id);
			else svg.classList.add("grabbing");
		}
		if (drag.how === "link") {
			link.aim(under(event), camera.point(event));
		} else {
			camera.pan(dx, dy);
			[drag.x, drag.y] = [event.clientX, event.clientY];
		}
	});

	const up = (event) => {
		if (!down.delete(event.pointerId)) return;
		svg.classList.remove("grabbing");
		if (drag?.how === "link" && drag.moved) link.end(event.type === "pointercancel");
		else if (drag && !drag.moved && event.type === "pointerup") {
			if (link.active && drag.target?.dataset.kind === "stage") {
				link.aim(drag.target.dataset.id, [0, 0]);
				link.end();
			} else if (drag.target) open(drag.target.dataset.kind, drag.target.dataset.id);
			else update({ lit: null });
		}
		drag = null;
	};
	svg.addEventListener("pointerup", up);
	svg.addEventListener("pointercancel", up);

	function hover(event) {
		clearTimeout(rest);
		const target = over(event);
		rest = setTimeout(() => {
			if (link.active) return;
			if (!target || target.dataset.kind === "pipeline") return hide();
			const { kind, id } = target.dataset;
			update({ lit: new Set(kind === "tunnel" ? [id] : picture.graph.at(id).map((tunnel) => tunnel.id)) });
		}, REST);
	}

	function hide() {
		clearTimeout(rest);
		if (state.lit) update({ lit: null });
	}
	svg.addEventListener("pointerleave", hide);
	svg.addEventListener("wheel", hide, { passive: true });
}
