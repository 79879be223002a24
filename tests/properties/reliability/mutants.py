"""The code with one safeguard removed: each of these mutants must be found out by some history."""

import inspect
import textwrap
from collections.abc import Callable
from itertools import dropwhile
from types import FunctionType
from typing import Any, NamedTuple

import handlers.feature_chunks
import handlers.feature_run
import handlers.ingestion
import handlers.labels
import handlers.simulator
from handlers import deliveries
from handlers.stores import checkpoint, label_history, lake, machine_state, online_features, partitions
from mlops_core import bucketing, processing
from mlops_core import lake as core_lake
from ops import dead_letters
from tests.properties.reliability import pipeline
from tests.properties.reliability.deployed import deployed
from tests.properties.reliability.pipeline import Wiring

Remove = Callable[[Wiring], None]


class Mutant(NamedTuple):
    """A safeguard, and how it is removed. `of_simulator`: only histories of the simulator can tell."""

    safeguard: str
    remove: Remove
    of_simulator: bool = False


def without(function: Any, old: str, new: str) -> Remove:  # noqa: ANN401
    """Change the source of a function where it stands, for all that hold it. `old` occurs once, or the mutant is stale."""
    target: FunctionType = inspect.unwrap(getattr(function, "__func__", function))
    lines = textwrap.dedent(inspect.getsource(target)).splitlines(keepends=True)
    source = "".join(dropwhile(lambda line: line.startswith("@"), lines))
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {target.__qualname__}"
    changed = source.replace(old, new)

    def remove(wiring: Wiring) -> None:
        namespace: dict[str, Any] = {}
        exec(changed, {**target.__globals__}, namespace)  # noqa: S102
        code = namespace[target.__name__].__code__
        assert code.co_freevars == target.__code__.co_freevars
        wiring.monkeypatch.setattr(target, "__code__", code)

    return remove


def constant(module: Any, name: str, value: object) -> Remove:  # noqa: ANN401
    """Give a module's constant another value."""
    assert hasattr(module, name)
    return lambda wiring: wiring.monkeypatch.setattr(module, name, value)


def _rules(change: Callable[[str], str]) -> Remove:
    def remove(wiring: Wiring) -> None:
        real = deployed()
        rules = tuple((change(sql), *queues) for sql, *queues in real.rules)
        assert rules != real.rules
        wiring.monkeypatch.setattr(pipeline, "deployed", lambda: real._replace(rules=rules))

    return remove


def _select_star(sql: str) -> str:
    return f"SELECT * FROM {sql.split(' FROM ')[1]}"


def _reports_nothing(wiring: Wiring) -> None:
    real = deployed()
    silent = dict.fromkeys(real.reports_failures, False)
    wiring.monkeypatch.setattr(pipeline, "deployed", lambda: real._replace(reports_failures=silent))


MUTANTS = {
    "acknowledges-before-durable": Mutant(
        "I5: a put is over before its record is acknowledged",
        without(
            deliveries.DurableBatch.attempt,
            "attempts = [(group, pool.submit(action, [message for _, message in group])) for group in groups]",
            "attempts = [(group, pool.submit(bool, group)) for group in groups]",
        ),
    ),
    "swallows-a-failed-put": Mutant(
        "I5: a failed put fails its records",
        without(deliveries.DurableBatch.attempt, "self._fail(group, error)", "pass"),
    ),
    "reports-no-failures": Mutant("I5: the event source mapping heeds batchItemFailures", _reports_nothing),
    "takes-a-conflict-for-durable": Mutant(
        "I5: 409 says nothing of the object",
        without(lake.DataLake.create, "if _status(error) != HTTPStatus.CONFLICT", "if _status(error) == 409: return False\n            if False"),
    ),
    "selects-star": Mutant("I1, I3: the rule carries any bytes, and who said them", _rules(_select_star)),
    "leaves-other-topics": Mutant(
        "I1: what no rule is for still arrives",
        _rules(lambda sql: sql.replace("NOT regexp_matches(topic(), '", "NOT regexp_matches(topic(), '^industrial|")),
    ),
    "names-raw-objects-by-the-clock": Mutant(
        "I6: an object's name says its content",
        without(
            core_lake._content_addressed,
            "sha256(content).hexdigest()",
            "sha256(sorted(lines)[0].partition('received_at')[2].encode()).hexdigest()",
        ),
    ),
    "overwrites-raw-objects": Mutant(
        "I6: raw objects are created with If-None-Match", without(lake.DataLake.create, ', IfNoneMatch="*"', "")
    ),
    "files-by-arrival": Mutant(
        "I7: a reading lies in the hour of its event",
        without(
            core_lake.encode_readings, "Partition(_hour_of(reading.event_timestamp)", "Partition(_hour_of(reading.received_at)"
        ),
    ),
    "fails-bad-messages": Mutant(
        "I3, I4: what cannot be read is quarantined, and harms nothing else",
        without(deliveries.open_record, "except MessageRejectedError as refusal:", "except KeyError as refusal:"),
    ),
    "drops-late-readings": Mutant(
        "I8: what is too late is kept in quarantine",
        without(
            deliveries.DurableBatch.quarantine,
            "for refused in self.refused]",
            "for refused in self.refused if refused.message.reason != 'TOO_LATE']",
        ),
    ),
    "quarantines-text": Mutant(
        "I3: quarantine holds the bytes as they came",
        without(deliveries.open_record, "payload=payload,", "payload=payload.decode(errors='replace').encode(),"),
    ),
    "judges-lateness-by-delivery": Mutant(
        "I8: late is what the broker got late, however long it waited",
        without(deliveries.open_record, "received_at = _from_milliseconds(envelope.received_at_ms)", "received_at = datetime.now(UTC)"),
    ),
    "keeps-duplicates": Mutant(
        "I2: a reading counts once, however often it came",
        without(bucketing._reduce, '(rows["step"] == 0).any()', "False"),
    ),
    "lets-the-last-to-arrive-win": Mutant(
        "I2: of two values one wins whatever the order",
        without(bucketing._without_duplicates, 'rows.sort("number", "time", "value")', 'rows.sort("number", "time", maintain_order=True)'),
    ),
    "moves-the-checkpoint-first": Mutant(
        "I10: the checkpoint moves after the outputs",
        without(
            handlers.feature_run.Run._since_checkpoint,
            "worker.do(chunk, self.work, now=self._now)\n        stored, checkpoint = file.move(chunk.checkpoint, after=stored), chunk.checkpoint",
            "stored, checkpoint = file.move(chunk.checkpoint, after=stored), chunk.checkpoint\n        worker.do(chunk, self.work, now=self._now)",
        ),
    ),
    "moves-the-checkpoint-unseen": Mutant(
        "I10: the checkpoint moves by compare and swap",
        without(
            checkpoint.CheckpointFile.move,
            "seen = self._lake.replace(CHECKPOINT_KEY, checkpoint.encode(), seen=after.seen if after else None)",
            "self._lake._client.put_object(Bucket='lake', Key=CHECKPOINT_KEY, Body=checkpoint.encode())\n    seen = self._lake.versions(CHECKPOINT_KEY)[CHECKPOINT_KEY]",
        ),
    ),
    "replaces-partitions-unseen": Mutant(
        "I10, I12: a run that was overtaken replaces nothing",
        without(
            partitions.Partitions._replace,
            "return self._lake.replace(key, encode_parquet(frame), seen=self._version(key))",
            "return self._lake._client.put_object(Bucket='lake', Key=key, Body=encode_parquet(frame))['ETag']",
        ),
    ),
    "looks-at-raw-data-first": Mutant(
        "I10: outputs are looked at before the data that they follow from",
        without(
            handlers.feature_run.Run._look,
            "    partitions = Partitions(self._lake, [f\"{prefix}{day}/\" for prefix in _OUTPUT_PREFIXES for day in days])\n    listing, foreign = partition_keys(self._lake.versions_under(f\"{RAW_PREFIX}{day}/\" for day in days))\n",
            "    listing, foreign = partition_keys(self._lake.versions_under(f\"{RAW_PREFIX}{day}/\" for day in days))\n    partitions = Partitions(self._lake, [f\"{prefix}{day}/\" for prefix in _OUTPUT_PREFIXES for day in days])\n",
        ),
    ),
    "forgets-late-readings": Mutant(
        "I8: hours that changed are computed again",
        without(processing._changed, "checkpoint.hours.get(partition.text) != digest", "partition.hour >= checkpoint.processed_until"),
    ),
    "recomputes-only-the-hour": Mutant(
        "I8: every window that sees a late reading is computed again",
        without(processing._affected, "changed.hour + HOUR + rules.longest_length - rules.hop", "changed.hour + HOUR"),
    ),
    "forgets-what-is-due": Mutant(
        "I8: what a bounded chunk leaves is done by the next",
        without(processing._one_chunk, "tuple(sorted(partition.text for partition in due - ready))", "()"),
    ),
    "writes-online-unconditionally": Mutant(
        "I9: the online store takes newer rows only",
        constant(online_features, "_NEWER", "attribute_not_exists(machine_id) OR attribute_exists(machine_id)"),
    ),
    "writes-online-without-revision": Mutant(
        "I9: of two rows for one window the one with more readings is newer",
        constant(online_features, "_NEWER", "attribute_not_exists(machine_id) OR window_end < :end"),
    ),
    "writes-online-first": Mutant(
        "I12: online follows offline",
        without(
            handlers.feature_chunks.ChunkWorker.do,
            "self._partitions.write(self._by_partition(features, window_range))\n",
            "self._online.offer_all(_newest(features).values(), updated_at=now)\n        self._partitions.write(self._by_partition(features, window_range))\n",
        ),
    ),
    "swallows-online-errors": Mutant(
        "I11: an error of the online store fails the run",
        without(
            online_features.OnlineFeatures.offer,
            "except self._client.exceptions.ConditionalCheckFailedException:",
            "except Exception:",
        ),
    ),
    "takes-a-failed-read-for-nothing": Mutant(
        "I11: a read that fails is not an empty hour",
        without(
            lake.DataLake.read_all,
            "return list(pool.map(self.read, keys))",
            "keys = list(keys)\n        try:\n            return list(pool.map(self.read, keys))\n        except ClientError:\n            return []",
        ),
    ),
    "takes-a-failed-listing-for-nothing": Mutant(
        "I11: a listing that fails is not an empty lake",
        without(
            lake.DataLake.versions,
            "entries = (entry for page in pages for entry in page.get(\"Contents\", ()))\n    return {entry[\"Key\"]: entry[\"ETag\"] for entry in entries if \"Key\" in entry and \"ETag\" in entry}",
            "found = {}\n    try:\n        for page in pages:\n            found |= {entry['Key']: entry['ETag'] for entry in page.get('Contents', ())}\n    except ClientError:\n        pass\n    return found",
        ),
    ),
    "records-history-first": Mutant(
        "I5: an event is in the lake before it is acknowledged",
        without(handlers.labels.handler, "durable = [[delivered] for group, _ in kept for delivered in group]", "durable = [[delivered] for group, _ in kept[1:] for delivered in group]"),
    ),
    "lets-the-last-failure-win": Mutant(
        "I2: of two events for one moment one wins whatever the order",
        constant(label_history, "_NEW_OR_LARGER", "attribute_not_exists(machine_id) OR attribute_exists(machine_id)"),
    ),
    "gives-dead-letters-new-ids": Mutant(
        "I3: a dead letter that is put back is the same message",
        without(dead_letters.DeadLetters._send_back, 'envelope.setdefault("message_id", letter.get("MessageId", ""))', "pass"),
    ),
    "deletes-dead-letters-first": Mutant(
        "I1: a dead letter is deleted after it is sent",
        without(
            dead_letters.DeadLetters._send_back,
            "self._client.send_message(",
            "self._client.delete_message(QueueUrl=self._dead_letter_queue, ReceiptHandle=letter.get('ReceiptHandle', ''))\n    self._client.send_message(",
        ),
    ),
    "saves-before-it-speaks": Mutant(
        "a machine's state is saved after its messages are published",
        without(
            handlers.simulator.Fleet.step,
            "    for message in messages:\n        self._publisher.publish(message)\n    return Step(len(messages), self._states.save(advanced.state, after=saved.revision))",
            "    saved_first = self._states.save(advanced.state, after=saved.revision)\n    for message in messages:\n        self._publisher.publish(message)\n    return Step(len(messages), saved_first)",
        ),
        of_simulator=True,
    ),
    "saves-unseen": Mutant(
        "of two runs one saves",
        without(machine_state.MachineStates.save, '"ConditionExpression": "revision = :after"', '"ConditionExpression": "attribute_exists(machine_id)"'),
        of_simulator=True,
    ),
    "commissions-twice": Mutant(
        "of two first runs one commissions",
        without(machine_state.MachineStates.create, '{"ConditionExpression": "attribute_not_exists(machine_id)"}', "{}"),
        of_simulator=True,
    ),
    "speaks-before-it-exists": Mutant(
        "a machine's first state is saved before it speaks",
        without(
            handlers.simulator.Fleet._state,
            "        self._states.create(new_machine(machine_id, seed=self._settings.simulator_seed, at=commissioned))\n    return saved",
            "        return SavedState(new_machine(machine_id, seed=self._settings.simulator_seed, at=commissioned), -1)\n    return saved",
        ),
        of_simulator=True,
    ),
    "swallows-a-failed-machine": Mutant(
        "a machine that fails fails the run",
        without(handlers.simulator.handler, "if failures:\n        raise", "if not machine_ids:\n        raise"),
        of_simulator=True,
    ),
}
