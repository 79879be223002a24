"""What the values of a stack's settings can be together; what one value can be, `infra.setting_groups` says."""

import json
from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from infra.fleet_fit import unfit
from infra.setting_groups import (
    FunctionSettings,
    GeneralSettings,
    IngestionSettings,
    LakeSettings,
    PageSettings,
    ProcessingSettings,
    ServingSettings,
    TrainingSettings,
)
from mlops_core.features import EVENT_LENGTHS, RUNNING, channel_statistics
from mlops_core.telemetry import CHANNELS

# A role's inline policies hold 10,240 characters, and the simulator's names three topics for each machine. Counted in
# the partition and a region of the longest names.
_TOPIC_LIST_CHARACTERS = 9000
_TOPICS_OF_A_MACHINE = (*CHANNELS, "event/failure")  # the simulator plays the channels out of the box
_TOPIC_ARN_CHARACTERS = len('"arn:aws-us-gov:iot:ap-northeast-1:000000000000:topic/",')
# All environment variables of a function hold 4 KB together.
_MACHINE_LIST_CHARACTERS = 3000

# An item of DynamoDB holds 400 KB, of which a number takes up to 21 bytes; the rest is for what is not a feature.
_ITEM_BYTES = 380_000
_NUMBER_BYTES = 22


def _conflict(key: str, problem: str) -> PydanticCustomError:
    return PydanticCustomError("conflict", "{problem}", {"key": key, "problem": problem})


class StackSettings(
    LakeSettings,
    IngestionSettings,
    ProcessingSettings,
    TrainingSettings,
    ServingSettings,
    PageSettings,
    FunctionSettings,
    GeneralSettings,
):
    """One stack's configuration, checked: what values can be together."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Raise the first conflict."""
        for check in (
            self._hop_divides,
            self._targets_have_names_of_their_own,
            self._large_batch_has_window,
            self._fleet_can_fit,
            self._budget_has_a_recipient,
            self._reservation_holds_the_readers,
            self._readings_outlive_their_use,
            self._history_reaches_beyond_lateness,
            self._catch_up_holds_a_step,
            self._rules_name_channels,
            self._simulator_has_machines,
            self._simulator_is_understood,
            self._features_fit_an_item,
            self._machines_fit,
            self._limits_are_of_channels,
        ):
            check()
        return self

    def _hop_divides(self) -> None:
        # The lake is partitioned by the hour, so what divides the hour divides the window and every length.
        if 60 % self.feature_hop_minutes:
            lengths = ", ".join(f"{hours} h" for hours in (self.time_window_hours, *self.feature_lengths_hours))
            raise _conflict(
                "featureHopMinutes",
                f"a hop of {self.feature_hop_minutes} minutes does not divide every hour of the lake"
                f" (timeWindowHours and featureLengthsHours: {lengths}); choose 60, 30, 20, 15, 10 or 5",
            )

    def _targets_have_names_of_their_own(self) -> None:
        names = [target.name for target in self.work_order_targets]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise _conflict("workOrderTargets", f"{', '.join(twice)} is listed twice; give each target its own name")

    def _large_batch_has_window(self) -> None:
        if self.ingestion_batch_size > 10 and self.ingestion_batch_window_seconds < 1:
            raise _conflict(
                "ingestionBatchWindowSeconds",
                f"a batch of {self.ingestion_batch_size} messages needs a window of at least 1 second; raise it, or"
                " lower ingestionBatchSize to 10",
            )

    def _fleet_can_fit(self) -> None:
        if problem := unfit(self):
            raise _conflict("fleetSize", problem)

    def _budget_has_a_recipient(self) -> None:
        if self.monthly_budget and not self.notice_emails:
            raise _conflict("monthlyBudget", "nobody would be notified; name somebody in noticeEmails")

    def _reservation_holds_the_readers(self) -> None:
        for function in ("ingestion", "labels"):
            reserved = self.reserved_concurrency.get(function)
            if reserved is not None and reserved < self.ingestion_maximum_concurrency:
                raise _conflict(
                    "reservedConcurrency",
                    f"{reserved} for {function} is below ingestionMaximumConcurrency,"
                    f" {self.ingestion_maximum_concurrency}: runs beyond it are refused and messages give up; raise it",
                )

    def _readings_outlive_their_use(self) -> None:
        used = self.allowed_lateness_hours + max(self.feature_lengths_hours)
        least = -(-used // 24) + 1  # S3 deletes by the day
        if 0 < self.raw_retention_days < least:
            raise _conflict(
                "rawRetentionDays",
                f"readings would be deleted before processing is done with them: it looks back {used} hours"
                f" (allowedLatenessHours and the longest of featureLengthsHours); choose {least} or more",
            )

    def _history_reaches_beyond_lateness(self) -> None:
        if self.historical_reach_days * 24 < self.allowed_lateness_hours:
            raise _conflict(
                "historicalReachDays",
                f"is shorter than allowedLatenessHours, {self.allowed_lateness_hours}: what is marked as historical"
                " would be refused where an ordinary reading is taken; raise it",
            )

    def _catch_up_holds_a_step(self) -> None:
        if self.maximum_catch_up_minutes * 60 < self.sampling_interval_seconds:
            raise _conflict(
                "maximumCatchUpMinutes", "is shorter than samplingIntervalSeconds, so time would never advance"
            )

    def _rules_name_channels(self) -> None:
        rules = {name: each.running for name, each in self.machine_classes.items() if each.running is not None}
        for name, rule in rules.items():
            if rule.channel not in self.channels:
                raise _conflict("machineClasses", f"{name} runs by the channel {rule.channel}, which is not configured")
        if rules and RUNNING in self.channels:
            raise _conflict("channels", f"a channel {RUNNING} is made by the rules of machineClasses; rename yours")

    def _simulator_has_machines(self) -> None:
        if self.simulator_enabled and not self.machine_ids:
            raise _conflict("machineIds", "names no machine to simulate; name one, or set simulatorEnabled to false")

    def _simulator_is_understood(self) -> None:
        for name, simulated in CHANNELS.items() if self.simulator_enabled else ():
            if name not in self.channels or self.channels[name].payload_field != simulated.payload_field:
                raise _conflict(
                    "channels",
                    f"holds no channel {name} with the payloadField {simulated.payload_field}, which the simulator"
                    " publishes; add it, or set simulatorEnabled to false",
                )

    def _features_fit_an_item(self) -> None:
        of_a_length = sum(
            len(f"{channel}_{statistic}_1000h") + _NUMBER_BYTES
            for channel, statistics in channel_statistics(self.channels).items()
            for statistic in statistics
        )
        of_events = sum(len(name) + 40 for name in self.event_features) * (len(EVENT_LENGTHS) + 1)
        of_machines = sum(len(name) + 40 for name in self.attribute_features)
        if of_a_length * len(self.feature_lengths_hours) + of_events + of_machines > _ITEM_BYTES:
            raise _conflict(
                "channels",
                f"{len(self.channels)} channels with these statistics, in {len(self.feature_lengths_hours)} window"
                " lengths, do not fit an item of DynamoDB (400 KB); name fewer statistics, or fewer lengths",
            )

    def _machines_fit(self) -> None:
        topics = sum(
            _TOPIC_ARN_CHARACTERS + len(f"{self.mqtt_topic_prefix}/{machine}/{topic}")
            for machine in self.machine_ids
            for topic in _TOPICS_OF_A_MACHINE
        )
        if topics > _TOPIC_LIST_CHARACTERS or len(json.dumps(self.machine_ids)) > _MACHINE_LIST_CHARACTERS:
            raise _conflict(
                "machineIds",
                f"{len(self.machine_ids)} machines do not fit the policy that names each topic of the simulator;"
                " simulate fewer here, and seed larger fleets in bulk",
            )

    def _limits_are_of_channels(self) -> None:
        for name, each in self.machine_classes.items():
            if unknown := each.limits.keys() - self.channels.keys():
                raise _conflict(
                    "machineClasses",
                    f"class {name} has limits for {', '.join(sorted(unknown))};"
                    f" the channels are {', '.join(self.channels)}",
                )
        size = sum(len(each.model_dump_json(exclude_defaults=True)) for each in self.machine_classes.values())
        if size > _MACHINE_LIST_CHARACTERS:
            raise _conflict("machineClasses", "does not fit the environment of a function; use patterns of machine ids")
