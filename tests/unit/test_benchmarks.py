"""The harness counts right, and refuses to compare what does not agree."""

from datetime import timedelta

import pytest

from benchmarks import inference
from benchmarks.harness import Benchmark, DisagreementError, Figures, Reach, Way, ratio, refuse_disagreement, summary
from benchmarks.page import plot
from contract.environment import InferenceSettings

WAYS = {"ours": Way(lambda _: None), "peer": Way(lambda _: None)}


def figures(**numbers):
    cells = {
        ("ours", 1000): {"cpu_seconds": [0.1, 0.3, 0.2], "memory_mb": [5.0, 7.0], "number": numbers.get("ours")},
        ("ours", 10_000): {"cpu_seconds": [2.0], "memory_mb": [9.0], "number": None},
        ("peer", 1000): {"cpu_seconds": [4.0, 6.0], "memory_mb": [50.0], "number": numbers.get("peer")},
    }
    return Figures("ours", cells)


def benchmark(*reach):
    return Benchmark("job", (1000, 10_000), lambda size: size, WAYS, "ours", reach)


def test_figures_are_medians_ratios_and_exponents():
    measured = figures()
    assert measured.seconds("ours", 1000) == 0.2
    assert measured.ratio("peer", 1000) == pytest.approx(25.0)
    assert measured.ratio("peer", 10_000) is None
    assert measured.memory("ours", 1000) == 7.0
    assert measured.exponent("ours") == pytest.approx(1.0)
    assert measured.exponent("peer") is None


def test_a_target_is_met_missed_or_not_measured():
    targets = benchmark(
        ratio("peer", 1000, at_least=20),
        ratio("peer", 1000, at_least=30),
        ratio("peer", 10_000, at_least=1),
        Reach("memory", 1000, lambda measured: measured.memory("ours", 1000), at_most=6),
    )
    assert [target["met"] for target in summary(targets, figures())["reach"]] == [True, False, False]


def test_ways_that_do_not_agree_are_refused():
    refuse_disagreement(benchmark(), figures(ours=1.0, peer=1.0 + 1e-9))
    with pytest.raises(DisagreementError, match="do not agree"):
        refuse_disagreement(benchmark(), figures(ours=1.0, peer=1.1))


def test_the_plot_names_every_way():
    drawn = plot(summary(benchmark(), figures()))
    assert drawn.startswith("<svg")
    assert ">ours</text>" in drawn
    assert ">peer</text>" in drawn


def test_requests_are_told_by_their_quantiles_and_the_package_by_its_bound():
    run = {"seconds": [number / 1000 for number in range(1, 101)], "import_seconds": 0.3, "first_seconds": 0.2}
    reached = {target.what: target.value(figures()) for target in inference.reach({inference.OURS: [run]}, 76.0)}
    assert (reached["warm, p50 ms"], reached["warm, p99 ms"]) == (pytest.approx(50), pytest.approx(99))
    assert reached["cold import, ms"] == pytest.approx(300)
    (package,) = [target for target in inference.reach({inference.OURS: [run]}, 76.0) if "package" in target.what]
    assert package.value(figures()) > package.at_most


def test_the_environment_of_the_measured_function_is_what_it_reads():
    assert InferenceSettings.read(inference.VARIABLES).silent_after == timedelta(hours=3)
