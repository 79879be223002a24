"""Planning is checked by what it leads to: a model lake whose buckets and feature rows are sets of readings."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings, strategies as st

from mlops_core.errors import InvalidArgumentError, MalformedObjectError
from mlops_core.lake import Checkpoint, Partition
from mlops_core.processing import (
    ProcessingRules,
    closed_hour,
    first_checkpoint,
    first_listed_hour,
    next_chunk,
    partition_keys,
)
from mlops_core.processing.plan import FutureMomentError, range_checkpoint, refuse_the_future

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
RULES = ProcessingRules(hop=HOUR, longest_length=24 * HOUR, chunk=6 * HOUR, allowed_lateness=48 * HOUR)


def at(hours):
    return MIDNIGHT + timedelta(hours=hours)


class Lake:
    """Readings by (shard, time); a reading's object has a name of its own. Buckets and rows hold readings."""

    def __init__(self, rules):
        self.rules = rules
        self.readings = set()
        self.buckets = {}
        self.rows = {}

    def listing(self):
        objects = defaultdict(list)
        for shard, time in self.readings:
            objects[Partition(closed_hour(time), shard)].append(time.isoformat())
        return objects

    def do(self, chunk):
        for partition, names in chunk.rebuild.items():
            self.buckets[partition] = {datetime.fromisoformat(name) for name in names}
        for window_range in chunk.ranges:
            self.do_range(window_range)

    def do_range(self, window_range):
        held = set()
        for hour in window_range.bucket_hours:
            held |= self.buckets.get(Partition(hour, window_range.shard), set())
        window_end = window_range.start + self.rules.hop
        for hour in window_range.hours:  # a partition is one object, so what was there is replaced
            for stale in [key for key in self.rows if key[0] == window_range.shard and closed_hour(key[1]) == hour]:
                del self.rows[stale]
        while window_end <= window_range.end:
            assert closed_hour(window_end) in window_range.hours
            seen = {time for time in held if window_end - self.rules.longest_length <= time < window_end}
            if seen:
                self.rows[window_range.shard, window_end] = seen
            window_end += self.rules.hop

    def expected_rows(self, start, end):
        """The rows of every window end in (start, end], from the readings alone."""
        rows = {}
        for shard in {shard for shard, _ in self.readings}:
            window_end = start + self.rules.hop
            while window_end <= end:
                seen = {
                    time
                    for holder, time in self.readings
                    if holder == shard and window_end - self.rules.longest_length <= time < window_end
                }
                if seen:
                    rows[shard, window_end] = seen
                window_end += self.rules.hop
        return rows

    def rows_within(self, start, end):
        return {key: seen for key, seen in self.rows.items() if start < key[1] <= end}

    def run(self, checkpoint, closed_until, *, chunks=1000, hours=None):
        """Do at most so many chunks, the last of which may crash before its checkpoint is stored."""
        for _ in range(chunks):
            chunk = next_chunk(self.listing(), checkpoint, self.rules, closed_until, hours=hours)
            if chunk is None:
                break
            self.do(chunk)
            checkpoint = chunk.checkpoint
        return checkpoint


def test_a_first_run_computes_the_last_chunk_of_hours_from_all_the_readings_that_they_see():
    lake = Lake(RULES)
    lake.readings = {(0, at(hours + 0.5)) for hours in range(-40, 1)}
    checkpoint = lake.run(first_checkpoint(at(1), RULES), at(1))
    assert lake.rows == lake.expected_rows(at(-5), at(1))
    assert len(lake.rows) == 6
    assert checkpoint.processed_until == at(1)


def test_an_hourly_run_rebuilds_one_hour_and_computes_one_window_end():
    lake = Lake(RULES)
    lake.readings = {(0, at(hours + 0.5)) for hours in range(-40, 1)}
    checkpoint = lake.run(first_checkpoint(at(1), RULES), at(1))
    lake.readings.add((0, at(1.5)))
    chunk = next_chunk(lake.listing(), checkpoint, RULES, at(2))
    assert list(chunk.rebuild) == [Partition(at(1), 0)]
    assert [(r.start, r.end, r.data_start) for r in chunk.ranges] == [(at(1), at(2), at(-22))]
    assert next_chunk(lake.listing(), chunk.checkpoint, RULES, at(2)) is None


def test_a_late_reading_changes_the_window_ends_that_see_it_and_no_others():
    lake = Lake(RULES)
    lake.readings = {(shard, at(hours + 0.5)) for hours in range(-40, 40) for shard in range(2)}
    checkpoint = lake.run(first_checkpoint(at(1), RULES), at(40))
    lake.readings.add((1, at(5.25)))
    rebuilt, recomputed, longest = [], [], timedelta(0)
    while chunk := next_chunk(lake.listing(), checkpoint, RULES, at(40)):
        rebuilt += chunk.rebuild
        recomputed += [(r.shard, hour) for r in chunk.ranges for hour in r.hours]
        longest = max([longest, *(r.end - r.start for r in chunk.ranges)])
        checkpoint = chunk.checkpoint
    assert rebuilt == [Partition(at(5), 1)]
    assert recomputed == [(1, at(hour)) for hour in range(6, 30)]
    assert longest <= RULES.chunk


def test_hours_without_readings_still_get_their_window_ends_while_any_window_reaches_back_to_one():
    lake = Lake(RULES)
    lake.readings = {(0, at(0.5))}
    lake.run(first_checkpoint(at(1), RULES), at(30))
    assert set(lake.rows) == {(0, at(hour)) for hour in range(1, 25)}


def test_a_backlog_of_seven_days_is_taken_in_bounded_chunks_oldest_first():
    lake = Lake(RULES)
    lake.readings = {(0, at(hours + 0.5)) for hours in range(-24, 168)}
    checkpoint = lake.run(first_checkpoint(at(0), RULES), at(0))
    frontiers = [checkpoint.processed_until]
    while chunk := next_chunk(lake.listing(), checkpoint, RULES, at(168)):
        assert len(chunk.rebuild) <= 6
        assert sum(len(r.hours) for r in chunk.ranges) <= 6
        lake.do(chunk)
        checkpoint = chunk.checkpoint
        frontiers.append(checkpoint.processed_until)
    assert frontiers == [at(hour) for hour in range(0, 169, 6)]
    assert lake.rows == lake.expected_rows(at(-6), at(168))


def test_timestamps_far_ahead_or_far_behind_do_not_move_the_watermark_or_cause_work():
    lake = Lake(RULES)
    lake.readings = {(0, at(hours + 0.5)) for hours in range(-40, 1)}
    checkpoint = lake.run(first_checkpoint(at(1), RULES), at(1))
    lake.readings |= {(0, datetime(1970, 1, 1, tzinfo=UTC)), (0, datetime(2106, 2, 7, tzinfo=UTC)), (0, at(1.01))}
    assert next_chunk(lake.listing(), checkpoint, RULES, at(1)) is None


def test_a_clock_that_went_back_neither_moves_the_watermark_back_nor_fails():
    lake = Lake(RULES)
    lake.readings = {(0, at(hours + 0.5)) for hours in range(-40, 1)}
    checkpoint = lake.run(first_checkpoint(at(1), RULES), at(1))
    lake.readings.add((0, at(-3.25)))
    back = lake.run(checkpoint, at(-1))
    assert back.processed_until == at(1)
    assert lake.run(back, at(1)).due == ()
    assert lake.rows == lake.expected_rows(at(-5), at(1))


def test_a_chunk_takes_no_more_hours_than_it_may():
    lake = Lake(RULES)
    lake.readings = {(0, at(hours + 0.5)) for hours in range(-24, 12)}
    checkpoint = lake.run(first_checkpoint(at(0), RULES), at(0))
    for hours in (1, 3, 6):
        chunk = next_chunk(lake.listing(), checkpoint, RULES, at(12), hours=hours)
        assert chunk.hours == hours == len(chunk.rebuild)
        assert chunk.checkpoint.processed_until == at(hours)


def test_a_checkpoint_may_be_ahead_of_the_clock_by_as_much_as_clocks_disagree_and_no_more():
    checkpoint = first_checkpoint(at(6), RULES)
    refuse_the_future(checkpoint, at(-0.5))
    with pytest.raises(FutureMomentError, match=r"2026-11-21T00:00:00.000000Z, lies in the future"):
        refuse_the_future(checkpoint, at(-1.5))


def test_an_empty_lake_moves_the_watermark_in_one_step():
    chunk = next_chunk({}, first_checkpoint(at(0), RULES), RULES, at(168))
    assert (chunk.checkpoint.processed_until, dict(chunk.rebuild), chunk.ranges) == (at(168), {}, ())


def test_the_checkpoint_stays_small_however_long_the_platform_runs():
    lake = Lake(RULES)
    lake.readings = {(0, at(hours + 0.5)) for hours in range(-40, 240)}
    checkpoint = first_checkpoint(at(0), RULES)
    for hour in range(0, 240, 6):
        checkpoint = lake.run(checkpoint, at(hour))
        assert len(checkpoint.hours) <= RULES.memory / HOUR
        assert len(checkpoint.due) == 0


TIMES = st.integers(-6 * 60, 20 * 60).map(lambda minute: MIDNIGHT + minute * MINUTE)


@settings(max_examples=300)
@given(
    rules=st.sampled_from(
        [
            ProcessingRules(
                hop=hop * MINUTE, longest_length=length * MINUTE, chunk=chunk * HOUR, allowed_lateness=lateness
            )
            for hop, length in ((60, 60), (60, 300), (30, 30), (30, 90), (15, 45), (20, 180))
            for chunk in (1, 2, 5)
            for lateness in (4 * HOUR, 30 * HOUR)
        ]
    ),
    steps=st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 1), TIMES), max_size=6),  # what arrives
            st.integers(0, 150),  # minutes until the next run
            st.integers(0, 4),  # chunks until that run crashes
            st.booleans(),  # whether its last chunk's checkpoint is lost with it
            st.sampled_from([None, 1]),  # the most hours that its chunks may hold
        ),
        min_size=1,
        max_size=10,
    ),
)
@example(
    # Half-hour hops with chunks of one hour: a partition's second window end needs the chunk after its first.
    rules=ProcessingRules(hop=30 * MINUTE, longest_length=90 * MINUTE, chunk=HOUR, allowed_lateness=4 * HOUR),
    steps=[([(0, at(0.5))], 150, 4, False, None), ([(0, at(0.25)), (1, at(1.75))], 60, 1, True, None)],
)
def test_rows_are_a_function_of_the_set_of_readings_whatever_arrives_late_and_whenever_runs_stop(rules, steps):
    lake = Lake(rules)
    now = MIDNIGHT
    checkpoint = first_checkpoint(closed_hour(now), rules)
    begin = checkpoint.processed_from
    for arrivals, minutes, chunks, is_lost, hours in steps:
        now += minutes * MINUTE
        # The lake accepts nothing later than the lateness allows, nor from the future.
        lake.readings |= {(shard, time) for shard, time in arrivals if now - rules.allowed_lateness <= time <= now}
        before = lake.run(checkpoint, closed_hour(now), chunks=max(chunks - 1, 0), hours=hours)
        after = lake.run(before, closed_hour(now), chunks=min(chunks, 1), hours=hours)
        reached = before if is_lost else Checkpoint.decode(after.encode())
        assert reached.processed_until >= checkpoint.processed_until
        checkpoint = reached
    checkpoint = lake.run(checkpoint, closed_hour(now))
    assert checkpoint.processed_until == max(begin, closed_hour(now))
    assert checkpoint.due == ()
    assert lake.rows_within(begin, checkpoint.processed_until) == lake.expected_rows(begin, checkpoint.processed_until)
    assert next_chunk(lake.listing(), checkpoint, rules, closed_hour(now)) is None


@given(
    readings=st.sets(st.tuples(st.integers(0, 1), TIMES), max_size=30),
    start=st.integers(-300, 1000),
    minutes=st.integers(1, 600),
    hop=st.sampled_from([15, 60]),
    hours=st.sampled_from([None, 1]),
)
def test_a_range_is_computed_whole_whatever_was_done_before(readings, start, minutes, hop, hours):
    rules = ProcessingRules(hop=hop * MINUTE, longest_length=3 * HOUR, chunk=2 * HOUR, allowed_lateness=HOUR)
    lake = Lake(rules)
    lake.readings = readings
    start = MIDNIGHT + start * MINUTE
    end = start + minutes * MINUTE
    lake.run(*range_checkpoint(start, end, at(15)), hours=hours)
    begin, finish = closed_hour(start), min(end, at(15))
    assert lake.rows_within(begin, finish) == lake.expected_rows(begin, finish)
    assert all(window_end <= at(15) for _, window_end in lake.rows)


def test_what_a_run_lists_reaches_back_as_far_as_readings_may_be_late_and_windows_long():
    checkpoint = Checkpoint(version=3, processed_from=at(-1000), processed_until=at(0), hours={})
    assert first_listed_hour(checkpoint, RULES) == at(-72)
    assert first_listed_hour(checkpoint.model_copy(update={"processed_from": at(-6)}), RULES) == at(-30)


def test_keys_that_are_no_raw_objects_are_set_apart():
    ours = f"raw/date=2026-11-21/hour=10/shard=03/{'0' * 64}.jsonl.gz"
    others = ["raw/", "raw/readme.txt", ours.replace("hour=10", "hour=24"), ours.replace("0.jsonl", "X.jsonl")]
    listing, foreign = partition_keys([*others, ours])
    assert listing == {Partition(at(10), 3): [ours]}
    assert foreign == others


def test_a_checkpoint_survives_storage_and_equal_ones_are_equal_bytes():
    checkpoint = Checkpoint(
        version=7,
        processed_from=at(0),
        processed_until=at(5),
        hours={"2026-11-21T04/00": "ab"},
        due=("2026-11-21T03/01",),
    )
    assert Checkpoint.decode(checkpoint.encode()) == checkpoint
    assert Checkpoint.decode(checkpoint.encode()).encode() == checkpoint.encode()


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff", b'{"version": 1, "hours": {}}'])
def test_anything_else_is_no_checkpoint(body):
    with pytest.raises(MalformedObjectError, match="checkpoint"):
        Checkpoint.decode(body)


def test_a_checkpoint_with_a_partition_that_cannot_be_is_refused():
    checkpoint = Checkpoint(version=1, processed_from=at(0), processed_until=at(5), hours={"2026-13-21T04/00": "ab"})
    with pytest.raises(MalformedObjectError, match="2026-13-21"):
        Checkpoint.decode(checkpoint.encode())


@pytest.mark.parametrize(
    ("changed", "argument"),
    [
        ({"hop": 25 * MINUTE}, "hop"),
        ({"hop": 2 * HOUR}, "hop"),
        ({"hop": timedelta(0)}, "hop"),
        ({"longest_length": 90 * MINUTE}, "longest_length"),
        ({"longest_length": timedelta(0)}, "longest_length"),
        ({"chunk": 30 * MINUTE}, "chunk"),
        ({"allowed_lateness": -HOUR}, "allowed_lateness"),
    ],
)
def test_rules_that_cannot_work_are_refused_at_once(changed, argument):
    rules = {"hop": HOUR, "longest_length": 24 * HOUR, "chunk": 6 * HOUR, "allowed_lateness": 48 * HOUR}
    with pytest.raises(InvalidArgumentError) as raised:
        ProcessingRules(**(rules | changed))
    assert raised.value.argument == argument
