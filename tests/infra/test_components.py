"""Each component builds alone, in a program that is not ours: the example of its docstring is run as it stands."""

import doctest
import importlib
import inspect
import pkgutil
from functools import cache
from types import SimpleNamespace

import pulumi
import pytest
from pulumi.provider.experimental.analyzer import Analyzer

import infra
from infra.catalogue import LakeCatalogue
from infra.data_lake import DataLake
from infra.ingestion import Ingestion
from infra.packaging import Layer, Target
from infra.policies import allow
from infra.processing import Processing
from infra.queues import Queue
from infra.setting_groups import IngestionSettings, ProcessingSettings
from infra.settings import key_schemas
from infra.stack_settings import StackSettings
from infra.work_order_targets import WorkOrderTarget
from mlops_core.telemetry import CHANNELS, Channel, Channels
from tests.infra.evaluation import evaluate


def components():
    """Every component of `infra`, by the modules that define them."""
    modules = [importlib.import_module(f"infra.{each.name}") for each in pkgutil.iter_modules(infra.__path__)]
    found = {each for module in modules for each in vars(module).values() if inspect.isclass(each)}
    ours = [each for each in found if each.__module__.startswith("infra.")]
    return sorted((e for e in ours if issubclass(e, pulumi.ComponentResource)), key=lambda each: each.__name__)


COMPONENTS = components()


MACHINES = {"machines_table": "machines", "machines_arn": "arn:aws:dynamodb:::table/machines"}
ALARMS = {
    "alarms_table": "acme-alarms",
    "alarms_arn": "arn:aws:dynamodb:eu-west-1:123456789012:table/acme-alarms",
    "notice_topic_arn": "arn:aws:sns:eu-west-1:123456789012:acme-notices",
}


OIL = Channels(Channel(name="oil_pressure", unit="bar", minimum=0, maximum=25))
PRESSURE = Channels(Channel(name="pressure", unit="bar", minimum=0, maximum=25))


def a_queue(name):
    return Queue(
        pulumi.Output.from_input(name),
        pulumi.Output.from_input(f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"),
        pulumi.Output.from_input(f"arn:aws:sqs:eu-west-1:123456789012:{name}"),
    )


@cache
def defaults():
    return {key: schema["default"] for key, schema in key_schemas().items()} | {"mqttTopicPrefix": "acme/machine"}


def elsewhere_made(name):
    return SimpleNamespace(
        name=name, arn=f"arn:aws:some:eu-west-1:123456789012:{name}", id=name, execution_arn=f"arn:aws:some:::{name}"
    )


def run_example(component):
    """Execute the docstring's example where names that it takes for granted stand for resources made elsewhere."""
    elsewhere = {
        "pulumi": pulumi,
        "allow": allow,
        "Layer": Layer,
        "Target": Target,
        "CHANNELS": CHANNELS,
        "WorkOrderTarget": WorkOrderTarget,
        "settings": StackSettings.model_validate(defaults()),
        **{name: elsewhere_made(name) for name in ("queue", "processing", "ingestion", "training", "api", "features")},
        "inference": SimpleNamespace(api=elsewhere_made("api")),
        "events": SimpleNamespace(bus=elsewhere_made("bus")),
        "IngestionSettings": IngestionSettings,
        "ProcessingSettings": ProcessingSettings,
        **{each.__name__: each for each in COMPONENTS},
        "lake": SimpleNamespace(bucket_name="acme-lake", bucket_arn="arn:aws:s3:::acme-lake"),
        "layers": {"base": "arn:aws:lambda:eu-west-1:123456789012:layer:acme:1"},
        "labels": SimpleNamespace(name="labels", arn="arn:aws:dynamodb:eu-west-1:123456789012:table/labels"),
        "report": SimpleNamespace(arn="arn:aws:lambda:eu-west-1:123456789012:function:report"),
        "alerting": SimpleNamespace(
            access=ALARMS,
            alarms=SimpleNamespace(arn=ALARMS["alarms_arn"], stream_arn=f"{ALARMS['alarms_arn']}/stream/2030"),
        ),
        "machines": SimpleNamespace(access=MACHINES),
        "topic": SimpleNamespace(arn="arn:aws:sns:eu-west-1:123456789012:alarms"),
        **{name: a_queue(name) for name in ("readings", "failures", "dead_letters")},
    }
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(component))
    assert examples, f"{component.__name__} has no example"
    for example in examples:
        exec(compile(example.source, component.__name__, "exec"), elsewhere)  # noqa: S102


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.__name__)
def test_a_component_builds_alone_as_its_docstring_says(component, preview):
    evaluation = evaluate(lambda: run_example(component), preview=preview, project="acme", stack="plant-7")
    tops = [each for each in evaluation.registrations if each.type.startswith("mlops:") and "mlops:" not in each.parent]
    assert component.__name__ in {each.type.rpartition(":")[2] for each in tops}
    assert evaluation.aws
    for each in evaluation.aws:
        assert "mlops:" in each.parent, f"{each.name} has no component for a parent"
        assert any(each.name.startswith(top.name) for top in tops), f"{each.name} is not named after its component"
    if not preview:
        assert all(value is not None for value in evaluation.outputs.values())


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the analyzer leaves the file of a dependency's version open
@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.__name__)
def test_pulumi_s_analyzer_makes_a_schema_of_a_component(component):
    schema = Analyzer("mlops").analyze([component])["component_definitions"][component.__name__]
    assert schema.inputs
    assert len(schema.outputs) == len([name for name in inspect.get_annotations(component) if name[0] != "_"])


def test_a_component_takes_its_settings_as_the_plain_document_that_another_language_has():
    document = {name: given for name, given in defaults().items() if name in keys(IngestionSettings)}
    arguments = {
        "bucket_name": "acme-lake", "bucket_arn": "arn:aws:s3:::acme-lake", "alarms": ALARMS, "settings": document,
        "machines": MACHINES | {"machine_classes": {"pumps": {"machines": ["PUMP-*"]}}},
    }  # fmt: skip
    evaluation = evaluate(lambda: Ingestion("acme", arguments), project="acme", stack="plant-7")
    variables = evaluation.of("lambda/function:Function")["acme-readings"].inputs["environment"]["variables"]
    assert variables["MQTT_TOPIC_PREFIX"] == "acme/machine"
    assert "PUMP-*" in variables["MACHINE_CLASSES"]


def keys(model):
    return {field.alias for field in model.model_fields.values()}


@pytest.mark.parametrize("component", [DataLake, Ingestion, Processing], ids=lambda component: component.__name__)
def test_two_of_a_component_live_in_one_program(component):
    arguments = {
        DataLake: {},
        Ingestion: {
            "bucket_name": "acme-lake", "bucket_arn": "arn:aws:s3:::acme-lake", "alarms": ALARMS, "machines": MACHINES,
            "settings": IngestionSettings(
                channels=PRESSURE, mqtt_topic_prefix="acme/machine", machine_classes={}, basic_ingest=False,
                machine_ids=("M1",), simulator_enabled=False, simulator_schedule_expression="rate(1 minute)",
                simulator_seed=1, sampling_interval_seconds=60, maximum_catch_up_minutes=120,
                allowed_lateness_hours=1, historical_reach_days=1, lambda_timeout_seconds=3, lambda_memory_mb=128,
                ingestion_batch_size=10, ingestion_batch_window_seconds=0, ingestion_maximum_concurrency=2,
            ),
        },
        Processing: {
            "bucket_name": "acme-lake", "bucket_arn": "arn:aws:s3:::acme-lake", "channels": PRESSURE,
            "label_history_table": "labels", "label_history_arn": "arn:aws:dynamodb:::table/labels",
            "machines": MACHINES, "notice_topic_arn": ALARMS["notice_topic_arn"],
            "settings": ProcessingSettings(
                processing_schedule_expression="rate(1 hour)", time_window_hours=1, feature_lengths_hours=(1,),
                feature_hop_minutes=60, processing_timeout_seconds=60, processing_memory_mb=512,
                fleet_size=0, distributed_from_machines=5000, backfill_maximum_concurrency=2,
            ), "closing_grace_seconds": 80, "lake_shards": 1, "allowed_lateness_hours": 1,
        },
    }[component]  # fmt: skip

    def program():
        component("north", arguments)
        component("south", arguments)

    evaluation = evaluate(program, project="acme", stack="plant-7")
    named = [
        (each.type, each.inputs.get("databaseName"), each.inputs["name"])
        for each in evaluation.aws
        if "name" in each.inputs
    ]
    assert len(set(named)) == len(named)
    assert len({(each.type, each.name) for each in evaluation.aws}) == len(evaluation.aws)


def test_other_channels_get_columns_of_their_own():
    evaluation = evaluate(
        lambda: LakeCatalogue(
            "catalogue",
            {
                "bucket_name": "acme-lake", "channels": OIL,
                "feature_lengths_hours": [2], "feature_hop_minutes": 60,
            },
        )
    )  # fmt: skip
    columns = evaluation.of("CatalogTable")["catalogue-features"].inputs["storageDescriptor"]["columns"]
    assert "oil_pressure_mean_2h" in {column["name"] for column in columns}
