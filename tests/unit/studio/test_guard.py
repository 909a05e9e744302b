"""Who may ask the studio, and for what: everything that a hostile page, name or request could try."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.studio import api
from flowrun.studio.guard import MOST_BYTES, MOST_HEAD, Door, is_loopback
from tests.unit.studio.kit import COOKIE, HOST, TOKEN, Page, call

EDIT = {"etag": "x", "edit": {"kind": "tunnel.remove", "id": "offers"}}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8765",
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1.evil.example:8765",
        "",
        "x@localhost:8765",
        None,
    ],
)
def test_another_host_is_refused_whatever_else_fits(page: Page, host: str | None) -> None:
    """DNS rebinding: the hostile name leads here, and says its own."""
    for path in ("/", "/static/index.html", "/api/project", f"/?token={TOKEN}"):
        answer = page.get(path, host=host)
        assert (answer.status, answer.code) == (403, "forbidden")
        assert "set-cookie" not in answer.headers
    assert page.post("/api/edit", EDIT, host=host, origin=f"http://{host}").status == 403


@pytest.mark.parametrize("host", ["localhost:8765", "LOCALHOST:8765", "[::1]:8765", HOST])
def test_its_own_names_are_fine(page: Page, host: str) -> None:
    assert page.get("/api/project", host=host).status == 200


def test_two_hosts_are_none(page: Page) -> None:
    scope_headers = {"host": HOST, "Host": "evil.example:8765", "cookie": COOKIE}
    assert call(page.app, "GET", "/api/project", scope_headers, {}).status == 403


def test_where_every_address_is_listened_at_an_address_or_this_machine_may_be_named() -> None:
    door = Door("0.0.0.0", 8765)
    assert door.names("192.168.7.9:8765")
    assert door.names("[fe80::1]:8765")
    assert not door.names("evil.example:8765")
    assert not Door("127.0.0.1", 8765).names("192.168.7.9:8765")
    assert Door("studio.lan", 80).names("studio.lan")


def test_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.1", "example.com", "localhost.evil.example")))


def test_the_printed_url_gives_the_cookie_and_leaves_the_address(page: Page) -> None:
    answer = page.get(f"/?token={TOKEN}", cookie=None, sec_fetch_site="none")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(COOKIE)
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"httponly", "path=/", "samesite=strict"}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "cookie", [None, "", "flowrun-studio-8765=", "flowrun-studio-8765=other", f"flowrun-studio-9={TOKEN}", f"x{COOKIE}"]
)
def test_without_the_token_nothing_is_told(page: Page, cookie: str | None) -> None:
    assert page.get("/", cookie=cookie).status == 403
    plain = page.get("/", cookie=cookie)
    assert plain.headers["content-type"].startswith("text/plain")
    assert b"URL" in plain.body
    assert page.get("/static/index.html", cookie=cookie).status == 403
    assert page.get("/api/project", cookie=cookie).code == "forbidden"
    assert page.post("/api/edit", EDIT, cookie=cookie).code == "forbidden"


def test_a_wrong_token_in_the_url_gives_no_cookie(page: Page) -> None:
    answer = page.get("/?token=wrong", cookie=COOKIE)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_read_and_write_nothing(page: Page, site: str) -> None:
    assert page.get("/api/project", sec_fetch_site=site).code == "forbidden"
    assert page.get("/static/index.html", sec_fetch_site=site).code == "forbidden"
    assert page.post("/api/edit", EDIT, sec_fetch_site=site).code == "forbidden"


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://evil.example",
        "http://127.0.0.1:3000",
        "https://127.0.0.1:8765",
        f"http://{HOST}.evil.example",
        f"http://{HOST}/",
    ],
)
def test_a_write_says_that_it_comes_from_this_page(page: Page, origin: str | None) -> None:
    assert page.post("/api/edit", EDIT, origin=origin).code == "forbidden"
    assert page.post("/api/edit", EDIT, origin=origin, sec_fetch_site=None).code == "forbidden"
    assert page.post("/api/undo", {}, sec_fetch_site="none").code == "forbidden", "no typed address writes"


def test_browsers_without_fetch_metadata_write_by_their_origin(page: Page) -> None:
    assert page.post("/api/edit", EDIT, sec_fetch_site=None).code == "changed", "it came to the etag"


@pytest.mark.parametrize(
    "sort", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"]
)
def test_no_form_can_write(page: Page, sort: str | None) -> None:
    before = page.read()
    body = {"etag": page.etag, "edit": {"kind": "tunnel.remove", "id": "offers"}}
    assert page.post("/api/edit", body, content_type=sort).status == 415
    assert page.read() == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_not_used(page: Page, method: str) -> None:
    assert page.get("/api/project", method).status == 405


def test_reading_never_writes_and_writing_never_reads(page: Page) -> None:
    assert page.get("/api/edit").status == 405
    assert page.post("/api/project", {}).status == 405
    assert page.post("/", {}).status == 405
    assert page.post("/static/index.html", {}).status == 405


def test_bodies_have_a_limit_said_or_not(page: Page) -> None:
    body = b'"' + b"x" * MOST_BYTES + b'"'
    assert page.post("/api/edit", b"{}", content_length=str(MOST_BYTES + 1)).status == 413
    headers = {
        "host": HOST,
        "cookie": COOKIE,
        "origin": f"http://{HOST}",
        "content-type": "application/json",
        "transfer-encoding": "chunked",
    }
    assert call(page.app, "POST", "/api/edit", headers, {}, body, pieces=9).status == 413
    assert page.get("/api/project", content_length="5").status == 413
    assert page.get("/api/project", transfer_encoding="chunked").status == 413


def test_heads_have_a_limit(page: Page) -> None:
    assert page.get("/api/project", x="y" * MOST_HEAD).status == 431
    assert page.get(f"/api/deals?search={'y' * MOST_HEAD}").status == 431
    assert page.get("/api/project", x="y" * (MOST_HEAD - 1000)).status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000, b'{"etag": "\\ud800"}'])
def test_what_is_no_json_object_is_refused(page: Page, body: bytes) -> None:
    answer = page.post("/api/edit", body)
    assert (answer.status, answer.code) == (400, "bad-request")


def test_every_answer_forbids_what_it_can(page: Page) -> None:
    for answer in (
        page.get("/"),
        page.get("/", cookie=None),
        page.get("/api/project"),
        page.get("/api/nothing"),
        page.get("/", host="evil.example"),
        page.post("/api/edit", b"{"),
        page.get(f"/?token={TOKEN}"),
    ):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] in {"no-store", "no-cache"}
        assert "access-control-allow-origin" not in answer.headers


@pytest.fixture
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "static"
    (folder / "in").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "in" / "a.js").write_text("export {}")
    (folder / "note.txt").write_text("secret")
    (folder / ".hidden.js").write_text("secret")
    (tmp_path / "outside.js").write_text("secret")
    (folder / "link.js").symlink_to(tmp_path / "outside.js")
    monkeypatch.setattr(api, "STATIC", folder)
    return folder


def test_the_page_and_its_files(page: Page, static: Path) -> None:
    index = page.get("/", sec_fetch_site="cross-site")
    assert (index.status, index.body) == (200, b"<!doctype html>")
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    script = page.get("/static/in/a.js")
    assert (script.body, script.headers["content-type"]) == (b"export {}", "text/javascript; charset=utf-8")
    assert script.headers["cache-control"] == "no-cache"
    assert page.get("/static/in/a.js", if_none_match=script.headers["etag"]).status == 304
    assert page.get("/static/in/a.js", if_none_match='"other"').status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../outside.js",
        "/static/..%2Foutside.js",
        "/static/%2e%2e/outside.js",
        "/static/in/..%5C..%5Coutside.js",
        "/static//etc/passwd",
        "/static/%2Fetc%2Fpasswd",
        "/static/link.js",
        "/static/note.txt",
        "/static/.hidden.js",
        "/static/in",
        "/static/",
        "/static",
        "/static/none.js",
        "/static/a%00.js",
        f"/static/{'x' * 5000}.js",
        "/outside.js",
    ],
)
def test_nothing_else_is_served(page: Page, static: Path, path: str) -> None:
    answer = page.get(path)
    assert (answer.status, answer.code) == (404, "not-found")
    assert b"secret" not in answer.body
