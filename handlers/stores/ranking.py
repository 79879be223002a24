"""The ranking of the fleet: one object of the lake, replaced by scoring (compare-and-swap) and read by the endpoint."""

from dataclasses import dataclass

from handlers.stores.lake import DataLake
from mlops_core.lake import RANKING_KEY
from mlops_core.prognosis import FleetRanking


@dataclass(frozen=True)
class RankingFile:
    """The ranking object of a lake."""

    lake: DataLake

    def seen(self) -> str | None:
        """Return the version (ETag) of the object; None where there is none. Its absence is what the listing says."""
        return self.lake.versions(RANKING_KEY).get(RANKING_KEY)

    def load(self) -> FleetRanking | None:
        """Return the ranking; None where no run has made one. Raises MalformedObjectError."""
        return None if self.seen() is None else FleetRanking.decode(self.lake.read(RANKING_KEY))

    def replace(self, ranking: FleetRanking, *, seen: str | None) -> None:
        """Put `ranking` in the place of what was seen. Raises ObjectMovedError where another run was first."""
        self.lake.replace(RANKING_KEY, ranking.encode(), seen=seen)
