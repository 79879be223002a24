"""What a function's archive holds: all that its handler imports of ours, and nothing that it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.sources import PACKAGES, ROOT, UnknownModuleError, function_sources

HANDLERS = ("simulator", "ingestion", "labels", "processing")
SITE_PACKAGES = [path for path in sys.path if path.endswith("site-packages")]


def import_alone(root: Path, module: str, then: str = "") -> str:
    """Import `module` where only the files below `root` and the installed packages exist."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(root), *SITE_PACKAGES]),
        "POWERTOOLS_SERVICE_NAME": "alone",
        "POWERTOOLS_METRICS_NAMESPACE": "alone",
    }
    code = f"import sys, {module}\n{then}"
    # -S: without the link by which .venv finds the checkout.
    done = subprocess.run(
        [sys.executable, "-S", "-W", "ignore", "-c", code],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def unpack(handler: str, to: Path) -> tuple[str, ...]:
    files = function_sources(f"handlers.{handler}")
    for file in files:
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        (to / file).write_bytes((ROOT / file).read_bytes())
    return files


@pytest.mark.parametrize("handler", HANDLERS)
def test_an_archive_holds_all_that_its_handler_and_every_module_of_it_imports(handler, tmp_path):
    files = unpack(handler, tmp_path)
    modules = [
        file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in files if file.endswith(".py")
    ]
    printed = import_alone(
        tmp_path,
        f"handlers.{handler}",
        f"print(callable(handlers.{handler}.handler))\nprint(handlers.__file__)\nimport {', '.join(modules)}",
    )
    assert printed.splitlines() == ["True", str(tmp_path / "handlers" / "__init__.py")]


@pytest.mark.parametrize("handler", HANDLERS)
def test_an_archive_is_a_sorted_list_of_sources_of_ours(handler):
    files = function_sources(f"handlers.{handler}")
    assert list(files) == sorted(set(files))
    assert all(file.endswith((".py", "/__init__.pyi")) and file.split("/")[0] in PACKAGES for file in files)


def test_a_function_carries_no_other_function_and_no_science_that_it_does_not_use():
    for handler in HANDLERS:
        files = set(function_sources(f"handlers.{handler}"))
        assert not {f"handlers/{other}.py" for other in HANDLERS if other != handler} & files
    simulator = set(function_sources("handlers.simulator"))
    assert not {file for file in simulator if file.split("/")[1] in {"features", "prognosis"}}
    assert not {"mlops_core/lake/json_lines.py", "mlops_core/lake/history.py"} & simulator
    assert "mlops_core/simulation/fleet.py" not in simulator
    assert "mlops_core/simulation/step.py" not in function_sources("handlers.processing")


@pytest.fixture
def tree(tmp_path):
    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def test_imports_are_followed_through_packages_aliases_and_functions(tree):
    root = tree(
        {
            "handlers/__init__.py": "",
            "handlers/a.py": "import mlops_core.one as one\nfrom mlops_core import two\n"
            "def f():\n    from mlops_core.three import x\n",
            "mlops_core/__init__.py": "from .four import y",
            "mlops_core/one.py": "from . import five",
            "mlops_core/two/__init__.py": "from ..six import z",
            "mlops_core/three.py": "import json, polars",
            "mlops_core/four.py": "",
            "mlops_core/five.py": "",
            "mlops_core/six.py": "",
            "mlops_core/unused.py": "",
        }
    )
    assert function_sources("handlers.a", root) == (
        "handlers/__init__.py", "handlers/a.py", "mlops_core/__init__.py", "mlops_core/five.py", "mlops_core/four.py",
        "mlops_core/one.py", "mlops_core/six.py", "mlops_core/three.py", "mlops_core/two/__init__.py",
    )  # fmt: skip


def test_a_name_behind_a_lazy_door_brings_its_module_and_the_door_s_stub(tree):
    root = tree(
        {
            "handlers/__init__.py": "",
            "handlers/a.py": "from mlops_core.lake import raw_key",
            "mlops_core/__init__.py": "",
            "mlops_core/lake/__init__.py": "lazy",
            "mlops_core/lake/__init__.pyi": "from .history import write as write\nfrom .keys import raw_key as raw_key",
            "mlops_core/lake/history.py": "import polars",
            "mlops_core/lake/keys.py": "",
        }
    )
    assert function_sources("handlers.a", root) == (
        "handlers/__init__.py", "handlers/a.py", "mlops_core/__init__.py", "mlops_core/lake/__init__.py",
        "mlops_core/lake/__init__.pyi", "mlops_core/lake/keys.py",
    )  # fmt: skip


def test_a_package_that_is_imported_brings_its_assets(tree):
    files = ("handlers/__init__.py", "handlers/a.py", "mlops_core/__init__.py", "mlops_core/page/__init__.py",
             "mlops_core/page/assets/page.css")  # fmt: skip
    root = tree(dict.fromkeys(files, "") | {"handlers/a.py": "import mlops_core.page", "mlops_core/b/assets/x": ""})
    assert function_sources("handlers.a", root) == files


def test_what_only_a_type_checker_imports_is_left_out(tree):
    root = tree(
        {
            "handlers/__init__.py": "",
            "handlers/a.py": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    import handlers.b\nelse:\n    import handlers.c\n",
            "handlers/b.py": "",
            "handlers/c.py": "",
        }
    )
    assert function_sources("handlers.a", root) == ("handlers/__init__.py", "handlers/a.py", "handlers/c.py")


def test_a_handler_that_does_not_exist_is_named():
    with pytest.raises(UnknownModuleError, match=r"handlers\.nothing has no source file"):
        function_sources("handlers.nothing")
