"""What each function deploys: its files, the unzipped size of code and layers, and how long a fresh process imports it.

The import is measured as Lambda would do it, with what Lambda provides, the layers and the function's own files and
nothing else, in CPU time on this machine and with its Python: processors differ, proportions hardly.
"""

import os
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from contract.functions import FUNCTIONS
from infra.local.engine.environments import lambda_interpreter
from infra.packaging import Layer, Target, build, chosen_target
from infra.sources import ROOT, function_sources

LIMIT_BYTES = 250 * 1024 * 1024  # of a function and its layers together, unzipped
_RUNS = 3
_IMPORT = """
import sys, time
before = time.process_time()
__import__(sys.argv[1])
print(time.process_time() - before)
"""


class Package(NamedTuple):
    """What one function deploys: sizes unzipped, and the fastest of some imports, since a busy machine only adds."""

    function: str
    files: tuple[str, ...]
    code_bytes: int
    layer_bytes: int
    import_seconds: float

    @property
    def deployed_bytes(self) -> int:
        """What counts against LIMIT_BYTES."""
        return self.code_bytes + self.layer_bytes


def packages(target: Target) -> list[Package]:
    """Every function as deployed for `target`; the layers of target and host are built where they are missing."""
    found: list[Package] = []
    with tempfile.TemporaryDirectory() as scratch:
        for function in FUNCTIONS.values():
            files = function_sources(function.module)
            code = Path(scratch) / function.name
            for file in files:
                (code / file).parent.mkdir(parents=True, exist_ok=True)
                (code / file).write_bytes((ROOT / file).read_bytes())
            paths = [code, *(_unpacked(layer, Path(scratch) / "layers") for layer in function.layers)]
            found.append(
                Package(
                    function=function.name,
                    files=files,
                    code_bytes=sum((ROOT / file).stat().st_size for file in files),
                    layer_bytes=sum(_unzipped_bytes(build(Layer.of(layer, target))) for layer in function.layers),
                    import_seconds=min(_import_seconds(function.module, paths) for _ in range(_RUNS)),
                )
            )
    return found


def layer_contents(layer: Layer) -> dict[str, int]:
    """Unzipped bytes of each distribution's folder or file in a layer, largest first."""
    sizes: dict[str, int] = {}
    with zipfile.ZipFile(build(layer)) as packed:
        for entry in packed.infolist():
            top = entry.filename.split("/")[1]
            sizes[top] = sizes.get(top, 0) + entry.file_size
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def print_report(target: Target, report: Sequence[Package]) -> None:
    """Print the table of functions, then what the layers and the archives hold."""
    print(f"Python {target.python} on {target.architecture}; limit {LIMIT_BYTES / 1e6:.0f} MB unzipped")
    print(f"{'function':<12}{'files':>6}{'code KB':>9}{'layer MB':>10}{'total MB':>10}{'import ms':>11}")
    for package in report:
        sizes = f"{package.layer_bytes / 1e6:>10.1f}{package.deployed_bytes / 1e6:>10.1f}"
        print(
            f"{package.function:<12}{len(package.files):>6}{package.code_bytes / 1e3:>9.1f}{sizes}"
            f"{package.import_seconds * 1e3:>11.0f}"
        )
    for name in sorted({name for function in FUNCTIONS.values() for name in function.layers}):
        print(f"\nlayer {name}")
        for top, size in layer_contents(Layer.of(name, target)).items():
            print(f"  {size / 1e6:>9.3f} MB  {top}")
    for package in report:
        print(f"\n{package.function}")
        for file in package.files:
            print(f"  {(ROOT / file).stat().st_size / 1e3:>9.1f} KB  {file}")


def _unzipped_bytes(archive: Path) -> int:
    with zipfile.ZipFile(archive) as packed:
        return sum(entry.file_size for entry in packed.infolist())


def _unpacked(layer: str, folder: Path) -> Path:
    """Where the packages of the host's build of `layer` are, unpacked once."""
    destination = folder / layer
    if not destination.exists():
        with zipfile.ZipFile(build(Layer.of(layer, Target.of("host", "host")))) as packed:
            packed.extractall(destination)
    return destination / "python"


def _import_seconds(module: str, paths: Sequence[Path]) -> float:
    """One import in a fresh process that writes no bytecode, as Lambda's cannot."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "POWERTOOLS_SERVICE_NAME": "report",
        "POWERTOOLS_METRICS_NAMESPACE": "report",
    }
    command = [str(lambda_interpreter()), "-c", _IMPORT, module]
    done = subprocess.run(command, env=environment, cwd=paths[0], capture_output=True, text=True, check=True)  # noqa: S603 - our own arguments, no shell
    return float(done.stdout)


def main() -> None:
    """Print what each function deploys: sizes, cold import times and package contents."""
    target = chosen_target("infra.package_report", main.__doc__)
    print_report(target, packages(target))


if __name__ == "__main__":
    main()
