"""What a run leaves: ``summary.json`` for programs, and ``report.html``, the fleet's page with a fold about the run."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape as escaped
from typing import Any

from pydantic import BaseModel

from infra.local.run.reconciliation import Ledger
from mlops_core.condition import KnownMachine
from mlops_core.page import Alarm, FleetPage, snapshot
from mlops_core.text import printable


class MachineLine(BaseModel, frozen=True):
    """One configured machine at the end of the run; vibration in mm/s r.m.s., temperature in degrees Celsius."""

    machine_id: str
    state: str
    status: str | None
    zone: str | None
    vibration: float | None
    temperature: float | None
    features_until: datetime | None
    last_reading: datetime | None

    @classmethod
    def of(cls, machine: KnownMachine, features: Mapping[str, float | None]) -> "MachineLine":
        """Return the line of a machine with its newest features."""
        return cls(
            machine_id=machine.machine_id,
            state=str(machine.state.state),
            status=machine.status,
            zone=machine.zone,
            vibration=machine.vibration,
            temperature=features.get("temperature_mean_1h"),
            features_until=machine.window_end,
            last_reading=machine.last_seen,
        )


class Summary(Ledger, frozen=True):
    """A whole run in figures. ``model`` and ``predictions`` are empty where the history held too few failures."""

    resources: int
    deploy_seconds: float
    seeded_readings: int
    seeded_failures: int
    feature_rows: int
    machines: tuple[MachineLine, ...]
    announced_after_seconds: Mapping[str, float]
    """By machine, from before the first live message to the notice of its alarm."""
    model: Mapping[str, Any] | None = None
    predictions: tuple[Mapping[str, Any], ...] = ()
    alarms: tuple[Alarm, ...]
    """The episodes, as on the page."""
    stages: Mapping[str, float]
    elapsed_seconds: float
    finished_at: datetime
    outputs: Mapping[str, Any]


def report(page: FleetPage, summary: Summary) -> str:
    """Return the page: one file that loads nothing, and from which nothing can be done."""
    return snapshot(page, appendix=_about(summary))


def _about(summary: Summary) -> str:
    figures = [
        ("resources deployed", summary.resources),
        ("readings of history", summary.seeded_readings),
        ("run-to-failure events", summary.seeded_failures),
        ("messages published", summary.published),
        ("kept in the lake", summary.lake_distinct),
        ("in quarantine", summary.quarantined),
        ("dead letters", summary.dead_lettered),
        ("feature rows", summary.feature_rows),
    ]
    stages = [(name, f"{seconds:.1f} s") for name, seconds in summary.stages.items()]
    outputs = [(name, f"<code>{_text(_shown(value))}</code>") for name, value in sorted(summary.outputs.items())]
    return f"""<section class="wrap about"><details><summary>About this run: {summary.finished_at:%Y-%m-%d %H:%M} UTC,
{summary.elapsed_seconds:.0f} s on a laptop; figures, stages, outputs of the stack</summary>
<p>Every published message was found again: {summary.published:,} = {summary.lake_distinct:,} kept
+ {summary.quarantined:,} refused + {summary.dead_lettered:,} dead letters.</p>
{_table("Figures", [(name, f"{value:,}") for name, value in figures])}
{_table("Quarantine", _counts(summary.quarantined_by_reason))}
{_table("Stages", stages)}
{_table("Outputs of the stack", outputs)}
</details></section>"""


def _counts(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(_text(reason), f"{count:,}") for reason, count in sorted(counts.items())]


def _table(title: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already; the first of each row is its heading."""
    lines = "".join(f'<tr><th scope="row">{head}</th><td>{cell}</td></tr>' for head, cell in rows)
    return f"<table><caption>{title}</caption><tbody>{lines}</tbody></table>"


def _text(text: str) -> str:
    """Text as HTML that shows exactly its characters: no markup, and nothing that changes the direction of reading."""
    return escaped(printable(text))


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
