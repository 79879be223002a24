"""``mlops models``: what models there are, which one serves, and moving it by hand."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from ops.console import print_answer, print_json, print_line, print_markdown, print_table
from ops.options import AsJson, OutputsFile, StackName, open_stack

if TYPE_CHECKING:
    from handlers.stores import Stored
    from mlops_core.prognosis import Champion
    from ops.model_versions import BaselineShelf, ModelShelf, ModelVersion

app = typer.Typer(no_args_is_help=True, help="The models of a stack: which there are, which one serves, and why.")

Why = Annotated[str | None, typer.Option("--reason", help="Why, for those who read the history later.")]
_UNSHOWN = ("run_marks", "settings")  # what only a program can use; --json has it all


@app.command("list")
def list_models(
    count: Annotated[int, typer.Option("--count", min=1, help="At most so many versions and promotions.")] = 20,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """List versions, the newest first, each verified, with the champion marked; then how the champion came to serve."""
    from ops.model_versions import ModelShelf, last_trial, promotions_report

    loaded = open_stack(stack, outputs)
    shelf, tried = ModelShelf(loaded), last_trial(loaded)
    stored = shelf.champion()
    champion = stored.value if stored else None
    versions = list(shelf.versions(champion, count))
    promotions = promotions_report(champion)[:count] if champion else []
    if as_json:
        print_json(
            {
                "stack": stack,
                "champion": champion.version if champion else None,
                "versions": [version.as_report() for version in versions],
                "promotions": promotions,
                "last_trial": tried,
            }
        )
        return
    if not versions:
        print_line("There is no model yet: the training state machine makes one from stored features and failures.")
        return
    columns = ["version", "", "failures", "PR-AUC / guess", "alarm (right)"]
    print_table(f"Models of {stack}", columns, [_row(version) for version in versions], unbroken=["version"])
    for version in versions:
        if version.problem is not None:
            print_line(f"{version.version} may not serve: {version.problem}")
    moves = [[move["promoted_at"], move["version"], move["reason"]] for move in promotions]
    print_table("Promotions, the latest first", ["at (UTC)", "to", "reason"], moves, unbroken=["at (UTC)", "to"])
    if tried is not None and tried["trial"] is not None:
        broken = "; ".join(tried["trial"]["broken"]) or "no promise is surely broken"
        print_line(f"On trial on {tried['at'][:10]}, {tried['model_version']}: {broken}.")


@app.command("show")
def show(
    version: Annotated[
        str | None, typer.Argument(help="A version that `mlops models list` names; else the champion.")
    ] = None,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show a version's card, which says what it is good for, and what it was made from."""
    from ops.model_versions import ModelShelf, NoChampionError, key_figures, promotions_report

    shelf = ModelShelf(open_stack(stack, outputs))
    stored = shelf.champion()
    if version is None:
        if stored is None:
            raise NoChampionError
        version = stored.value.version
    bundle = shelf.load(version)
    manifest = {**vars(bundle.manifest), "settings": dict(bundle.manifest.settings)}
    promotions = promotions_report(stored.value, version) if stored else []
    if as_json:
        print_json(
            {
                "stack": stack,
                "version": version,
                "is_champion": stored is not None and stored.value.version == version,
                **key_figures(bundle),
                "alarm_precision_aim": bundle.calibration.alarm_precision,
                "manifest": manifest,
                "features": bundle.schema.names,
                "feature_schema_sha256": bundle.schema.sha256,
                "promotions": promotions,
                "model_card": bundle.model_card,
            }
        )
        return
    print_markdown(bundle.model_card)
    shown = [[name, _brief(value)] for name, value in manifest.items() if name not in _UNSHOWN]
    print_table("Manifest", ["what", "value"], [*shown, ["promoted", f"{len(promotions)} times"]])


@app.command("promote")
def promote(
    version: Annotated[str, typer.Argument(help="A version that `mlops models list` names.")],
    reason: Why = None,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a version serve. One that is damaged, or that does not fit this stack's features, is refused."""
    from ops.model_versions import AlreadyServingError, ModelShelf

    shelf = ModelShelf(open_stack(stack, outputs))
    stored = shelf.champion()
    if stored is not None and stored.value.version == version:
        raise AlreadyServingError(version)
    _move(shelf, version, stored, reason or "Promoted by hand", stack, as_json=as_json)


@app.command("rollback")
def rollback(
    reason: Why = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="The baseline (anomalies) instead of the model.")
    ] = False,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Let the model serve again that served before this one: a promotion of it, so it can be undone the same way."""
    from ops.model_versions import BaselineShelf, ModelShelf, NoChampionError

    shelf = (BaselineShelf if baseline else ModelShelf)(open_stack(stack, outputs))
    stored = shelf.champion()
    if stored is None:
        raise NoChampionError
    why = reason or f"Rolled back by hand from {stored.value.version}"
    _move(shelf, stored.value.previous, stored, why, stack, as_json=as_json)


def _move(
    shelf: "ModelShelf | BaselineShelf",
    version: str,
    stored: "Stored[Champion] | None",
    reason: str,
    stack: str,
    *,
    as_json: bool,
) -> None:
    made = shelf.promote(version, after=stored, reason=reason)
    previous = stored.value.version if stored else None
    print_answer(
        {"stack": stack, "champion": version, "previous": previous, "sequence": made, "reason": reason},
        f"{version} serves now{f'; before it served {previous}' if previous else ''} (promotion {made}).",
        "Running functions take it within minutes, scoring with its next run.",
        as_json=as_json,
    )


def _row(version: "ModelVersion") -> list[object]:
    mark = "champion" if version.is_champion else ""
    if version.bundle is None:
        return [version.version, mark, None, None, None]
    metrics, threshold = version.bundle.metrics, version.bundle.calibration.alarm_threshold
    right = metrics.get("alarm_precision")
    return [
        version.version,
        mark,
        version.bundle.manifest.failures,
        f"{_brief(metrics.get('pr_auc'))} / {_brief(metrics.get('base_rate'))}",
        "never" if threshold is None else f"{_brief(threshold)}{'' if right is None else f' ({right:.0%})'}",
    ]


def _brief(value: object) -> str | None:
    """A figure to three digits, a list by its size and first items."""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, tuple):
        items = cast("tuple[object, ...]", value)
        return f"{len(items)}: {', '.join(map(str, items[:3]))}{', ...' if len(items) > 3 else ''}"
    return None if value is None else str(value)
