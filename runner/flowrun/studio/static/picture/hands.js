// Hands: mouse, pen and fingers on the picture. Drag the ground to pan, drag a stage to begin a tunnel, pinch to zoom,
// click to open, rest on something to see more of it.

import { h, name, short } from "../element.js";
import { t } from "../i18n.js";
import { state, update } from "../state.js";

const FAR_ENOUGH = 5;
const REST = 90;

export function hands(picture, link, open) {
  const { svg, camera } = picture;
  const down = new Map();
  let drag = null;
  let rest = null;
  const card = h("div", { class: "tip-card", hidden: true, "aria-hidden": "true" });
  document.body.append(card);

  const over = (event) => event.target.closest?.("[data-kind]") ?? null;
  const under = (event) => document.elementFromPoint(event.clientX, event.clientY)?.closest?.('[data-kind="stage"]')?.dataset.id ?? null;

  svg.addEventListener("pointerdown", (event) => {
    if (event.button > 1) return;
    down.set(event.pointerId, event);
    hide();
    const target = over(event);
    drag = { x: event.clientX, y: event.clientY, target, moved: false, how: target?.dataset.kind === "stage" && event.button === 0 ? "link" : "pan" };
    if (drag.how === "link" && (state.project.read_only || link.active)) drag.how = "pan";
  });

  svg.addEventListener("pointermove", (event) => {
    if (!down.has(event.pointerId)) return hover(event);
    if (down.size === 2) return pinch(event);
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.hypot(dx, dy) < FAR_ENOUGH) return;
    if (!drag.moved) {
      drag.moved = true;
      svg.setPointerCapture(event.pointerId);
      if (drag.how === "link") link.begin(drag.target.dataset.id);
      else svg.classList.add("grabbing");
    }
    if (drag.how === "link") {
      edge(event);
      link.aim(under(event), camera.point(event));
    } else {
      camera.pan(dx, dy);
      [drag.x, drag.y] = [event.clientX, event.clientY];
    }
  });

  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    svg.classList.remove("grabbing");
    if (drag?.how === "link" && drag.moved) link.end(event.type === "pointercancel");
    else if (drag && !drag.moved && event.type === "pointerup") {
      if (link.active && drag.target?.dataset.kind === "stage") {
        link.aim(drag.target.dataset.id, [0, 0]);
        link.end();
      } else if (drag.target) open(drag.target.dataset.kind, drag.target.dataset.id);
      else update({ lit: null });
    }
    drag = null;
  };
  svg.addEventListener("pointerup", up);
  svg.addEventListener("pointercancel", up);

  /** Near the edge the picture comes along. */
  function edge(event) {
    const box = svg.getBoundingClientRect();
    const pull = (at, least, most) => (at < least + 36 ? 10 : at > most - 36 ? -10 : 0);
    const [x, y] = [pull(event.clientX, box.left, box.right), pull(event.clientY, box.top, box.bottom)];
    if (x || y) camera.pan(x, y);
  }

  function pinch(event) {
    const other = [...down.values()].find((one) => one.pointerId !== event.pointerId);
    const before = down.get(event.pointerId);
    const [was, is] = [before, event].map((one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY));
    const box = svg.getBoundingClientRect();
    camera.zoom(is / (was || 1), (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
    down.set(event.pointerId, event);
    drag.moved = true;
    drag.how = "pinch";
  }

  function hover(event) {
    clearTimeout(rest);
    const target = over(event);
    const [x, y] = [event.clientX, event.clientY];
    rest = setTimeout(() => {
      if (link.active) return;
      if (!target || target.dataset.kind === "pipeline") return hide();
      const { kind, id } = target.dataset;
      update({ lit: new Set(kind === "tunnel" ? [id] : picture.graph.at(id).map((tunnel) => tunnel.id)) });
      if (kind === "tunnel") tell(picture.graph.tunnels.get(id), x, y);
      else card.hidden = true;
    }, REST);
  }

  function tell(tunnel, x, y) {
    if (!tunnel) return;
    const line = (text) => h("p", { class: "muted", dir: "auto", text: short(text, 400) });
    card.replaceChildren(
      h("p", {}, h("strong", {}, name(tunnel.id)), h("span", { class: "muted", text: ` · ${t(`action.${tunnel.action}`)}` })),
      tunnel.description ? line(tunnel.description) : "",
      tunnel.keys.when ? h("p", { class: "mono", dir: "ltr", text: short(String(tunnel.keys.when), 400) }) : "",
      line(`${tunnel.from.map((stage) => picture.graph.fullName(stage)).join(", ")} → ${tunnel.to ? picture.graph.fullName(tunnel.to) : "?"}`),
    );
    card.hidden = false;
    card.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - card.offsetWidth - 8))}px`;
    card.style.top = `${y + 18 + card.offsetHeight > innerHeight ? y - card.offsetHeight - 12 : y + 18}px`;
  }

  function hide() {
    clearTimeout(rest);
    card.hidden = true;
    if (state.lit) update({ lit: null });
  }
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("wheel", hide, { passive: true });
}
