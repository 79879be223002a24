"""`python -m benchmarks.azure_platform --real-data FOLDER`: Microsoft's Azure set by a stack's own path and training.

In this process, over S3 in memory and DynamoDB of moto: `mlops import` of readings, error codes and replacements (both
as events) and failures, `mlops machines describe` for model and age, then the handlers of processing, training set,
training, evaluation, promotion and scoring. Machines are held out whole: nothing of them is imported before a model
serves. Then their readings, errors and replacements are, the platform computes and scores them, and at last their
failures are imported, to judge by. `--telemetry` takes the machines that have telemetry here, with its four channels;
without it all machines say once an hour that they are there and no more, so that events, model and age are all there
is to know. To build/azure_platform_*.json.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl
from moto import mock_aws
from typer.testing import CliRunner

from benchmarks.azure import FIGURES, modes
from benchmarks.scale.stores import Bucket, invocation
from mlops_core.adapters.source_files import find_file
from mlops_core.lake import channels_key
from mlops_core.prognosis import ModelBundle, evaluate, predict
from mlops_core.telemetry import Channel, channel_registry

HOUR: Final = timedelta(hours=1)
MODELS: Final = tuple(f"model{number}" for number in range(1, 5))
EVENTS: Final = (
    "error", *(f"error/error{number}" for number in range(1, 6)),
    "replaced", *(f"replaced/comp{number}" for number in range(1, 5)),
)  # fmt: skip
TELEMETRY: Final = ("volt", "rotate", "pressure", "vibration")
FIRST, LAST = datetime(2015, 1, 1, 6, tzinfo=UTC), datetime(2015, 9, 1, tzinfo=UTC)
SCORED_BEFORE_THE_END: Final = timedelta(days=5)
ZONE: Final = ("--time-column", "datetime", "--machine-column", "machineID", "--time-zone", "UTC")


def main() -> None:
    """Run one and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real-data", type=Path, required=True, help="folder with the five files, or its parent")
    parser.add_argument("--telemetry", action="store_true", help="of machines that have it, with its channels")
    chosen = parser.parse_args()
    source: Path = chosen.real_data / "azure_pdm" if (chosen.real_data / "azure_pdm").is_dir() else chosen.real_data
    with TemporaryDirectory() as folder, mock_aws():
        figures = _run(source, Path(folder), with_telemetry=chosen.telemetry)
    name = "telemetry" if chosen.telemetry else "events"
    Path("build").mkdir(exist_ok=True)
    Path(f"build/azure_platform_{name}.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def _run(source: Path, folder: Path, *, with_telemetry: bool) -> dict[str, Any]:
    tables = {name: pl.read_csv(find_file(source, f"PdM_{name}.csv", f"{name}.csv", where_from="Azure"),
                                infer_schema=False)
              for name in ("telemetry", "errors", "failures", "maint", "machines")}  # fmt: skip
    if not with_telemetry:
        tables["telemetry"] = _signs_of_life(tables["machines"]["machineID"])
    machines = sorted(tables["telemetry"]["machineID"].unique(), key=int)
    times: list[datetime] = sorted(tables["telemetry"]["datetime"].str.to_datetime(time_zone="UTC").unique().to_list())
    start, end = times[0], times[-1] + HOUR
    held_out = machines[1 :: 2 if len(machines) < 50 else 3]
    known = [name for name in machines if name not in held_out]
    stack = _Stack(folder, TELEMETRY if with_telemetry else ("alive",))

    stack.bring(tables, known, with_failures=True)
    stack.process(start, end)
    promoted = stack.train("known", end)
    learned = stack.rows("known")

    stack.bring(tables, held_out, with_failures=False)
    scored_at = end - SCORED_BEFORE_THE_END
    stack.process(start, scored_at)
    served = stack.score(held_out)
    stack.process(scored_at, end)
    stack.bring_failures(tables, held_out)
    stack.build_set("all", end)
    later = stack.rows("all").filter(pl.col("machine_id").is_in(held_out))
    bundle = stack.champion()

    figures = asdict(evaluate(bundle, later))
    return {
        "machines": len(machines), "held_out": len(held_out),
        **{name: figures[name] for name in FIGURES},
        **modes(bundle, learned, later),
        "promotion": promoted,
        "features": len(bundle.schema.names),
        "of_events": sum(name.startswith("event/") for name in bundle.schema.names),
        "served": len(served),
        "served_differs_at_most": _difference(served, later, bundle, scored_at),
        "cpu_seconds": round(time.process_time(), 1),
    }  # fmt: skip


def _signs_of_life(machines: pl.Series) -> pl.DataFrame:
    hours = pl.datetime_range(FIRST, LAST - HOUR, "1h", time_zone="UTC", eager=True).dt.strftime("%Y-%m-%d %H:%M:%S")
    return pl.DataFrame({"machineID": machines}).join(pl.DataFrame({"datetime": hours, "alive": "1"}), how="cross")


def _difference(served: dict[str, float], later: pl.DataFrame, bundle: ModelBundle, at: datetime) -> float:
    """Return by how much what the scoring function stored differs at most from the model on the judged rows."""
    rows = later.filter(pl.col("window_end") == at)
    judged = dict(predict(bundle, rows).select("machine_id", "failure_probability").iter_rows())
    return max(abs(judged[name] - served[name]) for name in judged.keys() & served.keys())


class _Stack:
    """Storage of a stack in this process, its functions, and the commands of its operator."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        channels = channel_registry(
            *(Channel(name=name, payload_field=name, unit="not stated", minimum=-1e6, maximum=1e6) for name in names)
        )
        key = channels_key(channels.hash)
        os.environ |= _environment(key)
        from handlers.stores import clients
        from ops import event_import, journal, reading_import
        from ops.stack import Stack
        from tests.handlers.aws_in_process import Aws

        Aws()  # its tables and topic
        self._s3, self._folder = Bucket(), folder
        clients.s3 = lambda: self._s3
        stack_type: Any = Stack  # an attribute takes the place of the cached property that connects to AWS
        stack_type.s3 = self._s3
        modules: list[Any] = [reading_import, event_import]
        for module in modules:  # S3 says when a bucket was made; nothing does of one in memory
            module.lake_identity = _in_memory
        journal.FOLDER = folder / "replay"
        self._s3.put_object(Key=key, Body=channels.document)
        self._outputs = folder / "outputs.json"
        self._outputs.write_text(json.dumps(_outputs(key)))

    def _command(self, *arguments: str) -> dict[str, Any]:
        from ops.cli import app

        began = time.process_time()
        ran = CliRunner().invoke(app, [*arguments, "--stack", "azure", "--outputs", str(self._outputs), "--json"])
        if ran.exit_code:
            raise SystemExit(f"mlops {' '.join(arguments)}: {ran.output} {ran.exception}")
        answer = json.loads(ran.stdout)
        if answer.get("rejected"):
            raise SystemExit(f"refused: {answer['rejected']}")
        if arguments[0] == "import":
            _tell(f"mlops {' '.join(arguments[:2])}: {time.process_time() - began:.1f} CPU-s")
        return answer

    def _function(self, name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        from importlib import import_module

        module = import_module(f"handlers.{name}")

        def invoke(event: dict[str, Any]) -> dict[str, Any]:
            began = time.process_time()
            answer: dict[str, Any] = module.handler(event, invocation(3008, 900))
            _tell(f"{name}: {time.process_time() - began:.1f} CPU-s, {answer}")
            return answer

        return invoke

    def _part(self, table: pl.DataFrame, machines: list[str], name: str) -> str:
        file = self._folder / f"{name}-{len(machines)}-{machines[0]}.csv"
        table.filter(pl.col("machineID").is_in(machines)).write_csv(file)
        return str(file)

    def bring(self, tables: dict[str, pl.DataFrame], machines: list[str], *, with_failures: bool) -> None:
        """Import and describe machines."""
        parts = {name: self._part(table, machines, name) for name, table in tables.items()}
        self._command("import", parts["telemetry"], *ZONE, "--via", "bulk")
        self._command("import", "--events", parts["errors"], *ZONE, "--kind", "error", "--code-column", "errorID")
        self._command("import", "--events", parts["maint"], *ZONE, "--kind", "replaced", "--code-column", "comp")
        if with_failures:
            self.bring_failures(tables, machines)
        for machine_id, model, age in tables["machines"].filter(pl.col("machineID").is_in(machines)).iter_rows():
            self._command("machines", "describe", machine_id, "--class", model, "--rated", f"age_years={age}")

    def bring_failures(self, tables: dict[str, pl.DataFrame], machines: list[str]) -> None:
        """Import failures; the component is replaced within the hour, so the machine is back at once."""
        part = self._part(tables["failures"], machines, "failures")
        columns = ("--code-column", "failure", "--return-column", "datetime")
        self._command("import", "--failures", part, *ZONE, *columns)

    def process(self, start: datetime, end: datetime) -> None:
        """Have the processing function compute [start, end), as `mlops backfill` does, a week an invocation."""
        from ops.ranges import RangeProcessor, chunks

        client: Any = _Functions(self._function("processing"))
        processor = RangeProcessor(client, "processing", "none")
        for first, last in chunks(start, end, timedelta(days=7)):
            processor.process(first, last, _unseen)

    def build_set(self, execution: str, at: datetime) -> None:
        """Build a training set."""
        self._function("training_set")({"execution": execution, "started_at": at.isoformat()})

    def train(self, execution: str, at: datetime) -> str:
        """Do what the state machine of training does; returns why the model was promoted."""
        self.build_set(execution, at)
        version = self._function("training")({"execution": execution})["version"]
        verdict = self._function("evaluation")({"execution": execution, "version": version})
        if not verdict["promote"]:
            raise SystemExit(f"not promoted: {verdict['reason']}")
        self._function("promotion")({"version": version, "reason": verdict["reason"], "against": verdict["against"]})
        return str(verdict["reason"])

    def rows(self, execution: str) -> pl.DataFrame:
        """Return the rows of a training set, both parts."""
        from handlers.training_execution import IS_HELD_OUT, rows_key

        body = self._s3.get_object(Key=rows_key(execution))["Body"].read()
        return pl.read_parquet(BytesIO(body)).drop(IS_HELD_OUT)

    def champion(self) -> ModelBundle:
        """Return the model that serves."""
        from handlers.stores import clients
        from handlers.stores.lake import DataLake
        from handlers.stores.model_registry import ModelRegistry

        registry = ModelRegistry(DataLake(clients.s3(), "lake"))
        stored = registry.champion()
        if stored is None:
            raise SystemExit("no champion")
        return registry.load(stored.value.version)

    def score(self, machines: list[str]) -> dict[str, float]:
        """Have the fleet scored; returns the stored probability of each of these machines."""
        from ops.stack import load_stack

        self._function("scoring")({})
        scores = load_stack("azure", self._outputs).fleet.load_predictions()
        return {name: scores[name].prediction.failure_probability for name in machines if name in scores}


class _Functions:
    """The Lambda client, as commands call it."""

    def __init__(self, function: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._function = function

    def invoke(self, *, Payload: bytes, **_: object) -> dict[str, Any]:  # noqa: N803 - boto3's name
        return {"Payload": BytesIO(json.dumps(self._function(json.loads(Payload))).encode())}


def _environment(channels: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "eu-west-1",
        "POWERTOOLS_SERVICE_NAME": "azure", "POWERTOOLS_METRICS_NAMESPACE": "azure", "POWERTOOLS_LOG_LEVEL": "ERROR",
        "POWERTOOLS_METRICS_DISABLED": "true",
        "DATA_LAKE_BUCKET": "lake", "CHANNELS_KEY": channels, "DYNAMODB_TABLE_NAME": "realtime-features",
        "LABEL_HISTORY_TABLE": "label-history", "MACHINES_TABLE": "machines", "ALARMS_TABLE": "alarms",
        "PREDICTIONS_TABLE": "predictions", "NOTICE_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:notices",
        "TIME_WINDOW": "168", "FEATURE_LENGTHS_HOURS": "[3, 24]", "PREDICTION_HORIZON_HOURS": "24",
        "TRAINING_HISTORY_DAYS": "400", "TRAINING_SEED": "2026", "SILENT_AFTER_HOURS": "1",
        "EVENT_FEATURES": json.dumps(EVENTS),
        "ATTRIBUTE_FEATURES": json.dumps(["age_years", *(f"machine_class={model}" for model in MODELS)]),
        "MACHINE_CLASSES": json.dumps({model: {"machines": [f"{model}-*"]} for model in MODELS}),
    }  # fmt: skip


def _outputs(channels: str) -> dict[str, object]:
    return {
        "data_lake_bucket": "lake", "channels_key": channels, "mqtt_topic_prefix": "industrial/machine",
        "processing_function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:processing",
        "machine_state_table_name": "machine-state", "realtime_features_table_name": "realtime-features",
        "label_history_table_name": "label-history", "predictions_table_name": "predictions",
        "alarms_table_name": "alarms", "machines_table_name": "machines", "lake_shards": 1,
        "machine_classes": MODELS, "event_features": EVENTS, "feature_lengths_hours": [3, 24],
        "feature_hop_minutes": 60, "allowed_lateness_hours": 48, "silent_after_hours": 1,
    }  # fmt: skip


def _in_memory(_stack: object) -> str:
    return "in memory"


def _unseen(items: int) -> None:
    """Take the hours that an invocation has done."""


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
