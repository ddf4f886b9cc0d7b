"""Names that begin with `IDENTITY_`: those of Kubernetes are ignored, a misspelt one is refused
with a suggestion."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from identity.settings import Settings, described
from identity.settings.readers import SettingError
from support.live import environment, identity

HOSTS = ("10.96.7.9", "fd00::7")


def service_links(service: str, host: str, ports: dict[str, tuple[str, int]]) -> dict[str, str]:
    """Return what the kubelet adds for a Service (kubernetes/pkg/kubelet/envvars)."""
    own = service.upper().replace("-", "_")
    first_protocol, first = next(iter(ports.values()))
    url = f"[{host}]" if ":" in host else host
    made = {
        f"{own}_SERVICE_HOST": host,
        f"{own}_SERVICE_PORT": str(first),
        f"{own}_PORT": f"{first_protocol}://{url}:{first}",
    }
    for name, (protocol, port) in ports.items():
        if name:
            made[f"{own}_SERVICE_PORT_{name.upper().replace('-', '_')}"] = str(port)
        link = f"{own}_PORT_{port}_{protocol.upper()}"
        made[link] = f"{protocol}://{url}:{port}"
        made |= {f"{link}_PROTO": protocol, f"{link}_PORT": str(port), f"{link}_ADDR": host}
    return made


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    "service", ["identity", "identity-db", "identity-public-url", "identity-v2-9"]
)
@pytest.mark.parametrize(
    "ports",
    [
        {"": ("tcp", 5000)},
        {"http": ("tcp", 80), "metrics-x": ("tcp", 9100)},
        {"dns": ("udp", 53), "sctp": ("sctp", 5000)},
    ],
    ids=["one", "named", "other-protocols"],
)
def test_a_service_link_of_kubernetes_is_passed_over(
    host: str, service: str, ports: dict[str, tuple[str, int]]
) -> None:
    assert Settings.load(service_links(service, host, ports)) == Settings.load({})


def test_no_setting_looks_like_a_service_link() -> None:
    links = re.compile(r"IDENTITY_(.*_)?(SERVICE_HOST|SERVICE_PORT.*|PORT|PORT_[0-9]+_.*)")
    assert [one.name for one in described() if links.fullmatch(one.name)] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IDENTITY_PORT", "8080"),
        ("IDENTITY_PORT", "tcp://10.0.0.1"),
        ("IDENTITY_PORT_NUMBER", "tcp://10.0.0.1:80"),
        ("IDENTITY_SERVICE_PORT", "http"),
        ("IDENTITY_SERVICE_NAME", "identity"),
        ("IDENTITY_PORT_5000_TCP_PROTO", "http"),
        ("IDENTITY_service_host", "10.0.0.1"),
    ],
)
def test_what_only_resembles_a_service_link_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{name}: there is no such setting"):
        Settings.load({name: value})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("IDENTITY_HARDENDED", "IDENTITY_HARDENED"),
        ("IDENTITY_hardened", "IDENTITY_HARDENED"),
        ("IDENTITY_SECRET_KEY", "IDENTITY_SECRET_KEYS"),
        ("IDENTITY_DATABASEURL", "IDENTITY_DATABASE_URL"),
        ("IDENTITY_PORT", "PORT"),
        ("IDENTITY_HOST", "HOST"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_one_that_was_meant(given: str, meant: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.load({given: "canary"})
    assert f"there is no such setting; did you mean {meant}?" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_setting_that_resembles_none_is_refused_without_a_guess() -> None:
    with pytest.raises(
        SettingError, match=r"^IDENTITY_XYZZY: there is no such setting; see `identity --help`$"
    ):
        Settings.load({"IDENTITY_XYZZY": "1"})


def test_commands_start_beside_a_service_of_the_same_name(tmp_path: Path) -> None:
    links = service_links("identity", HOSTS[0], {"http": ("tcp", 5000)})
    migrated = identity(environment(tmp_path / "data", links), "migrate")
    assert (migrated.returncode, migrated.stderr) == (0, "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("IDENTITY_ADDRESS_FAILURES", "IDENTITY_IP_FAILURES"),
        ("IDENTITY_ADDRESS_SECONDS", "IDENTITY_IP_SECONDS"),
        ("IDENTITY_HASH_PLACES", "IDENTITY_HASH_QUEUE"),
        ("IDENTITY_LETTER_LIMIT", "IDENTITY_MAIL_LIMIT"),
    ],
)
def test_a_renamed_setting_stops_the_start_with_its_new_name(old: str, new: str) -> None:
    with pytest.raises(SettingError, match=rf"^{old}: .*{new}$") as caught:
        Settings.load({old: "7"})
    assert "7" not in str(caught.value)
