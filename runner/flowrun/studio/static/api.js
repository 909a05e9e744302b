// The server: its JSON API. Every failure is a Refusal with a message for people.

import {t} from "./i18n.js";

/** A no. `body`: the whole answer, `findings`: the diagnostics in it, `text`: for people. */
export class Refusal extends Error {
	constructor(status, body) {
		const error = body?.error ?? {};
		super(error.message ?? `HTTP ${status}`);
		this.status = status;
		this.code = error.code ?? "failed";
		this.body = body;
		this.findings = body?.diagnostics ?? error.diagnostics ?? [];
		this.text = status === 0 ? t("unreachable") : [this.message, error.help].filter(Boolean).join("; ");
	}
}

async function ask(path, options = {}) {
	const answer = await fetch(path, {cache: "no-store", ...options}).catch(() => {
		throw new Refusal(0, null);
	});
	const body = await answer.json().catch(() => null);
	if (!answer.ok || body === null) throw new Refusal(answer.status, body);
	return body;
}

const post = (path, body) =>
	ask(path, {method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(body)});

const query = values => new URLSearchParams(Object.entries(values).filter(([, value]) => value != null));

export const project = () => ask("api/project");
export const live = () => ask("api/live");
export const pending = until => ask(`api/pending?${query({until})}`);
export const deals = wanted => ask(`api/deals?${query(wanted)}`);
export const deal = id => ask(`api/deals/${encodeURIComponent(id)}`);
export const moveDeal = (id, to) => post(`api/deals/${encodeURIComponent(id)}/move`, {to});
export const edit = (etag, change, options = {}) => post("api/edit", {etag, edit: change, ...options});
export const undo = etag => post("api/undo", {etag});
export const redo = etag => post("api/redo", {etag});
export const preview = etag => post("api/preview", {etag});
export const apply = (plan, allow) => post("api/apply", {plan, allow});
export const events = () => new EventSource("api/events");
