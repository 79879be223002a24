"""What a cold start loads: nothing but what the function needs, is given by its layer or Lambda, and no client."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from contract.functions import FUNCTIONS as ROWS

ROOT = Path(__file__).parents[2]
ALWAYS = {
    "annotated_types",
    "aws_lambda_powertools",
    "boto3",
    "botocore",
    "dateutil",
    "jmespath",
    "lazy_loader",
    "pydantic",
    "pydantic_core",
    "s3transfer",
    "six",
    "typing_extensions",
    "typing_inspection",
    "urllib3",
}
POLARS = {"polars", "_polars_runtime_32"}
# The layer has a stand-in for scipy, which registers two of its modules at the top.
SCIPY = {"scipy", "_csparsetools", "_cyutility"}
LIGHTGBM = SCIPY | {"lightgbm", "numpy", "narwhals"}
FUNCTIONS = {
    **dict.fromkeys(("ingestion", "labels", "maintenance", "alarm_answers", "alarm_events"), ALWAYS),
    "simulator": ALWAYS | {"numpy"},
    **dict.fromkeys(
        ("processing", "baseline", "training_set", "evaluation", "trial", "snapshot"), ALWAYS | POLARS | {"numpy"}
    ),
    "training": ALWAYS | POLARS | LIGHTGBM,
    # These load LightGBM with the model that they read, and do without polars.
    **dict.fromkeys(("promotion", "inference", "scoring"), ALWAYS | {"numpy"}),
}
# What the SDK, numpy and the interpreter take where a development environment happens to have it.
BY_CHANCE = {"certifi", "charset_normalizer", "_distutils_hack"}
# Half a second each, where nothing uses them.
HEAVY = {"aws_lambda_powertools.utilities.parser", "aws_lambda_powertools.utilities.idempotency"}

PROGRAM = """
import botocore.session, importlib, json, sys

def refuse(*_, **__):
    raise SystemExit("a client was made while the handler was imported")

botocore.session.Session.create_client = refuse
importlib.import_module("handlers." + sys.argv[1])
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
print(json.dumps({name: file for name, file in files.items() if "site-packages" in file}))
"""


@pytest.fixture(scope="module", params=list(FUNCTIONS))
def loaded(request) -> tuple[str, set[str]]:
    """A handler and the third-party modules in a fresh process that has imported it, with no environment of its own."""
    environment = {
        "PATH": os.environ["PATH"],
        "POWERTOOLS_SERVICE_NAME": "tests",
        "POWERTOOLS_METRICS_NAMESPACE": "tests",
    }
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, request.param],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return request.param, set(json.loads(finished.stdout))


def test_a_handler_loads_these_packages_and_no_other(loaded):
    function, modules = loaded
    assert {name.split(".")[0] for name in modules} - BY_CHANCE == FUNCTIONS[function]


def test_every_function_is_looked_at():
    assert set(FUNCTIONS) == set(ROWS)


def test_a_handler_does_not_load_the_expensive_parts_of_powertools(loaded):
    assert not HEAVY & loaded[1]


def test_everything_that_a_handler_loads_is_locked_for_its_layers_or_for_lambda(loaded):
    layers = [f"layer-{layer}" for layer in ROWS[loaded[0]].layers]
    locked = {
        match[1].lower()
        for lock in (*layers, "lambda-runtime")
        for match in re.finditer(r"^([A-Za-z0-9._-]+)==", (ROOT / "locks" / f"{lock}.txt").read_text(), re.MULTILINE)
    }
    distributions = packages_distributions()
    for package in {name.split(".")[0] for name in loaded[1]} & set(distributions) - BY_CHANCE - SCIPY:
        assert {name.lower().replace("_", "-") for name in distributions[package]} & locked, package
