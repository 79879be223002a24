"""The plan of a backfill that many invocations share: hours are built side by side, then pieces of rows computed.

A unit is done once its result is noted, with what it was made from; so a backfill that is begun again does what is
left, and what has changed since. The rows are those that one run after the other gives (`range_checkpoint`).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from mlops_core.lake import Built, Checkpoint, Layout, hour_text
from mlops_core.processing.plan import Listing, ProcessingRules, WindowRange, hours_with_rows, window_ranges


class Piece(NamedTuple):
    """The rows of one shard in consecutive hours: what one invocation computes."""

    window_range: WindowRange
    shard: int

    @property
    def name(self) -> str:
        """A name that is unique among the pieces of a backfill."""
        hours = self.window_range.hours
        return f"{hour_text(hours[0])}-{hour_text(hours[-1])}-{self.shard:02d}"

    def can_have_rows(self, checkpoint: Checkpoint, rules: ProcessingRules, layout: Layout) -> bool:
        """Whether there may be buckets of its machines. Where hours are divided otherwise, any of them may be its."""
        count = layout.shards_of(self.window_range.hours[0])
        return any(
            built.shards >> self.shard & 1 or layout.shards_of(hour) != count
            for hour in self.window_range.bucket_hours(rules.longest_length)
            if (built := checkpoint.built(hour_text(hour)))
        )

    def origin(self, checkpoint: Checkpoint, rules: ProcessingRules) -> str:
        """Return a digest of what the rows follow from: what their hours were built from, and how windows are made."""
        hours = map(hour_text, self.window_range.bucket_hours(rules.longest_length))
        built = [f"{text} {checkpoint.hours.get(text, '')}" for text in hours]
        made_with = [f"{name} {value}" for name, value in sorted(rules.made_with.items())]
        return sha256("\n".join([*built, *made_with]).encode()).hexdigest()[:32]


def unbuilt_hours(
    listing: Listing, built: Mapping[str, Built], rules: ProcessingRules, start: datetime, end: datetime
) -> list[datetime]:
    """Return the hours that rows of (start, end] follow from and that hold other readings than was built, in order.

    Args:
        listing: what the lake holds.
        built: what the hours were built from, by `hour_text`.
        rules: hop, lengths and lateness.
        start: aware time; rows have `start < window_end`.
        end: aware time; rows have `window_end <= end`.

    """
    return [
        hour
        for hour, sources in sorted(listing.items())
        if start - rules.lookback <= hour < end
        and ((done := built.get(hour_text(hour))) is None or done != Built.of(sources, done.shards))
    ]


def backfill_checkpoint(built: Mapping[str, Built], rules: ProcessingRules, start: datetime) -> Checkpoint:
    """Return the checkpoint by which the rows after `start` are computed from hours that are built; not for storing."""
    hours = {text: built[text].text for text in sorted(built)}
    return Checkpoint(version=0, processed_from=start, processed_until=start, hours=hours, made_with=rules.made_with)


def backfill_pieces(checkpoint: Checkpoint, rules: ProcessingRules, layout: Layout, end: datetime) -> Iterator[Piece]:
    """Yield what is to be computed: all rows after `checkpoint.processed_until` up to `end`, each in one piece.

    A piece has at most the hours of a chunk. No two pieces share a partition.
    """
    hours = hours_with_rows(checkpoint, rules, end)
    for first in range(0, len(hours), rules.chunk_hours):
        taken = dict.fromkeys(hours[first : first + rules.chunk_hours])
        for whole in window_ranges(taken, end, rules):
            for alike in layout.runs(whole.hours):
                (part,) = window_ranges(dict.fromkeys(alike), whole.end, rules)
                for shard in range(layout.shards_of(alike[0])):
                    yield Piece(part, shard)
