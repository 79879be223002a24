"""The run as a page: ``report.html``, the fleet's page with what the run did in a fold at its end."""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape as escaped

from infra.local.run.summary import Summary
from mlops_core.page import FleetPage, snapshot
from mlops_core.text import printable


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
