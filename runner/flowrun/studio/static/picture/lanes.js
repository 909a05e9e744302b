// Lanes: which parallel line of a gutter each net takes, so that no two of them lie on one another.
// Pure; a net is {key, from, to, side}: the span it covers along the gutter, and the side that its ends hang on
// (-1 the row above, 1 the row below, 0 both).

const GAP = 14;

const fits = (lane, net) => lane.every((other) => net.to + GAP < other.from || other.to + GAP < net.from);

function stack(nets) {
	const lanes = [];
	for (const net of nets) {
		let lane = lanes.find((one) => fits(one, net));
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
	const upper = stack(nets.filter((net) => net.side < 0).sort(short));
	const lower = stack(nets.filter((net) => net.side > 0).sort(short));
	const between = nets.filter((net) => net.side === 0).sort((a, b) => a.from - b.from);
	const middle = [];
	for (const net of between) {
		let lane = [...upper].reverse().find((one) => fits(one, net)) ?? middle.find((one) => fits(one, net));
		lane ??= [...lower].reverse().find((one) => fits(one, net));
		if (!lane) middle.push((lane = []));
		lane.push(net);
	}
	const top = [...upper, ...middle];
	return number(overlay(top, lower.reverse()));
}

/** Both stacks in as few lanes as they fit into: the last of `top` may be the first of `bottom`. */
function overlay(top, bottom) {
	for (let shared = Math.min(top.length, bottom.length); shared > 0; shared -= 1) {
		const begin = top.length - shared;
		const clash = bottom.slice(0, shared).some((lane, at) => lane.some((net) => !fits(top[begin + at], net)));
		if (!clash) {
			return [
				...top.slice(0, begin),
				...top.slice(begin).map((lane, at) => [...lane, ...bottom[at]]),
				...bottom.slice(shared),
			];
		}
	}
	return [...top, ...bottom];
}

function number(lanes) {
	const lane = new Map();
	lanes.forEach((nets, index) => nets.forEach((net) => lane.set(net.key, index)));
	return { count: lanes.length, lane };
}
