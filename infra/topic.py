"""A topic that people subscribe to, published to over TLS alone."""

from collections.abc import Callable, Sequence

import pulumi
import pulumi_aws as aws

from infra.policies import Statement, document


def email_topic(
    name: str,
    parent: pulumi.Resource,
    *,
    kms_key_arn: pulumi.Input[str] | None,
    emails: Sequence[str],
    statements: Callable[[pulumi.Output[str]], Sequence[Statement]] = lambda _: (),
) -> pulumi.Output[str]:
    """Register a topic with a subscription for each address, which has to confirm; returns its ARN.

    statements: from the topic's ARN, statements of its policy before the refusal of plain text.
    """
    child = pulumi.ResourceOptions(parent=parent)
    topic = aws.sns.Topic(name, kms_master_key_id=kms_key_arn, opts=child)
    refuse_plain_text = Statement(
        Sid="RefusePlainText",
        Effect="Deny",
        Principal="*",
        Action=["sns:Publish"],
        Resource=[topic.arn],
        Condition={"Bool": {"aws:SecureTransport": "false"}},
    )
    policy = document([*statements(topic.arn), refuse_plain_text])
    aws.sns.TopicPolicy(f"{name}-policy", arn=topic.arn, policy=policy, opts=child)
    for email in emails:
        aws.sns.TopicSubscription(f"{name}-{email}", topic=topic.arn, protocol="email", endpoint=email, opts=child)
    return topic.arn
