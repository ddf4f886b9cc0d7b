"""Hostile bytes instead of a request: too many or too long header fields, another protocol."""

from __future__ import annotations

import pytest

from support.live import Live
from support.raw_http import lines, send

REQUEST = "GET /api/resource HTTP/1.1"
HOSTILE = {
    "10 000 fields": lines(REQUEST, *(f"X-{number}: x" for number in range(10_000))),
    "a field of 1 MB": lines(REQUEST, "X-Long: " + "x" * 2**20),
    "a credential of 1 MB": lines(REQUEST, "Authorization: Basic " + "A" * 2**20),
}


@pytest.mark.parametrize("sent", HOSTILE.values(), ids=HOSTILE)
def test_too_many_or_too_long_header_fields_are_refused(live: Live, sent: bytes) -> None:
    said = send(live, sent)
    assert said.text == "" or said.status in {400, 431}, said.text[:200]
    assert "Traceback" not in said.text
    assert live.curl("/healthz").status == 200


@pytest.mark.parametrize("size", [4096, 8000])
def test_a_long_credential_is_a_wrong_one(live: Live, size: int) -> None:
    assert send(live, lines(REQUEST, "Authorization: Bearer " + "a" * size)).status == 401


TCP_4 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x0a\x00\x00\x01\x7f\x00\x00\x01\x00\x01\x00\x50"
PROTOCOLS = {
    "PROXY protocol 1": b"PROXY TCP4 10.0.0.1 127.0.0.1 1 80\r\n" + lines(REQUEST),
    "PROXY protocol 2": TCP_4 + lines(REQUEST),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
}


@pytest.mark.parametrize("sent", PROTOCOLS.values(), ids=PROTOCOLS)
def test_the_proxy_protocol_is_no_request(live: Live, sent: bytes) -> None:
    said = send(live, sent)
    assert said.text == "" or said.status == 400, said.text[:200]
    assert live.curl("/healthz").status == 200
