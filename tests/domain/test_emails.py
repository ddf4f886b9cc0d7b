"""Emails: which are accepted, and their canonical form in any script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.domain.errors import InvalidInput
from identity.domain.values import EMAIL_MAX_BYTES, read_email

LABEL = "d" * 63
LONGEST = f"{'l' * 64}@{LABEL}.{LABEL}.{'e' * 61}"  # 64 + 1 + 189 bytes
ONE_DOMAIN = [
    "b\u00fccher.example",
    "bu\u0308cher.example",
    "B\u00dcCHER.EXAMPLE",
    "b\u00fccher\u3002example",
    "b\u00fccher\uff0eexample",
    "xn--bcher-kva.example",
    "XN--BCHER-KVA.Example",
]
REFUSED = {
    "nothing": "",
    "no at sign": "hawk.example.org",
    "no local part": "@example.org",
    "no domain": "hawk@",
    "two emails with a comma": "a@example.org,b@example.org",
    "two emails with a semicolon": "a@example.org;b@example.org",
    "two emails with a space": "a@example.org b@example.org",
    "two at signs": "a@b@example.org",
    "line break": "a@example.org\r\nBcc: b@example.org",
    "line break at the end": "a@example.org\n",
    "line break in the local part": "a\n@example.org",
    "display name": "A Hawk <a@example.org>",
    "angle brackets": "<a@example.org>",
    "comment": "a(c)@example.org",
    "IPv4 literal": "a@[192.0.2.1]",
    "IPv6 literal": "a@[IPv6:2001:db8::1]",
    "bare IPv4 address": "a@192.0.2.1",
    "quoted local part": '"a b"@example.org',
    "backslash": "a\\b@example.org",
    "no dot in the domain": "a@localhost",
    "dot at the end": "a@example.org.",
    "dot at the beginning": "a@.example.org",
    "two dots in the domain": "a@example..org",
    "local part begins with a dot": ".a@example.org",
    "local part ends with a dot": "a.@example.org",
    "two dots in the local part": "a..b@example.org",
    "leading space": " a@example.org",
    "trailing space": "a@example.org ",
    "underscore in the domain": "a@ex_ample.org",
    "label begins with a hyphen": "a@-example.org",
    "label ends with a hyphen": "a@example-.org",
    "label of 64": f"a@{'d' * 64}.org",
    "local part of 65": f"{'l' * 65}@example.org",
    "one byte too long": f"{'l' * 64}@{LABEL}.{LABEL}.{'e' * 62}",
    "very long": f"a@{'d.' * 5000}org",
    "long in bytes, not in characters": "a@" + "\u00fc" * 120 + ".example",
    "Unicode local part": "h\u00e4wk@example.org",
    "dotless i": "\u0131@example.org",
    "full-width local part": "\uff41@example.org",
    "zero-width space": "a@exam\u200bple.org",
    "soft hyphen": "a@exam\u00adple.org",
    "bidi override": "a@\u202eexample.org",
    "full-width at sign in the domain": "a@b\uff20example.org",
    "account of sign in the domain": "a@ex\u2100ample.org",
    "NUL": "a@example.org\0",
    "lone surrogate": "a@ex\ud800ample.org",
}


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("hawk@example.org", "hawk@example.org"),
        ("Hawk@Example.ORG", "hawk@example.org"),
        ("a.b+c-d_e@sub.example.org", "a.b+c-d_e@sub.example.org"),
        ("!#$%&'*+/=?^_`{|}~-@example.org", "!#$%&'*+/=?^_`{|}~-@example.org"),
        ("a@\uff45xample.org", "a@example.org"),
        ("a@1.example", "a@1.example"),
        (LONGEST, LONGEST),
    ],
)
def test_email_is_kept_as_typed_beside_its_canonical_form(typed: str, canonical: str) -> None:
    spelling = read_email(typed)
    assert (spelling.raw, spelling.canonical) == (typed, canonical)


@pytest.mark.parametrize("domain", ONE_DOMAIN)
def test_international_domain_and_its_punycode_are_one_canonical_domain(domain: str) -> None:
    assert read_email(f"a@{domain}").canonical == "a@xn--bcher-kva.example"


@pytest.mark.parametrize("email", REFUSED.values(), ids=REFUSED.keys())
def test_email_is_refused_when_it_is_not_one_plain_email(email: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_email(email)
    assert [problem.field for problem in refusal.value.problems] == ["email"]


def test_refusal_of_an_email_never_repeats_it() -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_email("canary@")
    assert "canary" not in f"{refusal.value!r} {refusal.value} {refusal.value.detail}"


_PARTS = st.text(
    st.sampled_from("aZ9.-_@\u00fc\u00df\u3002\uff20\u2100\u200b\u0131 \n\ud800xn"), max_size=40
)


@given(st.one_of(st.text(), _PARTS, st.builds("{}@{}.example".format, _PARTS, _PARTS)))
def test_any_text_is_one_canonical_email_or_refused(text: str) -> None:
    try:
        spelling = read_email(text)
    except InvalidInput:
        return
    assert spelling.canonical.isascii()
    assert len(spelling.canonical) <= EMAIL_MAX_BYTES
    assert spelling.canonical == spelling.canonical.lower()
    assert read_email(spelling.canonical).canonical == spelling.canonical
