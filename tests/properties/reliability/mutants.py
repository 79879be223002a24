"""The platform with one safeguard removed: each of these mutants must be found out by some history."""

import handlers.labels
import handlers.simulator
from handlers import deliveries
from handlers.feature_chunks import ChunkWorker
from handlers.feature_run import Run
from handlers.simulator import Fleet
from handlers.stores import label_history, online_features
from handlers.stores.checkpoint import CheckpointFile
from handlers.stores.lake import DataLake
from handlers.stores.machine_state import MachineStates
from handlers.stores.online_features import OnlineFeatures
from handlers.stores.partitions import Partitions
from mlops_core import lake, processing
from mlops_core.windowing import irregular_slice
from ops.dead_letters import DeadLetters
from tests.properties.reliability.mutation import Mutant, constant, edited, redeployed, swapped, with_rules

_ALWAYS = "attribute_not_exists(machine_id) OR attribute_exists(machine_id)"

MUTANTS = {
    # Messages come in.
    "selects-star": Mutant(
        "I1, I3: a rule carries any bytes, and who said them",
        with_rules(lambda sql: " FROM ".join(("SELECT *", *sql.split(" FROM ")[1:]))),
    ),
    "leaves-other-topics": Mutant(
        "I1: what no rule is for still arrives",
        with_rules(lambda sql: sql.replace("regexp_matches(topic(), '", "regexp_matches(topic(), '^industrial|")),
    ),
    "reports-no-failures": Mutant(
        "I5: the event source mapping heeds batchItemFailures",
        redeployed(lambda real: real._replace(reports_failures=dict.fromkeys(real.reports_failures, False))),
    ),
    "acknowledges-before-durable": Mutant(
        "I5: a put is over before its record is acknowledged",
        edited(deliveries.DurableBatch.attempt, ("action, [message for _, message in group]", "bool, group")),
    ),
    "swallows-a-failed-put": Mutant(
        "I5: a failed put fails its records",
        edited(deliveries.DurableBatch.attempt, ("self._fail(group, error)", "pass")),
    ),
    "takes-a-conflict-for-durable": Mutant(
        "I5: 409 says nothing of the object",
        edited(DataLake.create, ("== HTTPStatus.PRECONDITION_FAILED", "in (HTTPStatus.CONFLICT, 412)")),
    ),
    "overwrites-raw-objects": Mutant(
        "I6: raw objects are created with If-None-Match", edited(DataLake.create, (', IfNoneMatch="*"', ""))
    ),
    "names-raw-objects-by-the-clock": Mutant(
        "I6: an object's name says its content",
        edited(lake._content_addressed, ("sha256(content)", "sha256(content.partition(b'received_at')[2][:30])")),
    ),
    "files-by-arrival": Mutant(
        "I7: a reading lies in the hour of its event",
        edited(
            lake.encode_readings,
            ("Partition(_hour_of(reading.event_timestamp)", "Partition(_hour_of(reading.received_at)"),
        ),
    ),
    "fails-bad-messages": Mutant(
        "I3, I4: what cannot be read is quarantined, and harms nothing else",
        edited(deliveries.open_record, ("except MessageRejectedError", "except KeyError")),
    ),
    "drops-late-readings": Mutant(
        "I8: what is too late is kept in quarantine",
        edited(
            deliveries.DurableBatch.quarantine,
            ("in self.refused]", "in self.refused if refused.message.reason != 'TOO_LATE']"),
        ),
    ),
    "judges-lateness-by-delivery": Mutant(
        "I8: late is what the broker got late, however long it waited",
        edited(
            deliveries.open_record,
            ("received_at = _from_milliseconds(envelope.received_at_ms)", "received_at = datetime.now(UTC)"),
        ),
    ),
    "quarantines-text": Mutant(
        "I3: quarantine holds the bytes as they came",
        edited(deliveries.open_record, ("payload=payload,", "payload=payload.decode(errors='replace').encode(),")),
    ),
    "records-failures-that-are-not-kept": Mutant(
        "I5: an event is in lake and history before it is acknowledged",
        edited(handlers.labels.handler, ("for group, _ in kept for", "for group, _ in kept[1:] for")),
    ),
    "lets-the-last-failure-win": Mutant(
        "I2: of two events for one moment one wins whatever the order",
        constant(label_history, "_NEW_OR_LARGER", _ALWAYS),
    ),
    "gives-dead-letters-new-ids": Mutant(
        "I3: a dead letter that is put back is the same message",
        edited(DeadLetters._send_back, ('envelope.setdefault("message_id", letter.get("MessageId", ""))', "pass")),
    ),
    "deletes-dead-letters-first": Mutant(
        "I1: a dead letter is deleted after it is sent",
        swapped(DeadLetters._send_back, "self._client.send_message(", "self._client.delete_message("),
    ),
    # Features are computed.
    "keeps-duplicates": Mutant(
        "I2: a reading counts once, however often it came",
        edited(irregular_slice.IrregularSlice.reduce, ("self.repeats", "False")),
    ),
    "lets-the-last-to-arrive-win": Mutant(
        "I2: of two values one wins whatever the order",
        edited(irregular_slice._without_duplicates, ('"time", "value")', '"time", maintain_order=True)')),
    ),
    "moves-the-checkpoint-first": Mutant(
        "I10: the checkpoint moves after the outputs",
        swapped(Run._since_checkpoint, "worker.do(chunk", "stored, checkpoint = file.move("),
    ),
    "moves-the-checkpoint-unseen": Mutant(
        "I10: the checkpoint moves by compare and swap",
        edited(
            CheckpointFile.move,
            ("after.seen if after else None", "self._lake.versions(CHECKPOINT_KEY).get(CHECKPOINT_KEY)"),
        ),
    ),
    "replaces-partitions-unseen": Mutant(
        "I10, I12: a run that was overtaken replaces nothing",
        edited(Partitions._replace, ("self._version(key)", "self._lake.versions(key).get(key)")),
    ),
    "looks-at-raw-data-first": Mutant(
        "I10: outputs are looked at before the data that they follow from",
        swapped(Run._look, "partitions = Partitions(", "listing, foreign = partition_keys("),
    ),
    "forgets-late-readings": Mutant(
        "I8: hours that changed are computed again",
        edited(
            processing._changed,
            ("checkpoint.hours.get(partition.text) != digest", "partition.hour >= checkpoint.processed_until"),
        ),
    ),
    "recomputes-only-the-hour": Mutant(
        "I8: every window that sees a late reading is computed again",
        edited(processing._affected, ("HOUR + rules.longest_length - rules.hop", "HOUR")),
    ),
    "forgets-what-is-due": Mutant(
        "I8: what a bounded chunk leaves is done by the next",
        edited(processing._one_chunk, ("tuple(sorted(partition.text for partition in due - ready))", "()")),
    ),
    "writes-online-unconditionally": Mutant(
        "I9: the online store takes newer rows only", constant(online_features, "_NEWER", _ALWAYS)
    ),
    "writes-online-without-revision": Mutant(
        "I9: of two rows for one window the one with more readings is newer",
        constant(online_features, "_NEWER", "attribute_not_exists(machine_id) OR window_end < :end"),
    ),
    "writes-online-first": Mutant(
        "I12: online follows offline",
        edited(
            ChunkWorker.do,
            (
                "self._partitions.write(self._by",
                "self._online.offer_all(_newest(features).values(), updated_at=now); self._partitions.write(self._by",
            ),
        ),
    ),
    "swallows-online-errors": Mutant(
        "I11: an error of the online store fails the run",
        edited(
            OnlineFeatures.offer,
            ("except self._client.exceptions.ConditionalCheckFailedException:", "except Exception:"),
        ),
    ),
    "takes-a-failed-read-for-nothing": Mutant(
        "I11: a read that fails is not an empty hour",
        edited(
            DataLake.read_all,
            (
                "return list(pool.map(self.read, keys))",
                """try:
            return list(pool.map(self.read, list(keys)))
        except ClientError:
            return []""",
            ),
        ),
    ),
    "takes-a-failed-listing-for-nothing": Mutant(
        "I11: a listing that fails is not an empty lake",
        edited(
            DataLake.versions_under,
            (
                "return {key: seen for listed in pool.map(self.versions, prefixes) for key, seen in listed.items()}",
                """try:
            return {key: seen for listed in pool.map(self.versions, prefixes) for key, seen in listed.items()}
        except ClientError:
            return {}""",
            ),
        ),
    ),
    # Machines are simulated.
    "saves-before-it-speaks": Mutant(
        "I1: a machine's state is saved after its messages are published",
        edited(
            Fleet.step,
            (
                "for message in _m",
                "is_saved = self._states.save(advanced.state, after=saved.revision)\n        for message in _m",
            ),
            ("if not self._states.save(advanced.state, after=saved.revision)", "if not is_saved"),
        ),
        of_simulator=True,
    ),
    "saves-before-it-records-returns": Mutant(
        "I1: a machine's state is saved after its returns to service are recorded",
        edited(
            Fleet.step,
            (
                "for returned_at in",
                "is_saved = self._states.save(advanced.state, after=saved.revision)\n        for returned_at in",
            ),
            ("if not self._states.save(advanced.state, after=saved.revision)", "if not is_saved"),
        ),
        of_simulator=True,
    ),
    "saves-unseen": Mutant(
        "I10: of two runs one saves",
        edited(MachineStates.save, ('"revision = :after"', '"attribute_exists(machine_id)"')),
        of_simulator=True,
    ),
    "commissions-twice": Mutant(
        "I10: of two first runs one commissions",
        edited(MachineStates.create, ('{"ConditionExpression": "attribute_not_exists(machine_id)"}', "{}")),
        of_simulator=True,
    ),
    "speaks-before-it-exists": Mutant(
        "I1: a machine's first state is saved before it speaks",
        edited(
            Fleet._state,
            (
                "self._states.create(new_machine(machine_id, seed=self._settings.simulator_seed, at=commissioned))",
                "return SavedState(new_machine(machine_id, seed=self._settings.simulator_seed, at=commissioned), -1)",
            ),
        ),
        of_simulator=True,
    ),
    "swallows-a-failed-machine": Mutant(
        "I11: a machine that fails fails the run",
        edited(handlers.simulator.handler, ("if failures:\n        raise", "if not machine_ids:\n        raise")),
        of_simulator=True,
    ),
}
