"""``mlops anomalies``: how far machines have been from their own normal, hour by hour, and in Lookout's own format."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ops.console import print_answer, print_listing
from ops.errors import OpsError
from ops.options import AsJson, OutputsFile, StackName, open_stack

if TYPE_CHECKING:
    import polars as pl

    from mlops_core.condition import BaselineBundle
    from ops.stack import Stack


class NoBaselineError(OpsError):
    """No baseline serves, so nothing is unusual or normal."""

    def __init__(self) -> None:
        super().__init__(
            "No baseline serves yet.", "Start the training state machine once there are a few days of data."
        )


class NoFeaturesError(OpsError):
    """There is nothing to judge."""

    def __init__(self, days: int) -> None:
        super().__init__(f"No features are stored of the last {days} days.", "Give more --days, or run processing.")


def anomalies(
    machine: Annotated[str | None, typer.Option("--machine", help="Only this machine.")] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="The last days, so many.")] = 7,
    form: Annotated[
        Literal["table", "lookout"],
        typer.Option(
            "--format", help="table, or lookout: results.jsonl as Lookout for Equipment and SiteWise write it."
        ),
    ] = "table",
    output: Annotated[
        Path, typer.Option("--output", help="Of lookout: the folder; one results.jsonl a machine goes below it.")
    ] = Path("results"),
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Judge each hour of each machine by its own normal; no failure has to be known."""
    loaded = open_stack(stack, outputs)
    bundle = _serving(loaded)
    scored = _scored(loaded, bundle, days, machine)
    if form == "lookout":
        written = write_lookout(scored, output)
        line = f"{written['lines']} lines in {len(written['files'])} files below {output}."
        print_answer(written, line, as_json=as_json)
        return
    rows = sorted(_machines(scored), key=lambda row: (-row["unusual_hours"], -row["highest_score"]))
    print_listing(
        {"stack": stack, "days": days, "baseline_version": bundle.version, "machines": rows},
        f"Anomalies of {stack}, {days} days, by baseline {bundle.version}",
        ["machine", "unusual hours", "of", "highest score", "at", "by"],
        [[*row.values()] for row in rows],
        as_json=as_json,
        unbroken=["machine"],
    )


def lookout_lines(scored: "pl.DataFrame") -> Iterator[dict[str, Any]]:
    r"""Yield a line of `results.jsonl` for each judged row of one machine, in order of time.

    The fields are those of Lookout for Equipment's inference results, which SiteWise's anomaly detection writes too:
    prediction 1 with ANOMALY_DETECTED or 0 with NO_ANOMALY_DETECTED, and each sensor's share as `component\sensor`.
    """
    for row in scored.sort("window_end").iter_rows(named=True):
        if row["anomaly_score"] is None:
            continue
        yield {
            "timestamp": f"{row['window_end']:%Y-%m-%dT%H:%M:%S.%f}",
            "prediction": int(row["is_unusual"]),
            "prediction_reason": "ANOMALY_DETECTED" if row["is_unusual"] else "NO_ANOMALY_DETECTED",
            "anomaly_score": row["anomaly_score"],
            "diagnostics": [
                {"name": f"{row['machine_id']}\\{part['channel']}", "value": part["share"]}
                for part in row["contributions"]
            ],
        }


def write_lookout(scored: "pl.DataFrame", folder: Path) -> dict[str, Any]:
    """Write `{folder}/{machine}/results.jsonl` for each machine; returns the files and how many lines they hold."""
    files: list[str] = []
    lines = 0
    for (machine_id,), rows in scored.group_by("machine_id", maintain_order=True):
        path = folder / str(machine_id) / "results.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        texts = [json.dumps(line) for line in lookout_lines(rows)]
        path.write_text("".join(f"{text}\n" for text in texts))
        files.append(str(path))
        lines += len(texts)
    return {"files": files, "lines": lines}


def _serving(stack: "Stack") -> "BaselineBundle":
    from handlers.stores import BaselineRegistry

    registry = BaselineRegistry(stack.lake)
    champion = registry.champion()
    if champion is None:
        raise NoBaselineError
    return registry.load(champion.value.version)


def _scored(stack: "Stack", bundle: "BaselineBundle", days: int, machine: str | None) -> "pl.DataFrame":
    import polars as pl

    from handlers.stores import FeatureHistory
    from mlops_core.condition import score_anomalies

    now = datetime.now(UTC)
    history = FeatureHistory(stack.lake, since=now - timedelta(days=days), until=now)
    columns = ["machine_id", "window_end", *bundle.baseline.columns]
    if history.is_empty:
        raise NoFeaturesError(days)
    rows = pl.concat(history.batches(columns))
    return score_anomalies(bundle.baseline, rows if machine is None else rows.filter(machine_id=machine))


def _machines(scored: "pl.DataFrame") -> Iterator[Mapping[str, Any]]:
    for (machine_id,), rows in scored.sort("machine_id").group_by("machine_id", maintain_order=True):
        judged = rows.drop_nulls("anomaly_score")
        if judged.is_empty():
            continue
        worst = judged.sort("anomaly_score").row(-1, named=True)
        parts = (f"{part['channel']} {part['share']:.0%}" for part in worst["contributions"][:2])
        yield {
            "machine_id": machine_id,
            "unusual_hours": int(judged["is_unusual"].sum()),
            "judged_hours": judged.height,
            "highest_score": round(worst["anomaly_score"], 3),
            "highest_at": f"{worst['window_end']:%Y-%m-%d %H:%M} UTC",
            "by": ", ".join(parts),
        }
