"""Data as Amazon Lookout for Equipment kept them: a folder or file a component, a schema, and labels without a header.

A dataset was of one asset, and its components were parts of it. Here each component is a machine, or all of them are
one, with channels called `{component}_{sensor}`.
"""

import csv
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import polars as pl

from mlops_core.errors import UnreadableFileError
from mlops_core.files.instants import read_instants
from mlops_core.files.layout import FileLayout
from mlops_core.files.readings import read_readings
from mlops_core.files.report import REJECTS, FileReport, conflicts_in
from mlops_core.telemetry import CHANNELS, FAILURES, READINGS, Channel, is_machine_id
from mlops_core.time import EARLIEST_EVENT

# What its timestamps looked like, beside ISO 8601, and how each is read; numbers are epochs in seconds.
_TIMES: Final[Mapping[str, dict[str, Any]]] = {
    r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d": {"time_format": "%Y-%m-%d-%H-%M-%S"},
    r"\d{14}": {"time_format": "%Y%m%d%H%M%S"},
    r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(\.\d+)?": {"time_format": "%Y/%m/%d %H:%M:%S%.f"},
    r"\d{4} \d\d \d\d \d\d:\d\d:\d\d(\.\d+)?": {"time_format": "%Y %m %d %H:%M:%S%.f"},
    r"\d\d/\d\d/\d{4}[ T]\d\d:\d\d:\d\d(\.\d+)?": {"time_format": "%m/%d/%Y %H:%M:%S%.f"},
    r"\d{9,10}(\.\d+)?": {"time_unit": "s"},
    r"\d{13}": {"time_unit": "ms"},
}
# A file that a scheduler took in was called by its component, a delimiter of up to five characters, and a time.
_SCHEDULED: Final = re.compile(r"(.+?)[^A-Za-z0-9]{0,5}(?:\d{14}|\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d|\d{10,13})")
_LABELS: Final = "labels.csv"


class LookoutDataset(NamedTuple):
    """A dataset: frame READINGS, labelled times as frame FAILURES, and what was refused of all files together."""

    readings: pl.DataFrame
    labels: pl.DataFrame
    report: FileReport


def read_lookout(
    folder: str | Path,
    *,
    machine: str | None = None,
    channel_names: Mapping[str, str] | None = None,
    time_zone: str = "UTC",
    channels: Mapping[str, Channel] = CHANNELS,
    only_known: bool = False,
    earliest: datetime = EARLIEST_EVENT,
    latest: datetime | None = None,
) -> LookoutDataset:
    r"""Return the readings and labels of a dataset of Amazon Lookout for Equipment.

    Files lie in `{folder}/{component}/`, or beside each other as `{component}.csv`, `{component}_*.csv` or under the
    names that schedulers took in. A JSON file with `Components` is the schema: its names of components are then the
    ones that count, and categorical columns are left out. `labels.csv` (start, end) becomes failures, with the end as
    return to service, where all readings are of one machine.

    Args:
        folder: the dataset, copied from S3.
        machine: the one machine that all components are of. None: each component is a machine.
        channel_names: sensors, or `component\sensor`, and what their channels are called; else their names in lower
            case.
        time_zone: of times that say no offset: an IANA name, or an offset such as "+02:00".
        channels: plausible ranges, as for `read_readings`.
        only_known: whether a sensor that is not among `channels` is left out.
        earliest: of event times, as for `read_readings`.
        latest: when the files are read, as for `read_readings`.

    Returns:
        `.readings` (READINGS), `.labels` (FAILURES) and `.report` of all files together.

    Raises:
        UnreadableFileError: the folder holds no such files, or one cannot be read.
        InvalidArgumentError: an argument that cannot work.

    Example:
        >>> Path("dataset").mkdir()
        >>> _ = Path("dataset/pump.csv").write_text("Timestamp,Temp\n2026-01-01T00:00:00Z,61.5\n")
        >>> names = {"Temp": "temperature"}
        >>> readings, labels, report = mc.read_lookout("dataset", machine="PUMP-1", channel_names=names)
        >>> readings["value"].to_list()
        [61.5]

    """
    root = Path(folder)
    schema = _schema(root)
    files = list(_component_files(root, schema))
    if not files:
        raise UnreadableFileError(
            str(root), "holds no CSV of a component", "A component is a folder, or a file called COMPONENT.csv"
        )
    is_shared = machine is not None and len({component for component, _ in files}) > 1
    frames, reports = [pl.DataFrame(schema=READINGS)], list[FileReport]()
    for component, path in files:
        header, first_row = _first_rows(path)
        names = _channel_names(header, component, schema, channel_names or {}, is_shared=is_shared)
        if only_known:
            names = {column: channel for column, channel in names.items() if channel in channels}
        if not names:
            continue
        written = _time_format(first_row)
        found = read_readings(
            path,
            machine=machine or _machine_of(component),
            time_column=header[0],
            channel_names=names,
            time_zone=None if "time_unit" in written else time_zone,
            channels=channels,
            only_known=only_known,
            earliest=earliest,
            latest=latest,
            **written,
        )
        frames.append(found.readings)
        reports.append(found.report)
    readings = pl.concat(frames).unique().sort("event_timestamp", "machine_id", "channel", "value")
    machines = readings["machine_id"].unique().to_list()
    labels = _labels(root / _LABELS, machines[0] if len(machines) == 1 else None, time_zone)
    return LookoutDataset(readings, labels, _merged(root, readings, reports))


def _schema(root: Path) -> dict[str, set[str]]:
    """Components and their columns of numbers, where a file says so."""
    for path in sorted(root.glob("*.json")):
        try:
            components = cast("list[dict[str, Any]]", json.loads(path.read_text("utf-8"))["Components"])
            return {
                str(each["ComponentName"]): {
                    str(column["Name"]) for column in each["Columns"] if column.get("Type", "DOUBLE") == "DOUBLE"
                }
                for each in components
            }
        except (ValueError, KeyError, TypeError):
            continue
    return {}


def _component_files(root: Path, schema: Collection[str]) -> Iterator[tuple[str, Path]]:
    """Each file of readings and the component that it is of."""
    for path in sorted(root.rglob("*.csv")):
        if path.name == _LABELS:
            continue
        if path.parent != root:
            yield path.relative_to(root).parts[0], path
            continue
        known = [name for name in schema if path.stem == name or path.stem.startswith((f"{name}_", f"{name}."))]
        scheduled = _SCHEDULED.fullmatch(path.stem)
        if known:
            yield max(known, key=len), path
        elif not schema:
            yield (scheduled[1] if scheduled is not None else path.stem.partition("_")[0]), path


def _machine_of(component: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", component).strip("-_")[:64]
    return name if is_machine_id(name) else f"C-{name}"[:64]


def _channel_names(
    header: Sequence[str], component: str, schema: Mapping[str, set[str]], given: Mapping[str, str], *, is_shared: bool
) -> dict[str, str]:
    """Channels of the columns of a file; the first column is the time."""
    numeric = schema.get(component)
    names: dict[str, str] = {}
    for column in header[1:]:
        if numeric is None or column in numeric:
            own = _slug(f"{component}_{column}" if is_shared else column)
            names[column] = given.get(f"{component}\\{column}", given.get(column, own))
    return names


def _slug(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return words if words[:1].isalpha() else f"s_{words}"


def _first_rows(path: Path) -> tuple[list[str], list[str]]:
    """The header and the first row; empty lists where a file has none."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        rows = csv.reader(stream)
        return next(rows, list[str]()), next(rows, list[str]())


def _time_format(row: Sequence[str]) -> dict[str, Any]:
    """The format of times, inferred from the first column of a row."""
    text = row[0].strip() if row else ""
    found = next((how for pattern, how in _TIMES.items() if re.fullmatch(pattern, text)), dict[str, Any]())
    if "T" in text and "time_format" in found:
        found = {"time_format": found["time_format"].replace(" ", "T")}
    return found


def _labels(path: Path, machine: str | None, time_zone: str) -> pl.DataFrame:
    """Labelled times as failures: `start,end` a line, without a header."""
    empty = pl.DataFrame(schema=FAILURES)
    if machine is None or not path.is_file():
        return empty
    rows = [row[:2] for row in csv.reader(path.read_text("utf-8-sig").splitlines()) if len(row) >= 2]
    if rows and not any(character.isdigit() for character in rows[0][0]):
        rows = rows[1:]  # a header, which some exports have
    written = _time_format(rows[0]) if rows else {}
    layout = FileLayout(time_zone=None if "time_unit" in written else time_zone, **written)
    moments = {
        name: read_instants(pl.Series(name, [row[place] for row in rows], dtype=pl.String), layout)
        for place, name in enumerate(("event_timestamp", "returned_to_service_at"))
    }
    read = pl.DataFrame(moments).with_columns(machine_id=pl.lit(machine))
    is_span = read["event_timestamp"] <= read["returned_to_service_at"]
    for row, is_read in zip(rows, is_span, strict=True):
        if is_read is not True:
            raise UnreadableFileError(
                str(path), f"holds {','.join(row)!r}, no two times", "A label is the start and the end of a fault"
            )
    return pl.concat([empty, read.select("machine_id", *moments)], how="diagonal").sort("event_timestamp")


def _merged(root: Path, readings: pl.DataFrame, reports: list[FileReport]) -> FileReport:
    counts = {name: sum(getattr(each, name) for each in reports) for name in ("values", "empty", "not_measured")}
    rejects = pl.concat([pl.DataFrame(schema=REJECTS), *(each.rejects for each in reports)])
    columns = {name: column for each in reports for name, column in each.columns.items() if name != "time"}
    ignored = sorted({name for each in reports for name in each.ignored})
    return replace(
        FileReport(str(root), columns, tuple(ignored)),
        **counts,
        accepted=readings.height,
        repeated=sum(each.accepted + each.repeated for each in reports) - readings.height,
        conflicting=conflicts_in(readings),
        rejects=rejects,
    )
