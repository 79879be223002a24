"""The ``mlops`` command: one verb a module, every failure one readable line.

A verb's module is imported to list its options, so it imports nothing heavy at its top: polars, boto3 and pydantic are
imported where the verb runs.
"""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mlops_core.errors import MlopsError
from ops import (
    alarms,
    anomalies,
    backfill,
    doctor,
    grades,
    importing,
    laptop,
    machine_records,
    machines,
    maintenance,
    models,
    overview,
    page,
    planned_maintenance,
    quarantine,
    status,
    training,
    trial,
)
from ops.console import print_error, print_line
from ops.cost import verb as cost
from ops.errors import OpsError
from ops.options import TABLES_AS_CSV


def _version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print_line(f"mlops {version('mlops-industrial')}")
        raise typer.Exit


class ReadableErrors(TyperGroup):
    """Turns the errors that a person can act on into one line on standard error and a non-zero exit status."""

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401 - typer keeps this class to itself
        """Run the verb; exit 1 after an error, 130 after Ctrl-C."""
        try:
            return super().invoke(ctx)
        except OpsError as error:
            print_error(str(error))
        except _domain_and_sdk_errors() as error:  # evaluated only once something was raised: `--help` imports no SDK
            print_error(_explained(error))
        except KeyboardInterrupt:
            print_error("Interrupted. What was acknowledged stays; run the same command again to go on.")
            raise typer.Exit(130) from None
        raise typer.Exit(1)


app = typer.Typer(
    name="mlops",
    cls=ReadableErrors,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="Work with a running stack of the predictive-maintenance platform, local or deployed.",
)


@app.callback()
def root(
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print tables as CSV on standard output, and every other line on the other.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """Work with a running stack of the predictive-maintenance platform, local or deployed."""
    TABLES_AS_CSV.set(as_csv)


app.command("anomalies")(anomalies.anomalies)
app.command("grades")(grades.grades)
app.command("import")(importing.import_history)
app.command("replay")(importing.import_history)  # the older name of import
app.command("backfill")(backfill.backfill)
app.command("cost")(cost.cost)
app.command("status")(status.status)
app.command("doctor")(doctor.doctor)
app.command("fleet")(overview.fleet)
app.command("machine")(overview.machine)
app.command("ui")(page.ui)
app.command("report")(page.report)
app.command("train")(training.train)
app.add_typer(alarms.app, name="alarms")
app.add_typer(quarantine.app, name="quarantine")
machines.app.command("describe")(machine_records.describe)
machines.app.command("retire")(machine_records.retire)
maintenance.app.command("plan")(planned_maintenance.plan)
maintenance.app.command("unplan")(planned_maintenance.unplan)
app.add_typer(laptop.app, name="local")
app.add_typer(machines.app, name="machines")
app.add_typer(maintenance.app, name="maintenance")
models.app.command("trial")(trial.trial)
app.add_typer(models.app, name="models")


def main() -> None:
    """Entry point of the ``mlops`` command."""
    app(prog_name="mlops")


def _domain_and_sdk_errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return (BotoCoreError, ClientError, MlopsError)


_REMEDIES = {
    "AccessDenied": "The credentials in use lack this permission: `aws sts get-caller-identity` says whose they are.",
    "ExpiredToken": "The credentials have expired: sign in again (aws sso login).",
    "ExpiredTokenException": "The credentials have expired: sign in again (aws sso login).",
    "NoSuchBucket": "The data lake is gone, or the outputs are out of date: deploy, or read the outputs again.",
    "ResourceNotFoundException": "The outputs name something that is gone: deploy, or read the outputs again.",
    "NoCredentialsError": "Sign in first: aws configure, aws sso login, or AWS_PROFILE=NAME.",
    "EndpointConnectionError": "Nothing answers there: for the local stack, mlops local up.",
    "ConnectTimeoutError": "Nothing answers there: check the network, or for the local stack, mlops local up.",
}
_REMEDIES["AccessDeniedException"] = _REMEDIES["UnauthorizedOperation"] = _REMEDIES["AccessDenied"]


def _explained(error: Exception) -> str:
    response: dict[str, Any] | None = getattr(error, "response", None)
    code = type(error).__name__ if response is None else str(response["Error"]["Code"])
    sentence = " ".join(str(error).split())
    return f"{sentence.rstrip('.')}. {_REMEDIES[code]}" if code in _REMEDIES else sentence
