// State: what the page knows, in one place. Whoever shows a part of it subscribes to that part and is told once per
// frame, however many changes came.

export const state = {
	project: null, // as /api/project
	live: null, // as /api/live, or null
	connected: true, // whether events arrive
	chosen: null, // {kind: "stage" | "tunnel" | "pipeline", id}
	lit: null, // tunnel ids that are shown before all others, or null
	filter: null, // pipeline ids, or null for all
	neighbours: true, // with the pipelines that tunnels join to those
	horizon: 0, // hours to look ahead; 0 is now
	pending: null, // as /api/pending, for the horizon
	preview: null, // as /api/preview, while it is open
	explained: null, // Map tunnel → verdict, while a deal is open
	canUndo: false,
	canRedo: false,
};

const listeners = [];
let changed = null;

/** Have `act` called after any of these keys changed. */
export function on(keys, act) {
	listeners.push({ keys, act });
}

/** Change some of it. */
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
	for (const listener of listeners) if (listener.keys.some((key) => keys.has(key))) listener.act(keys);
}
