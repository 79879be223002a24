"""``mlops models trial``: what the champion predicted and promised, against what then happened or was found."""

import gzip
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ops.errors import OpsError
from ops.options import AsJson, OutputsFile, StackName

if TYPE_CHECKING:
    import polars as pl

    from ops.stack import Stack


class NothingPredictedError(OpsError):
    """The champion has predicted nothing in that time."""

    def __init__(self, version: str, days: int) -> None:
        super().__init__(f"Model {version} has predicted nothing in the last {days} days.", "Give more --days.")


def trial(
    days: Annotated[int, typer.Option("--days", min=2, max=366, help="Predictions of the last days, so many.")] = 90,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare what the champion predicted with failures and verdicts that followed; names promises surely not kept."""
    import polars as pl

    from handlers.stores.label_history import LabelHistory
    from mlops_core.prognosis import try_champion
    from mlops_core.telemetry import FAILURES, MAINTENANCE, VERDICTS
    from ops.console import print_json, print_line, print_table
    from ops.model_versions import ModelShelf, NoChampionError
    from ops.stack import load_stack

    loaded = load_stack(stack, outputs)
    shelf, now = ModelShelf(loaded), datetime.now(UTC)
    champion = shelf.champion()
    if champion is None:
        raise NoChampionError
    bundle = shelf.load(champion.value.version)
    predictions = _predictions(loaded, bundle.version, days, now)
    history = LabelHistory(loaded.dynamodb, loaded.outputs.label_history_table_name)
    found = try_champion(
        predictions,
        pl.DataFrame(history.load_all(), schema=FAILURES),
        bundle.alarm_plan,
        horizon_hours=bundle.manifest.horizon_hours,
        known_until=now,
        maintenance=pl.DataFrame(history.load_repairs(), schema=MAINTENANCE),
        verdicts=pl.DataFrame(history.load_verdicts(), schema=VERDICTS),
    )
    if as_json:
        print_json({"stack": stack, "model_version": bundle.version, "days": days, **asdict(found)})
        return
    realised, promised = found.realised, found.promised
    rows = [
        ["failures announced", _share(realised.recall), _share(promised.recall if promised else None)],
        ["false episodes a machine-month", _rate(realised.false_episodes), _rate(promised and promised.false_episodes)],
        ["failing within the horizon", _share(found.observed), _share(found.stated)],
    ]
    title = f"Model {bundle.version}: {found.machine_months:.1f} machine-months, {found.failures} failures"
    print_table(title, ["", "happened", "promised"], rows)
    for promise in found.broken:
        print_line(f"Surely not kept: {promise}.")
    if not found.broken:
        print_line("No promise is surely broken.")


def _predictions(stack: "Stack", version: str, days: int, now: datetime) -> "pl.DataFrame":
    import polars as pl

    from mlops_core.lake import PREDICTIONS_PREFIX
    from mlops_core.telemetry import TIMESTAMP
    from ops.quarantined import days_until

    prefixes = [f"{PREDICTIONS_PREFIX}date={day:%Y-%m-%d}/" for day in days_until(now, days)]
    keys = sorted(stack.lake.versions_under(prefixes))
    lines = (json.loads(line) for body in stack.lake.read_all(keys) for line in gzip.decompress(body).splitlines())
    told = [
        (line["machine_id"], datetime.fromisoformat(line["window_end"]), line["failure_probability"])
        for line in lines
        if line["model_version"] == version
    ]
    if not told:
        raise NothingPredictedError(version, days)
    schema = {"machine_id": pl.String(), "window_end": TIMESTAMP, "failure_probability": pl.Float64()}
    return pl.DataFrame(told, schema=schema, orient="row")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
