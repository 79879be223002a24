"""Documents name tests and commands that exist; and promises of the documents that no other test holds."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from contract.functions import FUNCTIONS
from infra.settings import key_schemas
from tests.infra.evaluation import CHANGED, evaluate_stack

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "claims.md").read_text()
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| (?!claim|---)", line)]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
NAMED = sorted({name for path in DOCUMENTS for name in re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", path.read_text())})


@cache
def functions(file: Path) -> frozenset[str]:
    """The names of a file's tests, those in classes included."""
    return frozenset(node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("test", NAMED)
def test_a_test_that_a_document_names_exists(test):
    file, _, name = test.partition("::")
    assert (ROOT / file).is_file()
    assert not name or name in functions(ROOT / file)


def test_a_command_that_the_page_names_exists():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z]+)", PAGE)) <= set(targets)
    for module in re.findall(r"python -m ([\w.]+)", PAGE):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


def test_every_claim_has_a_test_or_a_command_or_says_that_nothing_holds_it():
    assert len(ROWS) > 80
    held = r"`tests/|`[^`]*(?:python -m|make) |`\.ci/run`|not tried here|nothing holds|not compared"
    assert [row for row in ROWS if not re.search(held, row)] == []
    assert {row.rsplit(" | ", 1)[1] for row in ROWS} == {"test |", "verify |", "by hand |", "not |"}


# What the functions are called in the descriptions of Pulumi.yaml, where it is not their name.
WORDS = {"labels": "label", "alarm_answers": "alarm-answer", "alarm_events": "alarm-event"}
STEPS = ("baseline", "training_set", "training", "evaluation", "promotion")


def handlers(field: str) -> dict[str, int]:
    """Memory or timeout of each function, by its name."""
    deployed = evaluate_stack(config=CHANGED).of("lambda/function:Function").values()
    return {each.inputs["handler"].split(".")[1]: each.inputs[field] for each in deployed}


DISTINCT = {key: value for key, value in CHANGED.items() if key.endswith(("TimeoutSeconds", "MemoryMb"))}


def test_a_key_names_every_function_that_it_governs():
    schemas = key_schemas()
    reserved = str(schemas["reservedConcurrency"]["description"])
    assert re.search(r"\((.*?)\)", reserved)[1].split(", ") == list(FUNCTIONS)
    for key, value in DISTINCT.items():
        text = str(schemas[key]["description"])
        governed = [
            name
            for name, set_to in handlers("timeout" if "Timeout" in key else "memorySize").items()
            if set_to == value
        ]
        assert governed, key
        for name in governed:
            assert ("training step" if name in STEPS else WORDS.get(name, name)) in text, (key, name)


def test_queues_keep_messages_for_as_long_as_the_documents_say():
    target = {"name": "cmms", "endpoint": "https://cmms.example.com/orders", "secretName": "cmms-token"}
    queues = evaluate_stack(config={"workOrderTargets": [target]}).of("sqs/queue:Queue")
    days = {name: each.inputs["messageRetentionSeconds"] / 86_400 for name, each in queues.items()}
    assert days == {
        "ingestion-readings": 4,
        "ingestion-labels": 4,
        "ingestion-dead-letters": 14,
        "work-orders-undelivered": 14,
    }
    for name in ("ingestion-readings", "ingestion-labels"):
        assert '"maxReceiveCount":5' in queues[name].inputs["redrivePolicy"].replace(" ", "")


def test_the_lake_keeps_objects_for_as_long_as_the_documents_say():
    for stack in ("dev", "prod"):
        own = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
        keys = {key: own.get(f"mlops-industrial:{key}", key_schemas()[key]["default"]) for key in (RAW, QUARANTINE)}
        [lake] = [
            each.inputs["rules"]
            for name, each in evaluate_stack(stack)
            .of("s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
            .items()
            if name == "data-lake-lifecycle"
        ]
        days = {rule["filter"]["prefix"]: rule["expiration"]["days"] for rule in lake if "expiration" in rule}
        assert days == {
            **dict.fromkeys(("raw/", "compacted/", "replaced/", "events/"), keys[RAW]),
            "quarantine/": keys[QUARANTINE],
            "training/": 90,
            "processed/backfills/": 30,
            "pages/fleet.html": 7,
        }
        versions = {
            rule["filter"]["prefix"]: rule["noncurrentVersionExpiration"]
            for rule in lake
            if "noncurrentVersionExpiration" in rule
        }
        assert versions == {"": {"noncurrentDays": 30}, "pages/fleet.html": {"noncurrentDays": 2}}


RAW, QUARANTINE = "rawRetentionDays", "quarantineRetentionDays"
