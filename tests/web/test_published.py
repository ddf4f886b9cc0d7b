"""Public documents: cached, readable by pages of any site, not sent twice, and not made for each
request."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from flask import Flask

from identity.api import operations
from identity.caching import CachedValue
from identity.domain.keys import GRACE_MIN_SECONDS
from support.app import services
from support.native_api import NativeApi

PUBLIC = ["/ca.pem", "/ca.crl", "/ca.crl?format=pem", "/.well-known/jwks.json", "/openapi.json"]


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_document_may_be_kept_and_read_by_any_site_s_page(
    api: NativeApi, path: str
) -> None:
    answer = api.client.get(path, headers={"Origin": "https://other.example"})
    assert answer.status_code == 200
    assert answer.headers.getlist("Access-Control-Allow-Origin") == ["*"]
    assert answer.headers.getlist("Cross-Origin-Resource-Policy") == ["cross-origin"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    (control,) = answer.headers.getlist("Cache-Control")
    public, _, seconds = control.partition(", max-age=")
    assert public == "public"
    assert 0 < int(seconds) <= 60
    if path in {"/ca.pem", "/.well-known/jwks.json"}:
        assert int(seconds) < GRACE_MIN_SECONDS


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_document_is_not_sent_to_who_has_it(api: NativeApi, path: str) -> None:
    first = api.client.get(path)
    tag = first.headers["ETag"]
    for given in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        again = api.client.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
        assert again.headers["X-Request-ID"]
    for given in ('"x"', "", tag.strip('"') + "x", "\xff"):
        assert api.client.get(path, headers={"If-None-Match": given}).data == first.data
    assert api.client.head(path).headers["ETag"] == tag


def test_the_description_is_built_once(api: NativeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[object] = []
    make = operations._document
    monkeypatch.setattr(operations, "_document", lambda: built.append(1) or make())
    api.app.extensions.pop("identity.cached.openapi", None)
    assert len({api.client.get("/openapi.json").data for _ in range(5)}) == 1
    assert len(built) == 1


def test_metrics_are_put_together_once_in_a_while(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    asked: list[object] = []
    state = services(app).outbox.state
    monkeypatch.setattr(services(app).outbox, "state", lambda: asked.append(1) or state())
    client = app.test_client()
    assert len({client.get("/metrics").data for _ in range(5)}) == 1
    assert len(asked) == 1


def test_a_value_is_made_by_one_and_again_when_it_has_expired() -> None:
    kept: CachedValue[int] = CachedValue(0.0)
    assert [kept.get(lambda each=each: each) for each in range(3)] == [0, 1, 2]
    begun, may_end = threading.Event(), threading.Event()

    def slowly() -> int:
        begun.set()
        assert may_end.wait(60)
        return 9

    maker = threading.Thread(target=kept.get, args=(slowly,))
    maker.start()
    assert begun.wait(60)
    assert kept.get(lambda: 7) == 2
    may_end.set()
    maker.join(60)
    forever: CachedValue[int] = CachedValue()
    with pytest.raises(ZeroDivisionError):
        forever.get(lambda: 1 // 0)
    assert [forever.get(lambda each=each: each) for each in range(3)] == [0, 0, 0]
