"""The tutorial's commands up to where an AWS account is needed, in its order, on a stack that just came up."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.local.engine.emulator import STACK_FILE
from ops.cli import app
from tests.emulator.conftest import Laptop

TUTORIAL = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()
WITHOUT_ACCOUNT = TUTORIAL.split("## 5. Deploy to AWS")[0]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", WITHOUT_ACCOUNT, re.DOTALL | re.MULTILINE)


def test_each_command_does_what_the_tutorial_says(laptop: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    [readings] = blocks("csv")
    Path("press.csv").write_text(readings)
    lines = "".join(blocks("sh")).splitlines()
    shown: dict[str, str] = {}
    for line in [line for line in lines if line.startswith(".venv/bin/mlops")]:
        words = shlex.split(line)[1:]
        outputs = [] if "--dry-run" in words else ["--outputs", str(laptop.folder / STACK_FILE)]
        ran = CliRunner().invoke(app, [*words, *outputs])
        assert ran.exit_code == 0, f"{line}\n{ran.output}"
        shown[line] = ran.output
    assert len(shown) == 8
    assert "PRESS-01" in shown[".venv/bin/mlops machine PRESS-01 --stack local"]
    assert "PRESS-01" in shown[lines[-2]]
