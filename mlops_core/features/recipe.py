"""What features a model reads and how they are computed: one function for training, processing, scoring and notebooks.

    recipe = FeatureRecipe(drift=("vibration_mean_24h",), age=True)
    features = recipe.compute(readings, events=failures)
    bundle = train(label_features(features, failures), seed=7, recipe=recipe)
    predict(bundle, bundle.recipe.compute(later_readings, events=failures))

A platform that keeps buckets computes the same features in two steps: `windows` from buckets, then `derive`. Loads
polars only where it computes: a service that predicts reads recipes, too.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from math import gcd
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from mlops_core.errors import InvalidArgumentError
from mlops_core.features.conditions import ConditionNormaliser
from mlops_core.features.names import (
    AGE,
    DRIFT,
    EVENT_LENGTHS,
    attribute_of,
    check_event_names,
    event_columns,
    parse_feature_name,
)
from mlops_core.features.recipe_differences import recipe_differences
from mlops_core.features.running import RUNNING, RUNNING_STATISTICS
from mlops_core.features.scaling import NORMALISED, normalised_row
from mlops_core.features.statistics import REGISTRY, STATISTICS, check_statistics
from mlops_core.features.windows import Windows, length_name
from mlops_core.records import canonical_json
from mlops_core.telemetry import RunningClass, RunningRule, rules_of

if TYPE_CHECKING:
    import polars as pl

    from mlops_core.telemetry import Channel

_BASELINE_ROWS: Final = 24

_Length = Annotated[str, BeforeValidator(length_name)]
"""A duration in any form, kept as text in one form."""


class FeatureRecipe(BaseModel, frozen=True, extra="forbid"):
    """What features there are, and how they are computed from readings.

    Attributes:
        channels: the channels that have columns, whether they have readings or not; None: those of the readings.
        channels_sha256: the hash of the channels' configuration, where they come from one.
        lengths, hop: of the hopping windows, as text such as "6h".
        statistics: of each channel and length.
        own_statistics: by channel, where it has fewer of them.
        normaliser: applied to readings first; the names of its channels then end in `_normalised`.
        drift: columns that get `{column}_drift`, the value minus the mean of the machine's first `drift_rows` values.
        running: by class of machines, when a machine runs: readings while it is off are in no window, and `running` is
            a channel with columns of its own.
        age: whether there is `age_hours`, the hours in service since the last return from a repair.
        events: kinds of events (`error`) and codes of kinds (`error/E1`) that are counted in windows of
            `event_lengths`, with the hours since the last; see `add_events`.
        attributes: of machines, numbers (`age_years`) and values of categories (`class=pumps`); see `add_attributes`.
        unknown: columns that were made outside of the recipe. Only who made them can make them again.

    """

    channels: tuple[str, ...] | None = None
    channels_sha256: str | None = None
    lengths: tuple[_Length, ...] = ("1h", "6h", "24h")
    hop: _Length = "1h"
    statistics: tuple[str, ...] = STATISTICS
    own_statistics: Mapping[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    normaliser: ConditionNormaliser | None = None
    drift: tuple[str, ...] = ()
    drift_rows: int = Field(default=_BASELINE_ROWS, ge=1)
    running: Mapping[str, RunningClass] = Field(default_factory=dict[str, RunningClass])
    age: bool = False
    events: tuple[str, ...] = ()
    event_lengths: tuple[_Length, ...] = EVENT_LENGTHS
    attributes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        Windows.of(self.lengths, self.hop)
        check_statistics(self.statistics)
        check_event_names(self.events)
        if self.running and self.normaliser is not None:
            raise InvalidArgumentError(
                "running", "a rule", "does not go with a normaliser",
                "Leave out the readings of machines that are off before",
            )  # fmt: skip
        return self

    @classmethod
    def of_stack(
        cls,
        channels: Collection[str],
        *,
        lengths: Sequence[timedelta | str],
        hop: timedelta | str,
        channels_sha256: str | None = None,
    ) -> "FeatureRecipe":
        """The recipe that a deployed stack computes: every default statistic, drift of levels over a day, and age."""
        windows = Windows.of(lengths, hop)
        day = max((length for length in windows.lengths if length <= timedelta(days=1)), default=min(windows.lengths))
        return cls(
            channels=tuple(channels),
            channels_sha256=channels_sha256,
            lengths=windows.names,
            hop=length_name(windows.hop),
            drift=tuple(f"{channel}_mean_{length_name(day)}" for channel in channels),
            age=True,
        )

    @classmethod
    def of_columns(cls, names: Iterable[str], *, is_normalised: bool = False) -> "FeatureRecipe":
        """The recipe of a model that has none: window features of raw readings, as far as names say so.

        Args:
            names: of the columns that the model reads.
            is_normalised: whether the readings were normalised before, outside of any recipe.

        """
        names = tuple(names)
        parsed = {name: None if is_normalised else parse_feature_name(name) for name in names}
        windows = [parts for parts in parsed.values() if parts and not parts.is_drift]
        seconds = sorted({parts.seconds for parts in windows}) or [3600]
        return cls(
            channels=tuple(sorted({parts.channel for parts in windows})),
            lengths=tuple(f"{length}s" for length in seconds),
            hop=f"{gcd(3600, *seconds)}s",
            statistics=tuple(name for name in REGISTRY if any(parts.statistic == name for parts in windows)),
            unknown=tuple(name for name, parts in parsed.items() if parts is None or parts.is_drift),
        )

    def compute(
        self,
        readings: "pl.DataFrame",
        events: "pl.DataFrame | None" = None,
        machines: "pl.DataFrame | None" = None,
        maintenance: "pl.DataFrame | None" = None,
        *,
        replaced: "pl.DataFrame | None" = None,
        ranges: "Mapping[str, Channel] | None" = None,
    ) -> "pl.DataFrame":
        """Return the features of readings, from each machine's beginning: machine_id, window_end, then the columns.

        Args:
            readings: frame READINGS, of whole machine histories, since drift and age count from the beginning; with
                corrections, in a column `corrected_at`, as `compute_features` reads them.
            events: frame FAILURES, for the returns to service that age counts from; with events of other kinds, that
                are counted, EVENTS with the column `returned_to_service_at` of failures.
            machines: one row each: machine_id, the `attributes`, and for rules of running machine_class, where one has
                been given a class; the others belong to the first whose patterns match.
            maintenance: frame MAINTENANCE, whose renewals are returns to service, too.
            replaced: frame REPLACED, of sensors that were replaced or moved.
            ranges: plausible ranges by channel, by default `CHANNELS`; values outside count as not measured, with an
                ImplausibleValuesWarning.

        Raises:
            SchemaError: a frame does not fit.
            InvalidArgumentError: the recipe has `unknown` columns, reads `events` that are not given or does not read
                `machines`, or the readings have a channel `running` of their own.
            UnknownChannelError: a channel that the normaliser has not learned.

        """
        from mlops_core.features.buckets import bucket_readings
        from mlops_core.features.derived import failures_among, returns_to_service
        from mlops_core.features.normaliser import normalised_channels
        from mlops_core.telemetry import CHANNELS, normalise_corrected, split_corrected, without_implausible

        plausible = without_implausible(normalise_corrected(readings), CHANNELS if ranges is None else ranges)
        readings, _ = split_corrected(plausible)
        if self.unknown:
            raise InvalidArgumentError(
                "recipe", ", ".join(self.unknown), "was made outside of the recipe",
                "Add them to the table by the code that made them for training",
            )  # fmt: skip
        if machines is not None and not self.running and not self.attributes:
            raise InvalidArgumentError(
                "machines", "a frame", "is read by no recipe without such a rule",
                "Leave it out: no class has a rule for running",
            )  # fmt: skip
        classes = None if machines is None or not self.running else machines.select("machine_id", "machine_class")
        rows = () if classes is None else classes.drop_nulls().iter_rows()
        rules = self.running_rules(readings["machine_id"].unique() if self.running else (), dict(rows))
        if self.normaliser is not None:
            readings = normalised_channels(self.normaliser, readings, settings=self.channels or ())
        buckets = bucket_readings(readings, hop=self.hop, running=rules)
        features = self.windows(buckets).drop("revision")
        returns = returns_to_service(None if events is None else failures_among(events), maintenance)
        return self.derive(features, returns=returns, events=events, replaced=replaced, machines=machines)

    def windows(
        self, buckets: "pl.DataFrame", *, start: datetime | None = None, end: datetime | None = None
    ) -> "pl.DataFrame":
        """Return the window features of buckets of this hop, with their `revision`; see `features_from_buckets`."""
        from mlops_core.features.buckets import features_from_buckets

        of_running = RUNNING_STATISTICS if self.running else ()
        features = features_from_buckets(
            buckets,
            lengths=self.lengths,
            hop=self.hop,
            start=start,
            end=end,
            statistics=(*self.statistics, *(name for name in of_running if name not in self.statistics)),
            channels=self._column_channels,
        )
        if not self.own_statistics and not of_running:
            return features
        parsed = {name: parse_feature_name(name) for name in features.columns}
        return features.select(
            name
            for name, parts in parsed.items()
            if parts is None or parts.statistic in self.statistics_of(parts.channel)
        )

    @property
    def columns_id(self) -> str:
        """What window features there are, as text: the lengths, and the hash of the columns' names."""
        from mlops_core.features.bucket_schema import BUCKETS

        names = self.windows(BUCKETS.to_frame()).columns
        return f"{','.join(self.lengths)}:{sha256(' '.join(sorted(names)).encode()).hexdigest()[:16]}"

    def running_id(self, assigned: Mapping[str, str]) -> str:
        """When machines run, as a hash; empty without any rule.

        It is of the classes' rules, and of the machines for which their `assigned` class makes a difference.
        """
        if not self.running:
            return ""
        rules: dict[str, object] = {name: each.model_dump(mode="json") for name, each in self.running.items()}
        own, by_pattern = self.running_rules(assigned, assigned), self.running_rules(assigned, {})
        if other := {name: assigned[name] for name in sorted(assigned) if own.get(name) != by_pattern.get(name)}:
            rules = {"rules": rules, "assigned": other}
        return sha256(canonical_json(rules)).hexdigest()[:16]

    def with_drift_of_means(self) -> "FeatureRecipe":
        """Return the recipe with the drift of those channels only that have the statistic which drifts."""
        parsed = {name: parse_feature_name(name) for name in self.drift}
        kept = tuple(
            name for name, parts in parsed.items() if parts and parts.statistic in self.statistics_of(parts.channel)
        )
        return self.model_copy(update={"drift": kept})

    def statistics_of(self, channel: str) -> tuple[str, ...]:
        """The statistics of one channel."""
        if channel == RUNNING and self.running:
            return RUNNING_STATISTICS
        return self.own_statistics.get(channel, self.statistics)

    def derive(
        self,
        features: "pl.DataFrame",
        *,
        returns: "pl.DataFrame | None" = None,
        beginnings: "pl.DataFrame | None" = None,
        events: "pl.DataFrame | None" = None,
        replaced: "pl.DataFrame | None" = None,
        machines: "pl.DataFrame | None" = None,
    ) -> "pl.DataFrame":
        """Return window features with drift, age, events and attributes.

        Args:
            features: from each machine's beginning, or any rows, given its `beginnings`.
            returns: frame RETURNS, from `returns_to_service`.
            beginnings: what `beginnings` gave of earlier rows.
            events: frame EVENTS, where the recipe counts any.
            replaced: frame REPLACED, of sensors that were replaced or moved: their drift counts from then on.
            machines: machine_id and the attributes, where the recipe reads any.

        Raises:
            InvalidArgumentError: `events` or `machines` are read and not given.

        """
        import polars as pl

        from mlops_core.features.attributes import add_attributes
        from mlops_core.features.derived import add_age, add_drift
        from mlops_core.features.event_features import add_events

        rows = features.with_columns(_asked=pl.lit(value=True))
        if beginnings is not None:
            identity = ["machine_id", "window_end"]
            earlier = beginnings.join(features, on=identity, how="anti")
            # A column that is computed since a moment ago has no beginning yet.
            known = [name for name in self.drift if name in earlier.columns]
            rows = pl.concat([rows, earlier.select(*identity, *known)], how="diagonal")
        if self.drift:
            rows = add_drift(rows, self.drift, rows=self.drift_rows, replaced=replaced)
        if self.age:
            rows = add_age(rows, returns=returns)
        if self.events:
            if events is None:
                raise InvalidArgumentError(
                    "events", None, f"is no frame, and {', '.join(self.events)} count",
                    "Give the machines' events, an empty frame EVENTS where there are none",
                )  # fmt: skip
            rows = add_events(rows, events, names=self.events, lengths=self.event_lengths)
        if self.attributes:
            if machines is None:
                raise InvalidArgumentError("machines", None, f"is no frame, and {', '.join(self.attributes)} are read")
            rows = add_attributes(rows, machines, names=self.attributes)
        return rows.filter("_asked").drop("_asked")

    def beginnings(
        self, features: "pl.DataFrame", known: "pl.DataFrame | None" = None, *, replaced: "pl.DataFrame | None" = None
    ) -> "pl.DataFrame":
        """Return the rows that drift and age of later rows depend on, of `features` and of those `known` before.

        A row that was computed again replaces the one that is known.
        """
        import polars as pl

        from mlops_core.features.derived import machine_beginnings

        identity = ["machine_id", "window_end"]
        rows = features.select(*identity, *self.drift)
        if known is not None:
            rows = pl.concat([rows, known.join(rows, on=identity, how="anti")], how="diagonal").select(rows.columns)
        return machine_beginnings(rows, self.drift, rows=self.drift_rows, replaced=replaced)

    def of_model(self, names: Iterable[str]) -> "FeatureRecipe":
        """Return the recipe of a model that reads these columns: with its channels by name, and what is `unknown`."""
        names = tuple(names)
        parsed = {name: parse_feature_name(name) for name in names}
        suffix = NORMALISED if self.normaliser else ""
        found = {parts.channel.removesuffix(suffix) for parts in parsed.values() if parts}
        named = self.model_copy(update={"channels": tuple(sorted(found)) if self.channels is None else self.channels})
        return named.model_copy(update={"unknown": tuple(name for name in names if not named.computes(name))})

    def computes(self, name: str) -> bool:
        """Whether a column is one of the recipe's."""
        parts = parse_feature_name(name)
        if parts is None:
            is_attribute = attribute_of(name) in self.attributes
            return (name == AGE and self.age) or name in self.columns_of_events or is_attribute
        return (
            (self._column_channels is None or parts.channel in self._column_channels)
            and parts.statistic in self.statistics_of(parts.channel)
            and parts.length_name in self.lengths
            and (not parts.is_drift or name.removesuffix(DRIFT) in self.drift)
        )

    def differences(self, stack: "FeatureRecipe", names: Iterable[str]) -> list[str]:
        """Return in words what a model that reads the columns `names` needs and `stack` does not compute."""
        return recipe_differences(self, stack, names)

    def serve(self, features: Mapping[str, float | None]) -> Mapping[str, float | None]:
        """Return one row of a stack's features with those of normalised readings; the row itself where there are none.

        Statistics of `(value - mean) / deviation` follow from those of the values, so a stack computes one set of
        windows for all models. Settings that change the condition within a window do not allow that: `differences`.
        """
        if self.normaliser is None or self.normaliser.setting_channels:
            return features
        scales = {channel: (of.means[0], of.deviations[0]) for channel, of in self.normaliser.channels.items()}
        return normalised_row(features, scales)

    def running_rules(self, machine_ids: Iterable[str], assigned: Mapping[str, str]) -> dict[str, RunningRule]:
        """Return by machine when it runs; `assigned`: the class of those that have been given one."""
        return rules_of(machine_ids, self.running, assigned) if self.running else {}

    @property
    def columns_of_events(self) -> set[str]:
        """The columns that `add_events` makes."""
        columns = (event_columns(name, self.event_lengths) for name in self.events)
        return {name for counted, since in columns for name in (*counted, since)}

    @property
    def _column_channels(self) -> tuple[str, ...] | None:
        if self.channels is None:
            return None
        own = (RUNNING,) if self.running else ()
        return (*(self._named(channel) for channel in self.channels), *own)

    def _named(self, channel: str) -> str:
        is_scaled = self.normaliser is not None and channel not in self.normaliser.setting_channels
        return f"{channel}{NORMALISED}" if is_scaled else channel
