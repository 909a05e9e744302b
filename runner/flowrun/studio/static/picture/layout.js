// Layout: where every stage, line and label of the picture stands, in its own coordinates. Pure: it knows rows of
// stages, tunnels and how wide their labels are, and nothing of the page.

import { smooth } from "./curve.js";
import * as lanes from "./lanes.js";
import { legs } from "./routes.js";

export const CARD = { width: 168, height: 58 };
export const HEAD = 168;
export const LABEL = 20;
const MARGIN = 16;
const ARROW = 7;
const PITCH = LABEL + 5;
const BAND = 10;

/** `rows`: [{id, stages: [stage]}], in order; `tunnels`: [{id, from: [stage], to: stage, label: width}].
 * → {width, height, rows: Map id → box, stages: Map stage → box, tunnels: Map id → route}; a box is {x, y, width,
 * height}, a route {d, tip: [x, y, -1 up | 1 down], lines: Map stage → points, label: {x, y}, box}. */
export function layout(rows, tunnels) {
	const place = new Map();
	rows.forEach((row, r) => row.stages.forEach((stage, column) => place.set(stage, { row: r, column })));
	const columns = Math.max(1, ...rows.map((row) => row.stages.length));
	const load = new Array(columns + 1).fill(0);
	const all = tunnels.flatMap((tunnel) => legs(tunnel, place, load));
	const across = channels(all, columns);
	const left = (stage) => across.column[place.get(stage).column];
	const ports = portsOf(all, tunnels, across, left);
	const gutters = guttersOf(all, rows, tunnels, ports, across);
	const stages = new Map();
	const bands = new Map();
	let y = MARGIN;
	const top = gutters.map((gutter, g) => {
		const begin = y;
		y += gutter.height;
		if (g < rows.length) {
			const row = rows[g];
			bands.set(row.id, { x: MARGIN, y: y - BAND, width: across.width - MARGIN, height: CARD.height + 2 * BAND });
			for (const stage of row.stages) stages.set(stage, { x: left(stage), y, ...CARD });
			y += CARD.height;
		}
		return begin;
	});
	const lane = (tunnel, g) => top[g] + gutters[g].edge + (gutters[g].lane.get(tunnel) + 0.5) * gutters[g].pitch;
	const routes = new Map();
	for (const tunnel of tunnels) {
		const mine = all.filter((leg) => leg.tunnel === tunnel.id);
		if (mine.length) routes.set(tunnel.id, route(tunnel, mine, { stages, ports, across, gutters, lane }));
	}
	return { width: across.width + MARGIN, height: y + MARGIN, rows: bands, stages, tunnels: routes };
}

/** Channels as wide as their lanes; → {column: x of each, width, x(leg): where a leg goes along its channel}. */
function channels(all, columns) {
	const column = [];
	const found = [];
	let x = MARGIN + HEAD;
	for (let k = 0; k <= columns; k += 1) {
		const nets = all
			.filter((leg) => leg.channel === k)
			.map((leg) => ({ key: leg, from: Math.min(leg.first, leg.last) * 100, to: Math.max(leg.first, leg.last) * 100 }));
		const packed = lanes.channel(nets);
		const width = Math.max(k === columns ? 20 : 32, 20 + packed.count * 9);
		found.push({ ...packed, x: x + (width - packed.count * 9) / 2 });
		x += width;
		if (k < columns) {
			column.push(x);
			x += CARD.width;
		}
	}
	const along = (leg) => found[leg.channel].x + (found[leg.channel].lane.get(leg) + 0.5) * 9;
	return { column, width: x + 36, along };
}

/** Where lines leave and reach the edges of cards: `${stage} ${side} ${tunnel}` → x. */
function portsOf(all, tunnels, across, left) {
	const edges = new Map();
	const target = new Map(tunnels.map((tunnel) => [tunnel.id, tunnel.to]));
	const hang = (stage, side, tunnel, toward) => {
		const key = `${stage} ${side}`;
		if (!edges.has(key)) edges.set(key, { stage, side, ends: new Map() });
		const ends = edges.get(key).ends;
		ends.set(tunnel, (ends.get(tunnel) ?? []).concat(toward));
	};
	for (const leg of all) {
		const to = target.get(leg.tunnel);
		const bend = leg.channel === null ? null : across.along(leg);
		for (const stage of leg.stages) {
			hang(stage, leg.out, leg.tunnel, bend ?? left(to) + CARD.width / 2);
			hang(to, leg.into, leg.tunnel, bend ?? left(stage) + CARD.width / 2);
		}
	}
	const ports = new Map();
	for (const { stage, side, ends } of edges.values()) {
		const centre = left(stage) + CARD.width / 2;
		const mean = (all) => all.reduce((sum, x) => sum + x, 0) / all.length;
		const sorted = [...ends].map(([tunnel, toward]) => ({ tunnel, x: mean(toward) }));
		// Lines to the left stand left of those to the right; among each, the far ones so that they cross no near one.
		sorted.sort((a, b) => (a.x < centre ? 0 : 1) - (b.x < centre ? 0 : 1) || b.x - a.x);
		const step = Math.min(20, (CARD.width - 32) / sorted.length);
		const shift = side === "top" ? 2.5 : -2.5;
		sorted.forEach(({ tunnel }, i) =>
			ports.set(`${stage} ${side} ${tunnel}`, centre + shift + (i - (sorted.length - 1) / 2) * step),
		);
	}
	return ports;
}

/** The gutters between rows, as high as their lanes, and which of them holds each tunnel's label. */
function guttersOf(all, rows, tunnels, ports, across) {
	const target = new Map(tunnels.map((tunnel) => [tunnel.id, tunnel.to]));
	const nets = Array.from({ length: rows.length + 1 }, () => new Map());
	const add = (g, tunnel, side, xs) => {
		const net = nets[g].get(tunnel) ?? { key: tunnel, from: Infinity, to: -Infinity, sides: new Set() };
		net.from = Math.min(net.from, ...xs);
		net.to = Math.max(net.to, ...xs);
		net.sides.add(side);
		nets[g].set(tunnel, net);
	};
	for (const leg of all) {
		const bend = leg.channel === null ? [] : [across.along(leg)];
		const sources = leg.stages.map((stage) => ports.get(`${stage} ${leg.out} ${leg.tunnel}`));
		add(leg.first, leg.tunnel, leg.out === "top" ? 1 : -1, [...sources, ...bend]);
		add(leg.last, leg.tunnel, leg.into === "top" ? 1 : -1, [ports.get(`${target.get(leg.tunnel)} ${leg.into} ${leg.tunnel}`), ...bend]);
	}
	const labels = new Map();
	for (const tunnel of tunnels) {
		let best = null;
		nets.forEach((gutter, g) => {
			const net = gutter.get(tunnel.id);
			if (net && (!best || net.to - net.from > best.net.to - best.net.from + 1)) best = { net, g };
		});
		if (!best) continue;
		const edge = MARGIN + HEAD + 8 + tunnel.label / 2;
		const x = Math.max((best.net.from + best.net.to) / 2, Math.min(edge, best.net.to + tunnel.label));
		labels.set(tunnel.id, { g: best.g, x });
		best.net.from = Math.min(best.net.from, x - tunnel.label / 2);
		best.net.to = Math.max(best.net.to, x + tunnel.label / 2);
	}
	return nets.map((gutter, g) => {
		const list = [...gutter.values()].map((net) => ({ ...net, side: net.sides.size > 1 ? 0 : [...net.sides][0] }));
		const packed = lanes.gutter(list);
		const pitch = packed.count <= 10 ? PITCH : Math.max(12, (PITCH * 10) / packed.count);
		const edge = BAND + 8;
		const least = g === 0 || g === rows.length ? 26 : 34;
		const height = packed.count ? 2 * edge + packed.count * pitch : least;
		return { ...packed, pitch, edge, height: Math.max(least, height), labels };
	});
}

function route(tunnel, mine, { stages, ports, across, gutters, lane }) {
	const lines = new Map();
	const card = stages.get(tunnel.to);
	const tips = new Map();
	for (const leg of mine) {
		const x = ports.get(`${tunnel.to} ${leg.into} ${tunnel.id}`);
		const down = leg.into === "top";
		const tip = [x, down ? card.y - 1 : card.y + card.height + 1, down ? 1 : -1];
		tips.set(leg.into, tip);
		const [y1, y2] = [lane(tunnel.id, leg.first), lane(tunnel.id, leg.last)];
		const bend = leg.channel === null ? null : across.along(leg);
		for (const stage of leg.stages) {
			const from = stages.get(stage);
			const out = ports.get(`${stage} ${leg.out} ${tunnel.id}`);
			const points = [[out, leg.out === "top" ? from.y : from.y + from.height], [out, y1]];
			if (bend !== null) points.push([bend, y1], [bend, y2]);
			points.push([x, y2], [x, tip[1] - tip[2] * (ARROW - 1)]);
			lines.set(stage, points);
		}
	}
	const where = gutters[0].labels.get(tunnel.id);
	const label = { x: where.x, y: lane(tunnel.id, where.g), dense: gutters[where.g].pitch < PITCH };
	const every = [...lines.values()].flat();
	const [xs, ys] = [every.map((point) => point[0]), every.map((point) => point[1])];
	xs.push(label.x - tunnel.label / 2, label.x + tunnel.label / 2);
	const box = { x: Math.min(...xs), y: Math.min(...ys), width: 0, height: 0 };
	box.width = Math.max(...xs) - box.x;
	box.height = Math.max(...ys) - box.y;
	return { d: [...lines.values()].map(smooth).join(""), tips: [...tips.values()], lines, label, box };
}
