"""The library as a data scientist meets it: what it says of itself, what is missing, and keeping a model."""

import pickle
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mlops_core as mc
from mlops_core.prognosis import TrainingSettings, TreeSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def labelled(history):
    features = mc.compute_features(history.readings, lengths=["6h"], hop="6h")
    return mc.label_features(features, history.failures, horizon="24h")


@pytest.fixture(scope="module")
def model(labelled):
    return mc.train(labelled, seed=5, settings=TrainingSettings(trees=TreeSettings(rounds=10)))


def test_the_version_is_that_of_the_package():
    assert mc.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.parametrize("duration", [48, 24.0])
def test_a_duration_without_a_unit_is_refused_in_words(labelled, duration):
    with pytest.raises(mc.errors.DurationError, match=r"number without a unit.*'6h'"):
        mc.label_features(labelled, None, horizon=duration)
    with pytest.raises(mc.errors.DurationError, match="number without a unit"):
        mc.train(labelled, seed=1, horizon=duration)


@pytest.mark.parametrize(
    ("use", "package", "extra"),
    [("train", "lightgbm", "model"), ("plot_fleet", "altair", "plots"), ("plot_machine", "altair", "plots")],
)
def test_what_is_not_installed_is_named_with_what_brings_it(use, package, extra):
    probe = f"import sys; sys.modules[{package!r}] = None; import mlops_core as mc; mc.{use}"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f'{package} is not installed. It comes with: pip install "mlops-industrial[{extra}]"' in done.stderr


def test_a_model_that_was_saved_is_loaded_as_it_was(model, labelled, tmp_path):
    path = model.save(tmp_path / "models" / "pumps")
    assert mc.load(path).files() == model.files()
    assert mc.predict(mc.load(str(path)), labelled).equals(mc.predict(model, labelled))


def test_the_same_model_is_saved_as_the_same_bytes_and_nothing_stays_beside_it(model, tmp_path):
    first, again = model.save(tmp_path / "first"), model.save(tmp_path / "again")
    assert model.save(first) == first
    assert first.read_bytes() == again.read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {"first", "again"}


def test_the_files_of_a_model_in_a_folder_are_loaded_too(model, tmp_path):
    for name, content in model.files().items():
        (tmp_path / name).write_bytes(content)
    assert mc.load(tmp_path).version == model.version


def test_what_is_no_model_is_refused(model, tmp_path):
    (tmp_path / "text").write_text("no model")
    with pytest.raises(mc.errors.CorruptBundleError, match="text"):
        mc.load(tmp_path / "text")
    with pytest.raises(mc.errors.IncompleteBundleError):
        mc.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        mc.load(tmp_path / "absent")
    damaged = model.save(tmp_path / "damaged")
    whole = damaged.read_bytes()
    for place in range(len(whole) // 2, len(whole) // 2 + 200):  # whatever a flipped bit does to the compressed stream
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(mc.errors.BundleError):
            mc.load(damaged)


def test_a_model_can_be_pickled_even_after_it_has_predicted(model, labelled):
    mc.predict(model, labelled)
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    assert copy.files() == model.files()


def test_what_a_cell_shows_is_short(model, history, labelled):
    for shown in (model, history):
        assert len(repr(shown)) < 300
        assert shown._repr_html_().startswith("<strong>")
    assert model.version in repr(model)
    evaluation = mc.evaluate(model, labelled, allow_training_runs=True)
    assert f"Evaluation of model {model.version}" in evaluation._repr_html_()


def test_reasons_are_given_where_they_are_asked_for(model, labelled):
    assert mc.predict(model, labelled.head(5))["reasons"].list.len().sum() == 0
    assert mc.predict(model, labelled.head(5), reasons=2)["reasons"].list.len().to_list() == [2] * 5
