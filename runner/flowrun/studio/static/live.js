// What happens meanwhile: the server's events, and joining them again after they broke off.

import * as api from "./api.js";
import {reload} from "./edits.js";
import {t} from "./i18n.js";
import {say} from "./says.js";
import {state, update} from "./state.js";

const SPOKEN_EVERY = 5000;
const LATER = 3000;

/** `fired(row)` is called for each firing. What can't be read now is read after the next event, or the next edit. */
export function listen(fired) {
	let firings = 0;
	const speak = () => {
		say(t("fired.said", {n: firings}));
		firings = 0;
	};
	const join = () => {
		const source = api.events();
		const hear = (event, act) => source.addEventListener(event, message => act(message.data && JSON.parse(message.data)));
		hear("open", async () => {
			if (state.connected) return;
			update({connected: true});
			await reload().catch(() => {});
			await api.live().then(live => update({live}), () => {});
		});
		hear("live", live => update({live}));
		hear("files", ({etag}) => etag !== state.project.etag && reload().catch(() => {}));
		hear("fired", row => {
			fired(row);
			if ((firings += 1) === 1) setTimeout(speak, SPOKEN_EVERY);
		});
		hear("error", () => {
			update({connected: false});
			if (source.readyState === EventSource.CLOSED) setTimeout(join, LATER);
		});
	};
	join();
}
