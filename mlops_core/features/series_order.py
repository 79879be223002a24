"""How the rows of a frame follow each other: whether a series (machine, channel) goes on, goes back or comes again.

Rows hold machine_id and channel. `continues` says of each row whether it is of the series of the row before.
"""

import polars as pl

_FALSE = pl.Series([False])


def like_before(column: pl.Series) -> pl.Series:
    """Whether each value equals the one before it; the first does not."""
    return _not_the_first(column.slice(1) == column.head(-1), column)


def rise(times: pl.Series) -> pl.Series:
    """Whether each time is later than the one before it; the first is not."""
    return _not_the_first(times.slice(1) > times.head(-1), times)


def continue_series(rows: pl.DataFrame) -> pl.Series:
    """`continues` of the rows."""
    return like_before(rows["machine_id"]) & like_before(rows["channel"])


def go_back(times: pl.Series, continues: pl.Series) -> bool:
    """Whether a time is before the one before it in its series."""
    return ((times.slice(1) < times.head(-1)) & continues.slice(1)).any()


def repeat(times: pl.Series, continues: pl.Series) -> bool:
    """Whether a time equals the one before it in its series."""
    return (like_before(times) & continues).any()


def repeat_a_series(rows: pl.DataFrame, continues: pl.Series) -> bool:
    """Whether a series comes in several pieces; ids with line breaks may be said to where they do not."""
    machine_id, channel = _beginnings(rows, continues)
    return (machine_id + "\n" + channel).n_unique() < machine_id.len()


def sort_series(rows: pl.DataFrame, continues: pl.Series) -> pl.DataFrame:
    """The rows with series ordered by machine_id and channel; each is in one piece, and stays as it is."""
    machine_id, channel = _beginnings(rows, continues)
    earlier, later = machine_id.head(-1), machine_id.slice(1)
    rises = (earlier < later) | ((earlier == later) & (channel.head(-1) < channel.slice(1)))
    return rows if rises.all() else rows.sort("machine_id", "channel", maintain_order=True)


def _not_the_first(others: pl.Series, column: pl.Series) -> pl.Series:
    """What holds of the `others`, as long as the column: of its first value, where it has one, nothing does."""
    return pl.concat([_FALSE, others]).head(column.len())


def _beginnings(rows: pl.DataFrame, continues: pl.Series) -> tuple[pl.Series, pl.Series]:
    begins = (~continues).arg_true()
    return rows["machine_id"][begins], rows["channel"][begins]
