"""A layer in AWS: the zip that packaging built, stored in S3, and the layer version made of it."""

import os
from typing import TypedDict

import pulumi
import pulumi_aws as aws

from infra.bucket import UNTAGGED
from infra.packaging import Layer, build, is_built


class PythonLayerArgs(TypedDict):
    """What a layer is made of."""

    layer: Layer
    """Which layer, for which Python and processor."""
    bucket_name: pulumi.Input[str]
    """Bucket that the zip goes through; it is larger than what Lambda takes directly (50 MB)."""


class PythonLayer(pulumi.ComponentResource):
    """A layer version that is replaced when its lock, Python or processor changes, and never otherwise.

    Example:
        >>> target = Target.of("3.13", "arm64")
        >>> layer = PythonLayer("polars-layer", {"layer": Layer.of("polars", target), "bucket_name": "artifacts"})
        >>> pulumi.export("polars_layer_arn", layer.arn)

    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: PythonLayerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:compute:PythonLayer", name, None, opts)
        layer = args["layer"]
        archive = aws.s3.BucketObjectv2(
            f"{name}-{layer.key}",
            bucket=args["bucket_name"],
            key=f"layers/{layer.path.name}",
            source=_content(layer),
            override_provider=UNTAGGED,
            # The key says what the content is. A preview that has not built it shows no change for that reason.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["source"]),
        )
        version = aws.lambda_.LayerVersion(
            f"{name}-{layer.key}",
            layer_name=f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}",
            s3_bucket=archive.bucket,
            s3_key=archive.key,
            compatible_runtimes=[layer.target.runtime],
            compatible_architectures=[layer.target.architecture],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = version.arn
        self.register_outputs({"arn": self.arn})


def _content(layer: Layer) -> pulumi.Asset:
    """The zip, or in a preview, which builds nothing, a note in its place."""
    if pulumi.runtime.is_dry_run() and not is_built(layer):
        return pulumi.StringAsset(f"{layer.path.name}, not built yet")
    return pulumi.FileAsset(os.path.relpath(build(layer)))
