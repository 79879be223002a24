"""What of this checkout a lasting stack takes over when it is started again: its functions' code."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

from infra.local.engine.archives import content_bytes
from infra.local.engine.emulator import Endpoint
from infra.local.engine.environments import PROJECT_ROOT
from infra.sources import function_archive

_PROGRAM = ("__main__.py", "Pulumi.yaml", "Pulumi.local.yaml", "contract", "infra", "locks")
_NOT_DEPLOYED = ("infra/local/",)


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


def program_digest(root: Path = PROJECT_ROOT) -> str:
    """Return a hash of what says which resources there are: the program, its configuration and the layers' locks."""
    digest = hashlib.sha256()
    for file in sorted(_sources(root)):
        digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    for name in _PROGRAM:
        place = root / name
        for file in [place] if place.is_file() else place.rglob("*"):
            path = file.relative_to(root).as_posix()
            if file.is_file() and "__pycache__" not in file.parts and not path.startswith(_NOT_DEPLOYED):
                yield file
