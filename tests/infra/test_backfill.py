"""The state machine of a backfill: valid, throttled, nothing in it that a list of units could outgrow."""

import inspect
import json

import pytest
from statelint.config import Config
from statelint.linter import Linter
from statelint.problem import ProblemType

from infra import backfill_steps
from tests.infra.evaluation import CHANGED, evaluate_stack

MAPS = ("BuildHours", "ComputePieces")


def definition(evaluation):
    machine = evaluation.of("sfn/stateMachine:StateMachine")["processing-backfill"]
    return json.loads(machine.inputs["definition"])


def problems(machine):
    """What the validator finds, without what AWS adds to the language; a whole number will do for a rate."""
    for state in machine["States"].values():
        state.pop("Label", None)
        state.get("ItemReader", {}).get("ReaderConfig", {}).pop("InputType", None)
    return Linter.validate(machine, Config({ProblemType.FLOAT}))


@pytest.mark.parametrize("machine", ["processing-backfill", "training"])
@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_each_definition_is_valid_by_the_states_language(evaluated, stack, machine):
    found = evaluated(stack).of("sfn/stateMachine:StateMachine")[machine]
    assert problems(json.loads(found.inputs["definition"])) == []


def test_the_validator_knows_distributed_maps(evaluated):
    broken = definition(evaluated("dev"))
    del broken["States"]["BuildHours"]["ItemProcessor"]["StartAt"]
    broken["States"]["ComputePieces"]["MaxConcurrency"] = "many"
    assert {"BuildHours", "ComputePieces"} == {name for name in MAPS for each in problems(broken) if name in each}


@pytest.mark.parametrize("name", MAPS)
def test_units_are_distributed_throttled_and_tried_again_and_their_results_dropped(evaluated, name):
    state = definition(evaluated("dev"))["States"][name]
    assert state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    assert state["MaxConcurrency"] == 10
    assert state["ResultPath"] is None
    assert state.keys().isdisjoint({"ItemBatcher", "ResultWriter"})  # the emulator would ignore them
    (unit,) = state["ItemProcessor"]["States"].values()
    assert unit["OutputPath"] is None  # what all units say together has to fit the 256 KB of a state's output
    terminal, busy, again = unit["Retry"]
    assert terminal["MaxAttempts"] == 0
    assert busy["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert again["ErrorEquals"] == ["States.ALL"]


def test_one_of_the_reserved_runs_is_left_to_the_schedule(evaluated):
    assert definition(evaluated("prod"))["States"]["BuildHours"]["MaxConcurrency"] == 10
    few = evaluate_stack(config=CHANGED)
    assert definition(few)["States"]["BuildHours"]["MaxConcurrency"] == 3


def test_the_drawing_names_every_state():
    drawn = inspect.getdoc(backfill_steps) or ""
    states = backfill_steps.backfill_definition("arn", "bucket", str, maximum_concurrency=1)["States"]
    assert [name for name in states if name not in drawn] == []
