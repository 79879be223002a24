"""The state machine that makes models: where each step leads, what is tried again, what is logged."""

import inspect
import json

import pytest

from infra import training_steps
from mlops_core import errors
from mlops_core.errors import MlopsError


def machine(evaluated, stack="dev"):
    return evaluated(stack).of("sfn/stateMachine:StateMachine")["training"].inputs


def states(evaluated):
    return json.loads(machine(evaluated)["definition"])["States"]


def test_every_state_that_is_named_exists_and_every_state_is_reached(evaluated):
    named = {"FitBaseline"}
    for state in states(evaluated).values():
        branches = [state, *state.get("Choices", ()), *state.get("Catch", ())]
        named |= {branch[key] for branch in branches for key in ("Next", "Default") if key in branch}
    assert named == states(evaluated).keys()


def test_whatever_fails_is_told_before_the_execution_fails(evaluated):
    steps = [state for state in states(evaluated).values() if "lambda:invoke" in state.get("Resource", "")]
    assert len(steps) == 5
    for step in steps:
        if step["ResultPath"] == "$.baseline":
            continue  # whatever comes of it, a model is made: see below
        assert step["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
        assert step["Catch"][-1]["Next"] == "IsThereAMessage"
    drawn_states = states(evaluated)
    assert (drawn_states["Notify"]["Next"], drawn_states["IsItAFault"]["Default"]) == ("IsItAFault", "Failed")
    for way in ("TakeMessage", "TakeCause", "TakeNothing"):  # a cause may be the JSON of an error, any text, or absent
        assert (drawn_states[way]["ResultPath"], drawn_states[way]["Next"]) == ("$.message", "Notify")


def test_a_baseline_that_could_not_be_made_keeps_no_model_from_being_made(evaluated):
    [caught] = states(evaluated)["FitBaseline"]["Catch"]
    assert (caught["ErrorEquals"], caught["Next"]) == (["States.ALL"], "BuildTrainingSet")


def test_that_history_does_not_suffice_yet_is_a_result_and_no_failure(evaluated):
    (way,) = states(evaluated)["IsItAFault"]["Choices"]
    assert (way["StringEquals"], way["Next"]) == ("UntrainableError", "CannotLearnYet")
    assert states(evaluated)["CannotLearnYet"]["End"]


def test_what_would_end_the_same_is_not_tried_again_and_everything_else_is(evaluated):
    terminal, again = states(evaluated)["Train"]["Retry"]
    assert terminal["MaxAttempts"] == 0
    assert (again["ErrorEquals"], again["MaxAttempts"]) == (["States.ALL"], 2)
    # An error of the domain is terminal by its nature; that another promotion came first has a way of its own.
    raised = {name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, MlopsError)}
    assert raised <= set(terminal["ErrorEquals"])


def test_a_promotion_that_lost_a_race_is_judged_again(evaluated):
    promote = states(evaluated)["Promote"]
    assert promote["Catch"][0] == {"ErrorEquals": ["ChampionMovedError"], "Next": "Evaluate", "ResultPath": None}
    assert "ChampionMovedError" in promote["Retry"][0]["ErrorEquals"]


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_executions_are_logged_with_what_passed_between_the_steps(evaluated, stack):
    logging = machine(evaluated, stack)["loggingConfiguration"]
    group = evaluated(stack).of("cloudwatch/logGroup:LogGroup")["training-executions"]
    assert (logging["level"], logging["includeExecutionData"]) == ("ALL", True)
    assert logging["logDestination"] == f"{group.arn}:*"
    assert group.inputs["name"].startswith("/aws/vendedlogs/states/mlops-industrial-")


def test_traces_are_taken_where_the_stack_traces(evaluated):
    assert machine(evaluated, "dev")["tracingConfiguration"] == {"enabled": False}
    assert machine(evaluated, "prod")["tracingConfiguration"] == {"enabled": True}


def test_the_drawing_names_every_state():
    drawn = inspect.getdoc(training_steps) or ""
    definition = training_steps.training_definition(
        dict.fromkeys(("baseline", "training_set", "training", "evaluation", "promotion"), "arn"), "topic", str
    )
    assert [name for name in definition["States"] if name not in drawn] == []
