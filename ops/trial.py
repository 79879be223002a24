"""``mlops models trial``: what the champion predicted and promised, against what then happened or was found."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from ops.console import print_json, print_line, print_table
from ops.errors import OpsError
from ops.options import AsJson, OutputsFile, StackName, open_stack


class NothingPredictedError(OpsError):
    """The champion has predicted nothing in that time."""

    def __init__(self, version: str, days: int) -> None:
        super().__init__(f"Model {version} has predicted nothing in the last {days} days.", "Give more --days.")


def trial(
    days: Annotated[int, typer.Option("--days", min=2, max=366, help="Predictions of the last days, so many.")] = 90,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare what the champion predicted with failures and verdicts that followed; names promises surely not kept."""
    from handlers.stores import try_stored
    from ops.model_versions import ModelShelf, NoChampionError

    loaded = open_stack(stack, outputs)
    shelf, now = ModelShelf(loaded), datetime.now(UTC)
    champion = shelf.champion()
    if champion is None:
        raise NoChampionError
    bundle = shelf.load(champion.value.version)
    found = try_stored(bundle, loaded.lake, loaded.label_history, since=now - timedelta(days=days - 1), now=now)
    if found is None:
        raise NothingPredictedError(bundle.version, days)
    if as_json:
        print_json({"stack": stack, "model_version": bundle.version, "days": days, **asdict(found)})
        return
    realised, promised = found.realised, found.promised
    rows = [
        ["failures announced", _share(realised.recall), _share(promised.recall if promised else None)],
        ["false episodes a machine-month", _rate(realised.false_episodes), _rate(promised and promised.false_episodes)],
        ["failing within the horizon", _share(found.observed), _share(found.stated)],
    ]
    title = f"Model {bundle.version}: {found.machine_months:.1f} machine-months, {found.failures} failures"
    print_table(title, ["", "happened", "promised"], rows)
    for each in found.by_code:
        print_line(f"{each.event_code}: {_share(each.recall)} of {each.failures} announced.")
    for promise in found.broken:
        print_line(f"Surely not kept: {promise}.")
    if not found.broken:
        print_line("No promise is surely broken.")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
