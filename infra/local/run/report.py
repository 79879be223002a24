"""The run as a page for people: ``report.html``, one file that loads nothing."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape as escaped

import polars as pl

from infra.local.run.charts import Band, line_chart, side_by_side
from infra.local.run.summary import MachineLine, Summary
from mlops_core.condition import DEFAULT_BOUNDARIES
from mlops_core.text import printable

_BANDS = (
    Band("A", 0.0, DEFAULT_BOUNDARIES.b_begins, "#2e7d32"),
    Band("B", DEFAULT_BOUNDARIES.b_begins, DEFAULT_BOUNDARIES.c_begins, "#f9a825"),
    Band("C", DEFAULT_BOUNDARIES.c_begins, DEFAULT_BOUNDARIES.d_begins, "#ef6c00"),
    Band("D", DEFAULT_BOUNDARIES.d_begins, float("inf"), "#c62828"),
)
_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--rule:#d0d7de;--paper:#fff;--accent:#0a5db8}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--rule:#30363d;--paper:#0d1117;--accent:#58a6ff}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:62rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}p.lead{color:var(--soft);margin-top:0}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--rule)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.85em;word-break:break-all}
.cards{display:flex;flex-wrap:wrap;gap:.8rem}.card{border:1px solid var(--rule);border-radius:6px;padding:.5rem .9rem}
.card b{display:block;font-size:1.3rem}.card span{color:var(--soft)}figure{margin:1rem 0}figcaption{font-weight:600}
svg{width:100%;height:auto}
"""


def report(summary: Summary, features: pl.DataFrame, failures: pl.DataFrame) -> str:
    """Return the page. ``features``: the offline store's rows of the configured machines; ``failures``: FAILURES."""
    figures = {
        "resources deployed": summary.resources,
        "readings of history": summary.seeded_readings,
        "run-to-failure events": summary.seeded_failures,
        "messages published": summary.published,
        "kept in the lake": summary.lake_distinct,
        "in quarantine": summary.quarantined,
        "dead letters": summary.dead_lettered,
        "feature rows": summary.feature_rows,
    }
    cards = "".join(f'<div class="card"><b>{value:,}</b><span>{name}</span></div>' for name, value in figures.items())
    charts = "".join(_machine_chart(line, features, failures) for line in summary.machines)
    stages = [(name, f"{seconds:.1f}") for name, seconds in summary.stages.items()]
    outputs = [(name, f"<code>{_text(_shown(value))}</code>") for name, value in sorted(summary.outputs.items())]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Predictive maintenance on a laptop</title><style>{_STYLE}</style></head><body>
<h1>Predictive maintenance, run on a laptop</h1>
<p class="lead">{summary.finished_at:%Y-%m-%d %H:%M} UTC, {summary.elapsed_seconds:.0f} s. Every published message
was found again: {summary.published:,} = {summary.lake_distinct:,} kept + {summary.quarantined:,} refused
+ {summary.dead_lettered:,} dead letters.</p>
<div class="cards">{cards}</div>
<h2>Machines</h2>{_machines(summary.machines)}
{_predictions(summary)}<h2>Vibration (mm/s r.m.s. of an hour) and temperature (°C, mean of an hour)</h2>
<p class="lead">From the offline store. Bands are the evaluation zones of ISO 20816; dashed lines are failures.</p>
{charts}
<h2>Quarantine</h2>{_table(("reason", "messages"), _counts(summary.quarantined_by_reason))}
<h2>Stages</h2>{_table(("stage", "seconds"), stages)}
<h2>Outputs of the stack</h2>{_table(("output", "value"), outputs, numeric=False)}
</body></html>
"""


def _machine_chart(line: MachineLine, features: pl.DataFrame, failures: pl.DataFrame) -> str:
    rows = features.filter(pl.col("machine_id") == line.machine_id).sort("window_end")
    if rows.height < 2:
        return f"<p>{_text(line.machine_id)}: no features yet.</p>"
    marks = failures.filter(pl.col("machine_id") == line.machine_id)["event_timestamp"].to_list()
    reach = DEFAULT_BOUNDARIES.d_begins
    charts = (
        line_chart(rows, "vibration_rms_1h", unit="mm/s", reach=reach, marks=marks, bands=_BANDS),
        line_chart(rows, "temperature_mean_1h", unit="°C", reach=100.0, marks=marks),
    )
    return f"<figure><figcaption>{_text(line.machine_id)}</figcaption>{side_by_side(charts)}</figure>"


def _machines(lines: Iterable[MachineLine]) -> str:
    head = ("machine", "status", "zone", "vibration mm/s", "temperature °C", "features until", "last reading")
    rows = [
        (
            _text(line.machine_id),
            _text(line.status or "-"),
            _text(line.zone or "-"),
            _number(line.vibration),
            _number(line.temperature),
            _moment(line.features_until),
            _moment(line.last_reading),
        )
        for line in lines
    ]
    return _table(head, rows, numeric=False)


def _predictions(summary: Summary) -> str:
    if not summary.predictions:
        return ""
    head = ("machine", "fails in 24 h", "hours left, 10 %", "50 %", "90 %", "health", "why")
    rows = [
        (
            _text(told["machine_id"]),
            f"{told['failure_probability']:.1%}",
            *(f"{told['rul_hours'][name]:.0f}" for name in ("p10", "p50", "p90")),
            f"{told['health_index']:.2f}",
            "<br>".join(_text(reason["text"]) for reason in told["reasons"]) or "nothing unusual",
        )
        for told in summary.predictions
        if told["failure_probability"] is not None
    ]
    model = summary.model or {}
    lead = f"Model {_text(model['version'])}. {_text(model['reason'])}"
    return f'<h2>Predictions</h2><p class="lead">{lead}</p>{_table(head, rows, numeric=False)}'


def _counts(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(_text(reason), f"{count:,}") for reason, count in sorted(counts.items())]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numeric: bool = True) -> str:
    """Return a table of cells that are HTML already; with ``numeric`` the last column is set flush right."""
    last = len(head) - 1

    def cell(tag: str, index: int, content: str) -> str:
        return f"<{tag}{' class=n' if numeric and index == last else ''}>{content}</{tag}>"

    lines = [
        "<tr>" + "".join(cell(tag, index, content) for index, content in enumerate(row)) + "</tr>"
        for tag, row in [("th", head), *(("td", row) for row in rows)]
    ]
    return f"<table>{''.join(lines)}</table>"


def _text(text: str) -> str:
    """Text as HTML that shows exactly its characters: no markup, and nothing that changes the direction of reading."""
    return escaped(printable(text))


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _moment(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
