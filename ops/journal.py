"""What a replay has had acknowledged, on disk, so that the next run goes on where this one stopped."""

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ValidationError

from ops.errors import OpsError
from ops.stack import ROOT

FOLDER = ROOT / "build" / "replay"


class JournalUnreadableError(OpsError):
    """The journal's file holds something else."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"{file} is no journal of a replay.",
            "Remove it to send the whole file again: readings that are in the lake stay single.",
        )


class Entry(BaseModel, frozen=True):
    """What the file holds.

    ``acknowledged`` counts readings from the first in their fixed order. ``received_at`` is the time at which the
    replay first began: readings written to the lake carry it, so that a batch written twice is the same object twice.
    """

    source: str
    lake: str
    via: Literal["live", "bulk"]
    received_at: AwareDatetime
    acknowledged: int = 0


class Journal:
    """The journal of one source, mapping, lake and way. Moves forward only, and only by what was acknowledged."""

    def __init__(self, file: Path, entry: Entry) -> None:
        self.file = file
        self.entry = entry

    @property
    def acknowledged(self) -> int:
        """How many readings, from the first, are known to be durable at the other side."""
        return self.entry.acknowledged

    def acknowledge(self, readings: int) -> None:
        """Record that all of the first ``readings`` are acknowledged; durable when this returns."""
        self.entry = self.entry.model_copy(update={"acknowledged": max(readings, self.acknowledged)})
        self.file.parent.mkdir(parents=True, exist_ok=True)
        beside = self.file.with_suffix(".tmp")
        with beside.open("w", encoding="utf-8") as stream:
            stream.write(self.entry.model_dump_json(indent=2) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(self.file)


def open_journal(folder: Path, *, source: str, lake: str, via: Literal["live", "bulk"], now: datetime) -> Journal:
    """The journal of this replay in ``folder``: as an earlier run left it, or a new one that begins ``now``.

    ``source`` is whatever decides which readings are sent and in which order, ``lake`` names one deployment of a
    lake and no later one of the same name.
    """
    name = hashlib.sha256(f"{source}\n{lake}\n{via}".encode()).hexdigest()[:24]
    file = folder / f"{name}.json"
    try:
        return Journal(file, Entry.model_validate_json(file.read_bytes()))
    except FileNotFoundError:
        journal = Journal(file, Entry(source=source, lake=lake, via=via, received_at=now))
        journal.acknowledge(0)
        return journal
    except ValidationError:
        raise JournalUnreadableError(file) from None
