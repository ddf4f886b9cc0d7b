"""What is in the sdist and in the wheel: everything that git tracks, and nothing else."""

from __future__ import annotations

import tarfile
import zipfile
from email.message import Message
from email.parser import Parser

import pytest

from support.packaging.artefacts import Artefacts, tracked
from support.packaging.interpreters import VERSIONS


@pytest.fixture
def wheel_files(artefacts: Artefacts) -> list[str]:
    with zipfile.ZipFile(artefacts.wheel) as archive:
        return archive.namelist()


@pytest.fixture
def metadata(artefacts: Artefacts, wheel_files: list[str]) -> Message:
    (path,) = (name for name in wheel_files if name.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(artefacts.wheel) as archive:
        return Parser().parsestr(archive.read(path).decode())


def test_the_wheel_has_every_file_of_the_package_and_no_other(wheel_files: list[str]) -> None:
    packaged = sorted(name for name in wheel_files if ".dist-info/" not in name)
    assert packaged == tracked("identity")
    assert "identity/store/migrations/versions/0001_first.py" in packaged


def test_the_sdist_has_every_file_that_git_tracks(artefacts: Artefacts) -> None:
    with tarfile.open(artefacts.sdist) as archive:
        packed = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert {path for path in tracked() if not path.startswith((".ci/", ".git"))} - packed == set()


def test_the_license_is_in_the_wheel(wheel_files: list[str]) -> None:
    assert [name.rpartition("/")[2] for name in wheel_files if "/licenses/" in name] == ["LICENSE"]


def test_the_classifiers_name_the_pythons_that_are_tested(metadata: Message) -> None:
    prefix = "Programming Language :: Python :: 3."
    named = [
        value.rpartition(" ")[2]
        for value in metadata.get_all("Classifier", [])
        if value.startswith(prefix)
    ]
    assert named == list(VERSIONS)
    assert metadata["Requires-Python"] == f">={VERSIONS[0]}"


@pytest.mark.parametrize("name", ["granian", "gunicorn"])
def test_a_server_whose_private_parts_are_used_has_an_upper_bound(
    metadata: Message, name: str
) -> None:
    (requirement,) = (
        each for each in metadata.get_all("Requires-Dist", []) if each.startswith(name)
    )
    assert "<" in requirement


def test_the_distribution_has_a_name_of_its_own_and_the_command_keeps_its(
    metadata: Message, artefacts: Artefacts
) -> None:
    assert metadata["Name"] == "identityd"
    assert artefacts.wheel.name.startswith("identityd-")
    with zipfile.ZipFile(artefacts.wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        assert archive.read(path).decode().split() == [
            "[console_scripts]",
            "identity",
            "=",
            "identity.command:main",
        ]
