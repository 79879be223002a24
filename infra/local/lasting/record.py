"""What a lasting stack's folder says of itself: where it answers, and what was deployed there."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from infra.local.engine.emulator import LAKE, STATE, Ports

FILE = "lasting.json"
PORTS = Ports(gateway=4566, mqtt=8883)


class Record(BaseModel):
    """A stack whose making came to its end; a folder without a record holds nothing that anybody has seen whole."""

    model_config = ConfigDict(frozen=True)

    gateway_port: int
    mqtt_port: int
    made_at: datetime
    outputs: Mapping[str, Any]
    program: str = ""
    """Digest of the program that was deployed."""

    @property
    def ports(self) -> Ports:
        """Where it answers, for good: its addresses are in what was deployed."""
        return Ports(self.gateway_port, self.mqtt_port)

    @classmethod
    def of(cls, folder: Path) -> Self | None:
        """Return the record of ``folder``, where its stack was made to the end."""
        file = folder / FILE
        return cls.model_validate_json(file.read_text(encoding="utf-8")) if file.exists() else None

    def write(self, folder: Path) -> None:
        """Write it, at once or not at all."""
        unfinished = folder / f"{FILE}.tmp"
        unfinished.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        unfinished.replace(folder / FILE)


def kept_bytes(folder: Path) -> int:
    """Return how much the stack of ``folder`` keeps on disk."""
    return sum(
        file.stat().st_size
        for part in (STATE, LAKE)
        for file in (folder / part).rglob("*")
        if file.is_file() and not file.is_symlink()
    )
