"""A dataset of Amazon Lookout for Equipment for a stack: its readings, labels, and the channels that it lacks."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil, floor
from pathlib import Path

import polars as pl

from mlops_core.files import FileReport, LayoutOptions, read_lookout
from mlops_core.telemetry import FAILURES, Channels
from ops.errors import OptionError

_CHANNEL_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True)
class Found:
    """What is imported: readings, their report, failures from labels, and channels to configure, as YAML."""

    readings: pl.DataFrame
    report: FileReport
    labels: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FAILURES))
    unconfigured: list[str] = field(default_factory=list[str])


def read(folder: Path, layout: LayoutOptions, channels: Channels, now: datetime) -> Found:
    """Read the folder; sensors that are no channels of the stack are reported, and not imported."""
    if not folder.is_dir():
        raise OptionError(f"{folder} is no folder.", "Copy the dataset first: aws s3 sync s3://BUCKET/PREFIX FOLDER")
    dataset = read_lookout(
        folder,
        machine=layout.get("machine"),
        channel_names=layout.get("channel_names"),
        time_zone=layout.get("time_zone") or "UTC",
        channels=channels,
        latest=now,
    )
    is_known = pl.col("channel").is_in(list(channels))
    return Found(
        dataset.readings.filter(is_known),
        dataset.report,
        dataset.labels,
        suggestions(dataset.readings.filter(~is_known)),
    )


def suggestions(readings: pl.DataFrame) -> list[str]:
    """Return a line of `channels` in Pulumi.yaml for each channel, its range as wide again as what was measured."""
    ranges = readings.group_by("channel").agg(least=pl.col("value").min(), most=pl.col("value").max()).sort("channel")
    lines: list[str] = []
    for name, least, most in ranges.drop_nulls().iter_rows():
        span = max(most - least, 1.0)
        shown = name if _CHANNEL_NAME.fullmatch(name) else f"{name[:32]}  # too long: choose one with --channel"
        lines.append(f"- {{name: {shown}, unit: ?, minimum: {floor(least - span)}, maximum: {ceil(most + span)}}}")
    return lines
