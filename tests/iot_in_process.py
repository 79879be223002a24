"""Where moto's registry of devices differs from AWS's."""

from moto.iot.models import IoTBackend

_DELETE = IoTBackend.delete_certificate


def delete_certificate(backend: IoTBackend, certificate_id: str, force_delete: bool) -> None:
    """As AWS does: a forced deletion detaches the policies too; moto leaves them, and stumbles on them later."""
    arn = backend.describe_certificate(certificate_id).arn
    _DELETE(backend, certificate_id, force_delete)
    backend.principal_policies = {k: v for k, v in backend.principal_policies.items() if k[0] != arn}
