// Lanes: which parallel line of a gutter each net takes, so that no two of them lie on one another.
// Pure; a net is {key, from, to, side}: the span it covers along the gutter, and the side that its ends hang on
// (-1 the row above, 1 the row below, 0 both).

const GAP = 14;

const fits = (lane, net) => lane.every(other => net.to + GAP < other.from || other.to + GAP < net.from);

function stack(nets) {
	const lanes = [];
	for (const net of nets) {
		let lane = lanes.find(one => fits(one, net));
		if (!lane) lanes.push((lane = []));
		lane.push(net);
	}
	return lanes;
}

/** Lanes for spans that have no side: a channel between columns. → {count, lane: Map key → index} */
export function channel(nets) {
	const lanes = stack([...nets].sort((a, b) => a.from - b.from || a.to - b.to));
	return number(lanes);
}

/** Lanes of the gutter between two rows, from the top: short nets lie nearest to the row that they hang on, which
 * keeps lines from crossing. → {count, lane: Map key → index} */
export function gutter(nets) {
	const short = (a, b) => a.to - a.from - (b.to - b.from) || a.from - b.from;
	const upper = stack(nets.filter(net => net.side < 0).sort(short));
	const lower = stack(nets.filter(net => net.side > 0).sort(short));
	const lanes = [...upper, ...lower.reverse()];
	// What hangs on neither side, or on both, takes what is free, and else goes between.
	for (const net of nets.filter(one => one.side === 0)) {
		const free = lanes.find(lane => fits(lane, net));
		if (free) free.push(net);
		else lanes.splice(upper.length, 0, [net]);
	}
	return number(merged(lanes));
}

/** Each lane joined to the one above it, where they fit into one. */
function merged(lanes) {
	return lanes.reduce((done, lane) => {
		const above = done.at(-1);
		if (above && lane.every(net => fits(above, net))) above.push(...lane);
		else done.push(lane);
		return done;
	}, []);
}

function number(lanes) {
	const lane = new Map();
	lanes.forEach((nets, index) => nets.forEach(net => lane.set(net.key, index)));
	return {count: lanes.length, lane};
}
