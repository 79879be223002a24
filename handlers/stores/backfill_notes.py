"""What a backfill has to do and has done: small objects under the name of its job, one a unit that is done."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from handlers.stores.lake import DataLake
from mlops_core.lake import BACKFILLS_PREFIX, Built, Checkpoint, hour_text
from mlops_core.records import canonical_json, stored_record


class BackfillNotes:
    """The notes of one job."""

    def __init__(self, lake: DataLake, job: str) -> None:
        self._lake = lake
        self._prefix = f"{BACKFILLS_PREFIX}{job}/"

    def keep_units(self, name: str, units: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Keep a list of units for a Distributed Map to read; returns its key, and how many they are."""
        key = f"{self._prefix}{name}.json"
        self._lake.overwrite(key, canonical_json(units))
        return {"key": key, "count": len(units)}

    def keep_built(self, hour: datetime, built: Built) -> None:
        """Note what an hour was built from."""
        self._keep("built", hour_text(hour), built.text)

    def built(self) -> dict[str, Built]:
        """Return what hours were built from, by `hour_text`."""
        return {hour: Built.from_text(text) for hour, text in self._kept("built").items()}

    def keep_computed(self, piece: str, origin: str) -> None:
        """Note what a piece was computed from."""
        self._keep("computed", piece, origin)

    def computed(self) -> dict[str, str]:
        """Return what pieces were computed from, by their names."""
        return self._kept("computed")

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep the checkpoint that all pieces are computed by."""
        self._lake.overwrite(f"{self._prefix}checkpoint.json", checkpoint.encode())

    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint that all pieces are computed by. Raises MalformedObjectError."""
        return Checkpoint.decode(self._lake.read(f"{self._prefix}checkpoint.json"))

    def _keep(self, kind: str, name: str, origin: str) -> None:
        self._lake.overwrite(f"{self._prefix}{kind}/{name}.json", canonical_json(origin))

    def _kept(self, kind: str) -> dict[str, str]:
        prefix = f"{self._prefix}{kind}/"
        keys = list(self._lake.versions(prefix))
        bodies = zip(keys, self._lake.read_all(keys), strict=True)
        return {
            key.removeprefix(prefix).removesuffix(".json"): stored_record(str, body, where=key) for key, body in bodies
        }
