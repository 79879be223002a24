"""A provider of AWS that makes nothing: each resource is what it was asked to be, with what only AWS knows made up.

The engine finds it as `pulumi-resource-aws` on PATH. It prints its port and serves the protocol of providers.
"""

# ruff: noqa: N802, ARG002 - the names and arguments are the protocol's
import sys
import time
from collections.abc import Mapping
from concurrent import futures
from typing import Any

import grpc
import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.infra.evaluation import Mocks

_VERSION = "7.51.1"
_RENAMED = ("name", "bucket")


def _plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    return json_format.MessageToDict(struct)


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(values), struct_pb2.Struct())


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


class EchoProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers with its inputs; a name is the engine's proposal where the program gives none, and is kept."""

    _mocks = Mocks(preview=False)

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version=_VERSION)

    def CheckConfig(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request, context):
        return self._diff(request)

    def Configure(self, request, context):
        return provider_pb2.ConfigureResponse(supportsPreview=True, supports_autonaming_configuration=True)

    def Check(self, request, context):
        inputs, type_ = _plain(request.news), _type(request.urn)
        key = "bucket" if type_ == "aws:s3/bucket:Bucket" else "name"
        kept = _plain(request.olds).get(key) or request.autonaming.proposed_name
        return provider_pb2.CheckResponse(inputs=_struct({key: kept, **inputs} if kept else inputs))

    def Diff(self, request, context):
        return self._diff(request)

    def _diff(self, request):
        old, new = _plain(request.old_inputs), _plain(request.news)
        changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)} - set(request.ignoreChanges)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=sorted(changed),
            replaces=sorted(changed.intersection(_RENAMED)),
        )

    def Create(self, request, context):
        inputs = _plain(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        asked = pulumi.runtime.MockResourceArgs(
            typ=_type(request.urn), name=request.urn.split("::")[3], inputs=inputs, provider=None, resource_id=None,
            custom=True,
        )  # fmt: skip
        made, outputs = self._mocks.new_resource(asked)
        return provider_pb2.CreateResponse(id=made, properties=_struct(outputs))

    def Update(self, request, context):
        return provider_pb2.UpdateResponse(properties=_struct(_plain(request.olds) | _plain(request.news)))

    def Delete(self, request, context):
        return empty_pb2.Empty()

    def Read(self, request, context):
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Invoke(self, request, context):
        asked = pulumi.runtime.MockCallArgs(token=request.tok, args=_plain(request.args), provider="")
        return provider_pb2.InvokeResponse(**{"return": _struct(self._mocks.call(asked))})

    def Cancel(self, request, context):
        return empty_pb2.Empty()


def serve() -> None:
    """Serve until the engine ends this process."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(EchoProvider(), server)
    sys.stdout.write(f"{server.add_insecure_port('127.0.0.1:0')}\n")
    server.start()
    sys.stdout.flush()
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    serve()
