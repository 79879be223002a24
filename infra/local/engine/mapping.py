"""From a Pulumi resource's inputs to the parameters of an AWS operation, guided by botocore's model of that operation.

Pulumi writes camelCase, every number as a float and some lists as single objects; the API's own casing and types are in
its model, so most inputs need no table. An input that fits nothing raises: a resource deployed with an input silently
dropped would prove nothing.
"""

from collections.abc import Mapping
from typing import Any, cast

from botocore.model import ListShape, MapShape, Shape, StructureShape


class UnmappedInputError(ValueError):
    """A resource has an input that its AWS operation does not have."""

    def __init__(self, path: str, operation: str) -> None:
        super().__init__(
            f"{operation} has nothing for the input {path!r}. If it means something on a laptop, give its place in "
            "infra/local/engine/resources (rename, or a call of its own); if not, ignore it there with the reason."
        )


def to_parameters(
    operation: str, shape: StructureShape, inputs: Mapping[str, Any], rename: Mapping[str, str]
) -> dict[str, Any]:
    """Return the operation's parameters; ``rename``: an input's dotted path to its member, or ``Parent.Member``.

    Raises UnmappedInputError.
    """
    return _Mapper(operation, rename).structure(shape, inputs, "")


class _Mapper:
    def __init__(self, operation: str, rename: Mapping[str, str]) -> None:
        self.operation, self.rename = operation, rename

    def structure(self, shape: StructureShape, inputs: Mapping[str, Any], path: str) -> dict[str, Any]:
        parameters: dict[str, Any] = {}
        for key, value in inputs.items():
            if value is None:
                continue
            here = f"{path}.{key}" if path else key
            parent, member = self._place(shape, key, here)
            if not parent:
                parameters[member] = self.value(shape.members[member], value, here)
                continue
            outer = shape.members[parent]
            held = outer.value if isinstance(outer, MapShape) else cast("StructureShape", outer).members[member]
            parameters.setdefault(parent, {})[member] = self.value(held, value, here)
        return parameters

    def value(self, shape: Shape, value: Any, path: str) -> Any:  # noqa: ANN401 - whatever the API takes
        if isinstance(shape, StructureShape):
            # The provider writes a block that may occur once as an object or as a list of one.
            block = cast("Mapping[str, Any]", value[0] if isinstance(value, list) else value)
            return self.structure(shape, block, path)
        if isinstance(shape, ListShape):
            return self._list(shape, value, path)
        if isinstance(shape, MapShape):
            entries = cast("Mapping[str, Any]", value)
            return {key: self.value(shape.value, item, path) for key, item in entries.items()}
        match shape.type_name:
            case "integer" | "long":
                return int(value)
            case "float" | "double":
                return float(value)
            case "string":
                return _text(value)
            case _:
                return value

    def _list(self, shape: ListShape, value: Any, path: str) -> list[Any]:  # noqa: ANN401 - whatever the API takes
        pair = _pair_members(shape.member)
        if isinstance(value, Mapping) and pair is not None:  # {"team": "x"} for [{"Key": "team", "Value": "x"}]
            entries = cast("Mapping[str, Any]", value)
            return [{pair[0]: key, pair[1]: _text(item)} for key, item in entries.items()]
        items = cast("list[Any]", value if isinstance(value, list) else [value])
        return [self.value(shape.member, item, path) for item in items]

    def _place(self, shape: StructureShape, key: str, path: str) -> tuple[str, str]:
        if path in self.rename:
            parent, _, member = self.rename[path].rpartition(".")
            return parent, member
        members = {_plain(member): member for member in shape.members}
        wanted = _plain(key)
        for candidate in (wanted, f"{wanted}s", wanted.removesuffix("s")):
            if candidate in members:
                return "", members[candidate]
        raise UnmappedInputError(path, self.operation)


def _pair_members(shape: Shape) -> tuple[str, str] | None:
    """Return the names of the two members of a structure that is an entry of a map: Key or Name, and Value."""
    if not isinstance(shape, StructureShape):
        return None
    keys = [member for member in shape.members if member.lower().endswith(("key", "name"))]
    values = [member for member in shape.members if member.lower().endswith("value")]
    return (keys[0], values[0]) if len(keys) == len(values) == 1 else None


def _text(value: Any) -> str:  # noqa: ANN401 - any scalar
    """Return a string parameter: whole floats lose their point, booleans are lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
