"""Simulating fleets: a reading a minute of two channels; a size is a number of machine-steps."""

from datetime import UTC, datetime

from benchmarks import simulation_peers as peers
from benchmarks.harness import Benchmark, Figures, Reach, Way, ratio
from benchmarks.simulation_peers import Plan
from mlops_core.simulation import simulate_fleet

OURS = "mlops_core, whole history"
GENERATOR = "numpy generator alone"
LOOP = "the original's loop"
LIGHTEST, PUMP = "progpy simulate_to, lightest model", "progpy simulate_to, pump with wear"

_START = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS_AT_MOST = 60


def plan(size: int) -> Plan:
    """About `size` steps: as many machines as are needed for histories of 60 days at most."""
    machines = -(-size // (_DAYS_AT_MOST * 1440))
    return Plan(tuple(f"PUMP-{number:04d}" for number in range(machines)), _START, size // machines)


def _ours(fleet: Plan) -> None:
    """Readings, failures, truth, runs and final states."""
    simulate_fleet(fleet.machine_ids, start=fleet.start, end=fleet.end, interval=fleet.interval, seed=1)


def _times_a_step(figures: Figures, way: str) -> float | None:
    """What a step of a slow way, measured at 1e5 steps, costs in units of ours at 1e6."""
    theirs, own = figures.seconds(way, 10**5), figures.seconds(OURS, 10**6)
    return None if theirs is None or own is None else 10 * theirs / own


_PROGPY_WAYS = {
    LIGHTEST: Way(peers.progpy_lightest, largest=10**5, rounds_at_most=2),
    PUMP: Way(peers.progpy_pump, largest=10**5, rounds_at_most=1),
}
WAYS = {
    OURS: Way(_ours),
    GENERATOR: Way(peers.numpy_generator),
    "mlops_core, live step": Way(peers.live_steps, largest=10**5, rounds_at_most=2),
    LOOP: Way(peers.python_loop, largest=10**6),
    "the original's loop, with messages": Way(peers.python_loop_with_json, largest=10**6, rounds_at_most=2),
    **(_PROGPY_WAYS if peers.has_progpy() else {}),
}

BENCHMARKS = (
    Benchmark(
        "simulation",
        (10**5, 10**6, 10**7),
        plan,
        WAYS,
        OURS,
        reach=(
            ratio(GENERATOR, 10**7, at_least=0.6),
            ratio(LOOP, 10**6, at_least=60),
            Reach(
                f"CPU a step of {LIGHTEST} / ours at 1e6", 10**5, lambda f: _times_a_step(f, LIGHTEST), at_least=1000
            ),
            Reach(f"CPU a step of {PUMP} / ours at 1e6", 10**5, lambda f: _times_a_step(f, PUMP), at_least=1000),
        ),
    ),
)
