// Curves: a line of corners as a smooth SVG path. Pure.

const RADIUS = 14;

/** The path through `line` ([x, y] each, turning at right angles) with round corners. */
export function smooth(line) {
	const d = [`M${at(line[0])}`];
	for (let i = 1; i < line.length - 1; i += 1) {
		const [before, corner, after] = [line[i - 1], line[i], line[i + 1]];
		const radius = Math.min(RADIUS, distance(before, corner) / 2, distance(corner, after) / 2);
		d.push(`L${at(toward(corner, before, radius))}Q${at(corner)} ${at(toward(corner, after, radius))}`);
	}
	d.push(`L${at(line[line.length - 1])}`);
	return d.join("");
}

const at = ([x, y]) => `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
const distance = (a, b) => Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]);

function toward(from, to, by) {
	const length = distance(from, to) || 1;
	return [from[0] + ((to[0] - from[0]) / length) * by, from[1] + ((to[1] - from[1]) / length) * by];
}
