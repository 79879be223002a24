"""The platform: settings, components, outputs. What decides is in infra/, Pulumi.yaml and Pulumi.<stack>.yaml."""

import pulumi

from infra.account import tagging_provider
from infra.arguments import data_lake_args, devices_args, function_defaults, ingestion_args, processing_args
from infra.budget import Budget
from infra.data_lake import DataLake
from infra.devices import Devices
from infra.encryption import EncryptionKey
from infra.ingestion import Ingestion
from infra.monitoring import AlarmTopic
from infra.outputs import export, stack_outputs
from infra.processing import Processing
from infra.settings import read_provider_settings, read_settings
from infra.stack import made_fleet, models, python_layers, watch_operation, watch_queues
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
lake = DataLake("data-lake", data_lake_args(settings, key), options)
layers = python_layers(settings, lake, options)
functions = function_defaults(settings, layers, key, alarms)
fleet = made_fleet(settings, key, options)
ingestion = Ingestion("ingestion", ingestion_args(settings, lake, functions, fleet), options)
devices = Devices("devices", devices_args(settings, ingestion), options)
processing = Processing("processing", processing_args(settings, lake, functions, ingestion, fleet), options)
if alarms:
    watch_queues(ingestion, alarms, options)

made = models(settings, lake, functions, ingestion, processing, fleet, options)
dashboard = watch_operation(settings, ingestion, processing, made, alarms, options) if alarms else None
export(stack_outputs(settings, lake, layers, ingestion, processing, devices, made, fleet, dashboard))
