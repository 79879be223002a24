"""The public names of mlops_core, and of the adapters: each one loads, and is loaded only when it is used."""

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mlops_core


@pytest.mark.parametrize("name", mlops_core.__all__)
def test_every_public_name_loads_and_is_documented(name: str) -> None:
    value = getattr(mlops_core, name)
    assert not callable(value) or value.__doc__


PACKAGES = [f"mlops_core.{folder.parent.name}" for folder in Path(mlops_core.__file__).parent.glob("*/__init__.pyi")]


@pytest.mark.parametrize("package", [*PACKAGES, "handlers.stores"])
def test_every_name_of_a_package_s_door_loads(package: str) -> None:
    door = importlib.import_module(package)
    assert door.__all__ == sorted(door.__all__)
    for name in door.__all__:
        getattr(door, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_arguments_and_errors_stand_in_sections_of_their_own(package: str) -> None:
    door = importlib.import_module(package)
    wrong = [
        name
        for name, value in ((name, getattr(door, name)) for name in door.__all__)
        if inspect.isfunction(value)
        for text in [inspect.getdoc(value) or ""]
        if re.search(r"(?<!:\n)Raises:? [A-Z]", text)
        or any(re.search(rf"^{parameter}: ", text, re.MULTILINE) for parameter in inspect.signature(value).parameters)
    ]
    assert wrong == []


@pytest.mark.verify
def test_the_reference_has_an_entry_for_every_public_name(tmp_path: Path) -> None:
    pdoc = [sys.executable, "-m", "pdoc", "--docformat", "google", "--output-directory", str(tmp_path), "mlops_core"]
    subprocess.run(pdoc, env={**os.environ, "EAGER_IMPORT": "1"}, capture_output=True, check=True)
    page = (tmp_path / "mlops_core.html").read_text()
    names = set(mlops_core.__all__) - {"errors", "__version__"}  # a module has a page of its own; text has no entry
    assert [name for name in sorted(names) if f'<section id="{name}"' not in page] == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="attribute compute_feature"):
        _ = mlops_core.compute_feature


def test_what_parses_messages_writes_to_the_lake_or_steps_a_machine_starts_without_polars() -> None:
    modules = (
        "lake.json_lines", "telemetry.message", "processing.plan", "condition.severity", "lake.checkpoint",
        "simulation.step",
    )  # fmt: skip
    imported = ", ".join(f"mlops_core.{module}" for module in modules)
    probe = f"import sys, {imported}; mlops_core.parse_message; print('polars' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
