"""Run the Pulumi program in this process, without the Pulumi engine: its configuration, its names, its event loop."""

import asyncio
import hashlib
import json
import re
import runpy
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pulumi
import yaml
from pulumi.runtime import settings
from pulumi.runtime.stack import run_in_stack

from infra.local.engine.monitor import RecordingMonitor

AUTONAMING = "pulumi:autonaming"
DEFAULT_NAME_PATTERN = "${name}-${hex(7)}"  # the engine's own


class StackConfigError(ValueError):
    """The stack's configuration cannot be used on a laptop."""

    def __init__(self, file: Path, key: str) -> None:
        super().__init__(f"{file.name}: {key} is encrypted, which the laptop run cannot read: give it in clear there.")


def stack_config(stack: str, root: Path) -> tuple[str, dict[str, str]]:
    """Return the project's name and the configuration: defaults of Pulumi.yaml under values of Pulumi.<stack>.yaml.

    Under mocks Pulumi reads neither file. Raises StackConfigError for an encrypted value.
    """
    project = _document(root / "Pulumi.yaml")
    stack_file = root / f"Pulumi.{stack}.yaml"
    values: dict[str, Any] = {}
    for key, declared in project.get("config", {}).items():
        entry = cast("Mapping[str, Any]", declared) if isinstance(declared, Mapping) else {"value": declared}
        value = entry.get("default", entry.get("value"))
        if value is not None:
            values[_qualified(project["name"], key)] = value
    for key, value in _document(stack_file).get("config", {}).items():
        if isinstance(value, Mapping) and "secure" in value:
            raise StackConfigError(stack_file, key)
        values[_qualified(project["name"], key)] = value
    return project["name"], {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()
    }


def _document(file: Path) -> dict[str, Any]:
    return (yaml.safe_load(file.read_text()) if file.exists() else None) or {}


def _qualified(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def autoname(project: str, stack: str, config: Mapping[str, str]) -> Callable[[str, str], str]:
    """Return what names a resource of a type as the engine does, by the pattern; a hash stands for chance."""
    configured = json.loads(config.get(AUTONAMING, "{}"))
    of_types = configured.get("providers", {}).get("aws", {}).get("resources", {})

    def name_of(type_: str, name: str) -> str:
        pattern = of_types.get(type_, configured).get("pattern", DEFAULT_NAME_PATTERN)
        digest = hashlib.sha256(f"{project}/{stack}/{name}".encode()).hexdigest()
        known = {"project": project, "stack": stack, "name": name}
        filled = re.sub(r"\$\{(project|stack|name)\}", lambda match: known[match[1]], pattern)
        return re.sub(r"\$\{(?:hex|alphanum|string|num)\((\d+)\)\}", lambda match: digest[: int(match[1])], filled)

    return name_of


def program_at(root: Path) -> Callable[[], None]:
    """Return the Pulumi program of a project: its `__main__.py`, which finds the packages beside it."""

    def program() -> None:
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))
        runpy.run_path(str(root / "__main__.py"), run_name="__main__")

    return program


def run_program(
    monitor: RecordingMonitor,
    program: Callable[[], None],
    *,
    project: str,
    stack: str,
    config: Mapping[str, str],
    preview: bool = False,
    timeout: float | None = None,
) -> None:
    """Run ``program`` against ``monitor``, as in a preview or an update.

    Raises TimeoutError after ``timeout`` seconds, and what the program or the monitor raises.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # before set_mocks, which binds to the current loop; another order hangs silently
    loop.set_exception_handler(_leave_to_the_raised)
    try:
        settings.reset_options()
        pulumi.runtime.set_mocks(monitor.mocks, project=project, stack=stack, preview=preview, monitor=monitor)
        pulumi.runtime.set_all_config({key: value for key, value in config.items() if key != AUTONAMING})
        settings.set_root_resource(cast("pulumi.Resource", None))  # the program's stack is the root, not the mocks' own
        loop.run_until_complete(asyncio.wait_for(run_in_stack(program), timeout))
    finally:
        settings.reset_options()
        loop.run_until_complete(loop.shutdown_default_executor())  # what was under way when something failed
        asyncio.set_event_loop(None)
        loop.close()
        monitor.close()


def _leave_to_the_raised(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say nothing of tasks that failed because one failed: that one's error is raised."""
