"""Runs notebooks from top to bottom, each in a kernel of its own, and keeps what they print: `make notebooks`.

    python -m notebooks.execute                                  # all, into build/notebooks/
    python -m notebooks.execute quickstart --set MACHINES=6      # one, with other sizes

A notebook that fails fails the run. One that ends itself by `raise SystemExit("why")`, because the data it reads is not
here, has been skipped, and why is printed.
"""

import argparse
import ast
import re
import sys
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat as untyped_nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

nbformat: Any = untyped_nbformat

FOLDER = Path(__file__).parent
OUTPUT = FOLDER.parent / "build" / "notebooks"
_CELL_FILE = re.compile(r"/\S+/ipykernel_\d+/\d+\.py:")
PARAMETERS = "parameters"
"""The tag of the cell whose variables `--set` replaces."""


class ParameterError(ValueError):
    """A value for a variable that the notebook's cell of parameters does not set."""

    def __init__(self, notebook: str, names: Sequence[str]) -> None:
        super().__init__(f"{notebook} has no parameter {', '.join(names)}")


def with_parameters(notebook: Any, values: Mapping[str, object], *, name: str) -> Any:  # noqa: ANN401 - a notebook is untyped upstream
    """Return a copy of a notebook in which a cell after the one tagged `parameters` sets these variables.

    Raises ParameterError where that cell does not set one of them.
    """
    changed = deepcopy(notebook)
    for position, cell in enumerate(changed.cells):
        if PARAMETERS in cell.metadata.get("tags", ()):
            known = {
                target.id
                for statement in ast.parse(cell.source).body
                if isinstance(statement, ast.Assign)
                for target in statement.targets
                if isinstance(target, ast.Name)
            }
            if unknown := sorted(values.keys() - known):
                raise ParameterError(name, unknown)
            source = "\n".join(f"{variable} = {value!r}" for variable, value in values.items())
            changed.cells.insert(position + 1, nbformat.v4.new_code_cell(source))
            return changed
    raise ParameterError(name, sorted(values))


def execute(path: Path, output: Path, values: Mapping[str, object]) -> str | None:
    """Run one notebook and write it with its outputs to `output`; return why it ended itself, None where it did not.

    Raises CellExecutionError at the first cell that fails; what ran until then is written all the same.
    """
    notebook = nbformat.read(path, as_version=4)
    if values:
        notebook = with_parameters(notebook, values, name=path.stem)
    client = NotebookClient(
        notebook,
        timeout=1800,
        record_timing=False,
        kernel_name="python3",
        resources={"metadata": {"path": output}},
        extra_arguments=["--log-level=ERROR"],  # no warning that messages over loopback are signed, not encrypted
    )
    try:
        client.execute()
    except CellExecutionError as error:
        if error.ename == "SystemExit":
            return error.evalue
        raise
    finally:
        _without_traces(notebook)
        nbformat.write(notebook, output / path.name)
    return None


def _without_traces(notebook: Any) -> None:  # noqa: ANN401 - a notebook is untyped upstream
    """Take the kernel's file names out of warnings, so that outputs kept in git change only where results do."""
    for cell in notebook.cells:
        for shown in cell.get("outputs", ()):
            if shown.output_type == "stream":
                shown.text = _CELL_FILE.sub("this cell:", shown.text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line names; return 1 where a notebook failed."""
    parser = argparse.ArgumentParser(prog="notebooks.execute", description="Run notebooks from top to bottom.")
    parser.add_argument("names", nargs="*", help="notebooks, without .ipynb (default: all)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for the executed notebooks")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="replace a parameter by a Python literal"
    )
    chosen = parser.parse_args(arguments)
    values = {name: ast.literal_eval(text) for name, _, text in (pair.partition("=") for pair in chosen.set)}
    chosen.output.mkdir(parents=True, exist_ok=True)
    paths = [FOLDER / f"{name}.ipynb" for name in chosen.names] or sorted(FOLDER.glob("*.ipynb"))
    return max([_report(path, chosen.output, values) for path in paths], default=0)


def _report(path: Path, output: Path, values: Mapping[str, object]) -> int:
    began = time.monotonic()
    try:
        skipped = execute(path, output, values)
    except CellExecutionError as error:
        print(f"{path.stem}: failed\n{error}", file=sys.stderr)
        return 1
    outcome = f"skipped: {skipped}" if skipped else f"ran in {time.monotonic() - began:.0f} s"
    print(f"{path.stem}: {outcome} -> {output / path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
