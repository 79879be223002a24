"""Errors of training, of model bundles and of prediction: each says what is wrong in words that can be shown.

None is transient. A caller that catches one keeps the model that it has.
"""

from collections.abc import Iterable
from enum import StrEnum

from mlops_core.errors import MlopsError

__all__ = [
    "BundleError",
    "CorruptBundleError",
    "EmptyFeaturesError",
    "FeatureMismatchError",
    "HeldOutRunsError",
    "IncompleteBundleError",
    "SwappedBundleError",
    "UnjudgeableError",
    "UnsupportedBundleError",
    "UntrainableError",
    "UntrainableReason",
]


class UntrainableReason(StrEnum):
    """Why a model cannot be made of a frame. Closed, so that a pipeline can count them."""

    NO_ROWS = "NO_ROWS"
    NO_FEATURES = "NO_FEATURES"
    NO_POSITIVES = "NO_POSITIVES"
    NO_NEGATIVES = "NO_NEGATIVES"
    ONE_MACHINE = "ONE_MACHINE"
    LABELS_DISAGREE = "LABELS_DISAGREE"
    LEARNS_NOISE = "LEARNS_NOISE"


class UntrainableError(MlopsError, ValueError):
    """Labelled rows that no honest model can be made of: `reason` for machines to count, the text for people."""

    def __init__(self, reason: UntrainableReason, detail: str, hint: str = "") -> None:
        super().__init__(f"{reason}: {detail}", hint)
        self.reason = reason


class UnjudgeableError(MlopsError, ValueError):
    """Held-out rows that no model can be judged by."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"Nothing can be judged: {problem}", "Hold out more runs, some of which failed")


class HeldOutRunsError(MlopsError, ValueError):
    """Runs meant to judge a model that the model has learned from."""

    def __init__(self, version: str, runs: Iterable[str]) -> None:
        seen = sorted(runs)
        super().__init__(
            f"Model {version} has learned from {len(seen)} of these runs, {seen[0]} among them",
            "Judge it on runs that ended after its training data, or that it never saw",
        )
        self.runs = seen


class FeatureMismatchError(MlopsError, ValueError):
    """Features that do not fit the model's schema: `missing` and `unexpected` name the columns."""

    def __init__(
        self,
        version: str,
        *,
        missing: Iterable[str] = (),
        unexpected: Iterable[str] = (),
        wrong_type: Iterable[str] = (),
    ) -> None:
        self.missing, self.unexpected, self.wrong_type = sorted(missing), sorted(unexpected), sorted(wrong_type)
        problems = [
            f"{len(names)} {problem}: {_some(names)}"
            for problem, names in (
                ("missing", self.missing),
                ("unexpected", self.unexpected),
                ("not numeric", self.wrong_type),
            )
            if names
        ]
        super().__init__(
            f"The features do not fit model {version}; {'; '.join(problems)}",
            "Compute features with the channels, statistics and lengths that the model was trained on, or train again",
        )


class EmptyFeaturesError(MlopsError, ValueError):
    """A machine without a single reading in any window: there is nothing to predict from."""

    def __init__(self, machine_id: str) -> None:
        super().__init__(f"{machine_id} has no reading in any window", "Check whether the machine still reports")
        self.machine_id = machine_id


class BundleError(MlopsError, ValueError):
    """A stored model that must not serve."""


class IncompleteBundleError(BundleError):
    """Files of a bundle are absent."""

    def __init__(self, missing: Iterable[str]) -> None:
        self.missing = sorted(missing)
        super().__init__(f"The model bundle lacks {_some(self.missing)}", "Restore the version from its storage")


class CorruptBundleError(BundleError):
    """A file whose content is not what was stored under its name."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(f"{file} of the model bundle {problem}", "Restore the version, or promote an earlier one")
        self.file = file


class SwappedBundleError(BundleError):
    """A sound bundle that is not the one that was asked for."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"The bundle stored as {expected} is {found}", "Restore the version from its storage")
        self.expected, self.found = expected, found


class UnsupportedBundleError(BundleError):
    """A bundle of an older or newer layout than this program reads."""

    def __init__(self, found: object, supported: int) -> None:
        super().__init__(f"The bundle has layout {found!r}; this program reads layout {supported}", "Train again")
        self.found = found


def _some(names: list[str], limit: int = 5) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
