"""What a model learns from and what it is judged by: two sets of labelled rows that share no run.

Later runs are the fair judge, for that is how a model is used. Where too few runs lie wholly in the last part of a
history, whole machines are held out instead, chosen by a hash of their id: the same ones the next time, so that a
champion can be judged by the machines of which it has learned nothing.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import polars as pl

from mlops_core.errors import (
    FeatureMismatchError,
    HeldOutRunsError,
    UnjudgeableError,
    UntrainableError,
    UntrainableReason,
)
from mlops_core.prognosis.bundle import ModelBundle
from mlops_core.prognosis.holdout import judge_rows
from mlops_core.prognosis.promotion import Verdict, compare_models
from mlops_core.prognosis.splits import LEAST_RUNS, split_by_time, split_time

LEAST_LATER_FAILURES: Final = 5
"""Failures among later runs below which the judgement would be chance."""
LEAST_LATER_OF_FEW: Final = 3
"""The same where there is nothing else to judge by: fewer than three machines have failed."""
LEAST_MACHINES: Final = 3
"""Machines that must have failed for one of them to be held out."""


@dataclass(frozen=True)
class TrainingSet:
    """Training rows `known`, holdout rows `held_out`, and a description of the split `rule`."""

    known: pl.DataFrame
    held_out: pl.DataFrame
    rule: str


def split_training_set(
    labelled: pl.DataFrame, *, horizon: timedelta | str, held_out_share: float = 0.25
) -> TrainingSet:
    """Split labelled rows; about `held_out_share` of the failures are held out.

    Raises:
        UntrainableError: nothing has failed, or fewer than three machines have, too few times.

    """
    if labelled.is_empty():
        raise UntrainableError(UntrainableReason.NO_ROWS, "there are no labelled rows", "Is there any history yet?")
    try:
        split = split_by_time(labelled, at=split_time(labelled, later_share=held_out_share), horizon=horizon)
    except UntrainableError:
        return _by_machine(labelled, held_out_share)
    # Where too few machines have failed to hold one out, the later runs of the same ones judge, if there are enough.
    few_machines = labelled.filter(pl.col("fails_within_horizon"))["machine_id"].n_unique() < LEAST_MACHINES
    known, later = _failures(split.known), _failures(split.later)
    if few_machines:
        enough = known >= LEAST_RUNS and later >= LEAST_LATER_OF_FEW
    else:
        enough = min(known, later) >= LEAST_LATER_FAILURES
    if not enough:
        return _by_machine(labelled, held_out_share)
    return TrainingSet(split.known, split.later, f"runs that began after {split.at:%Y-%m-%d %H:%M} UTC are held out")


def judge_challenger(
    challenger: ModelBundle, champion: ModelBundle | None, held_out: pl.DataFrame, *, refused: str | None = None
) -> Verdict:
    """Compare two models on those held-out runs that neither has learned from.

    Args:
        challenger: the new model.
        champion: the model that serves; None: there is none.
        held_out: labelled rows.
        refused: why the champion cannot be given: one that cannot be verified counts as none.

    Raises:
        HeldOutRunsError: the challenger has learned from some of them; otherwise as `compare_models`.

    """
    if champion is not None:
        held_out = _unlearned(champion, held_out)
    return compare_models(challenger, champion, held_out, refused=refused)


def _unlearned(champion: ModelBundle, held_out: pl.DataFrame) -> pl.DataFrame:
    """The champion was trained on another day: runs that it knew then are no judge of it."""
    try:
        judge_rows(champion, held_out)  # only its refusal is wanted
    except HeldOutRunsError as error:
        return held_out.filter(~pl.col("run_id").is_in(error.runs))
    except (FeatureMismatchError, UntrainableError, UnjudgeableError):
        pass  # comparing says so, in the words that fit
    return held_out


def _failures(labelled: pl.DataFrame) -> int:
    return labelled.filter(pl.col("fails_within_horizon"))["run_id"].n_unique()


def _by_machine(labelled: pl.DataFrame, share: float) -> TrainingSet:
    failing = labelled.filter(pl.col("fails_within_horizon"))["machine_id"].unique().to_list()
    if not failing:
        raise UntrainableError(
            UntrainableReason.NO_POSITIVES,
            f"none of {labelled.height} rows fails within the horizon",
            "Wait for a failure, record those that sensors missed, or lengthen the horizon",
        )
    if len(failing) < LEAST_MACHINES:
        raise UntrainableError(
            UntrainableReason.ONE_MACHINE,
            f"only {' and '.join(sorted(failing))} failed; two must fail to learn from, and a third to judge by",
            f"Wait for failures of further machines, or for {LEAST_RUNS + LEAST_LATER_OF_FEW} of these, one after the"
            " other",
        )
    wanted = max(1, round(share * len(failing)))
    held_failing = sorted(failing, key=_place)[: min(wanted, len(failing) - 2)]
    survivors = [name for name in labelled["machine_id"].unique().to_list() if name not in failing]
    held = [*held_failing, *(name for name in survivors if _place(name) < share)]
    chosen = pl.col("machine_id").is_in(held)
    return TrainingSet(labelled.filter(~chosen), labelled.filter(chosen), f"{len(held)} machines are held out")


def _place(machine_id: str) -> float:
    """A number in [0, 1) that belongs to the machine and to nothing else."""
    return int.from_bytes(hashlib.sha256(machine_id.encode()).digest()[:6]) / 2**48
