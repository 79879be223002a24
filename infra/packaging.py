"""Lambda layers, built from a hashed lock into a zip whose name says what is in it.

A layer's key is the hash of its lock, Python, platform and of the rules below, so an evaluation of the program knows
the zip's name without building it. Build with `python -m infra.packaging`; `--sizes` reports what a function deploys.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final, NamedTuple

from uv import find_uv_bin

from infra.elf import stripped
from infra.layer_content import LIBRARY_FOLDER, reduce_packages
from infra.sources import ROOT

LAYER_FOLDER: Final = ROOT / "build" / "layers"
LAYERS: Final = {name: f"locks/layer-{name}.txt" for name in ("base", "polars", "numpy", "model")}
# Part of every key: raise it when the rules by which a layer is built change.
_RULES: Final = "5"
_PRUNED_DIRECTORIES: Final = frozenset({"bin", "tests", "testing", "__pycache__"})
_PRUNED_SUFFIXES: Final = frozenset({".lock", ".pyc", ".pyi"})
# RECORD hashes a package's scripts, which name the interpreter that installed them and are pruned themselves.
_PRUNED_FILES: Final = frozenset({".lock", "RECORD"})
_LAYER_ROOT: Final = "python"  # Lambda puts /opt/python on sys.path
_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_ARCHITECTURES: Final = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "amd64": "x86_64"}


class InterpreterNotFoundError(Exception):
    """A layer is to be built for a Python that is neither on this machine nor to be had from the network."""

    def __init__(self, python: str) -> None:
        super().__init__(
            f"Layers for Python {python} need a Python {python} to compile them, and none was found. Put one"
            f" on PATH, or allow uv to download it: uv python install {python}"
        )


class Target(NamedTuple):
    """What a layer is built for: `python` such as "3.13", `architecture` in Lambda's words, `platform` in uv's."""

    python: str
    architecture: str
    platform: str

    @classmethod
    def of(cls, python: str, architecture: str) -> "Target":
        """The target of these settings, where `host` means the interpreter that runs this program."""
        version = ".".join(platform.python_version_tuple()[:2]) if python == "host" else python
        if architecture == "host":
            return cls(version, _ARCHITECTURES[platform.machine().lower()], "host")
        # From Python 3.12 on Lambda runs on Amazon Linux 2023 (glibc 2.34).
        return cls(version, architecture, f"{'aarch64' if architecture == 'arm64' else 'x86_64'}-manylinux_2_28")

    @property
    def runtime(self) -> str:
        """Lambda's name of the Python."""
        return f"python{self.python}"


class Layer(NamedTuple):
    """One layer for one target; `key` addresses its content."""

    name: str
    target: Target
    key: str

    @classmethod
    def of(cls, name: str, target: Target, root: Path = ROOT) -> "Layer":
        """The layer `name` of LAYERS as the present lock makes it."""
        digest = hashlib.sha256((root / LAYERS[name]).read_bytes())
        where = f"host-{sys.platform}" if target.platform == "host" else target.platform
        digest.update(f"{_RULES} {target.python} {target.architecture} {where}".encode())
        return cls(name, target, digest.hexdigest()[:16])

    @property
    def path(self) -> Path:
        """Path of the zip, built or not."""
        return LAYER_FOLDER / f"{self.name}-{self.key}.zip"


def is_built(layer: Layer) -> bool:
    """Whether the layer's zip is there."""
    return layer.path.exists()


def build(layer: Layer) -> Path:
    """Build the layer's zip, or leave the one that is there.

    Raises subprocess.CalledProcessError where uv cannot install the lock, whose output is on stderr.
    """
    if layer.path.exists():
        return layer.path
    layer.path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layer.path.parent, prefix=f".{layer.name}-") as scratch:
        content = Path(scratch) / _LAYER_ROOT
        _install(layer, content)
        reduce_packages(layer.name, content)
        _prune(content.parent)
        _compile(layer.target.python, content)
        packed = Path(scratch) / "layer.zip"
        _zip(content.parent, packed)
        packed.replace(layer.path)  # atomic: no reader sees half a layer
    return layer.path


def _install(layer: Layer, destination: Path) -> None:
    python, _, wheels = layer.target
    flags = (
        "--only-binary :all: --require-hashes --no-deps --no-compile-bytecode --no-installer-metadata --link-mode copy"
    )
    where = ["--python-version", python, *([] if wheels == "host" else ["--python-platform", wheels])]
    lock = ["--target", str(destination), "--requirements", str(ROOT / LAYERS[layer.name])]
    subprocess.run([find_uv_bin(), "pip", "install", "--quiet", *flags.split(), *where, *lock], check=True)  # noqa: S603 - our own arguments, no shell


def _prune(content: Path) -> None:
    for path in sorted(content.rglob("*"), reverse=True):
        if path.is_dir() and path.name in _PRUNED_DIRECTORIES:
            shutil.rmtree(path)
        elif path.suffix in _PRUNED_SUFFIXES or path.name in _PRUNED_FILES:
            path.unlink()
        elif path.is_file() and ".so" in path.suffixes:
            path.write_bytes(stripped(path.read_bytes()))


def _compile(python: str, content: Path) -> None:
    """Put compiled modules in the place of their sources: Lambda cannot write what it compiles.

    With the sources beside them, functions on x86_64 pass 215 MB. A fixed hash seed fixes the order inside sets.
    """
    flags = f"-m compileall -q -b --invalidation-mode unchecked-hash -p /opt/{_LAYER_ROOT}"
    subprocess.run(  # noqa: S603 - our own arguments, no shell
        [_interpreter(python), *flags.split(), "-s", str(content), str(content)],
        check=True,
        env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},
    )
    for compiled in content.rglob("*.pyc"):
        compiled.with_suffix(".py").unlink()


def _interpreter(python: str) -> str:
    """A Python of the layer's version: its compiled files are read by no other."""
    if sys.version_info[:2] == tuple(map(int, python.split("."))):
        return sys.executable
    if found := _uv("python", "find", "--system", "--no-project", python):
        return found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))  # it hides the versions that are not selected
    if hidden := sorted(pyenv.glob(f"versions/{python}.*/bin/python{python}")):
        return str(hidden[-1])
    _uv("python", "install", python)
    if found := _uv("python", "find", "--managed-python", "--no-project", python):
        return found
    raise InterpreterNotFoundError(python)


def _uv(*words: str) -> str:
    """What uv answers; empty where it fails."""
    return subprocess.run([find_uv_bin(), *words], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - our own arguments, no shell


def _zip(scratch: Path, destination: Path) -> None:
    with zipfile.ZipFile(destination, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        paths = [path for folder in (_LAYER_ROOT, LIBRARY_FOLDER) for path in (scratch / folder).rglob("*")]
        files = {path.relative_to(scratch).as_posix(): path for path in paths if path.is_file()}
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, path.read_bytes())


def chosen_target(program: str, description: str | None) -> Target:
    """The target that the command line of ``python -m program`` names; AWS's own where it names none."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--python", default="3.13", choices=["3.12", "3.13", "3.14", "host"])
    parser.add_argument("--architecture", default="arm64", choices=["arm64", "x86_64", "host"])
    options = parser.parse_args()
    return Target.of(options.python, options.architecture)


def main() -> None:
    """Build every layer for one target."""
    target = chosen_target("infra.packaging", main.__doc__)
    for name in LAYERS:
        path = build(Layer.of(name, target))
        print(f"{name}: {path.relative_to(ROOT)}, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
