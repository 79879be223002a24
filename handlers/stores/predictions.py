"""The newest score of each machine: one object of the lake, replaced by compare-and-swap.

It was a table once, which is read where a stack has no such object yet.
"""

import gzip
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError

from handlers.stores.items import Item, OnDamaged, Table, log_damaged
from handlers.stores.lake import DataLake
from handlers.stores.versioned import VersionedObject
from mlops_core.alerting import AlarmState, MachineAlarm, Score
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import SCORES_KEY
from mlops_core.prognosis import Prediction
from mlops_core.records import record_from_json

_OLD_STATES: Final = {"ALARM": AlarmState.ACT}
"""What items say that were written when an alarm had one stage."""


class Predictions(Table[Score]):
    """The table of scores (key `machine_id`), as earlier programs left it."""

    @staticmethod
    def decode(item: Item) -> Score:
        """Return the score of an item."""
        since = datetime.fromisoformat(item["alarm_since"]["S"])
        return Score(
            prediction=record_from_json(Prediction, item["prediction"]["S"].encode()),
            revision=int(item["revision"]["N"]),
            alarm=MachineAlarm(
                _OLD_STATES.get(item["alarm"]["S"]) or AlarmState(item["alarm"]["S"]),
                since,
                calm=int(item["calm_predictions"]["N"]),
                hot=int(item.get("hot_predictions", {"N": "0"})["N"]),
            ),
            sequence=int(item["sequence"]["N"]),
        )

    def load_all(self, *, on_damaged: OnDamaged = log_damaged) -> dict[str, Score]:
        """Return every machine's score, by machine; damaged items go to `on_damaged`."""
        return {score.prediction.machine_id: score for score in self._decoded(self._items(), on_damaged)}


def scores_object(lake: DataLake) -> VersionedObject[Mapping[str, Score]]:
    """Return the object of a lake that holds the newest score of every machine."""
    return VersionedObject(lake, SCORES_KEY, encode=_encode, decode=_decode)


def _encode(scores: Mapping[str, Score]) -> bytes:
    return gzip.compress(_SCORES.dump_json(dict(sorted(scores.items()))), compresslevel=1, mtime=0)


def _decode(body: bytes) -> Mapping[str, Score]:
    try:
        return _SCORES.validate_json(gzip.decompress(body), strict=True)
    except (ValidationError, OSError, EOFError) as error:
        raise MalformedObjectError(SCORES_KEY, str(error), "Restore its previous version") from error


_SCORES: Final = TypeAdapter(dict[str, Score])
