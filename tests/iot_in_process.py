"""Where moto's registry of devices differs from AWS's, and what a machine sends to it."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.iot.models import IoTBackend

_DELETE = IoTBackend.delete_certificate


def delete_certificate(backend: IoTBackend, certificate_id: str, force_delete: bool) -> None:
    """As AWS does: a forced deletion detaches the policies too; moto leaves them, and stumbles on them later."""
    arn = backend.describe_certificate(certificate_id).arn
    _DELETE(backend, certificate_id, force_delete)
    backend.principal_policies = {k: v for k, v in backend.principal_policies.items() if k[0] != arn}


def certificate_request() -> bytes:
    """A signing request by a key of its own, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    signed = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)
