"""The library alone: a wheel of it, installed where nothing else of ours is, runs what the README shows."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
MOST_BYTES = 400_000

pytestmark = pytest.mark.verify


def uv(*arguments: object) -> None:
    done = subprocess.run([Path(sys.executable).with_name("uv"), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder, ROOT)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def interpreter(wheel, tmp_path_factory) -> Path:
    """The Python of an environment that holds the wheel and what it depends on, and no extra."""
    environment = tmp_path_factory.mktemp("environment")
    uv("venv", "--quiet", "--clear", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", python, wheel)
    return python


def run(python: Path, source: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-P", "-c", source], cwd=folder, capture_output=True, text=True, check=False)


def test_the_wheel_holds_the_library_and_no_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {"mlops_core", f"{wheel.stem.split('-py')[0]}.dist-info"}
    assert not [name for name in names if name.endswith("entry_points.txt")]
    assert "mlops_core/__init__.pyi" in names
    assert not [name for name in names if name.startswith("mlops_core/page/")], "the page of a stack"
    assert wheel.stat().st_size < MOST_BYTES


def test_without_extras_training_and_charts_say_what_brings_them(interpreter, tmp_path):
    for name, extra in (("train", "model"), ("plot_fleet", "plots")):
        done = run(interpreter, f"import mlops_core; mlops_core.{name}", tmp_path)
        assert done.returncode == 1
        assert f'pip install "mlops-industrial[{extra}]"' in done.stderr


def test_with_extras_the_readme_s_example_runs_in_an_empty_folder(interpreter, wheel, tmp_path):
    uv("pip", "install", "--quiet", "--python", interpreter, f"{wheel}[model,plots]")
    source = EXAMPLE.replace("range(12)", "range(6)").replace('interval="10m"', 'interval="1h"')
    assert source != EXAMPLE
    use = "\nprint(mc.__version__, mc.load('pumps.model').version == model.version)"
    done = run(interpreter, source + use, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.fullmatch(r"\d+\.\d+\.\d+ True\n", done.stdout)
