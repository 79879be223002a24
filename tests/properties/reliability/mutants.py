"""The platform with one safeguard removed: each of these mutants must be found out by some history.

What is removed is behaviour at a port: what the handlers ask of S3, DynamoDB, SQS, the broker and the functions of the
core, and what they get. How the code in between is written makes no difference.
"""

from handlers import anomalies, feature_run, hour_buckets, hour_readings, promotion, scoring
from handlers.stores import partitions
from mlops_core.alerting.episodes import Alarm
from mlops_core.lake import BUCKETS_PREFIX, CHAMPION_KEY, CHECKPOINT_KEY, FEATURES_PREFIX, SCORES_KEY
from tests.properties.reliability import alarm_misbehaviour, misbehaviour, operator_verbs
from tests.properties.reliability.misbehaviour import (
    is_first_save,
    is_later_save,
    is_object_of_machines,
    is_online_row,
    is_output,
    is_quarantined_as,
)
from tests.properties.reliability.mutation import (
    Mutant,
    all_of,
    answered_without_doing,
    any_call,
    around,
    at_key,
    changing,
    in_table,
    injected,
    postponed,
    redeployed,
    unheard,
    with_rules,
    without,
)
from tests.properties.reliability.ports import (
    DELETE,
    DELIVER,
    GET,
    GET_ITEM,
    LIST,
    NOTIFY,
    PUBLISH,
    PUT,
    PUT_ITEM,
    REMOVE,
    SEND,
    UPDATE_ITEM,
)

MUTANTS = {
    # Messages come in.
    "selects-star": Mutant(
        "I1, I3: a rule carries any bytes, and who sent them",
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
        around(PUT, answered_without_doing, of=is_object_of_machines),
    ),
    "swallows-a-failed-put": Mutant(
        "I5: a failed put fails its records", around(PUT, unheard, of=is_object_of_machines)
    ),
    "takes-a-conflict-for-durable": Mutant(
        "I5: 409 says nothing of the object", around(PUT, misbehaviour.conflict_as_existing, of=is_object_of_machines)
    ),
    "overwrites-raw-objects": Mutant(
        "I6: raw objects are created with If-None-Match", around(PUT, without("If"), of=is_object_of_machines)
    ),
    "names-raw-objects-by-the-clock": Mutant(
        "I6: an object's name says its content",
        around(PUT, changing(misbehaviour.named_by_arrival), of=at_key("raw/")),
    ),
    "files-by-arrival": Mutant(
        "I7: a reading lies in the hour of its event",
        around(PUT, changing(misbehaviour.in_the_hour_of_arrival), of=at_key("raw/")),
    ),
    "fails-bad-messages": Mutant(
        "I3, I4: what cannot be read is quarantined, and harms nothing else",
        around(PUT, misbehaviour.refused, of=at_key("quarantine/")),
    ),
    "drops-late-readings": Mutant(
        "I8: what is too late is kept in quarantine",
        around(PUT, answered_without_doing, of=is_quarantined_as("TOO_LATE")),
    ),
    "judges-lateness-by-delivery": Mutant(
        "I8: late is what the broker got late, however long it waited",
        around(DELIVER, misbehaviour.received_when_delivered),
    ),
    "quarantines-text": Mutant(
        "I3: quarantine holds the bytes as they came",
        around(PUT, changing(misbehaviour.payload_as_text), of=at_key("quarantine/")),
    ),
    "records-failures-that-are-not-kept": Mutant(
        "I5: an event is in lake and history before it is acknowledged",
        around(UPDATE_ITEM, unheard, of=in_table("label-history")),
    ),
    "lets-the-last-failure-win": Mutant(
        "I2: of two events for one moment one wins whatever the order",
        around(UPDATE_ITEM, without("Condition"), of=in_table("label-history")),
    ),
    "gives-dead-letters-new-ids": Mutant(
        "I3: a dead letter that is put back is the same message",
        around(SEND, changing(misbehaviour.without_message_id)),
    ),
    "deletes-dead-letters-first": Mutant(
        "I1: a dead letter is deleted after it is sent", postponed({SEND: any_call}, until={DELETE: any_call})
    ),
    # Features are computed.
    "keeps-duplicates": Mutant(
        "I2: a reading counts once, however often it came",
        injected(hour_buckets, "bucket_readings", misbehaviour.of_readings(misbehaviour.all_distinct)),
    ),
    "lets-the-last-to-arrive-win": Mutant(
        "I2: of two values one wins whatever the order",
        injected(hour_buckets, "bucket_readings", misbehaviour.of_readings(misbehaviour.last_to_arrive)),
    ),
    "moves-the-checkpoint-first": Mutant(
        "I10: the checkpoint moves after the outputs",
        postponed({PUT: at_key(FEATURES_PREFIX), PUT_ITEM: is_online_row}, until={PUT: at_key(CHECKPOINT_KEY)}),
    ),
    "moves-the-checkpoint-unseen": Mutant(
        "I10: the checkpoint moves by compare and swap", around(PUT, without("If"), of=at_key(CHECKPOINT_KEY))
    ),
    "replaces-partitions-unseen": Mutant(
        "I10, I12: a run that was overtaken replaces nothing", around(PUT, without("If"), of=is_output)
    ),
    "looks-at-raw-data-first": Mutant(
        "I10: outputs are looked at before the data that they follow from",
        all_of(
            around(LIST, misbehaviour.note_that_raw_data_is_listed),
            around(GET, misbehaviour.look_at_outputs),
            around(PUT, misbehaviour.replace_what_was_looked_at, of=is_output),
        ),
    ),
    "compacts-unseen": Mutant(
        "I1: an hour is compacted as it was seen, or not at all", around(PUT, without("If"), of=at_key("compacted/"))
    ),
    "compacts-only-what-is-new": Mutant(
        "I1: what is taken in joins what was compacted before",
        injected(hour_readings, "distinct_readings", misbehaviour.only_the_newest),
    ),
    "removes-what-came-meanwhile": Mutant(
        "I1: only raw objects that were taken in are removed", around(REMOVE, misbehaviour.whole_hour)
    ),
    "keeps-no-replaced-bytes": Mutant(
        "I1: the bytes of what compaction replaces are kept",
        around(PUT, answered_without_doing, of=at_key("replaced/")),
    ),
    "forgets-late-readings": Mutant(
        "I8: hours that changed are computed again",
        all_of(
            around(PUT, misbehaviour.note_processed_until, of=at_key(CHECKPOINT_KEY)),
            around(PUT, misbehaviour.note_late_objects, of=at_key("raw/")),
            around(LIST, misbehaviour.list_no_late_objects),
        ),
    ),
    "recomputes-only-the-hour": Mutant(
        "I8: every window that sees a late reading is computed again",
        around(PUT, misbehaviour.replace_only_in_the_hour, of=at_key(FEATURES_PREFIX)),
    ),
    "forgets-what-is-due": Mutant(
        "I8: what a bounded chunk leaves is done by the next",
        injected(feature_run, "next_computation", misbehaviour.nothing_due),
    ),
    "writes-online-unconditionally": Mutant(
        "I9: the online store takes newer rows only",
        around(PUT_ITEM, without("Condition", "ExpressionAttribute"), of=is_online_row),
    ),
    "writes-online-without-revision": Mutant(
        "I9: of two rows for one window the one with more readings is newer",
        around(PUT_ITEM, changing(misbehaviour.newer_by_window_end_alone), of=is_online_row),
    ),
    "writes-online-first": Mutant(
        "I12: online follows offline", postponed({PUT: at_key(FEATURES_PREFIX)}, until={PUT_ITEM: is_online_row})
    ),
    "forgets-rows-not-offered": Mutant(
        "I9: what a run did not offer to the online store is offered by the next",
        around(PUT, changing(misbehaviour.all_offered), of=at_key(CHECKPOINT_KEY)),
    ),
    "offers-after-the-checkpoint": Mutant(
        "I9: the checkpoint says that rows are offered after they are",
        postponed({PUT_ITEM: is_online_row}, until={PUT: at_key(CHECKPOINT_KEY)}),
    ),
    "swallows-online-errors": Mutant(
        "I11: an error of the online store fails the run", around(PUT_ITEM, unheard, of=is_online_row)
    ),
    "takes-a-failed-read-for-nothing": Mutant(
        "I11: a read that fails is not an empty hour", around(GET, misbehaviour.nothing_read, of=at_key("raw/"))
    ),
    "takes-a-failed-listing-for-nothing": Mutant(
        "I11: a listing that fails is not an empty lake", around(LIST, misbehaviour.nothing_listed)
    ),
    "keeps-no-step": Mutant(
        "what a step did is kept before the next, so that a run that dies has made progress",
        around(PUT, misbehaviour.only_the_last_checkpoint, of=at_key(CHECKPOINT_KEY)),
        of="outages",
    ),
    # A stack lives.
    "removes-what-is-damaged": Mutant(
        "what is damaged is set aside, not removed",
        around(PUT, misbehaviour.removed_with_its_record, of=at_key("damaged/")),
        of="living",
    ),
    "ends-where-something-is-damaged": Mutant(
        "I4: damage of one object ends no run", around(GET, misbehaviour.fatal_where_damaged), of="living"
    ),
    "ends-where-a-partition-is-gone": Mutant(
        "I4: a partition that is gone ends no run",
        all_of(
            around(PUT, misbehaviour.note_buckets, of=at_key(BUCKETS_PREFIX)),
            around(LIST, misbehaviour.fatal_where_gone),
        ),
        of="living",
    ),
    "takes-a-lost-partition-for-nothing": Mutant(
        "I11: a partition that was written and is gone is not an hour without readings",
        around(PUT, changing(misbehaviour.no_partitions_noted), of=at_key(CHECKPOINT_KEY)),
        of="living",
    ),
    "believes-what-was-changed": Mutant(
        "a table that lacks a row is noticed",
        injected(partitions, "is_as_sealed", lambda _: lambda _: True),
        of="living",
    ),
    "compares-no-settings": Mutant(
        "I2: features are of the settings of today",
        injected(feature_run, "adapted", misbehaviour.made_with_anything),
        of="living",
    ),
    "lets-any-age-in": Mutant(
        "I8: a clock that was reset is no history",
        injected(operator_verbs, "SecondChance", misbehaviour.without_reach),
        of="living",
    ),
    "moves-alarms-unseen": Mutant(
        "I10: alarms, those of limits too, move by compare and set",
        around(UPDATE_ITEM, without("Condition"), of=in_table("alarms")),
        of="living",
    ),
    "promotes-unseen": Mutant(
        "I15: the champion moves by compare and swap",
        around(PUT, without("If"), of=at_key(CHAMPION_KEY)),
        of="living",
    ),
    "replaces-scores-unseen": Mutant(
        "I10: scores are replaced as they were seen", around(PUT, without("If"), of=at_key("fleet/")), of="living"
    ),
    "ends-where-a-release-was-newer": Mutant(
        "what a newer release stored is read by an older one",
        around(GET, misbehaviour.fatal_where_newer),
        of="living",
    ),
    "believes-only-sealed-tables": Mutant(
        "what an older release stored is read by a newer one",
        injected(partitions, "is_as_sealed", misbehaviour.only_sealed),
        of="living",
    ),
    "promotes-over-a-later-champion": Mutant(
        "I15: a model is promoted over the one that it was judged against",
        injected(promotion, "PromotionEvent", misbehaviour.judged_against_anyone),
        of="living",
    ),
    # Alarms are raised, answered and announced.
    "changes-episodes-unseen": Mutant(
        "I1: an episode is replaced as it was seen",
        around(UPDATE_ITEM, without("Condition"), of=alarm_misbehaviour.is_change_of_episode),
        of="alarms",
    ),
    "swallows-a-failed-alarm": Mutant(
        "I5: a reading is acknowledged when its alarm is stored",
        around(UPDATE_ITEM, unheard, of=alarm_misbehaviour.is_change_of_episode),
        of="alarms",
    ),
    "announces-before-it-stores": Mutant(
        "I2: who stores a change announces it",
        postponed({UPDATE_ITEM: alarm_misbehaviour.is_change_of_episode}, until={NOTIFY: any_call}),
        of="alarms",
    ),
    "notes-before-it-announces": Mutant(
        "I5: what is noted as announced was sent",
        postponed({NOTIFY: any_call}, until={UPDATE_ITEM: alarm_misbehaviour.is_note_of_announcement}),
        of="alarms",
    ),
    "notes-over-a-later-note": Mutant(
        "I10: what was announced last stays noted",
        around(UPDATE_ITEM, without("Condition"), of=alarm_misbehaviour.is_note_of_announcement),
        of="alarms",
    ),
    "claims-unseen": Mutant(
        "I2: of two processes one announces",
        around(UPDATE_ITEM, without("Condition"), of=alarm_misbehaviour.is_claim),
        of="alarms",
    ),
    "claims-with-every-change": Mutant(
        "I2: a change that is no news leaves the claim of another process alone",
        injected(Alarm, "following", alarm_misbehaviour.claiming_what_is_due),
        of="alarms",
    ),
    "swallows-a-failed-message": Mutant(
        "I1: a change that could not be announced stays due", around(NOTIFY, unheard), of="alarms"
    ),
    "judges-runs-not-rows": Mutant(
        "I2: a feature row is evidence once",
        injected(anomalies, "anomaly_alarm", alarm_misbehaviour.judged_at_each_run),
        of="alarms",
    ),
    "raises-only-what-it-scored": Mutant(
        "I1: an alarm follows from a stored score, whoever stored it",
        all_of(
            around(PUT, alarm_misbehaviour.note_scored, of=at_key(SCORES_KEY)),
            injected(scoring, "model_alarm", alarm_misbehaviour.of_own_scores),
        ),
        of="alarms",
    ),
    "raises-before-it-keeps-scores": Mutant(
        "I12: an episode follows the score that is stored",
        postponed({PUT: at_key(SCORES_KEY)}, until={UPDATE_ITEM: alarm_misbehaviour.is_change_of_episode}),
        of="alarms",
    ),
    "counts-runs-as-hours": Mutant(
        "I2: an hour is evidence of a failure once",
        injected(scoring, "next_score", alarm_misbehaviour.counting_runs),
        of="alarms",
    ),
    "scores-older-rows": Mutant(
        "I9: a machine's scores never go back",
        injected(scoring, "next_score", alarm_misbehaviour.taking_older_rows),
        of="alarms",
    ),
    "forgets-a-label-it-could-not-keep": Mutant(
        "I1: the change that holds a verdict is taken when its label is kept",
        around(PUT_ITEM, unheard, of=in_table("label-history")),
        of="alarms",
    ),
    "labels-each-delivery": Mutant(
        "I2: a verdict is one label, however often its change is delivered",
        around(PUT_ITEM, alarm_misbehaviour.labelled_at_each_delivery, of=in_table("label-history")),
        of="alarms",
    ),
    "keeps-a-trial-before-it-tells": Mutant(
        "I1: a trial is announced before it is kept",
        postponed({NOTIFY: any_call}, until={PUT: at_key("trials/")}),
        of="alarms",
    ),
    "tries-again-what-is-kept": Mutant(
        "I2: a trial is announced once", around(LIST, alarm_misbehaviour.list_no_trials), of="alarms"
    ),
    # Machines are simulated.
    "saves-before-it-speaks": Mutant(
        "I1: a machine's state is saved after its messages are published",
        postponed({PUBLISH: any_call}, until={PUT_ITEM: is_later_save}),
        of="simulator",
    ),
    "saves-before-it-records-returns": Mutant(
        "I1: a machine's state is saved after its returns to service are recorded",
        postponed({UPDATE_ITEM: in_table("label-history")}, until={PUT_ITEM: is_later_save}),
        of="simulator",
    ),
    "saves-unseen": Mutant(
        "I10: of two runs one saves",
        around(PUT_ITEM, without("Condition", "ExpressionAttribute"), of=is_later_save),
        of="simulator",
    ),
    "commissions-twice": Mutant(
        "I10: of two first runs one commissions",
        around(PUT_ITEM, without("Condition"), of=is_first_save),
        of="simulator",
    ),
    "speaks-before-it-exists": Mutant(
        "I1: a machine's first state is saved before it speaks",
        all_of(
            around(PUT_ITEM, misbehaviour.keep_first_state, of=is_first_save),
            around(GET_ITEM, misbehaviour.load_first_state, of=in_table("machine-state")),
            around(PUT_ITEM, misbehaviour.save_first_state_too, of=is_later_save),
        ),
        of="simulator",
    ),
    "swallows-a-failed-machine": Mutant(
        "I11: a machine that fails fails the run", around(PUBLISH, unheard), of="simulator"
    ),
}
