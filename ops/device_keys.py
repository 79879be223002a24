"""A machine's key, signing request and certificate as files of the person who adds it; the key never leaves them.

Each set has a numbered folder of its own, `{root}/{machine_id}/{number}/`, so that a rotation keeps what the machine
still uses.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ops.errors import OptionError


@dataclass(frozen=True)
class KeySet:
    """The files of one certificate. Without `key` the machine made its own and sent a signing request."""

    folder: Path

    @property
    def key(self) -> Path:
        """The private key, readable by its owner alone."""
        return self.folder / "key.pem"

    @property
    def request(self) -> Path:
        """The signing request."""
        return self.folder / "request.pem"

    @property
    def certificate(self) -> Path:
        """The certificate, once it is signed."""
        return self.folder / "certificate.pem"

    @property
    def arn_file(self) -> Path:
        """What the broker calls the certificate, noted before anything is done with it."""
        return self.folder / "certificate.arn"

    @property
    def arn(self) -> str | None:
        """What the broker calls the certificate; None before it is signed."""
        return (self.arn_file.read_text().strip() or None) if self.arn_file.exists() else None


def newest(root: Path, machine_id: str) -> KeySet | None:
    """The set that was begun last; None before any."""
    folders = [path for path in (root / machine_id).glob("*") if path.name.isdecimal()]
    return KeySet(max(folders, key=lambda path: int(path.name))) if folders else None


def begin(root: Path, machine_id: str, request_file: Path | None) -> KeySet:
    """A new set: of the request in `request_file`, or of a new key. Raises OptionError for what is no request."""
    request = None if request_file is None else read_request(request_file)
    last = newest(root, machine_id)
    made = KeySet(root / machine_id / str(int(last.folder.name) + 1 if last else 1))
    made.folder.mkdir(parents=True, mode=0o700)
    if request is None:
        request = _own_request(machine_id, made.key)
    made.request.write_text(request)  # last: a set without it was never begun
    return made


def read_request(file: Path) -> str:
    """The PEM of a signing request. Raises OptionError where it is none, or is not signed by its own key."""
    try:
        request = x509.load_pem_x509_csr(file.read_bytes())
        is_sound = request.is_signature_valid
    except (OSError, ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise OptionError(f"--csr: {file} holds no signing request ({error}).", _MAKE_ONE) from None
    if not is_sound:
        raise OptionError(f"--csr: {file} is not signed by the key that it names.", _MAKE_ONE)
    return request.public_bytes(serialization.Encoding.PEM).decode()


_MAKE_ONE = (
    "Make one on the machine: openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc"
    " -keyout key.pem -subj /CN=MACHINE_ID -out request.pem"
)


def _own_request(machine_id: str, key_file: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    # Created unreadable to others: there is no moment at which they could open it.
    with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, machine_id)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()
