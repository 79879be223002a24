"""`python -m benchmarks.azure --real-data FOLDER`: Microsoft's Azure set through the public API, to build/azure.json.

Whole machines are held out. `events`: error codes, replacements, model and age of all machines, of which most have no
telemetry here; `telemetry`: those that have it, with its statistics beside. How many errors and replacements there were
of each code, and the hours since the last, are features by a point-in-time join (`add_events`). Beside each figure
stands what the hours in service alone reach. Rows are three hours apart, the horizon is a day, and alarm episodes count
as `evaluate` counts them.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import polars as pl

from mlops_core.adapters.azure_pdm import AzurePdmSet, read_azure_pdm
from mlops_core.features import add_age, add_attributes, add_events, compute_features, returns_to_service
from mlops_core.prognosis import Evaluation, ModelBundle, evaluate, label_features, label_modes, predict, train
from mlops_core.telemetry import EVENTS

HOP, HORIZON, SEED = "3h", "24h", 2026
FIGURES = (
    "rows", "failures", "base_rate", "pr_auc", "pr_auc_low", "pr_auc_high", "age_pr_auc", "better_than_age",
    "own_event_recall", "episodes_announced", "episodes_announced_low", "episodes_announced_high", "false_episodes",
    "false_episodes_low", "false_episodes_high", "episode_lead_median_hours",
)  # fmt: skip


def events_of(azure: AzurePdmSet) -> pl.DataFrame:
    """Return errors and replacements as frame EVENTS; a failure replaces the components that it names."""
    failed = azure.failures.with_columns(pl.col("event_code").str.split("+")).explode("event_code")
    return pl.concat(
        [
            azure.errors.with_columns(kind=pl.lit("error"), event_code="error_code").select(*EVENTS),
            azure.maintenance.with_columns(kind=pl.lit("replaced"), event_code="component").select(*EVENTS),
            failed.with_columns(kind=pl.lit("replaced")).select(*EVENTS),
        ]
    )


def features_of(azure: AzurePdmSet, *, with_telemetry: bool) -> pl.DataFrame:
    """Return a row every three hours: events, replacements, attributes and age, and telemetry where asked for.

    Without telemetry a machine's rows begin with its first error.
    """
    if with_telemetry:
        rows = compute_features(
            azure.readings, lengths=["3h", "24h"], hop=HOP, statistics=["mean", "std", "slope"], channels={}
        )
    else:
        first = azure.errors.group_by("machine_id").agg(pl.col("event_timestamp").min().dt.truncate(HOP))
        last = pl.lit(azure.failures["event_timestamp"].max())
        ends = pl.datetime_ranges("event_timestamp", last, HOP, closed="right").alias("window_end")
        rows = first.select("machine_id", ends).explode("window_end").sort("machine_id", "window_end")
    rows = add_events(rows, events_of(azure))
    rows = add_attributes(rows, azure.machines)
    return add_age(rows, returns=returns_to_service(azure.failures, azure.maintenance))


def judge(azure: AzurePdmSet, features: pl.DataFrame, share: int) -> tuple[Evaluation, dict[str, float | None]]:
    """Train on the machines but one in `share`, and evaluate on those held out, the failing component too."""
    labelled = label_modes(label_features(features, azure.failures, horizon=HORIZON), azure.failures)
    machines = labelled["machine_id"].unique().sort()
    held_out = machines.gather_every(share, offset=1).to_list()
    is_held_out = pl.col("machine_id").is_in(held_out)
    known, later = labelled.filter(~is_held_out), labelled.filter(is_held_out)
    bundle = train(known, horizon=HORIZON, seed=SEED, channels={})
    return evaluate(bundle, later), modes(bundle, known, later)


def modes(bundle: ModelBundle, known: pl.DataFrame, later: pl.DataFrame) -> dict[str, float | None]:
    """Share of held-out failures whose component is named six hours before, and that of the most frequent one."""
    failing = later.filter(pl.col("rul_hours").is_between(4.5, 7.5)).unique("run_id", maintain_order=True)
    usual = known.filter("fails_within_horizon").unique("run_id")["failure_mode"].mode().sort()[0]
    usual_right = float((failing["failure_mode"] == usual).sum()) / failing.height
    if bundle.modes is None:
        return {"mode_right": None, "mode_usual_right": usual_right, "mode_failures": failing.height}
    named = predict(bundle, failing)["failure_mode"]
    right = float((named == failing["failure_mode"]).sum()) / failing.height
    return {"mode_right": right, "mode_usual_right": usual_right, "mode_failures": failing.height}


def main() -> None:
    """Measure both, print and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real-data", type=Path, required=True, help="folder with the five files, or its parent")
    folder: Path = parser.parse_args().real_data
    azure = read_azure_pdm(folder / "azure_pdm" if (folder / "azure_pdm").is_dir() else folder)
    found = {
        "events": judge(azure, features_of(azure, with_telemetry=False), 3),
        "telemetry": judge(azure, features_of(azure, with_telemetry=True), 2),
    }
    figures = {name: {key: asdict(one)[key] for key in FIGURES} | modes for name, (one, modes) in found.items()}
    Path("build/azure.json").write_text(json.dumps(figures, indent=2) + "\n")
    for name, values in figures.items():
        print(name, *(f"{key} {value:.3g}" for key, value in values.items() if value is not None), sep="\n  ")


if __name__ == "__main__":
    main()
