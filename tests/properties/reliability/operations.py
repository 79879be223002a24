"""Hypothesis strategies for histories."""

from hypothesis import strategies as st

from tests.properties.reliability.calls import Fault
from tests.properties.reliability.history import (
    Deliver,
    DeliverAgain,
    Redrive,
    Run,
    RunRange,
    Say,
    SayBad,
    SayFailure,
    Together,
    Wait,
)
from tests.properties.reliability.messages import BAD, BAD_FAILURES
from tests.properties.reliability.pipeline import LABELS, READINGS, Variant

small = st.integers(0, 5)
rarely = st.sampled_from([False] * 9 + [True])


def faults(calls: int) -> st.SearchStrategy[tuple[tuple[int, Fault], ...]]:
    """No fault, or some at the first so many calls of an invocation."""
    fault = st.tuples(st.integers(0, calls - 1), st.sampled_from(Fault))
    return st.just(()) | st.lists(fault, min_size=1, max_size=2).map(tuple)


machines = st.sampled_from("AAB")
say = st.builds(
    Say,
    machines,
    st.sampled_from(["temperature", "temperature", "vibration"]),
    st.integers(0, 8),
    st.sampled_from([20.0, 21.0]),
    replayed=st.sampled_from([False, False, False, True]),
    rule_fails=rarely,
)
say_bad = st.builds(SayBad, st.sampled_from(sorted(BAD)), st.just(value=False), rarely)
say_bad_failure = st.builds(SayBad, st.sampled_from(sorted(BAD_FAILURES)), st.just(value=True), rarely)
say_failure = st.builds(SayFailure, machines, st.integers(0, 8), st.sampled_from([11.5, 12.5]))
deliver = st.builds(
    Deliver,
    st.sampled_from([READINGS, READINGS, LABELS]),
    st.lists(small, min_size=1, max_size=6).map(tuple),
    faults(5),
    small,
    answer_is_lost=st.sampled_from([False, False, False, True]),
    while_in_flight=st.booleans(),
)
run = st.builds(Run, faults(40), small, st.sampled_from([0, 0, 60_000, 110_000]))
run_range = st.builds(RunRange, st.integers(0, 6), st.integers(1, 4), faults(40), small)
together = st.builds(
    Together,
    st.lists(st.one_of(run, run, deliver, run_range), min_size=2, max_size=4).map(tuple),
    st.lists(small, min_size=1, max_size=40).map(tuple),
)
wait = st.builds(Wait, st.sampled_from([10, 30, 60, 90, 180]))
deliver_again = st.builds(DeliverAgain, st.sampled_from([READINGS, LABELS]), small)
redrive = st.builds(Redrive, faults(6))

operations = st.lists(
    st.one_of(say, say, say, say, say_bad, say_failure | say_bad_failure, wait, wait, deliver, deliver, deliver, run, run, together, run_range, deliver_again, redrive),
    min_size=8,
    max_size=30,
)
variants = st.builds(Variant, st.sampled_from([60, 60, 30]), st.sampled_from([1, 1, 2]), st.just(60))
