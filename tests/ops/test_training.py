"""``mlops train``: the state machine is started as its schedule does, and its outcome is printed."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ops.stack import Stack
from tests.ops.conftest import Deployed

ARN = "arn:aws:states:eu-west-1:123456789012:execution:training:1"
MADE: dict[str, Any] = {
    "training": {"outcome": {"version": "0a1b2c"}},
    "evaluation": {"outcome": {"reason": "PR-AUC 0.7 against 0.5"}},
    "promotion": {"outcome": {}},
}


Ends = Callable[..., None]


@pytest.fixture
def ends(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Ends:
    """Let the state machine end so."""

    def end(**described: Any) -> None:
        class Machines:
            def start_execution(self, **given: str) -> dict[str, str]:
                assert given == {"stateMachineArn": "training", "input": "{}"}
                return {"executionArn": ARN}

            def describe_execution(self, **_: str) -> dict[str, Any]:
                return described

        monkeypatch.setattr(Stack, "state_machines", Machines())

    deployed.set_outputs(training_state_machine_arn="training")
    return end


def test_a_model_that_is_promoted_is_named_with_the_reason(deployed: Deployed, ends: Ends) -> None:
    ends(status="SUCCEEDED", output=json.dumps(MADE))
    assert deployed.run("train").stdout == "Model 0a1b2c was promoted: it serves. PR-AUC 0.7 against 0.5\n"
    assert deployed.json("train")["is_promoted"] is True


def test_that_no_model_was_made_is_said_and_is_a_failure(deployed: Deployed, ends: Ends) -> None:
    ends(status="FAILED", cause=json.dumps({"errorMessage": "only PUMP-1 failed"}))
    result = deployed.run("train")
    assert (result.exit_code, result.stdout) == (1, "No model was made: only PUMP-1 failed\n")


def test_who_does_not_wait_is_told_the_execution(deployed: Deployed, ends: Ends) -> None:
    ends(status="RUNNING")
    assert deployed.json("train", "--no-wait") == {"stack": "dev", "execution": ARN}
