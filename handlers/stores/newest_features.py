"""The newest feature row of every machine as one object, which the whole fleet is scored from, and the online store.

The store answers for one machine at a time: each row costs a request. Both take a row only where it is newer than the
one they hold. The object is written first: what is committed after it is scored from it. It is numpy's format and no
Parquet, since what predicts carries no reader of that.
"""

import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zipfile import BadZipFile

import numpy as np

from handlers.stores.lake import DataLake
from handlers.stores.online_features import FeatureRow, OnlineFeatures
from handlers.stores.versioned import VersionedObject
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import NEWEST_KEY

Rows = Mapping[str, FeatureRow]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class NewestFeatures:
    """Both places of newest rows, as the function writes them that computes features."""

    def __init__(self, lake: DataLake, online: OnlineFeatures) -> None:
        self._object = newest_object(lake)
        self._online = online

    def offer_all(self, rows: Iterable[FeatureRow], *, updated_at: datetime) -> int:
        """Offer rows of different machines; returns how many the online store took.

        Where there is no object yet, or a damaged one, it begins with what the online store holds. Raises
        ObjectMovedError where another run has written it since this one looked.
        """
        offered = list(rows)
        stored = self._object.readable()
        known: Rows | None = stored.value if stored else None
        if known is None:
            known = {row.machine_id: row for row in self._online.load_all()}
        newer = {row.machine_id: row for row in offered if _is_newer(row, known.get(row.machine_id))}
        if newer or stored is None or stored.value is None:
            self._object.save({**known, **newer}, after=stored)
        return self._online.offer_all(offered, updated_at=updated_at)


def newest_object(lake: DataLake) -> VersionedObject[Rows]:
    """Return the object of a lake that holds the newest row of every machine."""
    return VersionedObject(lake, NEWEST_KEY, encode=_encode, decode=_decode)


def _is_newer(row: FeatureRow, known: FeatureRow | None) -> bool:
    return known is None or (row.window_end, row.revision) > (known.window_end, known.revision)


def _encode(rows: Rows) -> bytes:
    """Return rows in order of their machines; a feature that a row lacks (None) is NaN, which no feature is."""
    machines = sorted(rows)
    names = sorted({name for row in rows.values() for name in row.features})
    sink = BytesIO()
    np.savez_compressed(
        sink,
        machine_ids=np.array(machines, dtype=np.str_),
        window_ends=np.array([(rows[name].window_end - _EPOCH) // _MICROSECOND for name in machines], dtype=np.int64),
        revisions=np.array([rows[name].revision for name in machines], dtype=np.int64),
        names=np.array(names, dtype=np.str_),
        values=np.array([[*map(rows[name].features.get, names)] for name in machines], dtype=np.float64),
    )
    return sink.getvalue()


def _decode(body: bytes) -> Rows:
    try:
        with np.load(BytesIO(body), allow_pickle=False) as arrays:
            machines, names = arrays["machine_ids"].tolist(), arrays["names"].tolist()
            ends, revisions = arrays["window_ends"].tolist(), arrays["revisions"].tolist()
            values = arrays["values"].tolist()
        return {
            machine: FeatureRow(
                machine,
                _EPOCH + end * _MICROSECOND,
                revision,
                {name: value for name, value in zip(names, row, strict=True) if value == value},
            )
            for machine, end, revision, row in zip(machines, ends, revisions, values, strict=True)
        }
    except (ValueError, KeyError, OSError, EOFError, OverflowError, BadZipFile, zlib.error) as error:
        raise MalformedObjectError(NEWEST_KEY, str(error), "The next run of processing makes it again") from error
