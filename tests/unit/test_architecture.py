"""The arrows of import: `__main__` -> infra -> contract -> mlops_core; ops -> handlers.stores -> contract."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"infra", "handlers", "contract", "ops", "mlops_core", "benchmarks", "tests"}
MAY_IMPORT = {
    "mlops_core": {"mlops_core"},
    "contract": {"contract", "mlops_core"},
    "handlers": {"handlers", "contract", "mlops_core"},
    "infra": {"infra", "contract", "mlops_core"},
    "ops": {"ops", "handlers.stores", "contract", "mlops_core"},
}
# The laptop run is a user of the platform: it seeds through the handlers' stores and drives what `infra` defined.
LAPTOP_RUN = {"infra", "ops", "handlers.stores", "contract", "mlops_core"}
# The engine under it knows Pulumi and AWS alone: the tests of infra evaluate the program by it, too.
ENGINE = {"infra.local.engine"}


# The packages of mlops_core from the ground up: each imports those before it only. `condition` lies below `prognosis`,
# which grades vibration in its zones.
CORE = (
    "version", "errors", "text", "time", "records", "sealed", "telemetry", "files", "lake", "features", "simulation",
    "condition", "prognosis", "alerting", "page", "processing", "adapters", "plots",
)  # fmt: skip


def imported_modules(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            modules.add(node.module)
    return modules


def allowed(path: Path) -> set[str]:
    relative = path.relative_to(ROOT)
    if relative.parts[:3] == ("infra", "local", "engine"):
        return ENGINE
    return LAPTOP_RUN if relative.parts[:2] == ("infra", "local") else MAY_IMPORT[relative.parts[0]]


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_imports_point_one_way(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for module in sorted(imported_modules(path))
        if module.split(".")[0] in OURS and not any(f"{module}.".startswith(f"{prefix}.") for prefix in allowed(path))
    ]
    assert wrong == []


@pytest.mark.parametrize("package", CORE)
def test_a_package_of_the_core_imports_those_below_it_only(package: str) -> None:
    folder = ROOT / "mlops_core" / package
    below = CORE[: CORE.index(package) + 1]
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in (sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")])
        for module in sorted(imported_modules(path))
        if module.split(".")[0] == "mlops_core" and module.split(".")[1] not in below
    ]
    assert wrong == []


def test_every_package_of_the_core_has_its_place_and_nothing_lies_beside_them() -> None:
    core = ROOT / "mlops_core"
    packages = {path.parent.name for path in core.glob("*/__init__.py")}
    modules = {path.stem for path in core.glob("*.py")} - {"__init__"}
    assert packages | modules == set(CORE)
    assert packages & modules == set()


def test_the_core_knows_nothing_of_aws_pulumi_the_environment_or_the_clock() -> None:
    forbidden_modules = {"boto3", "botocore", "pulumi", "pulumi_aws", "os", "time", "aws_lambda_powertools"}
    forbidden_calls = ("datetime.now(", "utcnow(", "date.today(", "np.random.seed(", "np.random.rand")
    wrong = [
        f"{path.name}: {what}"
        for path in sorted((ROOT / "mlops_core").rglob("*.py"))
        for what in [
            *sorted({module.split(".")[0] for module in imported_modules(path)} & forbidden_modules),
            *(call for call in forbidden_calls if call in path.read_text()),
        ]
    ]
    assert wrong == []


def test_importing_the_core_loads_neither_boto3_nor_pulumi_nor_lightgbm() -> None:
    probe = "import sys, mlops_core; print(sorted({'boto3', 'pulumi', 'lightgbm'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_suppression_outside_the_tests_carries_its_reason() -> None:
    pragma = re.compile(r"# (?:noqa|(?:pyright|type): ignore)[^#]*$")
    reasoned = re.compile(r"(?:noqa: [A-Z0-9, ]+|ignore\[[^\]]+\]) - \w.{3,}$")
    folders = ("benchmarks", "contract", "docs", "handlers", "infra", "mlops_core", "notebooks", "ops", "typings")
    without = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py*"))
        if path.suffix in {".py", ".pyi"}
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := pragma.search(line)) and not reasoned.search(found[0])
    ]
    assert without == []


def test_no_text_file_holds_the_markers_of_an_unresolved_merge() -> None:
    marker = re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    assert [path.name for path in paths if path.is_file() and marker.search(path.read_bytes())] == []
