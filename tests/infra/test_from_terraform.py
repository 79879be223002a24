"""The table of the original's counterparts names only what exists, and all of it."""

import re

import pytest

from infra.settings import key_schemas
from tests.infra.evaluation import ROOT, evaluate

PAGE = (ROOT / "docs" / "from-terraform.md").read_text()


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def counterparts(title: str, column: int) -> set[str]:
    rows = [row.split(" | ") for row in section(title).splitlines() if row.startswith("| ")][2:]
    return {name for row in rows for name in quoted(row[column])}


def test_every_output_is_on_the_page(evaluated):
    named = counterparts("Outputs", 1) | {"realtime_features_table_name", "realtime_features_table_arn"}
    assert named - {"mlops"} == set(evaluated("dev").outputs) | {"dashboard_name"}, "dev has no alarms, nor a dashboard"


def test_every_key_that_the_page_names_exists():
    named = {name for name in counterparts("Variables", 2) if re.fullmatch(r"[a-z]+[A-Za-z]*", name)}
    assert named <= set(key_schemas())
    assert {"dataLakeBucketName", "mqttTopicPrefix", "machineIds", "timeWindowHours", "tags"} <= named


@pytest.mark.parametrize("title", ["Resources", "Files and commands"])
def test_every_file_that_the_page_names_exists(title):
    files = {name for name in counterparts(title, 1) if re.fullmatch(r"[\w./]+\.(py|yaml)|\w+/", name)}
    assert files
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_every_original_variable_of_the_processing_module_has_a_counterpart():
    original = {
        "project_name", "s3_bucket_name", "lambda_timeout", "lambda_memory_size", "processing_schedule_expression",
        "time_window_hours", "pandas_layer_zip_path", "lambda_source_path", "tags", "mqtt_topic_prefix", "machine_ids",
        "simulator_schedule_expression",
    }  # fmt: skip
    assert counterparts("Variables", 0) == original


def test_the_example_of_the_page_builds():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    evaluation = evaluate(lambda: exec(compile(example, "example", "exec"), {}), project="acme")  # noqa: S102
    assert evaluation.of("lambda/function:Function")
