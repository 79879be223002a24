"""The platform: settings, components, outputs. What decides is in infra/, Pulumi.yaml and Pulumi.<stack>.yaml."""

import pulumi

from infra.account import tagging_provider
from infra.budget import Budget
from infra.encryption import EncryptionKey
from infra.models import models, watch_operation
from infra.monitoring import AlarmTopic
from infra.outputs import export, stack_outputs
from infra.settings import read_provider_settings, read_settings
from infra.stack import (
    function_defaults,
    made_devices,
    made_fleet,
    made_ingestion,
    made_lake,
    made_processing,
    python_layers,
    watch_queues,
)
from infra.tags import default_tags

settings = read_settings()
provider = tagging_provider(read_provider_settings(), default_tags(settings.owner, settings.tags))
options = pulumi.ResourceOptions(providers=[provider])

key = EncryptionKey("key", {"protect": settings.protect_data}, options) if settings.customer_managed_key else None
alarms = (
    AlarmTopic("alarms", {"emails": settings.alarm_emails, "kms_key_arn": key and key.arn}, options)
    if settings.alarms_enabled
    else None
)
if settings.monthly_budget:
    Budget("budget", {"monthly_usd": settings.monthly_budget, "emails": settings.notice_emails}, options)
lake = made_lake(settings, key, options)
layers = python_layers(settings, lake, options)
functions = function_defaults(settings, layers, key, alarms)
fleet = made_fleet(settings, key, options)
ingestion = made_ingestion(settings, lake, functions, fleet, options)
devices = made_devices(settings, ingestion, options)
processing = made_processing(settings, lake, functions, ingestion, fleet, options)
if alarms:
    watch_queues(ingestion, alarms, options)

made = models(settings, lake, functions, ingestion, processing, fleet, options)
dashboard = watch_operation(settings, ingestion, processing, made, alarms, options) if alarms else None
export(stack_outputs(settings, lake, layers, ingestion, processing, devices, made, fleet, dashboard))
