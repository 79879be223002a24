"""Frames of small partitions that a run has read or written, held for its next step: windows of steps overlap."""

from typing import Final

import polars as pl

_MOST_BYTES: Final = 24 * 2**20
_MOST_BYTES_EACH: Final = 2**19
"""An hour's buckets of some 1,500 machines with two channels. Larger ones cost their rows and not a request."""


class HeldFrames:
    """The frames last put here whose keys begin with `prefix`; None: none is held."""

    def __init__(self, prefix: str | None) -> None:
        self._prefix = prefix
        self._frames: dict[str, pl.DataFrame] = {}
        self._bytes = 0

    def get(self, key: str) -> pl.DataFrame | None:
        """Return the frame of a key, where it is held."""
        return self._frames.get(key)

    def put(self, key: str, frame: pl.DataFrame) -> None:
        """Hold a frame in the place of what was held under its key, if it is small; the oldest make room."""
        if self._prefix is None or not key.startswith(self._prefix):
            return
        self._remove(key)
        size = int(frame.estimated_size())
        if size > _MOST_BYTES_EACH:
            return
        self._frames[key] = frame
        self._bytes += size
        while self._bytes > _MOST_BYTES:
            self._remove(next(iter(self._frames)))

    def _remove(self, key: str) -> None:
        if (frame := self._frames.pop(key, None)) is not None:
            self._bytes -= int(frame.estimated_size())
