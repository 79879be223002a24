"""The same commit registers the same bytes: twice, and from any directory; a change registers what it changes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.evaluation import ROOT, Evaluation, evaluate_stack_afresh

PROGRAM = (
    "__main__.py",
    "Pulumi.yaml",
    "Pulumi.dev.yaml",
    "infra",
    "contract",
    "handlers",
    "mlops_core",
    "locks",
    "tests/infra",
)
EVALUATE = """
import sys
from tests.infra.evaluation import evaluate_stack
sys.stdout.write(evaluate_stack("dev", preview=True).canonical())
"""


@pytest.mark.parametrize(
    ("stack", "preview"),
    [
        *(("dev", True), ("prod", False)),
        *(pytest.param(*other, marks=pytest.mark.verify) for other in (
            ("dev", False), ("prod", True), ("local", True), ("local", False))),
    ],
)  # fmt: skip
def test_two_evaluations_register_the_same_bytes(evaluated, stack, preview):
    assert evaluate_stack_afresh(stack, preview=preview).canonical() == evaluated(stack, preview).canonical()


def copy_program(to: Path) -> Path:
    for name in PROGRAM:
        source, target = ROOT / name, to / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return to


def evaluate_copy(root: Path) -> str:
    """What the program registers when it lies in `root`, in a process that sees nothing else of ours."""
    environment = {
        "PATH": os.environ["PATH"],
        # -S leaves out the link by which .venv finds the checkout itself.
        "PYTHONPATH": os.pathsep.join([str(root), *(path for path in sys.path if path.endswith("site-packages"))]),
        "PYTHONHASHSEED": "random",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-S", "-c", EVALUATE], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def archives(canonical: str) -> dict[str, dict[str, str]]:
    rows = json.loads(canonical)["resources"]
    return {name: inputs["code"] for kind, name, _, inputs, *_ in rows if kind == "aws:lambda/function:Function"}


@pytest.fixture(scope="module")
def first_copy(tmp_path_factory):
    root = copy_program(tmp_path_factory.mktemp("here"))
    return root, evaluate_copy(root)


@pytest.mark.verify
def test_two_directories_register_the_same_bytes(first_copy, tmp_path):
    _, registered = first_copy
    elsewhere = copy_program(tmp_path / "some where" / "else")
    assert evaluate_copy(elsewhere) == registered
    assert str(ROOT) not in registered
    assert str(first_copy[0]) not in registered


@pytest.mark.verify
def test_files_that_appear_by_running_things_change_nothing(first_copy):
    root, registered = first_copy
    for litter in ("handlers/__pycache__/labels.cpython-313.pyc", "mlops_core/.DS_Store", "handlers/labels.py.orig"):
        (root / litter).parent.mkdir(exist_ok=True)
        (root / litter).write_bytes(b"litter")
    assert evaluate_copy(root) == registered


@pytest.mark.verify
def test_a_changed_handler_changes_its_function_and_nothing_else(first_copy, tmp_path):
    _, registered = first_copy
    edited = copy_program(tmp_path)
    with (edited / "handlers" / "labels.py").open("a") as source:
        source.write("# edited\n")
    before, after = json.loads(registered), json.loads(evaluate_copy(edited))
    changed = [(old[0], old[1]) for old, new in zip(before["resources"], after["resources"], strict=True) if old != new]
    assert changed == [("aws:lambda/function:Function", "ingestion-labels")]
    assert before["outputs"] == after["outputs"]


@pytest.mark.verify
def test_a_module_changes_the_functions_that_import_it_and_no_other(first_copy, tmp_path):
    _, registered = first_copy
    edited = copy_program(tmp_path)
    with (edited / "mlops_core" / "simulation" / "law.py").open("a") as source:
        source.write("# edited\n")
    before, after = archives(registered), archives(evaluate_copy(edited))
    assert {name for name in before if before[name] != after[name]} == {"ingestion-simulator"}


def test_a_changed_lock_replaces_the_layer_and_a_changed_library_does_not(evaluated, monkeypatch, tmp_path):
    old = layers(evaluated("dev"))
    changed = tmp_path / "layer-polars.txt"
    changed.write_bytes((ROOT / "locks" / "layer-polars.txt").read_bytes() + b"# renewed\n")
    monkeypatch.setitem(__import__("infra.packaging", fromlist=["LAYERS"]).LAYERS, "polars", str(changed))
    new = layers(evaluate_stack_afresh())
    assert len(old) == len(new) == 4
    assert len(old & new) == 3
    ((changed_name, _),) = new - old
    assert "polars" in changed_name


def layers(evaluation: Evaluation) -> set[tuple[str, str]]:
    """Each layer's name in the program and its object's key."""
    return {(layer.name, layer.inputs["s3Key"]) for layer in evaluation.of("LayerVersion").values()}
