"""The compose file and the Kubernetes manifests are valid, restrictive, and use settings that
exist."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose

from identity.settings import Settings
from identity.settings.readers import SettingError
from support import nginx
from support.packaging.artefacts import ROOT
from support.postgresql import free_port

DEPLOY = ROOT / "deploy"
KUBERNETES = ["1.30", "1.34"]
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
MANIFESTS: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text("utf-8"))
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
}
POD: dict[str, Any] = MANIFESTS["deployment"]["spec"]["template"]["spec"]
CONTAINERS = [*POD["initContainers"], *POD["containers"]]
OURS = ["migrate", "identity"]


def loaded(variables: Mapping[str, str], folder: Path, secrets: Mapping[str, str]) -> Settings:
    """Read settings as the service does, with the files of a platform in a folder of ours."""
    given = dict(variables)
    for name, path in variables.items():
        if name.endswith("_FILE"):
            file = folder / Path(path).name
            file.write_text(secrets[Path(path).name] + "\n", "utf-8")
            given[name] = str(file)
    return Settings.load(given)


def test_the_compose_file_is_one() -> None:
    # Merges are resolved by YAML itself; everything unknown or of a wrong type is refused.
    spec = PyCompose.from_yaml(yaml.safe_dump(COMPOSE)).to_spec()
    assert sorted(spec.services or {}) == ["database", "identity", "mail", "migrate", "nginx"]


@pytest.mark.parametrize("change", [{"image_": "x"}, {"read_only": "maybe"}, {"ports": "80"}])
def test_a_wrong_compose_file_would_be_refused(change: dict[str, Any]) -> None:
    services = COMPOSE["services"] | {"identity": COMPOSE["services"]["identity"] | change}
    with pytest.raises(Exception, match=r"services\.identity"):
        PyCompose.from_yaml(yaml.safe_dump(COMPOSE | {"services": services})).to_spec()


@pytest.mark.parametrize("name", OURS)
def test_what_compose_starts_of_ours_is_closed(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "ports" not in service
    assert [volume.partition(":")[2] for volume in service["volumes"]] == ["/var/lib/identity"]


def test_compose_opens_no_port_to_other_machines() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_migrates_before_it_serves_and_serves_before_it_forwards() -> None:
    waits = {
        name: {other: each["condition"] for other, each in service.get("depends_on", {}).items()}
        for name, service in COMPOSE["services"].items()
    }
    assert waits["migrate"] == {"database": "service_healthy"}
    assert waits["identity"] == {"migrate": "service_completed_successfully"}
    assert waits["nginx"] == {"identity": "service_healthy"}


@pytest.mark.parametrize("name", OURS)
def test_the_settings_in_compose_are_taken(name: str, tmp_path: Path) -> None:
    service = COMPOSE["services"][name]
    secrets = {
        "database_url": "postgresql://identity:p@database/identity",
        "admin_password": "Some-password-1",
    }
    assert set(service["secrets"]) == set(secrets) <= set(COMPOSE["secrets"])
    settings = loaded(service["environment"], tmp_path, secrets)
    assert settings.database_url.host == "database"
    assert settings.smtp_url is not None
    assert settings.smtp_url.host == "mail"
    (subnet,) = (each["subnet"] for each in COMPOSE["networks"]["inside"]["ipam"]["config"])
    assert [str(network) for network in settings.trusted_proxies] == [subnet]


def test_no_secret_stands_in_the_compose_file() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    assert all(secret["file"].startswith("./secrets/") for secret in COMPOSE["secrets"].values())
    assert not re.search(r"PASSWORD: (?!.*/run/)", text)
    ignored = subprocess.run(
        ["git", "check-ignore", "-q", "deploy/secrets/x"], cwd=ROOT, check=False
    )
    assert ignored.returncode == 0
    assert "prune deploy/secrets" in (ROOT / "MANIFEST.in").read_text(
        "utf-8"
    )  # neither in git nor in the sdist


def test_nginx_takes_the_configuration_of_compose(tmp_path: Path) -> None:
    if not nginx.installed():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(nginx.WHY_SKIPPED)
    text = (DEPLOY / "compose" / "nginx.conf").read_text("utf-8")
    for there, here in (
        ("listen 80", f"listen 127.0.0.1:{free_port()}"),
        ("http://identity:5000", "http://127.0.0.1:5000"),
        ("/dev/stdout", str(tmp_path / "log")),
    ):
        assert there in text
        text = text.replace(there, here)
    path = tmp_path / "nginx.conf"
    path.write_text(nginx.framed(tmp_path, text), "utf-8")
    ran = subprocess.run(
        [
            nginx._binary() or "",
            "-t",
            "-p",
            str(tmp_path),
            "-e",
            str(tmp_path / "error.log"),
            "-c",
            str(path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", MANIFESTS)
def test_the_manifests_are_right_for_kubernetes(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


def test_a_wrong_manifest_would_be_refused() -> None:
    wrong = MANIFESTS["service"] | {"spec": MANIFESTS["service"]["spec"] | {"selectors": {}}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES[-1], strict=True)


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda each: each["name"])
def test_pods_are_what_the_restricted_profile_asks_for(container: dict[str, Any]) -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["automountServiceAccountToken"] is False
    assert POD["enableServiceLinks"] is False


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda each: each["name"])
def test_the_settings_in_the_manifests_are_taken(container: dict[str, Any], tmp_path: Path) -> None:
    secrets = MANIFESTS["secret.example"]["stringData"] | {"secret-keys": "0123456789abcdef" * 2}
    variables = MANIFESTS["settings"]["data"] | {
        each["name"]: each["value"] for each in container["env"]
    }
    settings = loaded(variables, tmp_path, secrets)
    assert settings.database_url.drivername == "postgresql+psycopg"
    assert len(settings.secret_keys) == 1
    assert settings.public_url == "https://id.example.org"


def test_the_manifests_refer_to_each_other_by_names_that_there_are() -> None:
    named = {(each["kind"], each["metadata"]["name"]) for each in MANIFESTS.values()}
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    assert ("PersistentVolumeClaim", volumes["keys"]["persistentVolumeClaim"]["claimName"]) in named
    assert ("Secret", volumes["secrets"]["secret"]["secretName"]) in named
    for container in CONTAINERS:
        assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
        assert [
            ("ConfigMap", each["configMapRef"]["name"]) in named for each in container["envFrom"]
        ] == [True]
    labels = MANIFESTS["deployment"]["spec"]["template"]["metadata"]["labels"]
    assert MANIFESTS["service"]["spec"]["selector"].items() <= labels.items()
    assert MANIFESTS["deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_an_ending_pod_leaves_the_service_before_it_closes_and_has_the_time_to() -> None:
    drain = int(MANIFESTS["settings"]["data"]["IDENTITY_DRAIN_SECONDS"])
    (container,) = POD["containers"]
    assert drain > 2 * container["readinessProbe"]["periodSeconds"]
    assert (
        POD["terminationGracePeriodSeconds"] > drain + 20
    )  # ten for requests, ten for what a worker may take beyond


def test_the_example_secret_cannot_be_used_as_it_is() -> None:
    with pytest.raises(SettingError):
        Settings.load(
            {"IDENTITY_SECRET_KEYS": MANIFESTS["secret.example"]["stringData"]["secret-keys"]}
        )


def test_the_user_of_the_manifests_is_that_of_the_image() -> None:
    text = (ROOT / "Containerfile").read_text("utf-8")
    (user,) = re.findall(r"^USER ([0-9]+):([0-9]+)$", text, re.MULTILINE)
    context = POD["securityContext"]
    assert tuple(map(int, user)) == (context["runAsUser"], context["runAsGroup"])
    assert context["fsGroup"] == context["runAsGroup"]
