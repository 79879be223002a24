"""Each example of docs/your-data.md: the file, read with the options beside it, gives readings and refuses nothing."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.cli import app

TEXT = (Path(__file__).parents[2] / "docs" / "your-data.md").read_text()
EXAMPLES = re.findall(r"```csv\n(.*?)```\n\n```options\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(("content", "options"), EXAMPLES)
def test_an_example_is_read_with_the_options_beside_it(tmp_path: Path, content: str, options: str) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(content.encode("cp1252"))
    arguments = ["import", str(file), *shlex.split(options), "--dry-run", "--json", "--stack", "absent"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["rejected"] == {}
    assert report["readings"] == {"PUMP-A01": report["readings"]}[report["series"][0]["machine_id"]] > 0


def test_there_is_an_example_for_each_layout() -> None:
    assert len(EXAMPLES) == 4
