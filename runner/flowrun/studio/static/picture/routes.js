// Routes: through which gutters a tunnel goes, before anything has a place on the screen. Pure.
// Gutter i lies above row i, the last one below the last row; channel k lies left of column k. A leg takes the deals
// of one row to the tunnel's stage: out of the row's cards into a gutter, if need be along a channel into another
// gutter, and into the stage. Nothing ever crosses a card.

/** The legs of one tunnel. `place`: Map stage → {row, column}; `load`: how many lines each channel has, counted on. */
export function legs(tunnel, place, load) {
	const target = place.get(tunnel.to);
	if (!target) return [];
	const rows = new Map();
	for (const stage of tunnel.from) {
		const here = place.get(stage);
		if (!here || stage === tunnel.to) continue;
		if (!rows.has(here.row)) rows.set(here.row, []);
		rows.get(here.row).push({stage, column: here.column});
	}
	return [...rows].map(([row, sources]) => leg(tunnel, row, sources, target, load));
}

function leg(tunnel, row, sources, target, load) {
	const middle = sources.reduce((sum, one) => sum + one.column, 0) / sources.length;
	const stages = sources.map(one => one.stage);
	if (row === target.row) {
		// Onwards above the row, back below it.
		const above = middle < target.column;
		const gutter = above ? row : row + 1;
		const side = above ? "top" : "bottom";
		return {tunnel: tunnel.id, to: tunnel.to, stages, first: gutter, last: gutter, channel: null, out: side, into: side};
	}
	const down = target.row > row;
	const [first, last] = down ? [row + 1, target.row] : [row, target.row + 1];
	const channel = first === last ? null : choose(middle + 0.5, target.column + 0.5, load);
	if (channel !== null) load[channel] += 1;
	return {tunnel: tunnel.id, to: tunnel.to, stages, first, last, channel, out: down ? "bottom" : "top", into: down ? "top" : "bottom"};
}

function choose(from, to, load) {
	let best = 0;
	let least = Infinity;
	load.forEach((lines, channel) => {
		const cost = Math.abs(channel - from) + Math.abs(channel - to) + lines * 0.12;
		if (cost < least) [best, least] = [channel, cost];
	});
	return best;
}
