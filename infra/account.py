"""The AWS account and region that a stack lives in, and the provider that speaks to them."""

from collections.abc import Mapping
from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from infra.provider_settings import ProviderSettings


class Account(NamedTuple):
    """Where resources are created; what ARNs that cannot be asked of a resource are made of."""

    id: pulumi.Output[str]
    region: pulumi.Output[str]
    partition: pulumi.Output[str]

    def arn(self, service: str, resource: pulumi.Input[str]) -> pulumi.Output[str]:
        """`arn:{partition}:{service}:{region}:{id}:{resource}`."""
        return pulumi.Output.concat("arn:", self.partition, f":{service}:", self.region, ":", self.id, ":", resource)

    def integration(self, call: str) -> pulumi.Output[str]:
        """What Step Functions calls a call of AWS, such as lambda:invoke."""
        return pulumi.Output.concat("arn:", self.partition, ":states:::", call)


def current_account(parent: pulumi.Resource) -> Account:
    """The account and region of the provider that `parent` uses."""
    options = pulumi.InvokeOutputOptions(parent=parent)
    identity = aws.get_caller_identity_output(opts=options)
    return Account(
        id=identity.account_id,
        region=aws.get_region_output(opts=options).region,
        partition=identity.arn.apply(lambda arn: arn.split(":")[1]),
    )


def tagging_provider(settings: ProviderSettings, tags: Mapping[str, str]) -> aws.Provider:
    """The provider of the whole stack: it puts `tags` on every resource that can carry any."""
    return aws.Provider("aws", **settings.model_dump(exclude_defaults=True), default_tags={"tags": dict(tags)})
