"""The platform: settings, components, outputs. What decides is in infra/, Pulumi.yaml and Pulumi.<stack>.yaml."""

import pulumi

from infra.account import tagging_provider
from infra.models import Models
from infra.outputs import export, stack_outputs
from infra.settings import read_provider_settings, read_settings
from infra.stack import Telemetry
from infra.tags import default_tags

settings = read_settings()
provider = tagging_provider(read_provider_settings(), default_tags(settings.owner, settings.tags))
telemetry = Telemetry(settings, pulumi.ResourceOptions(providers=[provider]))
export(stack_outputs(telemetry, Models(telemetry)))
