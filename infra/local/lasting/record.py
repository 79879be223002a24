"""What a lasting stack's folder says of itself, and what of this checkout it takes over when it is started again."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel

from infra.local.engine.archives import content_bytes
from infra.local.engine.emulator import LAKE, STATE, Endpoint, Ports
from infra.local.engine.environments import PROJECT_ROOT
from infra.sources import function_archive

FILE = "lasting.json"
PORTS = Ports(gateway=4566, mqtt=8883)
_PROGRAM = ("__main__.py", "Pulumi.yaml", "Pulumi.local.yaml", "contract", "infra", "locks")
_NOT_DEPLOYED = ("infra/local/",)


class Record(BaseModel, frozen=True):
    """A stack whose making came to its end; a folder without a record holds nothing that anybody has seen whole."""

    gateway_port: int
    mqtt_port: int
    made_at: datetime
    outputs: Mapping[str, Any]
    program: str = ""
    """Digest of the program that was deployed."""

    @property
    def ports(self) -> Ports:
        """Where it answers, for good: its addresses are in what was deployed."""
        return Ports(self.gateway_port, self.mqtt_port)

    @classmethod
    def of(cls, folder: Path) -> Self | None:
        """Return the record of ``folder``, where its stack was made to the end."""
        file = folder / FILE
        return cls.model_validate_json(file.read_text(encoding="utf-8")) if file.exists() else None

    def write(self, folder: Path) -> None:
        """Write it, at once or not at all."""
        unfinished = folder / f"{FILE}.tmp"
        unfinished.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        unfinished.replace(folder / FILE)


def kept_bytes(folder: Path) -> int:
    """Return how much the stack of ``folder`` keeps on disk."""
    return sum(
        file.stat().st_size
        for part in (STATE, LAKE)
        for file in (folder / part).rglob("*")
        if file.is_file() and not file.is_symlink()
    )


def update_code(endpoint: Endpoint) -> int:
    """Give each function whose sources have changed its new code; returns how many."""
    functions = endpoint.client("lambda")
    changed = 0
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            code = content_bytes(function_archive(function["Handler"]))
            if base64.b64encode(hashlib.sha256(code).digest()).decode() != function["CodeSha256"]:
                functions.update_function_code(FunctionName=function["FunctionName"], ZipFile=code)
                changed += 1
    return changed


def program_digest() -> str:
    """Return a hash of what says which resources there are: the program, its configuration and the layers' locks."""
    digest = hashlib.sha256()
    for file in sorted(_sources()):
        digest.update(f"{file.relative_to(PROJECT_ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for name in _PROGRAM:
        place = PROJECT_ROOT / name
        for file in [place] if place.is_file() else place.rglob("*"):
            path = file.relative_to(PROJECT_ROOT).as_posix()
            if file.is_file() and "__pycache__" not in file.parts and not path.startswith(_NOT_DEPLOYED):
                yield file
