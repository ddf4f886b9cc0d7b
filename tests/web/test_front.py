"""The root: a page for browsers, JSON for programs; and the greeting that needs no credential."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from support.http import basic
from support.native_api import NativeApi

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


class Page(HTMLParser):
    """What a page links to, and which elements it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/json, text/html;q=0.5", "application/json"),
        ("text/plain", "application/json"),
        ("text/html", "text/html"),
        ("text/html;q=0.9, application/json;q=0.1", "text/html"),
        (CHROME, "text/html"),
    ],
)
def test_the_root_is_what_the_caller_accepts(api: NativeApi, accept: str | None, kind: str) -> None:
    answer = api.client.get("/", headers={} if accept is None else {"Accept": accept})
    assert (answer.status_code, answer.mimetype, answer.headers["Vary"]) == (200, kind, "Accept")


def test_the_root_names_where_to_read_on(api: NativeApi) -> None:
    said = api.client.get("/").json
    assert said["name"] == "Identity"
    assert said["description"]
    for name in ("documentation", "openapi", "health"):
        path = said[name].removeprefix("http://localhost")
        assert api.client.get(path).status_code == 200, said[name]


def test_the_page_loads_nothing_and_its_links_lead_somewhere(api: NativeApi) -> None:
    answer = api.client.get("/", headers={"Accept": CHROME})
    page = Page(answer.text)
    assert not {"script", "style", "link", "img", "iframe", "form"} & set(page.tags)
    assert {"main", "h1", "title"} <= set(page.tags)
    assert '<html lang="en">' in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.links
    for link in page.links:
        assert api.client.get(f"/{link}").status_code == 200, link


@pytest.mark.parametrize("host", ['a"b', "a<b", "a&b", "a'b"])
def test_no_host_writes_into_the_page(api: NativeApi, host: str) -> None:
    answer = api.client.get("/", headers={"Accept": CHROME, "Host": host})
    if answer.status_code == 200:
        assert not re.search(r"""//[^/]*["'<]""", answer.text.replace('<a href="', ""))
    else:
        assert answer.status_code == 400


def test_the_public_call_asks_for_nothing(api: NativeApi) -> None:
    for headers in ({}, basic("hawk", "wrong"), {"Authorization": "Basic"}):
        answer = api.client.get("/api/public", headers=headers)
        assert (answer.status_code, answer.json) == (200, {"data": "Hello, world"})
