"""A stored model is served as it was made, or not at all."""

import json
from dataclasses import FrozenInstanceError

import pytest

from mlops_core.errors import (
    CorruptBundleError,
    FeatureMismatchError,
    IncompleteBundleError,
    SwappedBundleError,
    UnsupportedBundleError,
)
from mlops_core.prognosis import TrainingSettings, TreeSettings, load_bundle, predict, train
from mlops_core.prognosis.bundle import LAYOUT
from tests.unit.degrading_fleet import degrading_fleet

QUICK = TrainingSettings(trees=TreeSettings(rounds=10))


@pytest.fixture(scope="module")
def labelled():
    return degrading_fleet(machines=4, runs=2)


@pytest.fixture(scope="module")
def bundle(labelled):
    return train(labelled, seed=1, horizon="12h", settings=QUICK, normaliser='{"channels":{}}')


@pytest.fixture(scope="module")
def another(labelled):
    return train(labelled, seed=2, horizon="12h", settings=QUICK)


FILES = [
    "failure.txt", "life.txt", "features.json", "calibration.json", "metrics.json", "training.json", "normaliser.json",
    "model_card.md",
]  # fmt: skip


def test_files_and_back_give_the_same_model_and_the_same_files(bundle, labelled):
    loaded = load_bundle(bundle.files(), version=bundle.version)
    assert loaded == bundle
    assert loaded.files() == bundle.files()
    assert predict(loaded, labelled).equals(predict(bundle, labelled))


def test_the_files_are_those_of_the_layout(bundle, another):
    assert sorted(bundle.files()) == sorted([*FILES, "alarms.json", "bundle.json"])
    assert "normaliser.json" not in another.files()
    assert json.loads(bundle.files()["bundle.json"])["layout"] == LAYOUT


def test_a_model_cannot_be_changed(bundle):
    with pytest.raises(FrozenInstanceError):
        bundle.normaliser = None
    with pytest.raises(TypeError):
        bundle.metrics["pr_auc"] = 1.0


def test_the_version_tells_the_day_of_the_newest_row_and_the_card_names_it(bundle):
    day, digest = bundle.version.split("-")
    assert day == bundle.manifest.trained_through[:10].replace("-", "")
    assert len(digest) == 12
    assert bundle.version in bundle.model_card


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [lambda old: old[: len(old) // 2], lambda old: old[:-1] + b"?", lambda old: old[:0]])
def test_a_damaged_or_truncated_file_is_refused_by_name(bundle, name, damage):
    files = bundle.files()
    with pytest.raises(CorruptBundleError) as refused:
        load_bundle(files | {name: damage(files[name])})
    assert refused.value.file == name


@pytest.mark.parametrize("name", [*FILES, "bundle.json"])
def test_an_absent_file_is_refused_by_name(bundle, name):
    files = bundle.files()
    del files[name]
    with pytest.raises(IncompleteBundleError) as refused:
        load_bundle(files)
    assert refused.value.missing == [name]


@pytest.mark.parametrize("name", ["failure.txt", "life.txt", "calibration.json", "features.json", "bundle.json"])
def test_a_file_of_another_model_is_refused(bundle, another, name):
    with pytest.raises((CorruptBundleError, IncompleteBundleError)):
        load_bundle(another.files() | {name: bundle.files()[name]})


def test_two_files_that_changed_places_are_refused(bundle):
    files = bundle.files()
    with pytest.raises(CorruptBundleError):
        load_bundle(files | {"failure.txt": files["life.txt"], "life.txt": files["failure.txt"]})


def test_a_file_that_the_bundle_does_not_list_is_refused(another, bundle):
    with pytest.raises(CorruptBundleError) as refused:
        load_bundle(another.files() | {"normaliser.json": bundle.files()["normaliser.json"]})
    assert refused.value.file == "normaliser.json"


def test_a_sound_bundle_under_another_version_is_refused(bundle, another):
    with pytest.raises(SwappedBundleError) as refused:
        load_bundle(another.files(), version=bundle.version)
    assert (refused.value.expected, refused.value.found) == (bundle.version, another.version)


@pytest.mark.parametrize("layout", [0, 2, "1", None])
def test_an_older_or_newer_layout_is_refused(bundle, layout):
    files = bundle.files()
    root = json.loads(files["bundle.json"]) | {"layout": layout}
    with pytest.raises(UnsupportedBundleError):
        load_bundle(files | {"bundle.json": json.dumps(root).encode()})


@pytest.mark.parametrize("root", [b"", b"[]", b"{", b'{"layout":1}', b"\xff"])
def test_a_root_that_says_nothing_is_refused(bundle, root):
    with pytest.raises((CorruptBundleError, UnsupportedBundleError)):
        load_bundle(bundle.files() | {"bundle.json": root})


def test_a_root_that_names_another_version_than_its_files_have_is_refused(bundle):
    files = bundle.files()
    root = json.loads(files["bundle.json"]) | {"version": "20260101-000000000000"}
    with pytest.raises(CorruptBundleError, match="names version"):
        load_bundle(files | {"bundle.json": json.dumps(root).encode()})


def test_features_of_an_older_schema_are_refused_by_column(bundle):
    bundle.check_features(["machine_id", "window_end", *bundle.schema.names, "pressure_mean_1h"])
    with pytest.raises(FeatureMismatchError) as refused:
        bundle.check_features([name for name in bundle.schema.names if name != "vibration_rms_1h"])
    assert refused.value.missing == ["vibration_rms_1h"]


def test_the_card_says_what_it_predicts_how_sure_it_is_and_when_not_to_trust_it(bundle):
    card = bundle.model_card
    for heading in ("What it predicts", "What it learned from", "How sure it is", "When not to trust it"):
        assert f"\n## {heading}\n" in card
    assert "8 failures of 4 machines" in card
    assert "It has seen 8 failures only" in card
    assert "vibration r.m.s. over 1 h" in card
    assert all(f"| {name} |" in card for name in bundle.metrics)
