"""Texts that would like to be more than texts, and pages that would like to be this one."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml
from playwright.sync_api import Browser, expect

from tests.acceptance.place import Place
from tests.browser.studio import Seen, seen, studio

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
TURNED = "\u202eevil\u2067 <b>name</b> \u2069\u2069"
LONG = "A" * 10_000
ELSEWHERE = '"><svg onload=alert(3)><link rel=stylesheet href=//example.org/x>{{7*7}}${7*7}'


@pytest.fixture
def hostile(place: Place) -> Place:
    """A project with such names everywhere, and a deal that has them too."""
    stage = {"id": "new", "name": TURNED}
    flows = {
        "flowrun": 1,
        "project": "p",
        "fields": {"note": "text"},
        "pipelines": {
            "one": {"name": SCRIPT, "stages": [stage, {"id": "long", "name": LONG}]},
            "two": {"name": LONG, "stages": [{"id": "only", "name": ELSEWHERE}]},
        },
        "tunnels": {
            "t": {
                "description": SCRIPT + TURNED,
                "from": "one.new",
                "to": "two.only",
                "action": "copy",
                "when": f"deal.note == '{SCRIPT}{LONG[:3000]}'",
            }
        },
    }
    text = yaml.safe_dump(flows, sort_keys=False, allow_unicode=False, width=100_000)
    place.write("flows/a.yaml", text.replace(LONG, LONG[:200]))
    place.run("apply", "--yes").fine()
    place.run("deals", "add", "--at", "one.new", "--id", SCRIPT, f"title={SCRIPT}", f"note={ELSEWHERE}{LONG}").fine()
    place.write("flows/a.yaml", text)
    return place


def test_names_are_only_ever_text(browser: Browser, hostile: Place) -> None:
    with studio(hostile) as served, seen(browser, served) as page:
        expect(page.stage("one.new")).to_be_visible()
        page.stage("one.long").click()
        expect(page.panel.get_by_role("heading", level=2)).to_contain_text("AAAA")
        stays_in_shape(page)
        page.stage("one.new").click()
        page.panel.get_by_role("button", name=SCRIPT).click()
        expect(page.panel).to_contain_text("What its tunnels do with it")
        stays_in_shape(page)
        page.tunnel("t").dispatch_event("pointerdown")
        page.panel.get_by_role("button", name="t", exact=True).first.click()
        expect(page.panel.get_by_role("textbox", name="when")).to_have_value(f"deal.note == '{SCRIPT}{LONG[:3000]}'")
        stays_in_shape(page)
        page.page.locator("#search").fill("onload")
        page.page.get_by_role("option").first.click()
        page.page.locator("#preview").click()
        expect(page.panel).to_contain_text("the flow files have errors")
        page.page.locator("#problems").click()
        expect(page.panel).to_contain_text("must have at most 200 characters")
        stays_in_shape(page)


def stays_in_shape(page: Seen) -> None:
    """Nothing came of a name but text; nothing is wider than its place."""
    made = page.page.locator("script:not([src]), img:not([alt='']), svg[onload], b, link[href^='//']")
    expect(made).to_have_count(0)
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.page.evaluate("(body => body.scrollWidth <= body.clientWidth)(document.querySelector('.panel-body'))")
    wide = "[...document.querySelectorAll('.stage')].every((one) => one.getBBox().width <= 200)"
    assert page.page.evaluate(wide)


@contextmanager
def another_site(html: str) -> Iterator[str]:
    """A page of somebody else, at another port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_page_in_another_tab_gets_nowhere(browser: Browser, place: Place) -> None:
    place.write("flows/a.yaml", "flowrun: 1\nproject: p\npipelines: {a: {stages: [x, y]}}\n")
    before = place.folder.joinpath("flows/a.yaml").read_bytes()
    with studio(place) as served, seen(browser, served) as page, another_site("<title>prize</title>") as url:
        tab = page.page.context.new_page()
        for site in (url, url.replace("127.0.0.1", "localhost")):
            tab.goto(site)
            got = tab.evaluate(ATTACK, served.origin)
            assert got == {"read": "blocked", "write": "blocked", "form": "sent", "frame": "empty", "script": "blocked"}
        tab.goto(served.origin + "/")
        expect(tab.locator("#problems")).not_to_be_empty()
    assert place.folder.joinpath("flows/a.yaml").read_bytes() == before


ATTACK = """async (studio) => {
  const tried = async (act) => { try { await act(); return "got through"; } catch { return "blocked"; } };
  const edit = JSON.stringify({etag: "", edit: {kind: "pipeline.remove", id: "a", deals: null}});
  const loaded = (node) => new Promise((yes, no) => {
    node.onload = yes; node.onerror = no; document.body.append(node); setTimeout(no, 4000);
  });
  const frame = Object.assign(document.createElement("iframe"), {src: studio + "/"});
  await loaded(frame).catch(() => {});
  let inside = "empty";
  try { if (frame.contentDocument?.body.childElementCount) inside = "full"; } catch { inside = "empty"; }
  const form = document.createElement("form");
  Object.assign(form, {method: "post", action: studio + "/api/edit", target: "f", enctype: "text/plain"});
  form.append(Object.assign(document.createElement("input"), {name: edit.slice(0, -1) + ', "x":"', value: '"}'}));
  document.body.append(Object.assign(document.createElement("iframe"), {name: "f"}), form);
  form.submit();
  return {
    read: await tried(async () => (await fetch(studio + "/api/project", {credentials: "include"})).json()),
    write: await tried(async () => (await fetch(studio + "/api/edit", {
      method: "POST", credentials: "include", body: edit, headers: {"content-type": "application/json"},
    })).json()),
    form: "sent",
    frame: inside,
    script: await tried(() => loaded(Object.assign(document.createElement("script"), {src: studio + "/api/project"}))),
  };
}"""
