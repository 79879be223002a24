"""Virtual environments of the local run, each made from one hashed lock and kept until that lock changes.

The emulator lives apart from ``.venv`` so that nothing of ours leaks into it, and its Lambda workers run on an
interpreter that holds only what Lambda itself provides, so that a dependency missing from a layer fails here as in AWS.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

PROJECT_ROOT = Path(__file__).resolve().parents[3]
BUILD = PROJECT_ROOT / "build"
_MARKER = "lock-key"


class EnvironmentBuildError(RuntimeError):
    """An environment could not be made from its lock."""

    def __init__(self, name: str, lock: Path, output: str) -> None:
        super().__init__(
            f"The environment {name!r} could not be made from {lock.name}:\n{output.strip()}\n"
            "The packages come from the index that pip and uv are configured for: check the network and that setting."
        )


def lock_key(lock: Path) -> str:
    """Return a hash of what an environment is made of: the lock's bytes and the Python that runs this."""
    digest = hashlib.sha256(lock.read_bytes())
    digest.update(repr((sys.version_info[:3], sys.base_prefix)).encode())
    return digest.hexdigest()[:16]


def interpreter(name: str, lock: Path | None = None, *, build: Path = BUILD) -> Path:
    """Return the Python of ``build/envs/<name>``, made from ``lock`` first where absent or the lock has changed.

    ``lock`` defaults to ``locks/<name>.txt``. Concurrent callers wait for one another.
    Raises EnvironmentBuildError.
    """
    lock = lock or PROJECT_ROOT / "locks" / f"{name}.txt"
    folder, key = build / "envs" / name, lock_key(lock)
    marker, python = folder / _MARKER, folder / "bin" / "python"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{name}.guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if marker.exists() and marker.read_text() == key and python.exists():
            return python
        shutil.rmtree(folder, ignore_errors=True)
        _uv(name, lock, "venv", "--python", sys.executable, str(folder))
        _uv(name, lock, "pip", "sync", "--python", str(python), "--require-hashes", "--compile-bytecode", str(lock))
        marker.write_text(key)
    return python


def emulator_interpreter() -> Path:
    """Return the Python that runs the emulator."""
    return interpreter("emulator")


def lambda_interpreter() -> Path:
    """Return the Python of the Lambda workers: boto3 as Lambda provides it, nothing else."""
    return interpreter("lambda", PROJECT_ROOT / "locks" / "lambda-runtime.txt")


def _uv(name: str, lock: Path, *arguments: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own arguments
        [find_uv_bin(), "--quiet", "--no-progress", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise EnvironmentBuildError(name, lock, done.stderr or done.stdout)
