"""The ports of the platform, where a mutant may put behaviour of its own around the calls of the real handlers.

A mutant knows AWS's operations, the keys of stored objects and the arguments of injected functions, and nothing of the
code between them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from tests.properties.reliability.calls import current

Arguments: TypeAlias = dict[str, Any]
Proceed: TypeAlias = Callable[..., Any]
Around: TypeAlias = Callable[[Proceed, Arguments], Any]
"""What happens in the place of a call: given the call itself, and the arguments that it was to be made with."""


class Operation(NamedTuple):
    """An operation of one client."""

    client: str
    name: str


PUT = Operation("s3", "put_object")
GET = Operation("s3", "get_object")
LIST = Operation("s3", "get_paginator")
REMOVE = Operation("s3", "delete_objects")
PUT_ITEM = Operation("dynamodb", "put_item")
GET_ITEM = Operation("dynamodb", "get_item")
UPDATE_ITEM = Operation("dynamodb", "update_item")
NOTIFY = Operation("sns", "publish")
PUBLISH = Operation("iot_data", "publish")
SEND = Operation("sqs", "send_message")
DELETE = Operation("sqs", "delete_message")
DELIVER = Operation("event_source_mapping", "record")


class Ports:
    """Behaviour that is put around calls, by operation; none to begin with.

    `stack` is what a mutant remembers of one stack, `at_end` what it does when a handler has returned.
    """

    def __init__(self) -> None:
        self._around: dict[Operation, Around] = {}
        self.at_end: list[Callable[[], None]] = []
        self.stack: dict[str, Any] = {}
        self.pipeline: Any = None

    def start(self, pipeline: Any) -> None:
        """Begin with an empty stack."""
        self.stack, self.pipeline = {}, pipeline

    def surround(self, operation: Operation, around: Around) -> None:
        """Put behaviour around an operation, outside of what is around it already."""
        inner = self._around.get(operation)
        if inner is None:
            self._around[operation] = around
            return
        self._around[operation] = lambda proceed, arguments: around(
            lambda **changed: inner(proceed, changed), arguments
        )

    def client(self, name: str, real: Any) -> Any:
        """The client that the code under test gets."""
        return _Client(name, real, self._around)

    def call(self, operation: Operation, real: Proceed, **arguments: Any) -> Any:
        """Make one call through what is around it."""
        around = self._around.get(operation)
        return around(real, arguments) if around else real(**arguments)

    def returning(self, function: Callable[[], Any]) -> Any:
        """Run a handler, and then what a mutant left for the end of the invocation."""
        result = function()
        for finish in self.at_end:
            finish()
        return result


class _Client:
    def __init__(self, name: str, real: Any, around: Mapping[Operation, Around]) -> None:
        self._name, self._real, self._around_of = name, real, around

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        around = self._around_of.get(Operation(self._name, name))
        if around is None:
            return real

        def called(*positional: Any, **arguments: Any) -> Any:
            return around(lambda **changed: real(*positional, **changed), arguments)

        return called


def scratch(name: str, made: Callable[[], Any]) -> Any:
    """What a mutant remembers during one invocation."""
    memory = current().scratch
    if name not in memory:
        memory[name] = made()
    return memory[name]
