// Layout: where every stage, line and label of the picture stands, in its own coordinates. Pure.

import {smooth} from "./curve.js";
import * as lanes from "./lanes.js";
import {legs} from "./routes.js";

export const CARD = {width: 168, height: 58};
export const HEAD = 168;
export const LABEL = 20;
const MARGIN = 16;
const ARROW = 6;
const PITCH = LABEL + 5;
const ACROSS = 9;
const BAND = 10;
const EDGE = BAND + 8;

/** `rows`: [{id, stages: [stage]}], in order; `tunnels`: [{id, from: [stage], to: stage, label: width}].
 * → {width, height, rows: Map id → box, stages: Map stage → box, tunnels: Map id → route}; a box is {x, y, width,
 * height}, a route {d, tips: [[x, y, -1 up | 1 down]], lines: Map stage → points, label: {x, y, dense}, box}. */
export function layout(rows, tunnels) {
	const place = new Map();
	rows.forEach((row, r) => row.stages.forEach((stage, column) => place.set(stage, {row: r, column})));
	const columns = Math.max(1, ...rows.map(row => row.stages.length));
	const load = new Array(columns + 1).fill(0);
	const plans = tunnels.map(tunnel => ({...tunnel, legs: legs(tunnel, place, load)})).filter(plan => plan.legs.length);
	const all = plans.flatMap(plan => plan.legs);
	const across = channels(all, columns);
	const left = stage => across.column[place.get(stage).column];
	const port = portsOf(all, left);
	const gutters = guttersOf(rows.length + 1, plans, port);
	const stages = new Map();
	const bands = new Map();
	let y = MARGIN;
	gutters.forEach((gutter, g) => {
		gutter.top = y;
		y += gutter.height;
		if (!rows[g]) return;
		bands.set(rows[g].id, {x: MARGIN, y: y - BAND, width: across.width - MARGIN, height: CARD.height + 2 * BAND});
		for (const stage of rows[g].stages) stages.set(stage, {x: left(stage), y, ...CARD});
		y += CARD.height;
	});
	return {width: across.width + MARGIN, height: y + MARGIN, rows: bands, stages, tunnels: new Map(plans.map(plan => [plan.id, route(plan, stages, port, gutters)]))};
}

/** Channels as wide as their lanes, and in each leg its `bend`: where it goes along its channel. */
function channels(all, columns) {
	const column = [];
	let x = MARGIN + HEAD;
	for (let k = 0; k <= columns; k += 1) {
		const mine = all.filter(leg => leg.channel === k);
		const {count, lane} = lanes.channel(mine.map(leg => ({key: leg, from: Math.min(leg.first, leg.last) * 100, to: Math.max(leg.first, leg.last) * 100})));
		const width = Math.max(k === columns ? 20 : 32, 20 + count * ACROSS);
		for (const leg of mine) leg.bend = x + (width - count * ACROSS) / 2 + (lane.get(leg) + 0.5) * ACROSS;
		x += width;
		if (k < columns) column.push(x);
		x += k < columns ? CARD.width : 36;
	}
	return {column, width: x};
}

/** Where lines leave and reach the edges of cards: → (stage, side, tunnel) → x. */
function portsOf(all, left) {
	const edges = new Map();
	const centre = stage => left(stage) + CARD.width / 2;
	const hang = (stage, side, tunnel, toward) => {
		const key = `${stage} ${side}`;
		if (!edges.has(key)) edges.set(key, {stage, side, ends: new Map()});
		edges.get(key).ends.set(tunnel, toward);
	};
	for (const {tunnel, to, stages, out, into, bend} of all)
		for (const stage of stages) {
			hang(stage, out, tunnel, bend ?? centre(to));
			hang(to, into, tunnel, bend ?? centre(stage));
		}
	const ports = new Map();
	for (const {stage, side, ends} of edges.values()) {
		const middle = centre(stage);
		// Lines to the left stand left of those to the right; among each, the far ones so that they cross no near one.
		const sorted = [...ends].sort(([, a], [, b]) => (a >= middle) - (b >= middle) || b - a);
		const step = Math.min(20, (CARD.width - 32) / sorted.length);
		const begin = middle + (side === "top" ? 2.5 : -2.5) - ((sorted.length - 1) / 2) * step;
		sorted.forEach(([tunnel], i) => ports.set(`${stage} ${side} ${tunnel}`, begin + i * step));
	}
	return (stage, side, tunnel) => ports.get(`${stage} ${side} ${tunnel}`);
}

/** The gutters between rows, as high as their lanes; and in each plan its `label`: which gutter holds it, and where. */
function guttersOf(count, plans, port) {
	const nets = Array.from({length: count}, () => []);
	for (const plan of plans) {
		const mine = new Map();
		const add = (g, side, ...xs) => {
			const net = mine.get(g) ?? {key: plan.id, xs: [], side};
			net.xs.push(...xs.filter(x => x !== undefined));
			if (net.side !== side) net.side = 0;
			mine.set(g, net);
		};
		for (const {first, last, stages, out, into, bend} of plan.legs) {
			add(first, out === "top" ? 1 : -1, bend, ...stages.map(stage => port(stage, out, plan.id)));
			add(last, into === "top" ? 1 : -1, bend, port(plan.to, into, plan.id));
		}
		for (const [g, net] of mine) {
			Object.assign(net, {from: Math.min(...net.xs), to: Math.max(...net.xs)});
			nets[g].push(net);
		}
		const [g, net] = [...mine].reduce((best, one) => (one[1].to - one[1].from > best[1].to - best[1].from + 1 ? one : best));
		const x = Math.max((net.from + net.to) / 2, MARGIN + HEAD + 8 + plan.label / 2);
		plan.at = {g, x};
		net.from = Math.min(net.from, x - plan.label / 2);
		net.to = Math.max(net.to, x + plan.label / 2);
	}
	return nets.map((mine, g) => {
		const packed = lanes.gutter(mine);
		const pitch = packed.count <= 10 ? PITCH : Math.max(12, (PITCH * 10) / packed.count);
		const least = g === 0 || g === count - 1 ? 26 : 34;
		return {...packed, pitch, height: packed.count ? 2 * EDGE + packed.count * pitch : least};
	});
}

function route({id, to, legs: mine, at, label}, stages, port, gutters) {
	const lane = g => gutters[g].top + EDGE + (gutters[g].lane.get(id) + 0.5) * gutters[g].pitch;
	const lines = new Map();
	const tips = new Map();
	const card = stages.get(to);
	for (const leg of mine) {
		const x = port(to, leg.into, id);
		const down = leg.into === "top" ? 1 : -1;
		const tip = [x, down > 0 ? card.y - 1 : card.y + card.height + 1, down];
		tips.set(leg.into, tip);
		const bend = leg.bend === undefined ? [] : [[leg.bend, lane(leg.first)], [leg.bend, lane(leg.last)]];
		for (const stage of leg.stages) {
			const out = port(stage, leg.out, id);
			const {y, height} = stages.get(stage);
			lines.set(stage, [[out, leg.out === "top" ? y : y + height], [out, lane(leg.first)], ...bend, [x, lane(leg.last)], [x, tip[1] - down * ARROW]]);
		}
	}
	const points = [...lines.values()].flat();
	const xs = [...points.map(point => point[0]), at.x - label / 2, at.x + label / 2];
	const ys = points.map(point => point[1]);
	const [x, y] = [Math.min(...xs), Math.min(...ys)];
	return {
		d: [...lines.values()].map(smooth).join(""),
		tips: [...tips.values()],
		lines,
		label: {x: at.x, y: lane(at.g), dense: gutters[at.g].pitch < PITCH},
		box: {x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y},
	};
}
