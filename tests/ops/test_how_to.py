"""What the how-tos show is run: configurations, requests, queries, files."""

import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

import mlops_core as mc
from infra.local.run.seeding import HistoryPlan
from infra.settings import key_schemas
from infra.stack_settings import StackSettings
from mlops_core.lake import features_key
from ops.cli import app
from tests.infra.evaluation import settings_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def examples(document: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", (DOCS / document).read_text(), re.DOTALL | re.MULTILINE)


def settings(config: dict[str, object]) -> StackSettings:
    return settings_of(**{key.removeprefix("mlops-industrial:"): value for key, value in config.items()})


def test_the_configurations_of_channels_and_limits_can_be_deployed() -> None:
    of_channels, of_limits = [settings(yaml.safe_load(text)["config"]) for text in examples("channels.md", "yaml")]
    assert set(of_channels.channels) == {"vibration", "oil_pressure", "motor_current", "starts"}
    assert set(of_limits.machine_classes["presses"].limits) == {"temperature", "vibration"}


def test_the_page_of_production_lists_what_prod_sets() -> None:
    prod = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]
    table = (DOCS / "production.md").read_text().split("## Before machines publish")[0]
    listed = {key for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}
    assert listed == {key.partition(":")[2] for key in prod if key.startswith("mlops-industrial:")}


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Answers like the HTTP API, and keeps what it was asked."""

    asked: list[tuple[str, str, str]] = []  # noqa: RUF012 - one server at a time, emptied by its fixture

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        self.asked.append((f"{self.command} {self.path}", self.headers.get("authorization", ""), body))
        document = json.dumps(
            {"machines": [{"machine_id": "PUMP-A01", "status": "OK", "failure_probability": 0.25}]}
        ).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(document)))
        self.end_headers()
        self.wfile.write(document)

    do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    Endpoint.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {
            "ENDPOINT": f"http://127.0.0.1:{server.server_port}",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
        }
        server.shutdown()


def assert_signed(authorization: str) -> None:
    assert re.match(
        r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-central-1/execute-api/aws4_request", authorization
    )
    assert "x-amz-security-token" in authorization.lower()


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_curl_signs_a_request_as_the_api_wants_it(environment: dict[str, str]) -> None:
    for script in [text for text in examples("http-api.md", "sh") if text.startswith("curl")]:
        done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["machines"]
    (fleet, signed, _), (record, signed_too, body) = Endpoint.asked
    assert (fleet, record) == ("GET /machines?limit=5", "POST /machines/PUMP-A01/maintenance")
    assert json.loads(body)["kind"] == "repair"
    assert_signed(signed)
    assert_signed(signed_too)


def test_the_page_of_the_http_api_lists_each_path_and_what_the_example_reads() -> None:
    api = json.loads((DOCS / "openapi.json").read_text())
    paths = {f"{method.upper()} {path}" for path, methods in api["paths"].items() for method in methods}
    assert set(re.findall(r"^\| `([A-Z]+ [^?`]+)", (DOCS / "http-api.md").read_text(), re.MULTILINE)) == paths
    [source] = examples("http-api.md", "python")
    assert set(re.findall(r'machine\["(\w+)"\]', source)) <= set(
        api["components"]["schemas"]["MachineReport"]["properties"]
    )


def test_python_signs_a_request_as_the_api_wants_it(environment: dict[str, str]) -> None:
    [source] = examples("http-api.md", "python")
    done = subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "PUMP-A01 OK 0.25\n", done.stderr
    [(asked, signed, _)] = Endpoint.asked
    assert asked == "GET /machines?limit=5"
    assert_signed(signed)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    """Features of two machines in a copy of a lake, in the folder that queries run in."""
    history = mc.simulate_fleet(
        ["PUMP-A01", "PUMP-A02"],
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2026, 1, 3, tzinfo=UTC),
        interval="1h",
        seed=1,
    )
    features = mc.compute_features(history.readings, lengths=["1h", "24h"], hop="1h")
    for (window_end,), rows in features.group_by("window_end"):
        assert isinstance(window_end, datetime)
        file = tmp_path / "lake" / features_key(window_end, 0)
        file.parent.mkdir(parents=True)
        rows.write_parquet(file)
    monkeypatch.chdir(tmp_path)
    return (
        features.group_by("machine_id")
        .agg(pl.col("vibration_rms_24h").max(), pl.col("window_end").max())
        .sort("vibration_rms_24h", descending=True)
    )


def test_polars_queries_a_copy_of_the_lake(lake: pl.DataFrame) -> None:
    [source] = examples("query-the-lake.md", "python")
    names: dict[str, object] = {}
    exec(source, names)  # noqa: S102 - the example of our own document
    found = names["worst"]
    assert isinstance(found, pl.DataFrame)
    assert found.equals(lake)


def test_duckdb_queries_a_copy_of_the_lake(lake: pl.DataFrame) -> None:
    source = examples("query-the-lake.md", "sql")[0]
    rows = duckdb.sql(source).fetchall()
    assert [row[:2] for row in rows] == lake.select("machine_id", "vibration_rms_24h").rows()


def test_athena_s_query_names_tables_and_columns_that_exist(lake: pl.DataFrame) -> None:
    # The same statement on the same rows: its dialect is common to both, and date is text in Athena as in the keys.
    source = examples("query-the-lake.md", "sql")[1]
    files = (
        "read_parquet('lake/processed/features/**/*.parquet', hive_partitioning = true, hive_types_autocast = false)"
    )
    duckdb.sql(f"CREATE OR REPLACE TEMP VIEW features AS SELECT * FROM {files}")  # noqa: S608 - a literal
    assert [row[0] for row in duckdb.sql(source).fetchall()] == lake["machine_id"].to_list()


def test_the_tutorial_s_file_is_read_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [text] = examples("tutorial.md", "csv")
    monkeypatch.chdir(tmp_path)
    Path("press.csv").write_text(text)
    done = CliRunner().invoke(app, ["import", "press.csv", "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["readings"] == 6


def without_remarks(text: str) -> list[list[str]]:
    """Commands, programs and figures of a README: what no language changes."""
    code = [re.sub(r" *# .*", "", part) for part in re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)]
    links = re.findall(r"\]\(([^)]+)\)", text)
    return [code, [link for link in links if "README" not in link], re.findall(r"\d+(?:\.\d+)*", text)]


def test_the_readme_says_the_same_in_both_languages() -> None:
    english, portuguese = ((ROOT / name).read_text() for name in ("README.md", "README.pt-BR.md"))
    assert without_remarks(english) == without_remarks(portuguese)


def test_the_readme_fits_two_screens() -> None:
    assert (ROOT / "README.md").read_text().count("\n") <= 90


def test_the_readme_s_figures_are_those_of_the_program() -> None:
    readme = (ROOT / "README.md").read_text()
    simulated = HistoryPlan().companions + len(key_schemas()["machineIds"]["default"])
    assert f"a history of {simulated} simulated machines" in readme
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text()
    assert "Python 3.11 or newer" in readme
