"""What the functions deploy, built for real for this machine: sizes within the limits, imports that work."""

import pytest

from contract.functions import FUNCTIONS
from infra.package_report import LIMIT_BYTES, layer_contents, packages, print_report
from infra.packaging import Layer, Target

pytestmark = pytest.mark.verify

HOST = Target.of("host", "host")
MOST_BYTES, MOST_SERVING_BYTES = 215_000_000, 75_000_000


@pytest.fixture(scope="module")
def report():
    return {package.function: package for package in packages(HOST)}


def test_every_function_is_reported_and_fits(report):
    assert set(report) == set(FUNCTIONS)
    for package in report.values():
        assert package.code_bytes < 1_000_000
        assert package.deployed_bytes <= MOST_BYTES < LIMIT_BYTES


@pytest.mark.parametrize("function", ["inference", "scoring"])
def test_what_predicts_stays_below_its_own_limit(report, function):
    assert report[function].deployed_bytes <= MOST_SERVING_BYTES


def test_every_function_imports_with_lambda_its_layer_and_its_own_files_alone(report):
    assert all(package.import_seconds > 0 for package in report.values())


def test_contents_add_up_to_the_layers(report):
    held = {layer: layer_contents(Layer.of(layer, HOST)) for layer in FUNCTIONS["training"].layers}
    assert sum(sum(sizes.values()) for sizes in held.values()) == report["training"].layer_bytes


def test_no_package_is_in_two_layers():
    held = [set(layer_contents(Layer.of(layer, HOST))) - {"__pycache__"} for layer in FUNCTIONS["training"].layers]
    assert len(held) == 4
    assert sum(map(len, held)) == len(set().union(*held))


def test_the_report_shows_sizes_import_times_and_contents(report, capsys):
    print_report(HOST, list(report.values()))
    printed = capsys.readouterr().out
    for expected in (
        "import ms",
        "total MB",
        "_polars_runtime",
        "handlers/processing.py",
        "mlops_core/features/buckets.py",
    ):
        assert expected in printed
