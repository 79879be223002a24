"""The real Pulumi engine on the real program, with a backend of files and a provider that makes nothing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The program as it is, with layers that stand in: building them is no matter of the engine.
PROGRAM = """
import runpy, tempfile
from pathlib import Path
import infra.layer

def stand_in(layer):
    path = Path(tempfile.gettempdir()) / layer.path.name
    path.write_bytes(b"stand-in")
    return path

infra.layer.build, infra.layer.is_built = stand_in, lambda _: True
runpy.run_path({program!r}, run_name="__main__")
"""
PLUGIN = """#!/bin/sh
PYTHONPATH={root} exec {python} -m tests.engine.echo_provider
"""


class Project(NamedTuple):
    """A copy of the project, whose stacks' files and state nobody else sees."""

    folder: Path
    environment: dict[str, str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the CLI, whatever comes of it."""
        return subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip

    def pulumi(self, *words: str) -> str:
        """Run the CLI, which must succeed."""
        ran = self.run(*words)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def preview(self) -> dict[str, dict[str, Any]]:
        """The steps of a preview that change something, by URN's type and name."""
        steps = json.loads(self.pulumi("preview", "--json"))["steps"]
        return {step["urn"].split("::", 2)[2].rpartition("$")[2]: step for step in steps if step["op"] != "same"}


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with an empty stack `dev`."""
    if not shutil.which("pulumi"):
        pytest.skip("the Pulumi CLI is not on PATH")
    folder, home = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("home")
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(ROOT / name, folder)
    for name in ("infra", "contract", "mlops_core", "requirements.txt", ".venv"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "__main__.py").write_text(PROGRAM.format(program=str(ROOT / "__main__.py")))
    plugin = home / "pulumi-resource-aws"
    plugin.write_text(PLUGIN.format(root=ROOT, python=sys.executable))
    plugin.chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "AWS_"))} | {
        "PATH": os.pathsep.join([str(home), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PULUMI_BACKEND_URL": home.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "tests",
        "PULUMI_HOME": str(home / "pulumi"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    made = Project(folder, environment)
    made.pulumi("stack", "init", "dev")
    return made
