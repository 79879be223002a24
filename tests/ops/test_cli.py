"""The command as a whole: quick to ask for help, every verb alike, every failure one readable line."""

import subprocess
import sys

import pytest
import typer
from botocore.exceptions import ClientError, NoCredentialsError
from typer.testing import CliRunner

from mlops_core.errors import InvalidArgumentError
from ops import cli, errors
from tests.ops.conftest import Deployed

VERBS = [
    ("import",),
    ("replay",),
    ("grades",),
    ("backfill",),
    ("cost",),
    ("status",),
    ("doctor",),
    ("fleet",),
    ("machine",),
    ("alarms",),
    ("alarms", "list"),
    ("alarms", "acknowledge"),
    ("alarms", "begin"),
    ("alarms", "shelve"),
    ("alarms", "close"),
    ("anomalies",),
    ("ui",),
    ("local", "up"),
    ("local", "down"),
    ("local", "reset"),
    ("report",),
    ("train",),
    ("machines", "list"),
    ("machines", "add"),
    ("machines", "watch"),
    ("machines", "rotate"),
    ("machines", "revoke"),
    ("machines", "describe"),
    ("machines", "retire"),
    ("maintenance", "record"),
    ("maintenance", "withdraw"),
    ("maintenance", "list"),
    ("maintenance", "plan"),
    ("maintenance", "unplan"),
    ("models", "list"),
    ("models", "show"),
    ("models", "trial"),
    ("models", "promote"),
    ("models", "rollback"),
    ("quarantine", "list"),
    ("quarantine", "show"),
    ("quarantine", "replay"),
    ("quarantine", "redrive"),
]


def test_asking_for_help_imports_nothing_heavy() -> None:
    probe = (
        "import sys, ops.cli; print(sorted({'polars', 'boto3', 'botocore', 'pydantic', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_list_of_verbs_is_complete() -> None:
    def names(group: typer.Typer) -> set[tuple[str, ...]]:
        own = {(command.name or "",) for command in group.registered_commands}
        below = {
            (sub.name or "", *rest)
            for sub in group.registered_groups
            if sub.typer_instance
            for rest in names(sub.typer_instance)
        }
        return own | below

    assert names(cli.app) == set(VERBS) - {("alarms",)}, "a group, which lists without a verb"


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb[0] != "local"], ids=" ".join)
def test_every_verb_names_its_stack_and_prints_json_on_request(verb: tuple[str, ...]) -> None:
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(cli.app, [*verb, "--help"])
    assert shown.exit_code == 0
    read: set[str] = set() if verb == ("cost",) else {"--outputs"}  # a bill is of a configuration, not of a deployment
    assert {"--stack", "--json", *read} <= set(shown.stdout.split())


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(cli.app, ["--version"]).stdout.startswith("mlops ")
    assert CliRunner().invoke(cli.app, ["-h"]).exit_code == 0


def failing(deployed: Deployed, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> tuple[int, str, str]:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("ops.stack.load_stack", fail)
    result = deployed.run("status")
    return result.exit_code, result.stdout, result.stderr


def aws_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no\nmore"}}, "GetObject")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.PulumiAbsentError("dev"), "--outputs FILE"),
        (InvalidArgumentError("seed", 1, "is wrong", "Choose another"), "seed=1: is wrong. Choose another"),
        (NoCredentialsError(), "Unable to locate credentials. Sign in first"),
        (aws_error("AccessDenied"), "(AccessDenied) when calling the GetObject operation: no more. The credentials"),
        (aws_error("NoSuchBucket"), "read the outputs again"),
        (aws_error("SlowDown"), "(SlowDown) when calling the GetObject operation: no more"),
    ],
)
def test_a_failure_is_one_line_on_standard_error(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    status, stdout, stderr = failing(deployed, monkeypatch, error)
    assert status == 1
    assert stdout == ""
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1
    assert message in stderr


def test_an_interruption_says_how_to_go_on(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    status, stdout, stderr = failing(deployed, monkeypatch, KeyboardInterrupt())
    assert (status, stdout) == (130, "")
    assert "run the same command again" in stderr


def test_a_fault_of_ours_is_not_dressed_up(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.stack.load_stack", lambda *_: 1 / 0)
    assert isinstance(deployed.run("status").exception, ZeroDivisionError)
