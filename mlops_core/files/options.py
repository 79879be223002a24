"""The arguments of `FileLayout`, as those of the functions that read files."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict


class LayoutOptions(TypedDict, total=False):
    """Which column holds what: see `FileLayout`."""

    machine: str | None
    machine_column: str | None
    machine_names: Mapping[str, str]
    channel_names: Mapping[str, str]
    channel_column: str | None
    value_column: str | None
    quality_column: str | None
    time_column: str | None
    time_format: str | None
    time_zone: str | None
    time_unit: str | None
    time_origin: datetime | None
    return_column: str | None
    code_column: str | None
    kind: str | None
    kind_column: str | None
    separator: str | None
    decimal_comma: bool
    encoding: str | None
    skip_lines: int
