"""Rows of files by the rules of ingestion: the same reasons, in the same order, as for messages."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import polars as pl

from mlops_core.errors import QuarantineReason
from mlops_core.files.layout import FileLayout
from mlops_core.telemetry import MACHINE_ID_PATTERN, Channel
from mlops_core.time import FUTURE_TOLERANCE, LONGEST_SILENCE

_PLAIN_COMMA: Final = r"^[+-]?\d+(?:,\d+)?(?:[eE][+-]?\d+)?$"
_GROUPED: Final = r"^[+-]?\d{1,3}(?:\.\d{3})+,\d+$"
# Quality, as `parse_quality` reads it: the words of OPC UA, or the two highest bits of a status code.
_QUALITY_WORD: Final = r"(?i)^(good|uncertain|bad)[A-Za-z_]*$"
_BY_SEVERITY: Final = {0: "GOOD", 1: "UNCERTAIN", 2: "BAD", 3: "BAD"}


def trimmed(text: pl.Expr) -> pl.Expr:
    """Text without white space around it, as Unicode defines White_Space.

    Control characters are none of it: an identifier that ends in U+001F is no identifier, as for ingestion.
    """
    return text.cast(pl.String).str.strip_chars()


def machine_ids(layout: FileLayout) -> pl.Expr:
    """Return the machine of each row, by its id in the fleet."""
    machine = pl.lit(layout.machine) if layout.machine_column is None else trimmed(pl.col(layout.machine_column))
    return machine.replace(layout.machine_names).alias("machine_id")


def numbers(values: pl.Series, layout: FileLayout) -> pl.Series:
    """Numbers as Float64, null where a value is none, or might be several (`1.020` where commas are decimal)."""
    if isinstance(values.dtype, pl.Categorical | pl.Enum):
        values = values.cast(pl.String)
    if values.dtype == pl.String:
        texts = values.str.strip_chars()
        if layout.decimal_comma:
            text = pl.col("text")
            plain = text.str.replace(",", ".", literal=True)
            texts = pl.DataFrame({"text": texts}).select(
                pl.when(text.str.contains(_PLAIN_COMMA)).then(plain)
                .when(text.str.contains(_GROUPED)).then(text.str.replace_all(".", "", literal=True)
                                                        .str.replace(",", ".", literal=True))
                .when(text.str.to_lowercase().is_in(["nan", "inf", "-inf"])).then(text)
            ).to_series()  # fmt: skip
        return texts.cast(pl.Float64, strict=False)
    if values.dtype.is_numeric():
        return values.cast(pl.Float64)
    return pl.Series([None], dtype=pl.Float64).new_from_index(0, values.len())


def quality_of(stated: pl.Series) -> pl.Series:
    """GOOD, UNCERTAIN or BAD; an empty cell is GOOD, null is a quality that cannot be read."""
    text = trimmed(pl.col("stated"))
    code = text.cast(pl.Int64, strict=False)
    return (
        pl.DataFrame({"stated": stated})
        .select(
            pl.when(text.is_null() | (text == "")).then(pl.lit("GOOD"))
            .when(text.str.contains(_QUALITY_WORD)).then(text.str.extract(_QUALITY_WORD).str.to_uppercase())
            .when(code.is_between(0, (1 << 32) - 1))
            .then((code // (1 << 30)).replace_strict(_BY_SEVERITY, default=None, return_dtype=pl.String))
        )
        .to_series()
    )  # fmt: skip


def bad_machine() -> pl.Expr:
    """Whether `machine_id` cannot name a machine."""
    return ~pl.col("machine_id").fill_null("").str.contains(f"^(?:{MACHINE_ID_PATTERN})$")


def reading_rules(
    channels: Mapping[str, Channel], *, only_known: bool, earliest: datetime, latest: datetime | None
) -> dict[QuarantineReason, pl.Expr]:
    """What breaks a rule, by the reason that ingestion names.

    Columns: machine_id, channel, value (as written in the file), number, quality, event_timestamp.
    """
    bounds = [
        pl.col("channel").replace_strict(
            {name: getattr(channel, bound) for name, channel in channels.items()},
            default=None, return_dtype=pl.Float64,
        )
        for bound in ("minimum", "maximum")
    ]  # fmt: skip
    text, number, is_bad = trimmed(pl.col("value")), pl.col("number"), pl.col("quality") == "BAD"
    is_unknown = ~pl.col("channel").is_in(list(channels)) if only_known else pl.col("channel") == ""
    return {
        QuarantineReason.BAD_MACHINE_ID: bad_machine(),
        QuarantineReason.UNKNOWN_SENSOR: is_unknown | pl.col("channel").is_null(),
        QuarantineReason.MISSING_FIELD: ~is_bad & (text.is_null() | (text == "")),
        QuarantineReason.BAD_TYPE: pl.col("quality").is_null() | (~is_bad & number.is_null()),
        QuarantineReason.NOT_FINITE: ~is_bad & ~number.is_finite(),
        QuarantineReason.OUT_OF_RANGE: ~is_bad & ~number.is_between(bounds[0], bounds[1]),
        **time_rules(earliest, latest),
    }


def time_rules(earliest: datetime, latest: datetime | None) -> dict[QuarantineReason, pl.Expr]:
    """What is no plausible time; `latest` is that of the clock that reads the file, where there is one."""
    at = pl.col("event_timestamp")
    bounds = {QuarantineReason.BAD_TIMESTAMP: at.is_null(), QuarantineReason.TOO_LATE: at < earliest}
    if latest is not None:
        bounds[QuarantineReason.FUTURE] = at > latest + FUTURE_TOLERANCE
    return bounds


def first_broken(rules: Mapping[QuarantineReason, pl.Expr]) -> pl.Expr:
    """The first rule that a row breaks, as `reason`; null where it breaks none."""
    return pl.coalesce(pl.when(broken).then(pl.lit(str(reason))) for reason, broken in rules.items()).alias("reason")


def implausible_times(judged: pl.DataFrame) -> pl.DataFrame:
    """Fill `reason` of rows that lie more than five years away from most of their machine's: a clock that jumped."""
    if judged.filter(pl.col("reason").is_null()).height == 0:
        return judged
    times = judged.filter(pl.col("reason").is_null()).group_by("machine_id", "event_timestamp").len()
    gaps = (
        times.sort("machine_id", "event_timestamp")
        .with_columns(
            spell=(pl.col("event_timestamp").diff() > LONGEST_SILENCE)
            .fill_null(value=False)
            .cum_sum()
            .over("machine_id")
        )
        .group_by("machine_id", "spell")
        .agg(first=pl.col("event_timestamp").min(), last=pl.col("event_timestamp").max(), rows=pl.col("len").sum())
        .sort("machine_id", "rows", "spell", descending=[False, True, True])
        .unique("machine_id", keep="first", maintain_order=True)
    )
    if gaps["rows"].sum() == times["len"].sum():
        return judged
    at = pl.col("event_timestamp")
    return (
        judged.join(gaps.select("machine_id", "first", "last"), on="machine_id", how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("reason").is_not_null()).then("reason")
            .when(at < pl.col("first")).then(pl.lit(str(QuarantineReason.TOO_LATE)))
            .when(at > pl.col("last")).then(pl.lit(str(QuarantineReason.FUTURE)))
            .alias("reason")
        )
        .drop("first", "last")
    )  # fmt: skip
