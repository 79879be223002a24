"""``mlops models``: what there is, what serves and why, and moving it by hand."""

import json
from dataclasses import replace

import polars as pl
import pytest

from handlers.stores import BaselineRegistry, ModelRegistry
from mlops_core.condition import train_baseline
from mlops_core.lake import CHAMPION_KEY
from mlops_core.telemetry import FAILURES
from tests.handlers.model_bundles import AT, serve, small_bundle
from tests.ops.conftest import Deployed
from tests.unit.test_baseline import FORTNIGHT, fleet

NORMAL = fleet(4, FORTNIGHT, seed=1)
FIRST, SECOND = sorted((small_bundle(1), small_bundle(2)), key=lambda bundle: bundle.version)


@pytest.fixture
def registry(deployed: Deployed) -> ModelRegistry:
    """The second version serves, and the first did."""
    registry = ModelRegistry(deployed.stack.lake)
    for bundle in (FIRST, SECOND):
        registry.store(bundle)
        registry.promote(bundle.version, after=registry.champion(), at=AT, reason=f"to serve {bundle.version}")
    return registry


def overwrite(deployed: Deployed, key: str, body: bytes) -> None:
    deployed.stack.s3.put_object(Bucket="lake", Key=key, Body=body)


def test_versions_stand_newest_first_with_the_champion_marked_and_the_history_below(deployed, registry):
    answer = deployed.json("models", "list")
    assert answer["champion"] == SECOND.version
    assert [(one["version"], one["is_champion"], one["problem"]) for one in answer["versions"]] == [
        (SECOND.version, True, None),
        (FIRST.version, False, None),
    ]
    assert answer["versions"][1]["metrics"] == dict(FIRST.metrics)
    assert [(move["sequence"], move["reason"]) for move in answer["promotions"]] == [
        (2, f"to serve {SECOND.version}"),
        (1, f"to serve {FIRST.version}"),
    ]


def test_the_table_marks_the_champion_and_breaks_no_version_on_a_narrow_terminal(deployed, registry, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = deployed.run("models", "list").stdout.splitlines()
    [serving] = [line for line in lines if SECOND.version in line and "champion" in line]
    assert f"{SECOND.metrics['pr_auc']:.3g} / {SECOND.metrics['base_rate']:.3g}" in serving
    assert sum(FIRST.version in line for line in lines) >= 2  # among the versions, and among the promotions


def test_a_damaged_version_and_one_for_other_features_are_listed_with_their_problem(deployed, registry):
    overwrite(deployed, f"models/{FIRST.version}/life.txt", b"tree")
    answer = {one["version"]: one["problem"] for one in deployed.json("models", "list")["versions"]}
    assert "life.txt" in answer[FIRST.version]
    assert answer[SECOND.version] is None
    assert f"{FIRST.version} may not serve: life.txt of the model" in deployed.run("models", "list").stdout


def test_the_champion_is_listed_however_old_it_is(deployed, registry):
    deployed.json("models", "rollback")
    answer = deployed.json("models", "list", "--count", "1")
    assert [one["version"] for one in answer["versions"]] == [SECOND.version, FIRST.version]
    assert len(answer["promotions"]) == 1


def test_the_last_trial_stands_below_the_promotions(deployed, registry):
    assert deployed.json("models", "list")["last_trial"] is None
    report = {
        "at": "2026-11-23T05:30:00Z",
        "model_version": "v1",
        "trial": {"broken": ["it announced 40% of failures"]},
    }
    overwrite(deployed, "trials/date=2026-11-23.json", json.dumps(report).encode())
    assert deployed.json("models", "list")["last_trial"] == report
    shown = " ".join(deployed.run("models", "list").stdout.split())
    assert "On trial on 2026-11-23, v1: it announced 40% of failures." in shown


def test_an_empty_registry_says_where_models_come_from(deployed):
    assert "training state machine" in deployed.run("models", "list").stdout
    assert deployed.json("models", "list")["versions"] == []


def test_the_champions_card_is_shown_unless_another_is_asked_for(deployed, registry):
    assert deployed.json("models", "show")["version"] == SECOND.version
    answer = deployed.json("models", "show", FIRST.version)
    assert (answer["model_card"], answer["is_champion"]) == (FIRST.model_card, False)
    assert answer["manifest"]["data_sha256"] == FIRST.manifest.data_sha256
    assert answer["features"] == list(FIRST.schema.names)
    shown = deployed.run("models", "show").stdout
    assert "When not to trust it" in shown
    assert "data_sha256" in shown


def test_a_promotion_by_hand_keeps_its_reason_in_the_history(deployed, registry):
    answer = deployed.json("models", "promote", FIRST.version, "--reason", "the second one flaps")
    assert (answer["champion"], answer["previous"], answer["sequence"]) == (FIRST.version, SECOND.version, 3)
    assert [move.reason for move in registry.champion().value.promotions[1:]] == [
        f"to serve {SECOND.version}",
        "the second one flaps",
    ]
    shown = deployed.run("models", "promote", SECOND.version).stdout
    assert f"{SECOND.version} serves now; before it served {FIRST.version} (promotion 4)." in shown


def test_the_first_model_can_be_promoted_by_hand(deployed):
    ModelRegistry(deployed.stack.lake).store(FIRST)
    assert deployed.json("models", "promote", FIRST.version)["previous"] is None


def test_a_rollback_goes_back_to_what_served_before_and_says_from_where(deployed, registry):
    answer = deployed.json("models", "rollback")
    assert (answer["champion"], answer["previous"]) == (FIRST.version, SECOND.version)
    assert answer["reason"] == f"Rolled back by hand from {SECOND.version}"
    assert registry.champion().value.version == FIRST.version


def test_a_baseline_is_rolled_back_as_a_model_is(deployed):
    registry = BaselineRegistry(deployed.stack.lake)
    deployed.refused("models", "rollback", "--baseline")
    nothing = pl.DataFrame(schema=FAILURES)
    bundles = [train_baseline(NORMAL, failures=nothing, episodes_per_machine_month=rate) for rate in (0.6, 0.7)]
    for bundle in bundles:
        serve(registry, bundle)
    answer = deployed.json("models", "rollback", "--baseline")
    assert (answer["champion"], answer["previous"]) == (bundles[0].version, bundles[1].version)
    assert registry.champion().value.version == bundles[0].version


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        pytest.param({"failure.txt": lambda old: old[:-200]}, "failure.txt of the model bundle", id="truncated"),
        pytest.param({"life.txt": lambda _: SECOND.files()["life.txt"]}, "life.txt of the model bundle", id="mixed"),
        pytest.param({"bundle.json": lambda old: old.replace(b'"layout":1', b'"layout":0')}, "layout 0", id="older"),
        pytest.param({name: lambda _, n=name: SECOND.files()[n] for name in SECOND.files()}, "is 2026", id="swapped"),
    ],
)
def test_what_is_not_what_was_stored_is_refused_with_the_reason_and_the_champion_stays(
    deployed, registry, harm, message
):
    for name, change in harm.items():
        overwrite(deployed, f"models/{FIRST.version}/{name}", change(FIRST.files()[name]))
    for command in (("promote", FIRST.version), ("rollback",)):
        said = deployed.refused("models", *command)
        assert f"{FIRST.version} is refused" in said
        assert message in said
        assert "mlops models list" in said
    assert registry.champion().value.version == SECOND.version


def test_a_model_of_features_that_this_stack_does_not_compute_is_refused(deployed, registry):
    names = tuple(name.replace("_count_1h", "_count_72h") for name in FIRST.schema.names)
    trees = {
        part: getattr(FIRST, part).replace("vibration_count_1h", "vibration_count_72h")
        for part in ("failure_trees", "life_trees")
    }
    older = replace(FIRST, schema=replace(FIRST.schema, names=names), **trees)
    registry.store(older)
    assert "not computed here: windows of 72 h" in deployed.refused("models", "promote", older.version)
    assert registry.champion().value.version == SECOND.version


def test_what_cannot_be_done_says_what_can(deployed):
    registry = ModelRegistry(deployed.stack.lake)
    assert "No model has been promoted yet" in deployed.run("models", "rollback").stderr
    assert "No model has been promoted yet" in deployed.run("models", "show").stderr
    registry.store(FIRST)
    assert "There is no model 20260101-000000000000" in deployed.run("models", "show", "20260101-000000000000").stderr
    registry.promote(FIRST.version, after=None, at=AT, reason="the first")
    assert "No other model served before" in deployed.run("models", "rollback").stderr
    assert "is the champion already" in deployed.run("models", "promote", FIRST.version).stderr


def test_a_promotion_that_comes_second_changes_nothing(deployed, registry, monkeypatch):
    promote = ModelRegistry.promote

    def overtaken(self: ModelRegistry, version: str, *, after, at, reason):
        monkeypatch.setattr(ModelRegistry, "promote", promote)
        registry.promote(version, after=after, at=at, reason="the quicker one")
        return promote(self, version, after=after, at=at, reason=reason)

    monkeypatch.setattr(ModelRegistry, "promote", overtaken)
    assert "another promotion came first" in deployed.refused("models", "promote", FIRST.version)
    assert [move.reason for move in registry.champion().value.promotions[2:]] == ["the quicker one"]


def test_a_champion_file_that_cannot_be_read_is_an_error_that_names_it(deployed, registry):
    overwrite(deployed, CHAMPION_KEY, json.dumps({"history": []}).encode())
    said = deployed.refused("models", "list")
    assert CHAMPION_KEY in said
    assert "restore its previous version" in said
