// State: what the page knows. Whoever shows a part of it subscribes to that, and is told once per frame.

export const state = {
	project: null, // /api/project
	live: null, // /api/live
	connected: true, // do events arrive?
	chosen: null, // {kind, id}
	lit: null, // Set of tunnels shown before all others
	filter: null, // pipelines; null is all
	neighbours: true, // … and those that tunnels join to them
	horizon: 0, // hours ahead
	pending: null, // /api/pending, for the horizon
	preview: null, // /api/preview, while it is open
	explained: null, // Map tunnel → "goes" | "holds", of the open deal
	canUndo: false,
	canRedo: false,
};

const listeners = [];
let changed = null;

export function on(keys, act) {
	listeners.push({keys, act});
}

export function update(changes) {
	Object.assign(state, changes);
	if (!changed) {
		changed = new Set();
		requestAnimationFrame(tell);
	}
	for (const key of Object.keys(changes)) changed.add(key);
}

function tell() {
	const keys = changed;
	changed = null;
	for (const listener of listeners) if (listener.keys.some(key => keys.has(key))) listener.act(keys);
}
