"""The first feature rows of every machine, which drift and age count from: one small Parquet object for the fleet.

It is a function of the feature rows and of nothing else: they may come in any order, and again, and hours of history
that are replayed later move a beginning back.
"""

import polars as pl
from aws_lambda_powertools import Logger

from handlers.stores.damage import DamageRecords
from handlers.stores.partitions import DamagedPartitionError, Partitions
from mlops_core.features import FeatureRecipe
from mlops_core.lake import BEGINNINGS_KEY

logger = Logger(child=True)


class Beginnings:
    """The beginnings as they were when this run looked at the lake, and as it has found them since."""

    def __init__(self, partitions: Partitions, records: DamageRecords | None = None) -> None:
        self._partitions = partitions
        self._records = records
        self._kept: pl.DataFrame | None = None
        self._found: pl.DataFrame | None = None
        self._is_read = False
        self._is_damaged = False

    @property
    def frame(self) -> pl.DataFrame | None:
        """The beginnings: machine_id, window_end and the columns that have drift; None before any machine has one."""
        if not self._is_read:
            self._kept = self._found = self._stored()
            self._is_read = True
        return self._found

    def _stored(self) -> pl.DataFrame | None:
        """Return what is stored; in the place of what is damaged, which somebody notes, its latest earlier version."""
        try:
            return self._partitions.read([BEGINNINGS_KEY]).get(BEGINNINGS_KEY)
        except DamagedPartitionError as error:
            if self._records is None:  # who has no records reads the whole history, and finds them again
                logger.error("Damaged, and found again", extra={"key": error.key, "problem": error.problem})  # noqa: TRY400 - the message says it all
                self._is_damaged = True
                return None
            earlier = self._partitions.earlier(BEGINNINGS_KEY)
            self._records.note(error.key, error.version, error.problem, is_mended=earlier is not None)
            self._is_damaged = True
            return earlier

    def note(
        self,
        recipe: FeatureRecipe,
        features: pl.DataFrame,
        *,
        replaced: pl.Expr | None = None,
        new_sensors: pl.DataFrame | None = None,
    ) -> None:
        """Take rows into account; replaced: which of those that are known they stand in the place of, beside their own.

        new_sensors: frame REPLACED, of sensors that began anew.
        Rows of window ends that are no more, since the hop or the lengths were changed, would count for ever.
        """
        known = self.frame
        if known is not None and replaced is not None:
            known = known.filter(~replaced)
        if features.height or known is not self.frame:
            self._found = recipe.beginnings(features, known, replaced=new_sensors)

    def keep(self) -> None:
        """Write what has changed. Raises ObjectMovedError where another run has written since this one looked."""
        found = self.frame
        is_new = found is not None and (self._kept is None or not found.equals(self._kept))
        if found is not None and (is_new or self._is_damaged):
            self._partitions.write({BEGINNINGS_KEY: found})
            self._kept, self._is_damaged = found, False
