// Type: how wide texts are on the screen, so that the picture can be laid out before it is drawn.

const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();
let family = "sans-serif";

export const FACE = {};

export function setFaces() {
	family = getComputedStyle(document.body).fontFamily;
	Object.assign(FACE, {name: `600 13px ${family}`, small: `500 11px ${family}`, head: `650 14px ${family}`});
	widths.clear();
}

export function width(text, face) {
	const key = face + text;
	let found = widths.get(key);
	if (found === undefined) {
		pen.font = face;
		found = pen.measureText(text).width;
		if (widths.size < 20000) widths.set(key, found);
	}
	return found;
}

export function fitted(text, face, room) {
	const signs = [...text.slice(0, 400)].slice(0, 120);
	let kept = signs.join("");
	if (kept.length === text.length && width(kept, face) <= room) return kept;
	do kept = `${signs.join("").trimEnd()}…`;
	while (width(kept, face) > room && signs.pop());
	return kept;
}
