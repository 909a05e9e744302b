// Hands: mouse, pen and finger on the picture. Drag the ground to pan, a stage to begin a tunnel; click to open, rest
// to see what belongs to it.

import {state, update} from "../state.js";

const FAR_ENOUGH = 5;
const REST = 90;

export function hands(picture, link, open) {
	const {svg, camera} = picture;
	const on = svg.addEventListener.bind(svg);
	let drag = null; // what is held: {id of the pointer, x, y, kind, of, moved}
	let rest = null;

	const at = node => node?.closest?.("[data-kind]")?.dataset ?? {};
	const hide = () => {
		clearTimeout(rest);
		if (state.lit) update({lit: null});
	};

	on("pointerdown", event => {
		if (event.button > 1 || drag) return;
		hide();
		const {kind, id} = at(event.target);
		const links = kind === "stage" && event.button === 0 && !state.project.read_only && !link.active;
		drag = {id: event.pointerId, x: event.clientX, y: event.clientY, kind, of: id, links};
	});

	on("pointermove", event => {
		if (drag?.id !== event.pointerId) return hover(event);
		const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
		if (!drag.moved) {
			if (Math.hypot(dx, dy) < FAR_ENOUGH) return;
			drag.moved = true;
			svg.setPointerCapture(event.pointerId);
			if (drag.links) link.begin(drag.of);
			else svg.classList.add("grabbing");
		}
		if (drag.links) {
			const {kind, id} = at(document.elementFromPoint(event.clientX, event.clientY));
			link.aim(kind === "stage" ? id : null, camera.point(event));
		} else {
			camera.pan(dx, dy);
			[drag.x, drag.y] = [event.clientX, event.clientY];
		}
	});

	const up = event => {
		if (drag?.id !== event.pointerId) return;
		const {links, moved, kind, of} = drag;
		drag = null;
		svg.classList.remove("grabbing");
		if (moved && links) link.end(event.type === "pointercancel");
		else if (!moved && kind === "stage" && link.active) {
			link.aim(of);
			link.end();
		} else if (!moved && kind) open(kind, of);
	};
	on("pointerup", up);
	on("pointercancel", up);

	function hover(event) {
		clearTimeout(rest);
		const {kind, id} = at(event.target);
		rest = setTimeout(() => {
			if (link.active) return;
			if (kind !== "tunnel" && kind !== "stage") return hide();
			update({lit: new Set(kind === "tunnel" ? [id] : picture.graph.at(id).map(tunnel => tunnel.id))});
		}, REST);
	}
	on("pointerleave", hide);
	on("wheel", hide, {passive: true});
}
