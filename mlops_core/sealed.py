"""Immutable sets of files that hold each other's hashes: what models and baselines are stored as.

`bundle.json`, the root, lists the layout, the version and the sha256 of every other file. The version is made of the
day of the newest training row and of the hash of the content: the same content has the same version.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from mlops_core.errors import CorruptBundleError, IncompleteBundleError, SwappedBundleError, UnsupportedBundleError
from mlops_core.records import canonical_json, record_from_json

ROOT: Final = "bundle.json"


@dataclass(frozen=True)
class SealedRoot:
    """What every root says; `files` holds the sha256 of every other file, by name."""

    layout: int
    version: str
    files: Mapping[str, str]


Root = TypeVar("Root", bound=SealedRoot)


def hashes_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the sha256 of each file, by name."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def version_of(trained_through: str, content: Mapping[str, bytes]) -> str:
    """Return `{day of trained_through (ISO 8601)}-{12 hex digits of the hash of the files}`."""
    digest = hashlib.sha256(canonical_json(hashes_of(content))).hexdigest()
    return f"{trained_through[:10].replace('-', '')}-{digest[:12]}"


def root_of(kind: type[Root], files: Mapping[str, bytes], *, layout: int) -> Root:
    """Return the root. Raises IncompleteBundleError, CorruptBundleError, UnsupportedBundleError (another layout)."""
    if ROOT not in files:
        raise IncompleteBundleError([ROOT])
    try:
        stated = json.loads(files[ROOT]).get("layout")
    except (ValueError, AttributeError) as error:
        raise CorruptBundleError(ROOT, "is not a JSON object") from error
    if stated != layout:
        raise UnsupportedBundleError(stated, layout)
    try:
        return record_from_json(kind, files[ROOT])
    except ValueError as error:
        raise CorruptBundleError(ROOT, f"does not hold what layout {layout} holds ({error})") from error


def check_files(files: Mapping[str, bytes], root: SealedRoot, *, required: Collection[str]) -> None:
    """Raise IncompleteBundleError where a file is absent, CorruptBundleError where one is not what was stored."""
    if missing := {*required, *root.files} - files.keys():
        raise IncompleteBundleError(missing)
    for name, found in hashes_of(files).items():
        if name != ROOT and found != root.files.get(name):
            raise CorruptBundleError(name, "does not have the hash under which it was stored")


def check_version(version: str, root: SealedRoot, *, asked: str | None) -> None:
    """Raise CorruptBundleError where the root names another version, SwappedBundleError where another was asked for."""
    if version != root.version:
        raise CorruptBundleError(ROOT, f"names version {root.version}, and its files are {version}")
    if asked is not None and asked != version:
        raise SwappedBundleError(asked, version)
