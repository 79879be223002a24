"""Writes docs/api.md, the page of public names, from `mlops_core` itself: `python -m docs.generate_api`.

Names come from `__all__`, descriptions from docstrings (of a constant: the text after its assignment, or the comment
above it), signatures from annotations. Nothing is said here that is not said in the code, but for the grouping.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from enum import Enum
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final, cast, get_args, get_origin

import polars as pl
from pydantic import BaseModel

import mlops_core
from mlops_core.features.statistics import REGISTRY, STATISTICS

PAGE: Final = Path(__file__).parent / "api.md"

TOPICS: Final[Mapping[str, str]] = {
    "Frames": "READINGS FAILURES MAINTENANCE normalise_readings normalise_failures",
    "Windowed features": "compute_features STATISTICS EXTRA_STATISTICS bucket_readings merge_buckets "
    "features_from_buckets BUCKETS",
    "Features of features": "add_drift machine_baselines add_age add_evaluation_zones",
    "Operating conditions": "learn_normaliser ConditionNormaliser",
    "Vibration": "waveform_features readings_from_waveforms BURSTS WAVEFORM_FEATURES BearingGeometry DefectFrequencies "
    "evaluation_zone evaluation_zone_expression EvaluationZone ZoneBoundaries ZONE_BOUNDARIES",
    "Labels": "label_features LABELS ReturnsAssumedWarning split_by_time TimeSplit",
    "Training and prediction": "train TrainingSettings TreeSettings predict predict_one Prediction Reason ModelBundle "
    "load_bundle",
    "Judging models": "evaluate Evaluation compare_models Verdict",
    "Simulation": "simulate_fleet SimulatedHistory TRUTH RUNS new_machine advance Advance MachineState MachineStatus "
    "Sample Failure DegradationLaw MaintenancePolicy OperatingConditions FailureMode FAILURE_MODES",
    "Sensor faults": "inject_sensor_faults SensorFaults FaultyReadings SENSOR_FAULTS",
    "Messages": "parse_message parse_messages ParsedMessage RefusedElement reading_message failure_message Reading "
    "Quality FailureEvent Event Message Channel CHANNELS "
    "channel_registry",
    "Errors": "MlopsError InvalidArgumentError DurationError WindowError NaiveTimeError StatisticError "
    "UnknownChannelError SchemaError MissingColumnError ColumnTypeError ColumnValueError BucketError FrameTypeError "
    "TimeSpanError MessageRejectedError QuarantineReason UntrainableError UntrainableReason FeatureMismatchError "
    "EmptyFeaturesError UnjudgeableError HeldOutRunsError BundleError IncompleteBundleError CorruptBundleError "
    "SwappedBundleError UnsupportedBundleError",
}

_HEADINGS: Final = {"Args:", "Attributes:", "Raises:", "Returns:"}
_ITEM: Final = re.compile(r"([\w.]+(?:, [\w.]+)*): (.+)")
_NO_ITEMS: Final = {"Source", "Sources", "Raises", "Returns"}
_QUALIFIER: Final = re.compile(r"\b(?:[a-z_]\w*\.)+(?=\w)")
_WIDTH: Final = 110
_LIMITS: Final = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most", "min_length": "length at least"}


class UngroupedNamesError(ValueError):
    """Public names that no topic or more than one holds, or names of a topic that are not public."""

    def __init__(self, names: set[str]) -> None:
        super().__init__(f"docs/generate_api.py: give each of these one topic, or none: {', '.join(sorted(names))}")


def render() -> str:
    """Return the page. Raises UngroupedNamesError where topics and public names disagree."""
    grouped = [name for names in TOPICS.values() for name in names.split()]
    repeated = {name for name in grouped if grouped.count(name) > 1}
    if wrong := (set(grouped) ^ set(dir(mlops_core))) | repeated:
        raise UngroupedNamesError(wrong)
    contents = "\n".join(
        f"- [{topic}](#{topic.lower().replace(' ', '-')}): {', '.join(f'`{name}`' for name in names.split())}"
        for topic, names in TOPICS.items()
    )
    sections = [
        f"## {topic}\n\n" + "\n\n".join(_entry(name) for name in names.split()) for topic, names in TOPICS.items()
    ]
    introduction = (
        "# The library's public names\n\n"
        "<!-- Written by python -m docs.generate_api from the docstrings: change those, not this page. -->\n\n"
        f"{_prose(inspect.getdoc(mlops_core) or '')}\n\n"
        "Everything here is imported from the root: `import mlops_core as mc`. Readers of public data sets are in\n"
        "`mlops_core.adapters`. The words are those of the [glossary](glossary.md)."
    )
    return f"{introduction}\n\n{contents}\n\n" + "\n\n".join(sections) + "\n"


def _entry(name: str) -> str:
    value: object = getattr(mlops_core, name)
    if isinstance(value, type):
        body = _class_entry(cast("type[object]", value))
    elif inspect.isfunction(value):
        body = f"```python\n{_signature(name, value)}\n```\n\n{_prose(inspect.getdoc(value) or '')}"
    else:
        body = _constant_entry(name, value)
    return f"### `{name}`\n\n{body}".rstrip()


def _class_entry(kind: type[object]) -> str:
    parts = [_prose(_own_documentation(kind))]
    if issubclass(kind, Enum):
        parts.append(", ".join(f"`{member.name}`" for member in kind))
    elif issubclass(kind, BaseException):
        parts.insert(0, f"Error, a kind of {', '.join(f'`{base.__name__}`' for base in kind.__bases__)}.")
    else:
        parts.insert(0, f"```python\n{_signature(kind.__name__, kind)}\n```")
        if issubclass(kind, BaseModel):
            parts.append(_fields(kind))
        parts += [f"```python\n{title}\n```\n\n{_prose(text)}" for title, text in _members(kind)]
    return "\n\n".join(part for part in parts if part)


def _own_documentation(kind: type[object]) -> str:
    """A dataclass or named tuple without a docstring has its signature for one, which the page gives already."""
    text = inspect.cleandoc(kind.__doc__ or "")
    return "" if text.startswith(f"{kind.__name__}(") else text


def _fields(kind: type[BaseModel]) -> str:
    """What the fields of a model are, and what they may be."""
    lines: list[str] = []
    for name, field in kind.model_fields.items():
        limits = [
            f"{sign} {getattr(limit, attribute):g}"
            for limit in field.metadata
            for attribute, sign in _LIMITS.items()
            if hasattr(limit, attribute)
        ]
        limits += [f"matches `{limit.pattern}`" for limit in field.metadata if hasattr(limit, "pattern")]
        if told := "; ".join([*([field.description] if field.description else []), *limits]):
            lines.append(f"- `{name}`: {told}")
    return "\n".join(lines)


def _members(kind: type[object]) -> Iterator[tuple[str, str]]:
    """Signature and text of the public methods and properties that the class itself defines."""
    for name, member in vars(kind).items():
        title = f"{kind.__name__}.{name}"
        if name.startswith("_"):
            continue
        if isinstance(member, cached_property):
            computed = cast("cached_property[object]", member)
            returned = _annotation(inspect.signature(computed.func).return_annotation)
            yield f"{title}: {returned!r}", inspect.getdoc(computed) or ""
        elif inspect.isfunction(member) and member.__doc__:
            yield _signature(title, member), inspect.getdoc(member) or ""


def _column_type(kind: pl.DataType) -> str:
    return f"Datetime, {kind.time_unit}, {kind.time_zone}" if isinstance(kind, pl.Datetime) else str(kind)


def _constant_entry(name: str, value: object) -> str:
    text = _prose(_constant_documentation(name))
    if isinstance(value, pl.Schema):
        rows = "\n".join(f"| `{column}` | {_column_type(kind)} |" for column, kind in value.items())
        return f"{text}\n\n| column | type |\n| --- | --- |\n{rows}"
    if value is STATISTICS:
        rows = "\n".join(f"| `{key}` | {row.definition} | {row.undefined} |" for key, row in REGISTRY.items())
        return f"{text}\n\n| statistic | definition | null where |\n| --- | --- | --- |\n{rows}"
    if isinstance(value, Mapping | tuple):
        held = [getattr(item, "name", item) for item in cast("Iterable[object]", value)]
        return f"{text}\n\nHolds {', '.join(f'`{item}`' for item in held)}."
    return f"{text}\n\n`{value!r}`"


class _Shown:
    """Something whose `repr` is the text that a signature shows for it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _signature(name: str, value: Callable[..., object]) -> str:
    given = inspect.signature(value)
    parameters = [
        parameter.replace(annotation=_annotation(parameter.annotation), default=_default(parameter.default))
        for parameter in given.parameters.values()
        if parameter.name not in {"self", "cls"}
    ]
    returned = inspect.Signature.empty if inspect.isclass(value) else _annotation(given.return_annotation)
    line = f"{name}{given.replace(parameters=parameters, return_annotation=returned)}"
    if len(line) <= _WIDTH:
        return line
    pieces: list[str] = []
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in pieces:
            pieces.append("*")
        pieces.append(str(parameter))
    arrow = "" if returned is inspect.Signature.empty else f" -> {returned!r}"
    return f"{name}(\n" + "".join(f"    {piece},\n" for piece in pieces) + f"){arrow}"


def _annotation(annotation: object) -> object:
    """A type without the modules that it comes from, without quotes, and without constraints (a list gives those)."""
    if annotation is inspect.Signature.empty:
        return annotation
    bare: object = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    text = bare if isinstance(bare, str) else inspect.formatannotation(bare)
    return _Shown(_QUALIFIER.sub("", text).replace("NoneType", "None"))


def _default(default: object) -> object:
    """A default by its public name where it has one; what only repeats a class's own defaults as a bare call."""
    if default is mlops_core.ZONE_BOUNDARIES["default"]:
        return _Shown("ZONE_BOUNDARIES['default']")
    if isinstance(default, timedelta):
        return _Shown(f"timedelta(hours={default / timedelta(hours=1):g})")
    if isinstance(default, BaseModel):
        return _Shown(f"{type(default).__name__}()") if not default.model_dump(exclude_defaults=True) else default
    if repr(default) == "<factory>":  # of a dataclass or model: made anew for each
        return _Shown("...")
    names = [name for name in dir(mlops_core) if name.isupper() and getattr(mlops_core, name) is default]
    return _Shown(names[0]) if names else default


def _constant_documentation(name: str) -> str:
    """What the code says of a constant, found by following its imports to the assignment."""
    module = "mlops_core"
    while True:
        source = _source(module)
        lines, tree = source.splitlines(), ast.parse(source)
        for position, statement in enumerate(tree.body):
            if _assigns(statement, name):
                following = tree.body[position + 1] if position + 1 < len(tree.body) else None
                return _text_after(following) or _comment_above(lines, statement.lineno)
        module = _imported_from(tree, name)


def _source(module: str) -> str:
    """The module's text; of a package with a lazy door, that of its stub."""
    spec = find_spec(module)
    if not spec or not spec.origin:
        return ""
    stub = Path(spec.origin).with_suffix(".pyi")
    return (stub if stub.is_file() else Path(spec.origin)).read_text()


def _assigns(statement: ast.stmt, name: str) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _imported_from(tree: ast.Module, name: str) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and name in {alias.name for alias in node.names}:
            return f"mlops_core.{node.module}" if node.level else node.module
    raise LookupError(name)


def _text_after(statement: ast.stmt | None) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        text = statement.value.value
        return inspect.cleandoc(text) if isinstance(text, str) else ""
    return ""


def _comment_above(lines: list[str], number: int) -> str:
    comment: list[str] = []
    for line in reversed(lines[: number - 1]):
        if not line.startswith("# "):
            break
        comment.insert(0, line[2:])
    return "\n".join(comment)


def _prose(text: str) -> str:
    """A docstring as Markdown: what it says of arguments, attributes and errors becomes lists."""
    summary, *blocks = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join([summary, *(_block(block) for block in blocks)])


def _block(block: str) -> str:
    """Lines of `name: what it is` become a list, deeper lines continuing them; other text stays as it is."""
    out: list[str] = []
    for line in block.splitlines():
        text, in_list = line.strip(), bool(out) and out[-1].startswith(("- ", "  "))
        if text in _HEADINGS:
            out.append(f"**{text[:-1]}**\n")
        elif (item := _ITEM.match(text)) and item.group(1) not in _NO_ITEMS:
            names = ", ".join(f"`{name}`" for name in item.group(1).split(", "))
            out.append(f"- {names}: {item.group(2)}")
        elif in_list and line.startswith(" "):
            out.append(f"  {text}")
        else:
            out += ["", text] if in_list else [text]
    return "\n".join(out)


def main() -> int:
    """Write the page."""
    PAGE.write_text(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
