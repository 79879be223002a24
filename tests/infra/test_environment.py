"""What the program sets in a function's environment is what its handler reads: one model for both."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from contract.functions import FUNCTIONS
from infra.function import variables

COMMON = {"powertools_service_name": "s", "powertools_metrics_namespace": "n"}


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_every_deployed_environment_is_read_by_the_model_of_its_function(evaluated, stack):
    deployed = evaluated(stack).of("lambda/function:Function").values()
    by_handler = {each.inputs["handler"]: each.inputs["environment"]["variables"] for each in deployed}
    assert set(by_handler) == {function.handler for function in FUNCTIONS.values()}
    for function in FUNCTIONS.values():
        environment = by_handler[function.handler]
        assert function.settings.read(environment).variables() == environment


@pytest.mark.parametrize(
    "settings",
    [
        {"time_window": timedelta(hours=6), "feature_lengths": [timedelta(hours=1)]},
        {"data_lake_bucket": "lake", "feature_hop": timedelta(minutes=7)},
        {"data_lake_bucket": "lake", "lake_shard": 2},
    ],
    ids=["missing", "impossible", "unknown"],
)
def test_settings_that_the_handler_would_refuse_are_refused_before_anything_is_deployed(settings):
    complete = {
        "dynamodb_table_name": "table",
        "time_window": timedelta(hours=6),
        "feature_lengths": [timedelta(hours=1)],
    }
    with pytest.raises(ValidationError):
        variables(FUNCTIONS["processing"], COMMON | (complete if "data_lake_bucket" in settings else {}) | settings)
