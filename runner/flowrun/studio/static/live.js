// What happens meanwhile: the server's events, and joining them again after they broke off.

import * as api from "./api.js";
import { reload } from "./edits.js";
import { t } from "./i18n.js";
import { say } from "./says.js";
import { state, update } from "./state.js";

const SPOKEN_EVERY = 5000;
const LATER = 3000;

/** `fired(row)` is called for each firing. */
export function listen(fired) {
	let firings = 0;
	let timer = null;
	let source = null;

	const speak = () => {
		timer = null;
		if (firings) say(t("fired.said", { n: firings }));
		firings = 0;
	};

	const join = () => {
		source = api.events();
		source.addEventListener("open", async () => {
			if (state.connected) return;
			update({ connected: true });
			// What was said meanwhile was missed.
			try {
				update({ live: await api.live() });
				await reload();
			} catch {
				// It is gone again; the next error says so.
			}
		});
		source.addEventListener("live", (event) => update({ live: JSON.parse(event.data) }));
		source.addEventListener("fired", (event) => {
			fired(JSON.parse(event.data));
			firings += 1;
			timer ??= setTimeout(speak, SPOKEN_EVERY);
		});
		source.addEventListener("files", async (event) => {
			if (JSON.parse(event.data).etag === state.project.etag) return;
			try {
				await reload();
			} catch {
				// The next event, or the next edit, tells.
			}
		});
		source.addEventListener("error", () => {
			update({ connected: false });
			if (source.readyState === EventSource.CLOSED) setTimeout(join, LATER);
		});
	};
	join();
	addEventListener("pagehide", () => source.close());
}
