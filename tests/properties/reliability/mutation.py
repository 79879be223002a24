"""Removing one safeguard from the code, or from what is deployed, for as long as a test lasts."""

import inspect
import textwrap
from collections.abc import Callable
from itertools import dropwhile
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from tests.properties.reliability import pipeline
from tests.properties.reliability.deployed import Deployed, deployed
from tests.properties.reliability.pipeline import Wiring

Remove = Callable[[Wiring], None]


class Mutant(NamedTuple):
    """A safeguard, and how it is removed. `of_simulator`: only histories of the simulator can tell."""

    safeguard: str
    remove: Remove
    of_simulator: bool = False


def edited(function: Callable[..., Any], *edits: tuple[str, str]) -> Remove:
    """Change the source of a function where it stands, for all that hold it; what an edit replaces occurs once."""

    def remove(wiring: Wiring) -> None:
        target, source = _source(function)
        for old, new in edits:
            assert source.count(old) == 1, f"stale: {old!r} stands {source.count(old)} times in {target.__qualname__}"
            source = source.replace(old, new)
        _recompile(wiring, target, source)

    return remove


def swapped(function: Callable[..., Any], first: str, second: str) -> Remove:
    """Swap two lines of a function: those that hold `first` and `second`."""

    def remove(wiring: Wiring) -> None:
        target, source = _source(function)
        lines = source.splitlines(keepends=True)
        [one] = [number for number, line in enumerate(lines) if first in line]
        [other] = [number for number, line in enumerate(lines) if second in line]
        lines[one], lines[other] = lines[other], lines[one]
        _recompile(wiring, target, "".join(lines))

    return remove


def constant(module: ModuleType, name: str, value: object) -> Remove:
    """Give a module's constant another value."""
    assert hasattr(module, name)
    return lambda wiring: wiring.monkeypatch.setattr(module, name, value)


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


def _source(function: Callable[..., Any]) -> tuple[FunctionType, str]:
    """A function without its decorators, and its source without them."""
    target: Any = inspect.unwrap(function)
    lines = textwrap.dedent(inspect.getsource(target)).splitlines(keepends=True)
    return target, "".join(dropwhile(lambda line: line.startswith("@"), lines))


def _recompile(wiring: Wiring, target: FunctionType, source: str) -> None:
    namespace: dict[str, Any] = {}
    exec(source, dict(target.__globals__), namespace)  # noqa: S102  source of our own, changed above
    code = namespace[target.__name__].__code__
    assert code.co_freevars == target.__code__.co_freevars
    wiring.monkeypatch.setattr(target, "__code__", code)
