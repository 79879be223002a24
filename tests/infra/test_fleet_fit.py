"""What is too small for the fleet is reported before deployment, with the figure; what no setting fits is refused."""

import pytest

from infra.fleet_fit import MOST_MEMORY_MB, advice, memory_mb, unfit
from infra.settings import SettingsError
from tests.infra.evaluation import evaluate_stack, settings_of


def keys(found: list[str]) -> list[str]:
    return [sentence.split(" ")[0] for sentence in found]


@pytest.mark.parametrize("fleet", [0, 5, 1000, 13_000])
def test_out_of_the_box_thousands_of_machines_fit(fleet):
    assert advice(settings_of(fleetSize=fleet)) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"fleetSize": 15_000}, ["processingMemoryMb"]),
        ({"fleetSize": 15_000, "processingMemoryMb": 2048}, []),
        ({"fleetSize": 10_000, "featureLengthsHours": [1, 6, 24, 168], "lakeShards": 2}, []),
        ({"fleetSize": 8000, "featureLengthsHours": [1, 6, 24, 168]}, ["processingMemoryMb"]),
        ({"fleetSize": 8000, "featureLengthsHours": [1, 6, 24, 168], "lakeShards": 8}, []),
        (
            {"fleetSize": 10_000, "processingMemoryMb": 2048, "processingTimeoutSeconds": 10},
            ["processingTimeoutSeconds"],
        ),
        ({"fleetSize": 50_000, "processingMemoryMb": 8192}, ["trainingTimeoutSeconds"]),
    ],
)  # fmt: skip
def test_what_is_too_small_is_said_with_its_key(changes, named):
    assert keys(advice(settings_of(**changes))) == named


def test_the_remedy_that_is_named_suffices():
    week = {"fleetSize": 10_000, "featureLengthsHours": [1, 6, 24, 168]}
    (sentence,) = advice(settings_of(**week))
    assert sentence == (
        "processingMemoryMb 1024: 10,000 machines (fleetSize) with windows of 168 h and one shard need about 1,380;"
        " raise it to 1,408, or lakeShards to 2"
    )
    assert advice(settings_of(**week, processingMemoryMb=1408)) == []
    assert advice(settings_of(**week, lakeShards=2)) == []


@pytest.mark.parametrize(
    ("longest", "shards", "measured_mb"), [(168, 1, 1339), (168, 2, 846), (168, 4, 698), (24, 1, 728)]
)
def test_the_figures_are_a_little_above_what_was_measured(longest: int, shards: int, measured_mb: int):
    fleet = settings_of(fleetSize=10_000, featureLengthsHours=sorted({1, 6, longest}))
    assert measured_mb <= memory_mb(fleet, shards=shards) <= 1.2 * measured_mb


def test_a_fleet_that_no_setting_fits_is_refused_with_the_figure():
    with pytest.raises(SettingsError, match=r"fleetSize: an hour of 200,000 machines needs about 12,\d\d\d MB"):
        evaluate_stack(config={"fleetSize": 200_000})
    assert unfit(settings_of(fleetSize=100_000)) is None
    assert memory_mb(settings_of(fleetSize=100_000), shards=100) <= MOST_MEMORY_MB


def test_a_budget_tells_the_notice_addresses_and_there_is_none_unless_it_is_set(evaluated):
    assert evaluated("dev").of("budgets/budget:Budget") == {}
    evaluation = evaluate_stack(config={"monthlyBudget": 50, "noticeEmails": ["ann@example.com"]})
    budget = evaluation.of("budgets/budget:Budget")["budget"].inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == ("50", "USD", "MONTHLY")
    recipients = {each["notificationType"]: each["subscriberEmailAddresses"] for each in budget["notifications"]}
    assert recipients == {"FORECASTED": ["ann@example.com"], "ACTUAL": ["ann@example.com"]}
    with pytest.raises(SettingsError, match="monthlyBudget: nobody would be notified"):
        evaluate_stack(config={"monthlyBudget": 50})
