"""Attributes of machines as features: a number as it is, a category as 0 or 1 for each of its values."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from mlops_core.errors import InvalidArgumentError, require_columns
from mlops_core.features.names import attribute_column

_MOST_CATEGORIES: Final = 20


def attribute_names(machines: pl.DataFrame) -> tuple[str, ...]:
    """Return a name for each number of a frame of machines, and `name=value` for each value of its categories.

    Call it with the machines of the training data, and keep the names in the recipe: a value that comes later is none
    of them. `machine_id` is no attribute, and neither is a text of more than 20 values.

    Args:
        machines: machine_id and any attributes: numbers, and text or categories.

    Returns:
        The names in the order of the columns, for `add_attributes`.

    Example:
        >>> machines = pl.DataFrame({"machine_id": ["P-1", "P-2"], "site": ["North", "South"], "rated_rpm": [1480, 9]})
        >>> mc.attribute_names(machines)
        ('site=North', 'site=South', 'rated_rpm')

    """
    found: list[str] = []
    for column in machines.drop("machine_id", strict=False).iter_columns():
        if column.dtype.is_numeric() or column.dtype == pl.Boolean():
            found.append(column.name)
        else:
            values: list[str] = column.cast(pl.String).drop_nulls().unique().sort().to_list()
            if len(values) <= _MOST_CATEGORIES:
                found += [f"{column.name}={value}" for value in values]
    return tuple(found)


def add_attributes(
    features: pl.DataFrame, machines: pl.DataFrame, *, names: Sequence[str] | None = None
) -> pl.DataFrame:
    """Add `machine/{name}` of each row's machine: a number, or 1 where a category has the value of `name=value`, or 0.

    Args:
        features: with machine_id; other columns pass through.
        machines: machine_id, once each, and any attributes: numbers, and text or categories (class, ISO group, model).
        names: which, by default those that `attribute_names` gives.

    Returns:
        The rows in their order; null where a machine, or its attribute, is not known.

    Raises:
        MissingColumnError: an attribute or `machine_id` is absent.
        InvalidArgumentError: a machine is named twice, or a number is a text.

    Example:
        >>> machines = pl.DataFrame({"machine_id": ["PUMP-A01"], "machine_class": ["pumps"], "rated_rpm": [1480]})
        >>> mc.add_attributes(features, machines).columns[-2:]
        ['machine/machine_class=pumps', 'machine/rated_rpm']

    """
    chosen = attribute_names(machines) if names is None else tuple(names)
    require_columns("machines", machines.columns, "machine_id", *(name.partition("=")[0] for name in chosen))
    if machines["machine_id"].is_duplicated().any():
        raise InvalidArgumentError("machines", "machine_id", "names a machine twice", "Keep one row of each")
    columns: list[pl.Expr] = []
    for name in chosen:
        attribute, is_category, value = name.partition("=")
        if is_category:
            given = (pl.col(attribute).cast(pl.String) == value).cast(pl.Float64)
        elif machines.schema[attribute].is_numeric() or machines.schema[attribute] == pl.Boolean():
            given = pl.col(attribute).cast(pl.Float64)
        else:
            raise InvalidArgumentError("machines", attribute, "is no number", f"Name its values: {attribute}=...")
        columns.append(given.alias(attribute_column(name)))
    own = machines.select(pl.col("machine_id").cast(pl.String), *columns)
    return features.join(own, on="machine_id", how="left", maintain_order="left")
