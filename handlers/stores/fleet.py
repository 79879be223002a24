"""A fleet's newest features and predictions: the one door to them, whatever they are stored in."""

import gzip
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING

from handlers.stores.items import DamagedItem, OnDamaged, log_damaged
from handlers.stores.lake import DataLake
from handlers.stores.newest_features import newest_object
from handlers.stores.online_features import FeatureRow, OnlineFeatures
from handlers.stores.predictions import Predictions, scores_object
from mlops_core.alerting import Score
from mlops_core.lake import PREDICTIONS_PREFIX, SCORES_KEY, hour_path
from mlops_core.records import canonical_json

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class FleetStore:
    """The newest feature row and the newest score of each machine, and the history of predictions in the lake."""

    def __init__(self, lake: DataLake, client: "DynamoDBClient", *, features: str, predictions: str) -> None:
        self._lake = lake
        self._newest = newest_object(lake)
        self._features = OnlineFeatures(client, features)
        self._predictions = Predictions(client, predictions)
        self._scores = scores_object(lake)

    def load_fleet(self, *, on_damaged: OnDamaged = log_damaged) -> list[FeatureRow]:
        """Return the newest feature row of every machine, in order of their ids: from one object of the lake.

        Where that is absent or damaged, from the online store, whose damaged items go to `on_damaged`.
        """
        stored = self._newest.readable()
        if stored is None or stored.value is None:
            return self._features.load_all(on_damaged=on_damaged)
        return [row for _, row in sorted(stored.value.items())]

    def load_predictions(self, *, on_damaged: OnDamaged = log_damaged) -> Mapping[str, Score]:
        """Return the newest score of every machine that has one, by machine; damaged items go to `on_damaged`.

        So does the object of scores, where it is damaged: then there are none. The next ones take its place.
        """
        stored = self._scores.readable()
        if stored is None:
            return self._predictions.load_all(on_damaged=on_damaged)
        if stored.value is None:
            on_damaged(DamagedItem(SCORES_KEY, (), "cannot be read", ""))
        return stored.value or {}

    def save_predictions(self, scores: Sequence[Score]) -> list[Score]:
        """Keep scores, each in the place of its predecessor; returns those that no other run was faster with.

        The history comes first: a run that ends in between is made up for by the next, which scores the same again.

        Raises:
            ObjectMovedError: other runs were faster time after time.

        """
        self._keep_history(scores)
        follow: list[Score] = []

        def merged(stored: Mapping[str, Score] | None) -> Mapping[str, Score]:
            known = self.load_predictions() if stored is None else stored
            follow[:] = [score for score in scores if _sequence(known, score) == score.sequence - 1]
            return {**known, **{score.prediction.machine_id: score for score in follow}}

        if scores:
            self._scores.update(merged)
        return follow

    def _keep_history(self, scores: Iterable[Score]) -> None:
        """Write predictions as JSON lines, one object an hour, named by its content, so that writing is idempotent."""

        def hour(score: Score) -> str:
            return hour_path(score.prediction.window_end)

        for path, group in groupby(sorted(scores, key=hour), key=hour):
            lines = b"".join(canonical_json(score.prediction) for score in group)
            key = f"{PREDICTIONS_PREFIX}{path}/{sha256(lines).hexdigest()}.jsonl.gz"
            self._lake.create(key, gzip.compress(lines, mtime=0))


def _sequence(known: Mapping[str, Score], score: Score) -> int:
    before = known.get(score.prediction.machine_id)
    return 0 if before is None else before.sequence
