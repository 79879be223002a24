"""A stack that was out for a day and catches up, although each of its runs is killed at some call.

What holds: nothing that a run finished is undone, every run that lives as long as one step takes finishes more than
there was, so their number is bounded, and what all of them leave is bit by bit what one undisturbed run leaves.
"""

import json
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from mlops_core.lake import BUCKETS_PREFIX, CHECKPOINT_KEY, COMPACTED_PREFIX, FEATURES_PREFIX, encode_readings
from mlops_core.telemetry import Reading
from tests.properties.reliability.calls import Fault, Invocation
from tests.properties.reliability.observations import demand
from tests.properties.reliability.pipeline import Pipeline, Variant, Wiring

HOUR = timedelta(hours=1)
OUTAGE_HOURS = 24
_MACHINES = ("A", "B")
_CHANNELS = ("temperature", "vibration")
_FITTING = 5  # readings: those of one machine's hour and one more


class Kill(NamedTuple):
    """A run that dies at a call: so far on between the first call and the end of one step, and the end of a whole run.

    `is_early`: before a step can be done, so that the run may have done nothing.
    """

    is_early: bool
    share: float
    fault: Fault
    order: int


def outage(random: Random) -> list[Kill]:
    """The runs after an outage: many early ones, and more of the others than can be needed."""
    return [
        Kill(
            random.random() < 0.4,
            random.random() ** random.choice((2, 20)),
            random.choice((Fault.KILLED_BEFORE, Fault.KILLED_AFTER)),
            random.randrange(1000),
        )
        for _ in range(4 * OUTAGE_HOURS)
    ]


def variant(random: Random) -> Variant:
    """Configuration to catch up with; sometimes an hour is more than processing holds."""
    return Variant(
        random.choice((60, 30)), random.choice((1, 2)), most_readings=random.choice((Variant().most_readings, _FITTING))
    )


def catch_up(wiring: Wiring, chosen: Variant, kills: list[Kill]) -> None:
    """Catch up undisturbed, then with every run killed, and compare."""
    undisturbed = _after_the_outage(wiring, chosen)
    run = Invocation()
    demand(isinstance(undisturbed.process(run), dict), "an undisturbed run ends well", "it failed")
    expected = _result(undisturbed)
    # Two hours, twice over; beside them what grows with what was done: pages of listings, rows that no run has offered.
    enough = 4 * run.calls // OUTAGE_HOURS + (OUTAGE_HOURS + 1) * (2 * chosen.shards + 1)
    stack = _after_the_outage(wiring, chosen)
    done, long_runs = _Done.of(stack), 0
    for kill in kills:
        first, last = (0, enough) if kill.is_early else (enough, max(enough, run.calls))
        at = first + int(kill.share * (last - first))
        answer = stack.process(Invocation({("", at): kill.fault}, Random(kill.order)))  # noqa: S311 - a history's order
        before, done = done, _Done.of(stack)
        _nothing_is_undone(before, done, expected)
        if isinstance(answer, dict):
            break
        long_runs += not kill.is_early
        demand(kill.is_early or done.is_more_than(before), "a run that lives for one step finishes more", f"{done}")
        demand(long_runs <= OUTAGE_HOURS + 1, "the number of runs is bounded", f"{long_runs} runs: {done}")
    demand(isinstance(stack.process(Invocation()), dict), "a run that nothing disturbs ends well", "it failed")
    left = _result(stack)
    demand(left == expected, "what is left is bit by bit the same", f"{_different(left, expected)}")


class _Done(NamedTuple):
    """What runs have finished."""

    until: datetime
    built: frozenset[str]
    outputs: dict[str, bytes]

    @classmethod
    def of(cls, stack: Pipeline) -> "_Done":
        checkpoint = json.loads(stack.s3.objects[CHECKPOINT_KEY])
        until = datetime.fromisoformat(checkpoint["processed_until"])
        return cls(until, frozenset(checkpoint["hours"]), stack.s3.under(FEATURES_PREFIX))

    def is_more_than(self, other: "_Done") -> bool:
        """Whether rows reach further, or further hours are built."""
        return self.until > other.until or self.built > other.built

    def __repr__(self) -> str:
        return f"until {self.until:%Y-%m-%d %H:%M}, {len(self.built)} hours built"


def _nothing_is_undone(before: _Done, now: _Done, expected: dict[str, Any]) -> None:
    demand(now.until >= before.until, "I10 the checkpoint never goes back", f"{before}, then {now}")
    gone = before.outputs.keys() - now.outputs.keys()
    demand(not gone, "an hour that is finished stays finished", f"{gone}")
    for key, body in now.outputs.items():
        hour = datetime.fromisoformat(f"{key.partition('date=')[2][:10]}T{key.partition('hour=')[2][:2]}:00:00+00:00")
        if hour + HOUR <= now.until:
            demand(expected["objects"].get(key) == body, "what is committed is right", key)


def _after_the_outage(wiring: Wiring, chosen: Variant) -> Pipeline:
    stack = wiring.start(chosen)
    stack.process(Invocation())
    begins = stack.now.replace(minute=0)
    stack.now += OUTAGE_HOURS * HOUR
    for machine in _MACHINES:
        some = [
            Reading(machine, channel, at, float(number % 7 + len(channel)), stack.now)
            for number in range(2 * OUTAGE_HOURS)
            for at in [begins + number * HOUR / 2]
            for channel in _CHANNELS
        ]
        for key, body in encode_readings(some):
            stack.s3.hold(key, body)
    return stack


def _result(stack: Pipeline) -> dict[str, Any]:
    checkpoint = json.loads(stack.s3.objects[CHECKPOINT_KEY])
    items = stack.dynamodb.items["realtime-features"]
    return {
        "objects": {
            key: body
            for prefix in (BUCKETS_PREFIX, FEATURES_PREFIX, COMPACTED_PREFIX)
            for key, body in stack.s3.under(prefix).items()
        },
        # What hours were built from differs: a raw object that a dead run had compacted and not removed may stay.
        "checkpoint": checkpoint | {"version": None, "hours": sorted(checkpoint["hours"])},
        "online": {key: {name: item[name] for name in item if name != "updated_at"} for key, item in items.items()},
    }


def _different(left: dict[str, Any], expected: dict[str, Any]) -> dict[str, list[str]]:
    return {
        part: [str(key) for key in {*left[part], *expected[part]} if left[part].get(key) != expected[part].get(key)]
        for part in expected
    }
