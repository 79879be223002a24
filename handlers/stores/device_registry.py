"""The broker's registry of machines: things, their certificates, and what each certificate is attached to.

A machine is a thing of the stack's group, named by its id. Every call may be made again: what is there already stays,
what is gone already is no error. A certificate is admitted by becoming active last and retired by becoming inactive
first, so a sequence that is stopped at any point has granted no access.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from mlops_core.errors import MlopsError

if TYPE_CHECKING:
    from types_boto3_iot import IoTClient

_PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""A detachment takes the broker some seconds to spread; a deletion that needs it is tried again after these."""


class NotDetachedError(MlopsError):
    """The broker still counts something as attached that was detached."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} still counts as attached", "Run the same command again in a minute: it goes on there")


class MachineElsewhereError(MlopsError):
    """The broker, which all stacks of an account and region share, knows the machine as another's."""

    def __init__(self, machine_id: str, groups: Sequence[str]) -> None:
        super().__init__(
            f"{machine_id} belongs to {', '.join(groups)}, which is not this stack's",
            "Revoke it there first, or give this machine another id",
        )


@dataclass(frozen=True)
class Certificate:
    """A certificate as the broker knows it."""

    arn: str
    pem: str
    is_active: bool
    created_at: datetime

    @property
    def certificate_id(self) -> str:
        """The last part of its ARN."""
        return self.arn.rpartition("/")[2]


class DeviceRegistry:
    """Things of one group, and certificates that hold one policy. `wait` takes seconds."""

    def __init__(
        self, client: "IoTClient", *, policy: str, group: str, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._policy = policy
        self._group = group
        self._wait = wait

    def machines(self) -> list[str]:
        """Return the ids of the machines that were added, in order."""
        pages = self._client.get_paginator("list_things_in_thing_group").paginate(thingGroupName=self._group)
        return sorted(name for page in pages for name in page.get("things", ()))

    def certificates(self, machine_id: str) -> list[Certificate]:
        """Return a machine's certificates, the newest first; none where there is no such machine in this stack."""
        if self._elsewhere(machine_id):
            return []
        try:
            pages = list(self._client.get_paginator("list_thing_principals").paginate(thingName=machine_id))
        except self._client.exceptions.ResourceNotFoundException:
            return []
        found = [self.find(arn) for page in pages for arn in page.get("principals", ())]
        return sorted((each for each in found if each), key=lambda each: each.created_at, reverse=True)

    def find(self, arn: str) -> Certificate | None:
        """Return the certificate of an ARN; None where there is none."""
        try:
            answer = self._client.describe_certificate(certificateId=arn.rpartition("/")[2])
        except self._client.exceptions.ResourceNotFoundException:
            return None
        description = cast("Mapping[str, Any]", answer.get("certificateDescription"))
        return Certificate(
            arn, description["certificatePem"], description["status"] == "ACTIVE", description["creationDate"]
        )

    def register(self, machine_id: str) -> None:
        """Make a machine known. Raises MachineElsewhereError where it is another stack's."""
        if groups := self._elsewhere(machine_id):
            raise MachineElsewhereError(machine_id, groups)
        # One that has attributes is "another" to the broker, and the same to us.
        with suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_thing(thingName=machine_id)
        self._client.add_thing_to_thing_group(thingGroupName=self._group, thingName=machine_id)

    def sign(self, request_pem: str) -> str:
        """Return the ARN of a new certificate for a signing request: inactive, and attached to nothing."""
        # Inactive is the default.
        return self._client.create_certificate_from_csr(certificateSigningRequest=request_pem)["certificateArn"]

    def admit(self, machine_id: str, certificate: Certificate) -> None:
        """Attach a certificate to one machine and no other, and to the policy; then activate it."""
        self._client.attach_thing_principal(
            thingName=machine_id, principal=certificate.arn, thingPrincipalType="EXCLUSIVE_THING"
        )
        self._client.attach_policy(policyName=self._policy, target=certificate.arn)
        self._client.update_certificate(certificateId=certificate.certificate_id, newStatus="ACTIVE")

    def retire(self, certificates: Sequence[Certificate]) -> None:
        """Deactivate certificates, all of them before anything else, then detach and delete them."""
        for certificate in certificates:
            self._client.update_certificate(certificateId=certificate.certificate_id, newStatus="INACTIVE")
        for certificate in certificates:
            self._detach(certificate)
            self._delete(certificate.certificate_id)

    def forget(self, machine_id: str) -> None:
        """Delete a machine that has no certificates, and what retiring left behind when it was stopped."""
        for certificate in self._left_behind():
            self._delete(certificate.certificate_id)
        if self._elsewhere(machine_id):
            return
        with suppress(self._client.exceptions.ResourceNotFoundException):
            self._client.remove_thing_from_thing_group(thingGroupName=self._group, thingName=machine_id)
            self._patiently(
                f"Machine {machine_id}",
                lambda: self._client.delete_thing(thingName=machine_id),
                self._client.exceptions.InvalidRequestException,
            )

    def _elsewhere(self, machine_id: str) -> list[str]:
        """Groups of a thing that is not in ours; none for one that is, or that is in no group (yet, or any more)."""
        try:
            listed = self._client.list_thing_groups_for_thing(thingName=machine_id).get("thingGroups", ())
        except self._client.exceptions.ResourceNotFoundException:
            return []
        groups = [each.get("groupName", "") for each in listed]
        return [] if self._group in groups else groups

    def _detach(self, certificate: Certificate) -> None:
        for machine_id in self._client.list_principal_things(principal=certificate.arn).get("things", ()):
            with suppress(self._client.exceptions.ResourceNotFoundException):
                self._client.detach_thing_principal(thingName=machine_id, principal=certificate.arn)

    def _delete(self, certificate_id: str) -> None:
        # With its policy still attached, which is how one is found that was detached and not deleted.
        with suppress(self._client.exceptions.ResourceNotFoundException):
            self._patiently(
                f"Certificate {certificate_id}",
                lambda: self._client.delete_certificate(certificateId=certificate_id, forceDelete=True),
                self._client.exceptions.DeleteConflictException,
            )

    def _left_behind(self) -> list[Certificate]:
        """Inactive certificates that hold the policy and no thing: admitting attaches the thing before the policy."""
        pages = self._client.get_paginator("list_targets_for_policy").paginate(policyName=self._policy)
        held = [self.find(arn) for page in pages for arn in page.get("targets", ())]
        return [
            each
            for each in held
            if each and not each.is_active and not self._client.list_principal_things(principal=each.arn).get("things")
        ]

    def _patiently(self, what: str, call: Callable[[], object], too_early: type[Exception]) -> None:
        for pause in _PAUSES_SECONDS:
            try:
                call()
            except too_early:
                self._wait(pause)
            else:
                return
        raise NotDetachedError(what)
