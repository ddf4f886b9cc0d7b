"""/docs: the page that shows the document, which loads nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

from identity import create_app
from identity.dialects import DIALECTS
from support.app import close, config

ASSETS = {
    "/docs/index.css": "text/css",
    "/docs/swagger-ui.css": "text/css",
    "/docs/favicon-32x32.png": "image/png",
    "/docs/favicon-16x16.png": "image/png",
    "/docs/swagger-ui-bundle.js": "text/javascript",
    "/docs/swagger-ui-standalone-preset.js": "text/javascript",
}


class Page(HTMLParser):
    """What a page loads, and the scripts that stand in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        wanted = {"src", "href", "data", "action", "srcset", "poster", "background"}
        self.loaded += [value or "" for name, value in attrs if name in wanted]

    def handle_data(self, data: str) -> None:
        if self._inside == "script" and data.strip():
            self.scripts.append(data)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """The page touches no data, so neither database is made for it."""
    app = create_app(config(tmp_path_factory.mktemp("docs")))
    yield app.test_client(use_cookies=False)
    close(app)


@pytest.fixture
def page(client: FlaskClient) -> str:
    answer = client.get("/docs/")
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    return answer.text


def policy(client: FlaskClient, path: str = "/docs/") -> dict[str, list[str]]:
    """Return the page's content security policy."""
    (value,) = client.get(path).headers.getlist("Content-Security-Policy")
    return {name: sources for name, *sources in (part.split() for part in value.split(";"))}


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/docs/index.html"])
@pytest.mark.parametrize("below", ["", "/id", "/some/where"])
def test_the_page_works_below_any_path_that_a_proxy_strips(
    client: FlaskClient, path: str, below: str
) -> None:
    page = Page(client.get(path).text)
    documents = re.findall(r'"url": "([^"]+)"', page.scripts[0])
    assert len(documents) == 5  # the native one and four dialects
    shown = f"https://id.example.org{below}{path}"
    asked = [urljoin(shown, each) for each in (*documents, *page.loaded)]
    start = f"https://id.example.org{below}/"
    assert [each for each in asked if not each.startswith(start)] == []
    answers = [client.get(each.removeprefix(start[:-1])) for each in asked]
    assert {answer.status_code for answer in answers} == {200}
    servers = {
        urljoin(url, answer.json["servers"][0]["url"])
        for url, answer in zip(asked[:5], answers[:5], strict=True)
    }
    assert servers == {start, *(f"{start}{name}/" for name in DIALECTS)}


def test_the_page_loads_nothing_from_elsewhere(page: str, client: FlaskClient) -> None:
    loaded = [urljoin("/docs/", each) for each in Page(page).loaded]
    assert sorted(loaded) == sorted(ASSETS)
    for path, kind in ASSETS.items():
        asset = client.get(path)
        assert (asset.status_code, asset.mimetype) == (200, kind)
        assert asset.headers["X-Content-Type-Options"] == "nosniff"
        assert len(asset.data) > 100
    assert re.findall(r"(?:https?:)?//[a-z]", page.lower()) == []


def test_the_styles_load_nothing_but_data(client: FlaskClient) -> None:
    for path in (path for path, kind in ASSETS.items() if kind == "text/css"):
        style = client.get(path).text
        assert "@import" not in style
        assert set(re.findall(r"url\(\s*['\"]?([a-z]*:?)", style)) <= {"data:"}


def test_the_page_reads_our_document_and_discloses_nothing(page: str, client: FlaskClient) -> None:
    (script,) = Page(page).scripts
    assert '"url": "../openapi.json"' in script
    assert '"url": "../wekan/openapi.json"' in script
    assert (
        '"validatorUrl": null' in script
    )  # else Swagger UI shows the document to a site of its makers
    assert client.get("/openapi.json").status_code == 200


def test_the_policy_allows_what_the_page_needs_and_no_more(page: str, client: FlaskClient) -> None:
    allowed = policy(client)
    assert allowed["default-src"] == ["'none'"]
    assert allowed["frame-ancestors"] == ["'none'"]
    assert Page(page).scripts
    assert {"'self'", "'unsafe-inline'"} == set(allowed["script-src"])
    assert {"'self'", "'unsafe-inline'"} == set(allowed["style-src"])
    assert {"'self'", "data:"} == set(allowed["img-src"])
    assert allowed["connect-src"] == ["'self'"]
    assert allowed.keys() == {
        "default-src",
        "script-src",
        "style-src",
        "img-src",
        "connect-src",
        "frame-ancestors",
    }
    assert policy(client, "/openapi.json") == {
        "default-src": ["'none'"],
        "frame-ancestors": ["'none'"],
    }


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/docs/index.html"])
def test_the_page_reflects_nothing_of_the_request(client: FlaskClient, path: str) -> None:
    hostile = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "Referer": "http://evil.example/",
    }
    answer = client.get(f"{path}?evil.example", headers=hostile)
    assert answer.status_code == 200
    assert "evil" not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/docs/nothing.js",
        "/docs/../flask_swagger_ui.py",
        "/docs/%2e%2e/flask_swagger_ui.py",
        "/docs/..%2f..%2f",
        "/docs//etc/passwd",
    ],
)
def test_only_what_belongs_to_the_page_is_served(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
