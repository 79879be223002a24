"""Releases of another age, as what they store: an older one knows no seal and no settings, a newer one more fields."""

import json
from functools import cache
from io import BytesIO
from typing import Any, Final

import polars as pl

from mlops_core.lake import BUCKETS_PREFIX, CHAMPION_KEY, CHECKPOINT_KEY, FEATURES_PREFIX, LAYOUT_KEY
from mlops_core.lake.seal import SEAL
from tests.properties.reliability.ports import PUT, Arguments, Ports, Proceed

AGES = OLDER, NEWER = "older", "newer"
NEW_FIELD: Final = "of_a_newer_release"
_DOCUMENTS = (CHECKPOINT_KEY, LAYOUT_KEY, CHAMPION_KEY)
_TABLES = (FEATURES_PREFIX, BUCKETS_PREFIX)
_RELEASE = "release"


def let_releases_store(ports: Ports) -> None:
    """Put behind the functions what another release would store, for as long as `deployed` says so."""

    def store(proceed: Proceed, arguments: Arguments) -> Any:
        key, body = arguments["Key"], arguments["Body"]
        match ports.stack.get(_RELEASE):
            case "older" if key.startswith(_TABLES):
                body = _without_seal(body)
            case "older" if key == CHECKPOINT_KEY:
                body = _document({name: each for name, each in json.loads(body).items() if name != "made_with"})
            case "newer" if key in _DOCUMENTS:
                body = _document({**json.loads(body), NEW_FIELD: "anything"})
            case _:
                pass
        return proceed(**{**arguments, "Body": body})

    ports.surround(PUT, store)


def deploy(ports: Ports, age: str | None) -> None:
    """Let the functions be of a release of this age; None: of today's."""
    ports.stack[_RELEASE] = age


@cache
def is_sealed(body: bytes) -> bool:
    """Whether a stored table is one of today's release."""
    return SEAL in pl.read_parquet_metadata(BytesIO(body))


def _document(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True).encode()


def _without_seal(body: bytes) -> bytes:
    frame, metadata, sink = pl.read_parquet(body), pl.read_parquet_metadata(BytesIO(body)), BytesIO()
    kept = {name: text for name, text in metadata.items() if name not in {SEAL, "ARROW:schema"}}
    frame.write_parquet(sink, metadata=kept)
    return sink.getvalue()
