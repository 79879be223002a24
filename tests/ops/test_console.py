"""Nothing that a machine, a file or a colleague wrote acts on the operator's terminal."""

import ast
import csv
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_core.errors import QuarantineReason
from mlops_core.telemetry import FailureEvent, MaintenanceKind, MaintenanceRecord
from ops.console import print_error, print_line, print_markdown, print_table
from tests.ops.conftest import Deployed
from tests.ops.test_quarantine import NOW, record

OPS = Path(__file__).parents[2] / "ops"
HOSTILE = [
    "[/x]",
    "[bold]x",
    "[link=http://evil]ok[/link]",
    "\x1b[2J\x1b]52;c;cm0gLXJmIH4=\x1b\\",
    "\x9b31m",
    "\u202eevil",
    "a\r\x08b",
    ":warning:",
]


def acts_on_a_terminal(printed: str) -> bool:
    return any(not character.isprintable() for character in printed.replace("\n", ""))


@pytest.mark.parametrize("text", HOSTILE)
def test_every_way_of_printing_shows_hostile_text_and_does_nothing_else(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_line(text)
    print_error(text)
    print_table(text, [text, "value"], [[text, 1.0]], unbroken=[text])
    print_markdown(f"# {text}\n\n{text} [here](http://example.com)\n")
    out, err = capsys.readouterr()
    assert not acts_on_a_terminal(out + err)
    if text.isprintable():
        assert text in out.splitlines()[0]


@pytest.mark.parametrize("code", HOSTILE)
def test_what_machines_and_technicians_wrote_ends_no_verb(deployed: Deployed, code: str) -> None:
    """Rows that were stored before event codes had a rule are shown, too."""
    history = deployed.stack.label_history
    history.record(
        FailureEvent(
            machine_id="A", event_timestamp=NOW, received_at=NOW, event_code=code, measured_value=1, threshold=2
        )
    )
    if code.isprintable():
        repair = MaintenanceRecord(machine_id="A", kind=MaintenanceKind.REPAIR, at=NOW - timedelta(1), note=code)
        history.record_maintenance(repair, recorded_at=NOW)
    deployed.refuse(record(code.encode(), QuarantineReason.BAD_JSON, topic=f"industrial/machine/{code}/x", detail=code))
    verbs = (["maintenance", "list"], ["status"], ["machines", "list"], ["quarantine", "list"], ["quarantine", "show"])
    for verb in verbs:
        result = deployed.run(*verb)
        assert result.exit_code == 0, verb
        assert not acts_on_a_terminal(result.output), verb


@pytest.mark.parametrize("module", sorted(OPS.rglob("*.py")), ids=lambda path: path.stem)
def test_only_the_console_prints(module: Path) -> None:
    if module.stem == "console":
        return
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in {"print", "typer.echo", "typer.secho", "click.echo"}
            assert not ast.unparse(node.func).startswith(("sys.stdout", "sys.stderr"))
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not any(name.split(".")[0] == "rich" for name in names)


def test_a_pipe_gets_every_name_whole_and_a_csv_file_gets_rows(deployed: Deployed) -> None:
    machine_id = "COMPRESSOR-WITH-A-LONG-NAME-H032"
    repair = MaintenanceRecord(machine_id=machine_id, kind=MaintenanceKind.REPAIR, at=NOW, note="=HYPERLINK(1) " * 20)
    deployed.stack.label_history.record_maintenance(repair, recorded_at=NOW)
    shown = deployed.run("maintenance", "list", "--days", "36600").stdout
    assert machine_id in shown
    assert ("=HYPERLINK(1) " * 20).strip() in shown
    rows = list(csv.reader(deployed.run("--csv", "maintenance", "list", "--days", "36600").stdout.splitlines()))
    assert rows[0][:3] == ["machine", "what", "at (UTC)"]
    assert rows[1][0] == machine_id
    assert rows[1][-1].startswith("'="), "no spreadsheet takes it for a formula"
