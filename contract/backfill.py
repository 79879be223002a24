"""The labels of a backfill's Distributed Maps, by which their Map Runs are found."""

from typing import Final

HOURS: Final = "Hours"
PIECES: Final = "Pieces"
