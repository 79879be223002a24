"""The online store: the newest feature row of each machine, which never goes back."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from handlers.stores.clients import THREADS
from handlers.stores.items import Item, OnDamaged, Table, log_damaged, number
from mlops_core.time import utc_text

# The order of rows is (window_end, revision): a replayed or overlapping run cannot put an older one in its place.
_NEWER = "attribute_not_exists(machine_id) OR window_end < :end OR (window_end = :end AND revision < :revision)"


@dataclass(frozen=True)
class FeatureRow:
    """One machine's features at `window_end`; a feature of an empty window is None."""

    machine_id: str
    window_end: datetime
    revision: int
    features: Mapping[str, float | None]


class OnlineFeatures(Table[FeatureRow]):
    """The table of newest features (key `machine_id`)."""

    @staticmethod
    def decode(item: Item) -> FeatureRow:
        """Return the row of an item."""
        return FeatureRow(
            machine_id=item["machine_id"]["S"],
            window_end=datetime.fromisoformat(item["window_end"]["S"]),
            revision=int(item["revision"]["N"]),
            features={name: float(value["N"]) for name, value in item["features"]["M"].items()},
        )

    def offer(self, row: FeatureRow, *, updated_at: datetime) -> bool:
        """Store `row` if it is newer than what is there; False, and nothing changed, if it is not."""
        end, revision = {"S": utc_text(row.window_end)}, {"N": str(row.revision)}
        answer = self._written(
            self._client.put_item,
            Item={
                "machine_id": {"S": row.machine_id},
                "window_end": end,
                "revision": revision,
                "features": {
                    "M": {name: {"N": number(value)} for name, value in row.features.items() if value is not None}
                },
                "updated_at": {"S": utc_text(updated_at)},
            },
            ConditionExpression=_NEWER,
            ExpressionAttributeValues={":end": end, ":revision": revision},
        )
        return answer is not None

    def load(self, machine_id: str) -> FeatureRow | None:
        """Return a machine's newest row; None where it has none. Raises DamagedItemError."""
        return self._one({"machine_id": {"S": machine_id}})

    def load_all(self, *, on_damaged: OnDamaged = log_damaged) -> list[FeatureRow]:
        """Return the newest row of every machine, in order of their ids; damaged items go to `on_damaged`."""
        return sorted(self._decoded(self._items(), on_damaged), key=lambda row: row.machine_id)

    def offer_all(self, rows: Iterable[FeatureRow], *, updated_at: datetime) -> int:
        """Offer rows of different machines, in parallel; returns how many were stored. One failure fails them all."""
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(partial(self.offer, updated_at=updated_at), rows))
