"""What is damaged: found by a run, announced once, and skipped by every later run."""

from collections.abc import Callable, Sequence
from datetime import datetime

from aws_lambda_powertools import Logger

from handlers.stores.lake import DataLake
from mlops_core.lake import ACCEPTED_DAMAGE_PREFIX, DAMAGED_PREFIX, Damage, damage_id

logger = Logger(child=True)

Tell = Callable[[Sequence[Damage]], None]


class DamageRecords:
    """The records under damaged/, as they were when this run last looked, and what it has found since."""

    def __init__(self, lake: DataLake, *, noticed_by: str, now: datetime) -> None:
        self._lake = lake
        self._by = noticed_by
        self._now = now
        self._found: dict[str, Damage] = {}
        self._open: set[str] = set()
        self._accepted: set[str] = set()

    def look(self) -> None:
        """See which records there are."""
        names = self._lake.versions(DAMAGED_PREFIX)
        self._open = {_id(name) for name in names if not name.startswith(ACCEPTED_DAMAGE_PREFIX)}
        self._accepted = {_id(name) for name in names if name.startswith(ACCEPTED_DAMAGE_PREFIX)}

    @property
    def waiting(self) -> int:
        """How many damaged objects wait for somebody: those that no function could make again."""
        unmended = {id_ for id_, found in self._found.items() if not found.is_mended}
        return len((self._open | unmended) - self._accepted)

    def is_set_aside(self, key: str, version: str) -> bool:
        """Whether a version of an object is known to be damaged."""
        known = self._open or self._accepted or self._found
        return bool(known) and damage_id(key, version) in self._open | self._accepted | self._found.keys()

    def note(self, key: str, version: str, problem: str, *, is_mended: bool) -> None:
        """Take note of a damaged object, and name it in the log; mended: it is made again from what it came from."""
        damage = Damage.of(key, version, problem, at=self._now, by=self._by, is_mended=is_mended)
        if not self.is_set_aside(key, version):
            self._found[damage.id] = damage
        logger.error("Damaged, and set aside", extra={"key": key, "problem": damage.problem, "is_mended": is_mended})

    def keep(self, tell: Tell) -> None:
        """Announce what was found, then keep the records: at-least-once delivery, by whichever run keeps them first."""
        found, self._found = list(self._found.values()), {}
        if found:
            tell(found)
        for damage in found:
            self._lake.create(*damage.encode(is_accepted=damage.is_mended))
            (self._accepted if damage.is_mended else self._open).add(damage.id)


def _id(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".json")
