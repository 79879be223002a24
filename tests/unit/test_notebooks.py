"""The notebooks: in git with outputs that show anywhere, through the library's door only, and able to run."""

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest

import mlops_core
from notebooks.execute import FOLDER, ParameterError, execute, main, with_parameters
from tests.unit.test_architecture import ROOT

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MAY_IMPORT = {"IPython", "altair", "dataclasses", "datetime", "mlops_core", "os", "pathlib", "polars", "tempfile"}


def code_of(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def notebook_of(*sources, parameters=""):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    tagged = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    return nbformat.v4.new_notebook(cells=[tagged, *cells])


def test_there_is_one_for_each_way_in():
    assert {path.stem for path in NOTEBOOKS} == {"quickstart", "your_own_data", "no_failures_yet", "cmapss"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_valid_and_its_outputs_show_without_a_network_and_name_no_machine(path):
    nbformat.validate(nbformat.read(path, as_version=4))
    for cell in json.loads(path.read_text())["cells"]:
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error"
            kept = json.dumps({kind: data for kind, data in output.get("data", {}).items() if kind != "image/png"})
            assert "<script" not in kept
            assert "vega" not in kept
            assert not re.search(r"ipykernel_|/home/|/root/|/work/", kept + json.dumps(output.get("text", "")))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_with_what_it_shows(path):
    outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert path.stat().st_size < 1_200_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_calls_the_public_api_and_defines_nothing(path):
    for source in code_of(path):
        for node in ast.walk(ast.parse(source)):
            assert not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda | ast.For | ast.While)
            if isinstance(node, ast.Import):
                modules = {alias.name for alias in node.names}
                assert {module.split(".")[0] for module in modules} <= MAY_IMPORT
                assert {module for module in modules if module.startswith("mlops_core")} <= {"mlops_core"}
            elif isinstance(node, ast.ImportFrom):
                assert node.module.split(".")[0] in MAY_IMPORT
                assert not node.module.startswith("mlops_core") or node.module.startswith("mlops_core.adapters")
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mc":
                assert node.attr in mlops_core.__all__


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_refers_to_exists(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            for target in [part.split(")")[0] for part in cell.source.split("](")[1:]]:
                assert (path.parent / target).exists()


def test_parameters_replace_those_of_the_notebook_and_no_others():
    notebook = notebook_of("print(SIZE)", parameters="SIZE = 10")
    changed = with_parameters(notebook, {"SIZE": 2}, name="example")
    assert [cell.source for cell in changed.cells] == ["SIZE = 10", "SIZE = 2", "print(SIZE)"]
    assert len(notebook.cells) == 2
    with pytest.raises(ParameterError, match="example has no parameter SIZES"):
        with_parameters(notebook, {"SIZES": 2}, name="example")


def test_make_notebooks_runs_them_all():
    assert "python -m notebooks.execute" in (ROOT / "Makefile").read_text()


@pytest.mark.verify
def test_the_quickstart_runs_and_shows_what_it_promises(tmp_path):
    assert (
        main(
            [
                "quickstart",
                "--output",
                str(tmp_path),
                "--set",
                "MACHINES=8",
                "--set",
                "DAYS=60",
                "--set",
                "INTERVAL='1h'",
            ]
        )
        == 0
    )
    outputs = [
        output
        for cell in nbformat.read(tmp_path / "quickstart.ipynb", as_version=4).cells
        for output in cell.get("outputs", [])
    ]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4
    shown = "".join(output.data["text/plain"] for output in outputs if output.output_type == "execute_result")
    for promised in (
        "measured_value",
        "vibration_rms_6h",
        "rul_hours",
        "pr_auc",
        "usually",
        "failed_after_hours",
    ):
        assert promised in shown


@pytest.mark.verify
def test_your_own_data_runs_without_any_file(tmp_path):
    assert main(["your_own_data", "--output", str(tmp_path)]) == 0


@pytest.mark.verify
def test_no_failures_yet_announces_most_failures_without_a_label(tmp_path):
    assert main(["no_failures_yet", "--output", str(tmp_path)]) == 0
    cells = nbformat.read(tmp_path / "no_failures_yet.ipynb", as_version=4).cells
    printed = "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))
    announced, failures = map(int, re.search(r"announced: (\d+) of (\d+) failures", printed).groups())
    assert announced > 0.6 * failures > 20


@pytest.mark.verify
def test_without_its_data_cmapss_ends_itself_and_says_how_to_get_on(tmp_path, monkeypatch):
    monkeypatch.delenv("MLOPS_REAL_DATA", raising=False)
    reason = execute(Path(FOLDER / "cmapss.ipynb"), tmp_path, {})
    assert "set FOLDER above, or MLOPS_REAL_DATA" in reason


@pytest.mark.verify
def test_a_notebook_that_fails_fails_the_run_and_leaves_its_error(tmp_path, monkeypatch, capsys):
    path = tmp_path / "example.ipynb"
    nbformat.write(notebook_of("1 / 0", "print('never')"), path)
    (tmp_path / "out").mkdir()
    monkeypatch.setattr("notebooks.execute.FOLDER", tmp_path)
    assert main([path.stem, "--output", str(tmp_path / "out")]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    kept = nbformat.read(tmp_path / "out" / path.name, as_version=4)
    assert kept.cells[1].outputs[0].ename == "ZeroDivisionError"
    assert kept.cells[2].outputs == []
