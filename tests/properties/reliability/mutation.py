"""Taking one safeguard away at the ports, for as long as a test lasts: what a mutant is made of."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import md5
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from tests.properties.reliability import pipeline
from tests.properties.reliability.calls import ConditionalCheckFailedException
from tests.properties.reliability.deployed import Deployed, deployed
from tests.properties.reliability.exploration import Kind
from tests.properties.reliability.pipeline import Wiring
from tests.properties.reliability.ports import (
    GET,
    GET_ITEM,
    LIST,
    Arguments,
    Operation,
    Ports,
    Proceed,
    scratch,
)

Remove: TypeAlias = Callable[[Wiring], None]
Behaviour: TypeAlias = Callable[[Proceed, Arguments, Ports], Any]
Of: TypeAlias = Callable[[Arguments], bool]


class Mutant(NamedTuple):
    """A safeguard, how it is removed, and what the histories are of that can tell."""

    safeguard: str
    remove: Remove
    of: Kind = "platform"


def at_key(prefix: str) -> Of:
    """Calls of S3 for an object under `prefix`."""
    return lambda arguments: arguments["Key"].startswith(prefix)


def in_table(name: str) -> Of:
    """Calls of DynamoDB for an item of one table."""
    return lambda arguments: arguments["TableName"] == name


def any_call(_: Arguments) -> bool:
    """Every call of an operation."""
    return True


def around(operation: Operation, behaviour: Behaviour, *, of: Of = any_call) -> Remove:
    """Put behaviour in the place of those calls of an operation."""

    def remove(wiring: Wiring) -> None:
        def surrounded(proceed: Proceed, arguments: Arguments) -> Any:
            return behaviour(proceed, arguments, wiring.ports) if of(arguments) else proceed(**arguments)

        wiring.ports.surround(operation, surrounded)

    return remove


def all_of(*removals: Remove) -> Remove:
    """Remove several things."""

    def remove(wiring: Wiring) -> None:
        for each in removals:
            each(wiring)

    return remove


def changing(change: Callable[[Arguments], Arguments]) -> Behaviour:
    """Make the call with other arguments."""
    return lambda proceed, arguments, _: proceed(**change(arguments))


def without(*names: str) -> Behaviour:
    """Make the call without some of its arguments."""
    return changing(
        lambda arguments: {name: value for name, value in arguments.items() if not name.startswith(tuple(names))}
    )


def answered_without_doing(_proceed: Proceed, arguments: Arguments, _ports: Ports) -> Any:
    """Answer as if the call had been made."""
    return answer_to(arguments)


def unheard(proceed: Proceed, arguments: Arguments, _: Ports) -> Any:
    """Make the call, and take an error for success."""
    try:
        return proceed(**arguments)
    except ConditionalCheckFailedException:
        raise
    except (ClientError, BotoCoreError):
        return answer_to(arguments)


def of_pages(look: Callable[[Iterator[Any], str, Ports], Iterator[Any]]) -> Behaviour:
    """Let who lists a prefix see what `look` makes of the pages."""

    def listed(proceed: Proceed, arguments: Arguments, ports: Ports) -> Any:
        def paginate(**asked: Any) -> Iterator[Any]:
            return look(proceed(**arguments).paginate(**asked), asked["Prefix"], ports)

        return SimpleNamespace(paginate=paginate)

    return listed


def answer_to(arguments: Arguments) -> dict[str, str]:
    """What S3 answers to a put; others answer nothing that is looked at."""
    body = arguments.get("Body")
    return {} if body is None else {"ETag": f'"{md5(body, usedforsecurity=False).hexdigest()}"'}


def postponed(held: "dict[Operation, Of]", until: "dict[Operation, Of]") -> Remove:
    """Answer some calls at once, and make them only after the next of others: the two are done in the wrong order.

    They are made before what they write is read, too, and at the end of the invocation: what was written is never
    missed by the run that wrote it.
    """

    def remove(wiring: Wiring) -> None:
        def hold(proceed: Proceed, arguments: Arguments, _: Ports) -> Any:
            _waiting().append((proceed, arguments))
            return answer_to(arguments)

        def first_this(proceed: Proceed, arguments: Arguments, _: Ports) -> Any:
            try:
                answer = proceed(**arguments)
            except Exception:  # of any kind, since it is raised again: a run that has failed makes no later calls
                _waiting().clear()
                raise
            make_waiting_calls()
            return answer

        for operation, of in held.items():
            around(operation, hold, of=of)(wiring)
        for operation, of in until.items():
            around(operation, first_this, of=of)(wiring)
        for reading in (GET, GET_ITEM):
            wiring.ports.surround(reading, _read_what_waits)
        wiring.ports.surround(LIST, _list_what_waits)
        wiring.ports.at_end.append(make_waiting_calls)

    return remove


def _read_what_waits(proceed: Proceed, arguments: Arguments) -> Any:
    name = "TableName" if "TableName" in arguments else "Key"
    if any(arguments[name] == written.get(name) for _, written in _waiting()):
        make_waiting_calls()
    return proceed(**arguments)


def _list_what_waits(proceed: Proceed, arguments: Arguments) -> Any:
    def paginate(**asked: Any) -> Any:
        if any(written.get("Key", "").startswith(asked["Prefix"]) for _, written in _waiting() if "Body" in written):
            make_waiting_calls()
        return proceed(**arguments).paginate(**asked)

    return SimpleNamespace(paginate=paginate)


def _waiting() -> list[tuple[Proceed, Arguments]]:
    return scratch("waiting", list)


def make_waiting_calls() -> None:
    """Make the calls that this invocation has put off."""
    waiting = _waiting()
    while waiting:
        proceed, arguments = waiting.pop(0)
        with suppress(ConditionalCheckFailedException):  # as where the call is made at its time
            proceed(**arguments)


def injected(
    owner: ModuleType | type, function: str, change: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Remove:
    """Let a module, or objects of a class, call something else in the place of a function of the core."""

    def remove(wiring: Wiring) -> None:
        wiring.monkeypatch.setattr(owner, function, change(getattr(owner, function)))

    return remove


def redeployed(change: Callable[[Deployed], Deployed]) -> Remove:
    """Deploy something else."""

    def remove(wiring: Wiring) -> None:
        changed = change(deployed())
        assert changed != deployed()
        wiring.monkeypatch.setattr(pipeline, "deployed", lambda: changed)

    return remove


def with_rules(change: Callable[[str], str]) -> Remove:
    """Deploy topic rules of other SQL."""
    return redeployed(lambda real: real._replace(rules=tuple((change(rule[0]), *rule[1:]) for rule in real.rules)))
