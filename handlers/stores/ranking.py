"""The ranking of the fleet: one object of the lake, written by scoring and read by the endpoint."""

from handlers.stores.lake import DataLake
from handlers.stores.versioned import VersionedObject
from mlops_core.lake import RANKING_KEY
from mlops_core.prognosis import FleetRanking


def ranking_object(lake: DataLake) -> VersionedObject[FleetRanking]:
    """Return the object of a lake that holds the ranking."""
    return VersionedObject(lake, RANKING_KEY, encode=FleetRanking.encode, decode=FleetRanking.decode)
