"""Pulumi's mock monitor, made to record what the stock one drops: resource options and stack outputs."""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockMonitor, Mocks

_STACK = "pulumi:pulumi:Stack"
_SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"  # noqa: S105 - the key that marks Pulumi's special objects


class Registration(NamedTuple):
    """One resource as the program registered it; what only AWS can know is Pulumi's `Unknown` in a preview."""

    type: str
    name: str
    parent: str
    custom: bool
    inputs: Mapping[str, Any]
    protect: bool
    retain_on_delete: bool
    ignore_changes: tuple[str, ...]
    provider: str
    dependencies: tuple[str, ...]


class RecordingMonitor(MockMonitor):
    """Keeps every registration in order, and the outputs of the stack."""

    def __init__(self, mocks: Mocks) -> None:
        super().__init__(mocks)
        self.registrations: list[Registration] = []
        self.stack_outputs: dict[str, Any] = {}
        self._guard = threading.Lock()
        self._home = threading.get_ident()
        self._loops: dict[int, asyncio.AbstractEventLoop] = {}

    def close(self) -> None:
        """Close the event loops of Pulumi's threads, which are left open otherwise."""
        for loop in self._loops.values():
            loop.close()
        self._loops.clear()

    def Invoke(self, request: Any) -> Any:  # noqa: ANN401, N802 - Pulumi's RPCs have these names and no types
        """Answer as the stock monitor does."""
        self._lend_loop()
        return cast("Any", super().Invoke(request))  # pyright: ignore[reportUnknownMemberType] - Pulumi's RPCs have these names and no types

    def ReadResource(self, request: Any) -> Any:  # noqa: ANN401, N802 - Pulumi's RPCs have these names and no types
        """Read as the stock monitor does."""
        self._lend_loop()
        return cast("Any", super().ReadResource(request))  # pyright: ignore[reportUnknownMemberType] - Pulumi's RPCs have these names and no types

    def RegisterResource(self, request: Any) -> Any:  # noqa: ANN401, N802 - Pulumi's RPCs have these names and no types
        """Register as the stock monitor does, and keep what was asked for."""
        self._lend_loop()
        response = cast("Any", super().RegisterResource(request))  # pyright: ignore[reportUnknownMemberType] - Pulumi's RPCs have these names and no types
        if request.type != _STACK:
            registration = Registration(
                type=request.type,
                name=request.name,
                parent=request.parent,
                custom=request.custom,
                inputs=plain(rpc.deserialize_properties(request.object, keep_unknowns=True)),
                protect=request.protect,
                retain_on_delete=request.retainOnDelete,
                ignore_changes=tuple(request.ignoreChanges),
                provider=request.provider,
                dependencies=tuple(request.dependencies),
            )
            with self._guard:
                self.registrations.append(registration)
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: ANN401, N802 - Pulumi's RPCs have these names and no types
        """Keep the outputs of the stack."""
        if request.urn.split("::")[2] == _STACK:
            self.stack_outputs = plain(rpc.deserialize_properties(request.outputs, keep_unknowns=True))
        return cast("Any", super().RegisterResourceOutputs(request))  # pyright: ignore[reportUnknownMemberType] - Pulumi's RPCs have these names and no types

    def _lend_loop(self) -> None:
        """Give a thread of Pulumi's pool the event loop that it would otherwise make and leave open."""
        thread = threading.get_ident()
        with self._guard:
            if thread != self._home and thread not in self._loops:
                self._loops[thread] = asyncio.new_event_loop()
                asyncio.set_event_loop(self._loops[thread])


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value, or an asset
    """Return the value without Pulumi's secret wrappers, whole floats as integers, assets as they are."""
    if isinstance(value, pulumi.Asset | pulumi.Archive):
        return value
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value)
        return plain(items["value"]) if _SECRET_SIGNATURE in items else {key: plain(items[key]) for key in items}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value
