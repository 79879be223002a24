"""What each role may do, and who may assume it, written down: actions and resources of every statement."""

from tests.infra.evaluation import ACCOUNT, REGION

LAKE = "arn:aws:s3:::data-lake-0a1b2c"
QUEUES = f"arn:aws:sqs:{REGION}:{ACCOUNT}:mlops-industrial-dev"
TABLES = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table"
ALARMS_TABLE = f"{TABLES}/alerting-alarms-0a1b2c"
LABELS_TABLE = f"{TABLES}/ingestion-label-history-0a1b2c"
FEATURES_TABLE = f"{TABLES}/processing-realtime-features-0a1b2c"
MACHINES_TABLE = f"{TABLES}/machines-0a1b2c"
STATES_TABLE = f"{TABLES}/ingestion-machine-state-0a1b2c"
SCORES_TABLE = f"{TABLES}/scoring-predictions-0a1b2c"
READ_MACHINES = ({"dynamodb:Scan"}, {MACHINES_TABLE})
READ_LABELS = ({"dynamodb:Scan"}, {LABELS_TABLE})
FUNCTIONS = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/mlops-industrial-dev"
RULES = f"arn:aws:iot:{REGION}:{ACCOUNT}:rule/mlops_industrial_dev_ingestion_rules"
RECEIVE = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
BEGINNINGS = f"{LAKE}/processed/beginnings.parquet"
DOCUMENTS = {BEGINNINGS, f"{LAKE}/processed/checkpoint.json", f"{LAKE}/processed/layout.json"}
NEWEST = f"{LAKE}/processed/newest.npz"
PROCESSED = {*DOCUMENTS, NEWEST, *(f"{LAKE}/processed/{each}/*" for each in ("buckets", "features", "backfills"))}
DEAD_LETTERS = ({"sqs:SendMessage"}, {f"{QUEUES}-ingestion-dead-letters"})
STATE_MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:mlops-industrial-dev-training"
BACKFILL = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:mlops-industrial-dev-processing-backfill"
DELIVER_LOG = (
    {f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")}
    | {f"logs:{action}" for action in ("ListLogDeliveries", "DescribeLogGroups")}
    | {f"logs:{verb}" for verb in ("PutResourcePolicy", "DescribeResourcePolicies")},
    {"*"},
)
TELL_PEOPLE = ({"sns:Publish"}, {f"arn:aws:sns:{REGION}:{ACCOUNT}:notices-0a1b2c"})
MODELS = {"ReadModels": ({"s3:GetObject"}, {f"{LAKE}/models/*"}), "ListModels": ({"s3:ListBucket"}, {LAKE})}
JUDGES = MODELS | {"ReadModels": ({"s3:GetObject"}, {f"{LAKE}/models/*", f"{LAKE}/baselines/*"})}
MEASURED = {"ReadChannels": ({"s3:GetObject"}, {f"{LAKE}/channels/*"})}
READ_ROWS = {"ReadTrainingSet": ({"s3:GetObject"}, {f"{LAKE}/training/*"})}


def own_log(function):
    return {"logs:CreateLogStream", "logs:PutLogEvents"}, {f"{LOGS}-{function}:log-stream:*"}


# Those that Lambda invokes again where they fail, and gives up on in the end.
ASYNCHRONOUS = {
    "training-baseline-policy": {
        "WriteOwnLog": own_log("training-baseline"),
        "ReadFeatures": ({"s3:GetObject"}, {f"{LAKE}/processed/features/*"}),
        "ListFeaturesAndBaselines": ({"s3:ListBucket"}, {LAKE}),
        "ReadLabels": READ_LABELS,
        "ReadMachines": READ_MACHINES,
        "KeepBaselines": ({"s3:GetObject", "s3:PutObject"}, {f"{LAKE}/baselines/*"}),
    },
    "training-set-policy": {
        "WriteOwnLog": own_log("training-set"),
        "ReadFeatures": ({"s3:GetObject"}, {f"{LAKE}/processed/features/*", BEGINNINGS}),
        "KeepBeginnings": ({"s3:PutObject"}, {BEGINNINGS}),
        **MEASURED,
        "ListFeatures": ({"s3:ListBucket"}, {LAKE}),
        "ReadLabels": READ_LABELS,
        "ReadMachines": READ_MACHINES,
        "WriteTrainingSet": ({"s3:PutObject"}, {f"{LAKE}/training/*"}),
    },
    "training-fit-policy": {
        "WriteOwnLog": own_log("training-fit"),
        **READ_ROWS,
        **MEASURED,
        "StoreModel": ({"s3:PutObject"}, {f"{LAKE}/models/*/*"}),
    },
    "trial-weekly-policy": {
        "WriteOwnLog": own_log("trial-weekly"),
        "KeepFailedEvents": DEAD_LETTERS,
        "ListStored": ({"s3:ListBucket"}, {LAKE}),
        "ReadStored": (
            {"s3:GetObject"},
            {f"{LAKE}/{kind}/*" for kind in ("models", "baselines", "predictions", "processed/features")},
        ),
        "ReadLabels": READ_LABELS,
        "KeepTrials": ({"s3:PutObject"}, {f"{LAKE}/trials/*"}),
        "TellPeople": TELL_PEOPLE,
    },
    "page-fleet-policy": {
        "WriteOwnLog": own_log("page-fleet"),
        "KeepFailedEvents": DEAD_LETTERS,
        "ListStored": ({"s3:ListBucket"}, {LAKE}),
        "ReadStored": (
            {"s3:GetObject"},
            {f"{LAKE}/processed/{kept}" for kept in ("checkpoint.json", "newest.npz", "features/*")}
            | {f"{LAKE}/{kept}/*" for kept in ("raw", "compacted", "fleet", "models", "quarantine", "channels")},
        ),
        "ReadTables": (
            {"dynamodb:Scan"},
            {
                ALARMS_TABLE,
                FEATURES_TABLE,
                LABELS_TABLE,
                MACHINES_TABLE,
                STATES_TABLE,
                SCORES_TABLE,
            },
        ),
        "KeepPage": ({"s3:PutObject"}, {f"{LAKE}/pages/fleet.html"}),
    },
    "training-judge-policy": {
        "WriteOwnLog": own_log("training-judge"),
        **READ_ROWS,
        **MODELS,
        "WriteVerdict": ({"s3:PutObject"}, {f"{LAKE}/training/*"}),
    },
    "training-promote-policy": {
        "WriteOwnLog": own_log("training-promote"),
        **MODELS,
        "MoveChampion": ({"s3:PutObject"}, {f"{LAKE}/models/champion.json"}),
    },
    "scoring-fleet-policy": {
        "WriteOwnLog": own_log("scoring-fleet"),
        **JUDGES,
        **MEASURED,
        "ReadNewest": ({"s3:GetObject"}, {NEWEST}),
        "ReadFeatures": ({"dynamodb:Scan"}, {FEATURES_TABLE}),
        "ReadOlderScores": ({"dynamodb:Scan"}, {SCORES_TABLE}),
        "ReadLabels": READ_LABELS,
        "ReadMachines": READ_MACHINES,
        "KeepHistory": ({"s3:PutObject"}, {f"{LAKE}/predictions/*"}),
        "KeepScores": ({"s3:GetObject", "s3:PutObject"}, {f"{LAKE}/fleet/*"}),
        "KeepAlarms": ({"dynamodb:GetItem", "dynamodb:Scan", "dynamodb:UpdateItem"}, {ALARMS_TABLE}),
        "TellPeople": TELL_PEOPLE,
        "ReadCheckpoint": ({"s3:GetObject"}, {f"{LAKE}/processed/checkpoint.json"}),
        "KeepFreshness": ({"s3:GetObject", "s3:PutObject"}, {f"{LAKE}/freshness/channels.json"}),
    },
}


# Actions and resources by Sid, of every role's policy.
DEV = {
    "ingestion-simulator-policy": {
        "WriteOwnLog": own_log("ingestion-simulator"),
        "KeepFailedEvents": DEAD_LETTERS,
        "KeepMachineState": ({"dynamodb:GetItem", "dynamodb:PutItem"}, {STATES_TABLE}),
        "PublishTelemetry": (
            {"iot:Publish"},
            {
                f"arn:aws:iot:{REGION}:{ACCOUNT}:topic/industrial/dev/machine/{machine}/{topic}"
                for machine in ("PUMP-A01", "PUMP-A02", "FAN-B01", "FAN-B02", "COMPRESSOR-C01")
                for topic in ("temperature", "vibration", "event/failure")
            },
        ),
        "RecordReturns": ({"dynamodb:UpdateItem"}, {LABELS_TABLE}),
    },
    "ingestion-readings-policy": {
        "WriteOwnLog": own_log("ingestion-readings"),
        **MEASURED,
        "KeepFailedEvents": DEAD_LETTERS,
        "ReceiveMessages": (RECEIVE, {f"{QUEUES}-ingestion-readings"}),
        "StoreRaw": ({"s3:PutObject"}, {f"{LAKE}/raw/*"}),
        "StoreQuarantine": ({"s3:PutObject"}, {f"{LAKE}/quarantine/*"}),
        "ReadMachines": READ_MACHINES,
        "KeepAlarms": ({"dynamodb:GetItem", "dynamodb:Scan", "dynamodb:UpdateItem"}, {ALARMS_TABLE}),
        "TellPeople": TELL_PEOPLE,
    },
    "ingestion-labels-policy": {
        "WriteOwnLog": own_log("ingestion-labels"),
        "KeepFailedEvents": DEAD_LETTERS,
        "ReceiveMessages": (RECEIVE, {f"{QUEUES}-ingestion-labels"}),
        "StoreEvents": ({"s3:PutObject"}, {f"{LAKE}/events/*"}),
        "StoreQuarantine": ({"s3:PutObject"}, {f"{LAKE}/quarantine/*"}),
        "RecordLabels": (
            {"dynamodb:Query", "dynamodb:UpdateItem"},
            {LABELS_TABLE},
        ),
        "KeepAlarms": ({"dynamodb:GetItem", "dynamodb:UpdateItem"}, {ALARMS_TABLE}),
        "TellPeople": TELL_PEOPLE,
    },
    "processing-features-policy": {
        "WriteOwnLog": own_log("processing-features"),
        **MEASURED,
        "KeepFailedEvents": DEAD_LETTERS,
        "ListRawAndProcessed": ({"s3:ListBucket"}, {LAKE}),
        "ReadRaw": ({"s3:GetObject"}, {f"{LAKE}/raw/*"}),
        "ListEarlierDocuments": ({"s3:ListBucketVersions"}, {LAKE}),
        "ReadEarlierDocuments": ({"s3:GetObjectVersion"}, DOCUMENTS),
        "SetDamageAside": ({"s3:PutObject"}, {f"{LAKE}/damaged/*"}),
        "TellPeople": TELL_PEOPLE,
        "KeepReplaced": ({"s3:GetObject", "s3:PutObject"}, {f"{LAKE}/replaced/*"}),
        "Compact": ({"s3:GetObject", "s3:PutObject"}, {f"{LAKE}/compacted/*"}),
        "RemoveCompactedRaw": ({"s3:DeleteObject"}, {f"{LAKE}/raw/*"}),
        "ReadOwnOutputs": ({"s3:GetObject"}, PROCESSED),
        "WriteProcessed": ({"s3:PutObject"}, PROCESSED),
        "ServeFeatures": ({"dynamodb:PutItem", "dynamodb:Scan"}, {FEATURES_TABLE}),
        "ReadReturns": READ_LABELS,
        "ReadMachines": READ_MACHINES,
    },
    "ingestion-schedule-policy": {
        "InvokeFunction": ({"lambda:InvokeFunction"}, {f"{FUNCTIONS}:ingestion-simulator-0a1b2c"}),
        "KeepRefusedInvocations": DEAD_LETTERS,
    },
    "processing-features-itself-policy": {
        "GoOn": ({"lambda:InvokeFunction"}, {f"{FUNCTIONS}:processing-features-0a1b2c"}),
    },
    "processing-schedule-policy": {
        "InvokeFunction": ({"lambda:InvokeFunction"}, {f"{FUNCTIONS}:processing-features-0a1b2c"}),
        "KeepRefusedInvocations": DEAD_LETTERS,
    },
    **{name: {**own, "KeepFailedEvents": DEAD_LETTERS} for name, own in ASYNCHRONOUS.items()},
    "inference-api-policy": {
        "WriteOwnLog": own_log("inference-api"),
        **JUDGES,
        **MEASURED,
        "ReadFeatures": ({"dynamodb:GetItem", "dynamodb:Scan"}, {FEATURES_TABLE}),
        "ReadAlarms": ({"dynamodb:GetItem", "dynamodb:Scan"}, {ALARMS_TABLE}),
        "ReadLabels": ({"dynamodb:Query", "dynamodb:Scan"}, {LABELS_TABLE}),
        "ReadMachines": ({"dynamodb:GetItem", "dynamodb:Scan"}, {MACHINES_TABLE}),
        "ReadFreshness": ({"s3:GetObject"}, {f"{LAKE}/freshness/channels.json"}),
        "ReadRanking": ({"s3:GetObject"}, {f"{LAKE}/fleet/ranking.json.gz"}),
    },
    "maintenance-api-policy": {
        "WriteOwnLog": own_log("maintenance-api"),
        "KnowMachines": ({"dynamodb:GetItem"}, {FEATURES_TABLE}),
        "RecordLabels": ({"dynamodb:UpdateItem"}, {LABELS_TABLE}),
    },
    "alarm-answers-api-policy": {
        "WriteOwnLog": own_log("alarm-answers-api"),
        "AnswerAlarms": ({"dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem"}, {ALARMS_TABLE}),
    },
    "alarm-events-publisher-policy": {
        "WriteOwnLog": own_log("alarm-events-publisher"),
        "KeepFailedEvents": DEAD_LETTERS,
        "ReadChanges": (
            {f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator")},
            {f"{ALARMS_TABLE}/stream/2026-11-20T06:00:00.000"},
        ),
        "ListChanges": ({"dynamodb:ListStreams"}, {f"{ALARMS_TABLE}/stream/*"}),
        "PublishChanges": (
            {"events:PutEvents"},
            {f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/alarm-events-bus-0a1b2c"},
        ),
        "KeepVerdicts": ({"dynamodb:PutItem"}, {LABELS_TABLE}),
    },
    "training-policy": {
        "RunSteps": (
            {"lambda:InvokeFunction"},
            {f"{FUNCTIONS}:training-{step}-0a1b2c" for step in ("baseline", "set", "fit", "judge", "promote")},
        ),
        "TellPeople": TELL_PEOPLE,
        "DeliverLog": DELIVER_LOG,
    },
    "processing-backfill-policy": {
        "RunSteps": ({"lambda:InvokeFunction"}, {f"{FUNCTIONS}:processing-features-0a1b2c"}),
        "ReadUnits": ({"s3:GetObject"}, {f"{LAKE}/processed/backfills/*"}),
        "RunUnits": ({"states:StartExecution"}, {BACKFILL}),
        "SeeUnits": (
            {"states:DescribeExecution", "states:StopExecution"},
            {f"{BACKFILL.replace(':stateMachine:', ':execution:')}/*"},
        ),
        "DeliverLog": DELIVER_LOG,
    },
    "training-schedule-policy": {
        "StartExecution": ({"states:StartExecution"}, {STATE_MACHINE}),
        "KeepRefusedInvocations": DEAD_LETTERS,
    },
    "page-schedule-policy": {
        "InvokeFunction": ({"lambda:InvokeFunction"}, {f"{FUNCTIONS}:page-fleet-0a1b2c"}),
        "KeepRefusedInvocations": DEAD_LETTERS,
    },
    "trial-schedule-policy": {
        "InvokeFunction": ({"lambda:InvokeFunction"}, {f"{FUNCTIONS}:trial-weekly-0a1b2c"}),
        "KeepRefusedInvocations": DEAD_LETTERS,
    },
    "ingestion-rules-readings-policy": {"SendToQueue": ({"sqs:SendMessage"}, {f"{QUEUES}-ingestion-readings"})},
    "ingestion-rules-failures-policy": {"SendToQueue": ({"sqs:SendMessage"}, {f"{QUEUES}-ingestion-labels"})},
    "ingestion-rules-errors-policy": {"SendToQueue": DEAD_LETTERS},
}
SCHEDULER = ("scheduler", {f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/default"})
TRUST = {
    "ingestion-rules-readings-role": (
        "iot",
        {f"{RULES}_readings"},
    ),
    "ingestion-rules-failures-role": ("iot", {f"{RULES}_failure"}),
    "ingestion-rules-errors-role": (
        "iot",
        {f"{RULES}_{kind}" for kind in ("readings", "failure")},
    ),
    "ingestion-schedule-role": SCHEDULER,
    "processing-schedule-role": SCHEDULER,
    "training-schedule-role": SCHEDULER,
    "page-schedule-role": SCHEDULER,
    "trial-schedule-role": SCHEDULER,
    "training-role": ("states", {STATE_MACHINE}),
    "processing-backfill-role": ("states", {BACKFILL}),
}
