"""Planning is checked by what it leads to: a model lake whose buckets and feature rows are sets of readings."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings, strategies as st

from mlops_core.errors import InvalidArgumentError
from mlops_core.lake import Built, Checkpoint, Sources, compacted_key, raw_key
from mlops_core.processing import (
    FutureMomentError,
    ProcessingRules,
    Rebuilt,
    adapted,
    after_building,
    changed_hours,
    closed_hour,
    first_checkpoint,
    first_listed_hour,
    listed_sources,
    next_computation,
    range_checkpoint,
    refuse_the_future,
)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
RULES = ProcessingRules(hop=HOUR, longest_length=24 * HOUR, chunk=6 * HOUR, allowed_lateness=48 * HOUR)


def at(hours):
    return MIDNIGHT + timedelta(hours=hours)


class Lake:
    """Readings by (machine, time). Raw objects are named after them; compaction takes those of an hour into a set.

    Buckets and rows hold readings, so what they were computed from is seen at once.
    """

    def __init__(self, rules):
        self.rules = rules
        self.raw = set()
        self.compacted = {}
        self.buckets = {}
        self.rows = {}

    def add(self, *readings):
        self.raw |= set(readings)

    @property
    def readings(self):
        return self.raw.union(*self.compacted.values())

    def listing(self):
        raw = {}
        for reading in self.raw:
            raw.setdefault(closed_hour(reading[1]), []).append(reading)
        hours = raw.keys() | {closed_hour(time) for held in self.compacted.values() for _, time in held}
        return {hour: self._sources(hour, raw.get(hour, ())) for hour in hours}

    def sources(self, hour):
        return self._sources(hour, [each for each in self.raw if closed_hour(each[1]) == hour])

    def _sources(self, hour, raw):
        held = self.compacted.get(hour)
        names = sorted(f"{time.isoformat()} {machine}" for machine, time in raw)
        return Sources(None if held is None else f'"{len(held)}"', tuple(names))

    def build(self, hour, *, only_late, compacts=False):
        """Build an hour's buckets, as changed_hours says, and compact it before or not."""
        raw = {each for each in self.raw if closed_hour(each[1]) == hour}
        if compacts and raw:
            self.compacted[hour] = self.compacted.get(hour, set()) | raw
            self.raw -= raw
        machines = {machine for machine, _ in raw} if only_late else None
        held = raw | self.compacted.get(hour, set())
        kept = {each for each in self.buckets.get(hour, set()) if machines is not None and each[0] not in machines}
        self.buckets[hour] = kept | {each for each in held if machines is None or each[0] in machines}
        return Rebuilt(Built.of(self.sources(hour), 1), None if machines is None else frozenset(machines))

    def compute(self, window_range):
        held = set().union(
            *(self.buckets.get(hour, set()) for hour in window_range.bucket_hours(self.rules.longest_length))
        )
        is_asked = lambda machine: window_range.machines is None or machine in window_range.machines  # noqa: E731
        for key in [key for key in self.rows if closed_hour(key[1]) in window_range.hours and is_asked(key[0])]:
            del self.rows[key]  # a partition is one object, so what was there is replaced
        window_end = window_range.start + self.rules.hop
        while window_end <= window_range.end:
            assert closed_hour(window_end) in window_range.hours
            for machine in {machine for machine, _ in held if is_asked(machine)}:
                seen = self._window(held, machine, window_end)
                if seen:
                    self.rows[machine, window_end] = seen
            window_end += self.rules.hop

    def _window(self, readings, machine, window_end):
        first = window_end - self.rules.longest_length
        return {time for name, time in readings if name == machine and first <= time < window_end}

    def expected_rows(self, start, end):
        """The rows of every window end in (start, end], from the readings alone."""
        rows = {}
        for machine in {machine for machine, _ in self.readings}:
            window_end = start + self.rules.hop
            while window_end <= end:
                if seen := self._window(self.readings, machine, window_end):
                    rows[machine, window_end] = seen
                window_end += self.rules.hop
        return rows

    def rows_within(self, start, end):
        return {key: seen for key, seen in self.rows.items() if start < key[1] <= end}

    def step(self, checkpoint, closed_until, hours=None, *, compacts=False):
        """Do the next step of a run; returns the checkpoint after it, None where nothing remains."""
        room = hours or self.rules.chunk_hours
        changed = changed_hours(self.listing(), checkpoint, self.rules, closed_until)
        if changed:
            done = {hour: self.build(hour, only_late=changed[hour], compacts=compacts) for hour in list(changed)[:room]}
            return after_building(checkpoint, done, self.rules)
        computation = next_computation(checkpoint, self.rules, closed_until, hours=hours)
        if computation is None:
            return None
        for window_range in computation.ranges:
            self.compute(window_range)
        return computation.checkpoint

    def run(self, checkpoint, closed_until, *, steps=1000, hours=None, compacts=False):
        """Do at most so many steps."""
        for _ in range(steps):
            following = self.step(checkpoint, closed_until, hours, compacts=compacts)
            if following is None:
                break
            assert following.version > checkpoint.version
            checkpoint = following
        return checkpoint


def of_one_machine(first, last):
    """A reading in the middle of each hour."""
    return {("A", at(hours + 0.5)) for hours in range(first, last)}


def after_a_run(until, *readings):
    """A lake that holds these and what was computed up to an hour, and its checkpoint."""
    lake = Lake(RULES)
    lake.add(*readings)
    return lake, lake.run(first_checkpoint(at(until), RULES), at(until))


def test_a_first_run_computes_the_last_chunk_of_hours_from_all_the_readings_that_they_see():
    lake, checkpoint = after_a_run(1, *of_one_machine(-40, 2))
    assert lake.rows == lake.expected_rows(at(-5), at(1))
    assert len(lake.rows) == 6
    assert checkpoint.processed_until == at(1)


def test_an_hourly_run_builds_one_hour_and_computes_one_window_end():
    lake, checkpoint = after_a_run(1, *of_one_machine(-40, 1))
    lake.add(("A", at(1.5)))
    assert changed_hours(lake.listing(), checkpoint, RULES, at(2)) == {at(1): False}
    checkpoint = lake.step(checkpoint, at(2))
    computation = next_computation(checkpoint, RULES, at(2))
    assert [(r.start, r.end, r.hours, r.machines) for r in computation.ranges] == [(at(1), at(2), (at(2),), None)]
    assert computation.ranges[0].bucket_hours(RULES.longest_length) == tuple(at(hour) for hour in range(-22, 2))
    assert next_computation(computation.checkpoint, RULES, at(2)) is None


@pytest.mark.parametrize("is_compacted", [True, False])
def test_a_late_reading_changes_the_window_ends_that_see_it_and_beside_a_compacted_hour_its_machine_alone(is_compacted):
    lake = Lake(RULES)
    lake.add(*((machine, at(hours + 0.5)) for hours in range(-40, 40) for machine in "AB"))
    checkpoint = lake.run(first_checkpoint(at(1), RULES), at(40), compacts=is_compacted)
    lake.add(("B", at(5.25)))
    assert changed_hours(lake.listing(), checkpoint, RULES, at(40)) == {at(5): is_compacted}
    checkpoint = lake.step(checkpoint, at(40))
    computed = []
    while computation := next_computation(checkpoint, RULES, at(40)):
        computed += [(r.machines, hour) for r in computation.ranges for hour in r.hours]
        assert is_compacted or computation.hours <= 6
        checkpoint = computation.checkpoint
    machines = frozenset("B") if is_compacted else None
    assert computed == [(machines, at(hour)) for hour in range(6, 30)]


def test_late_readings_of_very_many_machines_are_readings_of_all():
    _, checkpoint = after_a_run(0, *of_one_machine(-20, 0))
    for number in (50, 51):
        machines = frozenset(f"M{n}" for n in range(number))
        after = after_building(checkpoint, {at(-3): Rebuilt(Built("x", "", 1), machines)}, RULES)
        assert (after.due["2026-11-20T22"] is None) == (number == 51)


def test_a_backlog_of_seven_days_is_taken_in_bounded_steps_oldest_first():
    lake, checkpoint = after_a_run(0, *of_one_machine(-24, 168))
    while changed := changed_hours(lake.listing(), checkpoint, RULES, at(168)):
        assert list(changed) == sorted(changed)
        checkpoint = lake.step(checkpoint, at(168))
    frontiers = [checkpoint.processed_until]
    while computation := next_computation(checkpoint, RULES, at(168)):
        assert computation.hours <= 6
        checkpoint = lake.step(checkpoint, at(168))
        frontiers.append(checkpoint.processed_until)
    assert frontiers == [at(hour) for hour in range(0, 169, 6)]
    assert lake.rows == lake.expected_rows(at(-6), at(168))


def test_timestamps_far_ahead_or_far_behind_do_not_move_the_watermark_or_cause_work():
    lake, checkpoint = after_a_run(1, *of_one_machine(-40, 2))
    lake.add(("A", datetime(1970, 1, 1, tzinfo=UTC)), ("A", datetime(2106, 2, 7, tzinfo=UTC)), ("A", at(1.01)))
    assert lake.step(checkpoint, at(1)) is None


def test_a_clock_that_went_back_neither_moves_the_watermark_back_nor_fails():
    lake, checkpoint = after_a_run(1, *of_one_machine(-40, 2))
    lake.add(("A", at(-3.25)))
    back = lake.run(checkpoint, at(-1))
    assert back.processed_until == at(1)
    assert lake.run(back, at(1)).due == {}
    assert lake.rows == lake.expected_rows(at(-5), at(1))


def test_a_step_takes_no_more_hours_than_it_may():
    lake, checkpoint = after_a_run(0, *of_one_machine(-24, 12))
    checkpoint = lake.run(checkpoint, at(12), steps=2)  # the twelve hours are built
    for hours in (1, 3, 6):
        computation = next_computation(checkpoint, RULES, at(12), hours=hours)
        assert computation.hours == hours
        assert computation.checkpoint.processed_until == at(hours)


def test_a_checkpoint_may_be_ahead_of_the_clock_by_as_much_as_clocks_disagree_and_no_more():
    checkpoint = first_checkpoint(at(6), RULES)
    refuse_the_future(checkpoint, at(-0.5))
    with pytest.raises(FutureMomentError, match=r"2026-11-21T00:00:00.000000Z, lies in the future"):
        refuse_the_future(checkpoint, at(-1.5))


def test_an_empty_lake_moves_the_watermark_in_one_step():
    computation = next_computation(first_checkpoint(at(0), RULES), RULES, at(168))
    assert (computation.checkpoint.processed_until, computation.ranges) == (at(168), ())


@pytest.mark.parametrize("hours", [120, pytest.param(240, marks=pytest.mark.verify)])
def test_the_checkpoint_stays_small_however_long_the_platform_runs(hours):
    lake = Lake(RULES)
    lake.add(*of_one_machine(-40, hours))
    checkpoint = first_checkpoint(at(0), RULES)
    for hour in range(0, hours, 6):
        checkpoint = lake.run(checkpoint, at(hour), compacts=hour % 12 == 0)
        assert len(checkpoint.hours) <= RULES.memory / HOUR + RULES.chunk_hours
        assert len(checkpoint.due) == 0


def test_another_hop_or_rule_of_running_builds_the_watched_hours_anew_and_other_features_compute_them_anew():
    _, checkpoint = after_a_run(1, *of_one_machine(-200, 1))
    assert adapted(checkpoint, RULES) is checkpoint
    hop = adapted(checkpoint, ProcessingRules(HOUR / 2, 24 * HOUR, 6 * HOUR, 48 * HOUR))
    features = adapted(checkpoint, ProcessingRules(HOUR, 24 * HOUR, 6 * HOUR, 48 * HOUR, features="1h,24h"))
    rule = adapted(checkpoint, ProcessingRules(HOUR, 24 * HOUR, 6 * HOUR, 48 * HOUR, running="another"))
    assert (hop.hours, features.hours, rule.hours) == ({}, checkpoint.hours, {})
    assert rule.due == features.due
    computed = {"2026-11-20T20", "2026-11-20T21", "2026-11-20T22", "2026-11-20T23", "2026-11-21T00", "2026-11-21T01"}
    assert features.due == dict.fromkeys(sorted(computed))
    assert hop.due == dict.fromkeys(sorted({"2026-11-20T19"} | computed))


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
            st.lists(st.tuples(st.sampled_from("AB"), TIMES), max_size=6),  # what arrives
            st.integers(0, 150),  # minutes until the next run
            st.integers(0, 5),  # steps until that run crashes
            st.booleans(),  # whether its last step's checkpoint is lost with it
            st.sampled_from([None, 1]),  # the most hours that its steps may hold
            st.booleans(),  # whether it compacts what it builds
        ),
        min_size=1,
        max_size=10,
    ),
)
@example(
    # Half-hour hops with chunks of one hour: a partition's second window end needs the chunk after its first.
    rules=ProcessingRules(hop=30 * MINUTE, longest_length=90 * MINUTE, chunk=HOUR, allowed_lateness=4 * HOUR),
    steps=[
        ([("A", at(0.5))], 150, 4, False, None, True),
        ([("A", at(0.25)), ("B", at(1.75))], 60, 1, True, None, False),
    ],
)
def test_rows_are_a_function_of_the_set_of_readings_whatever_arrives_late_and_whenever_runs_stop(rules, steps):
    lake = Lake(rules)
    now = MIDNIGHT
    checkpoint = first_checkpoint(closed_hour(now), rules)
    begin = checkpoint.processed_from
    for arrivals, minutes, count, is_lost, hours, compacts in steps:
        now += minutes * MINUTE
        # The lake accepts nothing later than the lateness allows, nor from the future.
        lake.add(*((name, time) for name, time in arrivals if now - rules.allowed_lateness <= time <= now))
        how = {"hours": hours, "compacts": compacts}
        before = lake.run(checkpoint, closed_hour(now), steps=max(count - 1, 0), **how)
        after = lake.run(before, closed_hour(now), steps=min(count, 1), **how)
        reached = before if is_lost else Checkpoint.decode(after.encode())
        assert reached.processed_until >= checkpoint.processed_until
        checkpoint = reached
    checkpoint = lake.run(checkpoint, closed_hour(now))
    assert checkpoint.processed_until == max(begin, closed_hour(now))
    assert checkpoint.due == {}
    assert lake.rows_within(begin, checkpoint.processed_until) == lake.expected_rows(begin, checkpoint.processed_until)
    assert lake.step(checkpoint, closed_hour(now)) is None


@given(
    readings=st.sets(st.tuples(st.sampled_from("AB"), TIMES), max_size=30),
    start=st.integers(-300, 1000),
    minutes=st.integers(1, 600),
    hop=st.sampled_from([15, 60]),
    hours=st.sampled_from([None, 1]),
)
def test_a_range_is_computed_whole_whatever_was_done_before(readings, start, minutes, hop, hours):
    rules = ProcessingRules(hop=hop * MINUTE, longest_length=3 * HOUR, chunk=2 * HOUR, allowed_lateness=HOUR)
    lake = Lake(rules)
    lake.add(*readings)
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


def test_keys_that_are_none_of_ours_are_set_apart():
    name = "0" * 64
    ours = [raw_key(at(10), name), f"raw/date=2026-11-21/hour=10/shard=03/{name}.jsonl.gz"]
    others = ["raw/", "raw/readme.txt", ours[0].replace("hour=10", "hour=24"), ours[0].replace("0.jsonl", "X.jsonl")]
    compacted = {compacted_key(at(10)): '"one"', compacted_key(at(9)): '"two"', "compacted/x": '"three"'}
    listing, foreign = listed_sources([*others, *ours], compacted)
    assert listing == {at(9): Sources('"two"', ()), at(10): Sources('"one"', tuple(sorted(ours)))}
    assert foreign == ["compacted/x", *others]


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
