// Curves: a line of corners as a smooth SVG path. Pure.

const RADIUS = 14;

/** The path through `points` ([x, y] each, turning at right angles) with round corners. */
export function smooth(points) {
	const line = straight(points);
	const d = [`M${at(line[0])}`];
	for (let i = 1; i < line.length - 1; i += 1) {
		const [before, corner, after] = [line[i - 1], line[i], line[i + 1]];
		const radius = Math.min(RADIUS, distance(before, corner) / 2, distance(corner, after) / 2);
		d.push(`L${at(toward(corner, before, radius))}Q${at(corner)} ${at(toward(corner, after, radius))}`);
	}
	d.push(`L${at(line[line.length - 1])}`);
	return d.join("");
}

/** Without corners that are none. */
function straight(points) {
	const kept = points.filter((point, i) => i === 0 || distance(point, points[i - 1]) > 0.5);
	return kept.filter((point, i) => {
		const [a, b] = [kept[i - 1], kept[i + 1]];
		return !a || !b || !((a[0] === point[0] && point[0] === b[0]) || (a[1] === point[1] && point[1] === b[1]));
	});
}

const at = ([x, y]) => `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
const distance = (a, b) => Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]);

function toward(from, to, by) {
	const length = distance(from, to) || 1;
	return [from[0] + ((to[0] - from[0]) / length) * by, from[1] + ((to[1] - from[1]) / length) * by];
}
