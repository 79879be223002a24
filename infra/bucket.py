"""A private S3 bucket: what every bucket of the platform has, whatever it holds."""

from collections.abc import Callable, Sequence
from typing import Final, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from infra.policies import Statement, document

# Objects hold ten tags, other resources fifty: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
UNTAGGED: Final[aws.s3.BucketObjectv2OverrideProviderArgsDict] = {"default_tags": {"tags": {}}}


class PrivateBucketArgs(TypedDict):
    """What a private bucket is made of; everything has a safe default."""

    bucket_name: NotRequired[str | None]
    """Name of the bucket; without it Pulumi makes a unique one."""
    kms_key_arn: NotRequired[pulumi.Input[str] | None]
    """Key that encrypts the objects; without it S3's own keys do."""
    statements: NotRequired[Callable[[pulumi.Output[str]], Sequence[Statement]]]
    """From the bucket's ARN, statements of its policy beside the refusal of what is not TLS 1.2."""
    protect: NotRequired[bool]
    """Refuse to delete the bucket, and keep it when the stack is destroyed (default: no, and it is emptied)."""


class PrivateBucket(pulumi.ComponentResource):
    """A bucket without public access or ACLs, encrypted, versioned, that speaks TLS 1.2 and nothing less.

    Example:
        >>> exports = PrivateBucket("exports", {"bucket_name": "acme-exports"})
        >>> pulumi.export("bucket", exports.bucket_name)

    """

    bucket_name: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]

    def __init__(self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:storage:PrivateBucket", name, None, opts)
        protect, key = args.get("protect", False), args.get("kms_key_arn")
        more = args.get("statements", lambda _: ())
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            name,
            bucket=args.get("bucket_name"),
            force_destroy=not protect,
            opts=pulumi.ResourceOptions(parent=self, protect=protect, retain_on_delete=protect),
        )
        closed = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership", bucket=bucket.bucket, rule={"object_ownership": "BucketOwnerEnforced"}, opts=child
        )
        aws.s3.BucketVersioning(
            f"{name}-versioning", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=child
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}
                    if key is None
                    else {"sse_algorithm": "aws:kms", "kms_master_key_id": key},
                    # One data key serves many objects, which spares most of the requests to KMS.
                    "bucket_key_enabled": key is not None,
                }
            ],
            opts=child,
        )
        # To react to new objects takes a rule of EventBridge and no change here; the events cost nothing.
        aws.s3.BucketNotification(f"{name}-notification", bucket=bucket.bucket, eventbridge=True, opts=child)
        aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=document([*_tls_only(bucket.arn), *more(bucket.arn)]),
            # S3 refuses to set both settings of one bucket at the same moment.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[closed]),
        )
        self.bucket_name = bucket.bucket
        self.bucket_arn = bucket.arn
        self.register_outputs({"bucket_name": self.bucket_name, "bucket_arn": self.bucket_arn})


def _tls_only(bucket_arn: pulumi.Output[str]) -> list[Statement]:
    everything: list[pulumi.Input[str]] = [bucket_arn, pulumi.Output.concat(bucket_arn, "/*")]
    refused = {
        "RefusePlainText": {"Bool": {"aws:SecureTransport": "false"}},
        "RefuseOldTls": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    }
    return [
        Statement(Sid=sid, Effect="Deny", Principal="*", Action=["s3:*"], Resource=everything, Condition=condition)
        for sid, condition in refused.items()
    ]
