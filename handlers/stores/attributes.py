"""What features take from the records of machines: attributes, and when sensors were replaced or moved."""

from collections.abc import Iterable, Mapping

import polars as pl

from mlops_core.condition import CATEGORIES, MachineRecord
from mlops_core.condition.classes import MachineClasses, class_name, class_of
from mlops_core.features import REPLACED, FeatureRecipe


def replaced_sensors(records: Mapping[str, MachineRecord]) -> pl.DataFrame:
    """Return the frame REPLACED: sensors recorded as replaced or moved, whose normal level starts afresh."""
    rows = [
        (machine_id, channel, at) for machine_id, record in records.items() for channel, at in record.replaced.items()
    ]
    return pl.DataFrame(rows, schema=REPLACED, orient="row")


def machine_attributes(
    machine_ids: Iterable[str], recipe: FeatureRecipe, records: Mapping[str, MachineRecord], classes: MachineClasses
) -> pl.DataFrame | None:
    """Return machine_id and the attributes that a recipe reads, as they are known now; None where it reads none.

    A machine's class and ISO group are those whose limits hold for it; null where none is given. What else is no
    category is a rated value.
    """
    wanted = dict.fromkeys(name.partition("=")[0] for name in recipe.attributes)
    if not wanted:
        return None
    rows = [_row(machine_id, wanted, records.get(machine_id), classes) for machine_id in sorted(set(machine_ids))]
    schema = {name: pl.String() if name in CATEGORIES else pl.Float64() for name in wanted}
    return pl.DataFrame(rows, schema={"machine_id": pl.String(), **schema}, orient="row")


def _row(
    machine_id: str, wanted: Iterable[str], record: MachineRecord | None, classes: MachineClasses
) -> list[str | float | None]:
    known: dict[str, str | float | None] = {
        **({} if record is None else record.rated),
        "machine_class": class_name(machine_id, classes, record),
        "iso_group": class_of(machine_id, classes, record).iso_group,
        "site": None if record is None else record.site,
    }
    return [machine_id, *(known.get(name) for name in wanted)]
