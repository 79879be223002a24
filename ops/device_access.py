"""Adding a machine, giving it a new certificate, and taking its access away; each can be stopped and run again."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from handlers.stores import Certificate, DeviceRegistry
from ops.concurrency import in_parallel
from ops.device_keys import KeySet, begin, newest, read_request
from ops.errors import OpsError


class AlreadyAddedError(OpsError):
    """The machine has an active certificate whose files are not here."""

    def __init__(self, machine_id: str) -> None:
        super().__init__(
            f"{machine_id} has an active certificate already, and its files are not here.",
            f"Give it a new one: mlops machines rotate {machine_id}",
        )


class NotAddedError(OpsError):
    """The machine has no active certificate that another could take the place of."""

    def __init__(self, machine_id: str) -> None:
        super().__init__(f"{machine_id} has no active certificate.", f"Add it: mlops machines add {machine_id}")


class RotationUnderWayError(OpsError):
    """The machine has two active certificates, and the files of the newer are not here."""

    def __init__(self, machine_id: str) -> None:
        super().__init__(
            f"{machine_id} has more than one active certificate: a rotation is under way elsewhere.",
            f"Once the machine uses the newest, retire the others: mlops machines rotate {machine_id} --finish",
        )


class Access(StrEnum):
    """What a machine's certificates amount to."""

    ACTIVE = "active"
    ROTATING = "rotating"
    """More than one is active: the machine may use either."""
    INACTIVE = "inactive"
    """None is active: adding was not finished, or revoking was not."""
    NONE = "no certificate"


def access(certificates: list[Certificate]) -> Access:
    """What these certificates of one machine amount to."""
    active = sum(each.is_active for each in certificates)
    if active:
        return Access.ACTIVE if active == 1 else Access.ROTATING
    return Access.INACTIVE if certificates else Access.NONE


def fleet_access(registry: DeviceRegistry) -> dict[str, Access]:
    """Of every machine that was added, by id."""
    found: dict[str, Access] = {}
    in_parallel(
        lambda machine_id: {machine_id: access(registry.certificates(machine_id))}, registry.machines(), found.update
    )
    return found


@dataclass(frozen=True)
class DeviceAccess:
    """Does it, with the files under `root`."""

    registry: DeviceRegistry
    root: Path

    def add(self, machine_id: str, request_file: Path | None = None) -> KeySet:
        """The machine's first active certificate; the same where it has that already. Raises AlreadyAddedError."""
        active = self._active(machine_id)
        mine = self._resumable(machine_id, request_file)
        if active and (mine is None or mine.arn not in active):
            raise AlreadyAddedError(machine_id)
        self.registry.register(machine_id)
        return self._admitted(machine_id, mine or begin(self.root, machine_id, request_file))

    def rotate(self, machine_id: str, request_file: Path | None = None) -> KeySet:
        """A second active certificate beside the one in use; the same where that was made and is not finished.

        Raises NotAddedError, RotationUnderWayError.
        """
        active = self._active(machine_id)
        if not active:
            raise NotAddedError(machine_id)
        mine = self._resumable(machine_id, request_file)
        if len(active) > 1:
            if mine is None or mine.arn != active[0]:
                raise RotationUnderWayError(machine_id)
            return mine
        is_in_use = mine is not None and mine.arn in active
        fresh = begin(self.root, machine_id, request_file) if mine is None or is_in_use else mine
        return self._admitted(machine_id, fresh)

    def finish(self, machine_id: str) -> list[Certificate]:
        """Retire all certificates but the newest active one; returns those. Raises NotAddedError."""
        active = self._active(machine_id)
        if not active:
            raise NotAddedError(machine_id)
        old = [each for each in self.registry.certificates(machine_id) if each.arn != active[0]]
        self.registry.retire(old)
        return old

    def revoke(self, machine_id: str) -> list[Certificate]:
        """Take all access away, and forget the machine; returns the certificates that were left until now."""
        certificates = self.registry.certificates(machine_id)
        self.registry.retire(certificates)
        self.registry.forget(machine_id)
        return certificates

    def _active(self, machine_id: str) -> list[str]:
        """ARNs of the active certificates, the newest first."""
        return [each.arn for each in self.registry.certificates(machine_id) if each.is_active]

    def _resumable(self, machine_id: str, request_file: Path | None) -> KeySet | None:
        """The newest set of files, where its certificate is yet to be signed or still known to the broker."""
        mine = newest(self.root, machine_id)
        if mine is None or not mine.request.exists():
            return None
        if request_file is not None and mine.request.read_text() != read_request(request_file):
            return None
        if mine.arn is not None and self.registry.find(mine.arn) is None:
            return None
        return mine

    def _admitted(self, machine_id: str, keys: KeySet) -> KeySet:
        arn = keys.arn
        if arn is None:
            arn = self.registry.sign(keys.request.read_text())
            keys.arn_file.write_text(arn)
        certificate = self.registry.find(arn)
        if certificate is None:  # revoked by somebody else at this moment
            raise NotAddedError(machine_id)
        keys.certificate.write_text(certificate.pem)
        self.registry.admit(machine_id, certificate)
        return keys
