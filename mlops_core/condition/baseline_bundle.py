"""A baseline as an immutable set of files, each with its hash: what is stored, verified, and served.

| file | content |
| --- | --- |
| `baseline.json` | what is normal |
| `training.json` | what it was learned from, and how it was judged |
| `card.md` | both in words |
| `bundle.json` | layout, version, sha256 of every other file |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mlops_core.condition.baseline import Baseline
from mlops_core.errors import CorruptBundleError
from mlops_core.records import canonical_json, record_from_json
from mlops_core.sealed import ROOT, SealedRoot, check_files, check_version, hashes_of, root_of, version_of

_LAYOUT: Final = 1
_BASELINE, _TRAINING, _CARD = "baseline.json", "training.json", "card.md"
_REQUIRED: Final = frozenset({_BASELINE, _TRAINING, _CARD})


@dataclass(frozen=True)
class BaselineManifest:
    """What a baseline was learned from, and what came of it on weeks that were held out. Times are ISO 8601 in UTC.

    Attributes:
        trained_from, trained_through: the first and last `window_end` that it was fitted on.
        rows, machines: how many; hours before known failures are left out.
        failures: those that were known.
        promised: episodes a machine-month that its limits were chosen for.
        judged_machine_months, judged_episodes: the healthy weeks held out, and the episodes in them.
        refused: why it may not serve, in words; empty where it may.

    """

    trained_from: str
    trained_through: str
    rows: int
    machines: int
    failures: int
    promised: float
    judged_machine_months: float
    judged_episodes: int
    refused: str


@dataclass(frozen=True, repr=False)
class BaselineBundle:
    """A baseline and all that is known of it. Equal content gives equal files and an equal version."""

    baseline: Baseline
    manifest: BaselineManifest

    def __repr__(self) -> str:
        return f"<BaselineBundle {self.version}: {self.baseline!r}>"

    @cached_property
    def version(self) -> str:
        """`{day of the newest row}-{12 hex digits of the hash of the files}`."""
        return version_of(self.manifest.trained_through, self._content)

    @property
    def card(self) -> str:
        """What it is and how far to trust it, as Markdown."""
        manifest = self.manifest
        months = manifest.judged_machine_months
        rate = manifest.judged_episodes / months if months else 0.0
        channels = ", ".join(sorted(set(self.baseline.channels)))
        verdict = f"**It may not serve**: {manifest.refused}." if manifest.refused else "It may serve."
        return (
            f"# Baseline {self.version}\n\nWhat is normal for {manifest.machines} machines, from {manifest.rows}"
            f" feature rows from {manifest.trained_from[:16]} to {manifest.trained_through[:16]} UTC and"
            f" {manifest.failures} known failures, without a label. It compares {channels}.\n\n"
            f"Its limits promise {manifest.promised:g} false episodes a machine-month. On {months:.1f} machine-months"
            f" of healthy weeks that it had not seen it raised {manifest.judged_episodes} ({rate:.2f} a machine-month)."
            f" {verdict}\n"
        )

    def files(self) -> dict[str, bytes]:
        """Return every file by name; storing all of them stores the baseline."""
        files = {**self._content, _CARD: self.card.encode()}
        return {**files, ROOT: canonical_json(SealedRoot(_LAYOUT, self.version, hashes_of(files)))}

    @cached_property
    def _content(self) -> dict[str, bytes]:
        return {_BASELINE: canonical_json(self.baseline), _TRAINING: canonical_json(self.manifest)}


def load_baseline(files: Mapping[str, bytes], *, version: str | None = None) -> BaselineBundle:
    """Return the baseline of these files after verifying layout and hashes.

    Args:
        files: content by name.
        version: the version that was asked for; None accepts any.

    Raises:
        BundleError: a file is absent, damaged, of another layout or of another version than asked for.

    """
    root = root_of(SealedRoot, files, layout=_LAYOUT)
    check_files(files, root, required=_REQUIRED)
    try:
        baseline = record_from_json(Baseline, files[_BASELINE])
        manifest = record_from_json(BaselineManifest, files[_TRAINING])
    except (TypeError, ValueError) as error:
        raise CorruptBundleError(ROOT, f"lists files that do not hold what layout {_LAYOUT} holds ({error})") from error
    bundle = BaselineBundle(baseline, manifest)
    vars(bundle)["_content"] = {name: files[name] for name in (_BASELINE, _TRAINING)}
    check_version(bundle.version, root, asked=version)
    return bundle
