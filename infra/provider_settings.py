"""The `aws:` keys of a stack: what the provider that carries our tags is given of them.

The program makes that provider itself, so a key that is not passed on would be lost: each is passed on, or refused with
what to do instead.
"""

from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

# What cannot be passed on, and what to do instead.
REFUSED: Final = {
    "assumeRole": "is called assumeRoles, a list, since version 7 of the provider",
    "defaultTags": "would hide the tags of the stack; use the key tags",
    "insecure": "would accept any certificate; use aws:customCaBundle",
    "skipRequestingAccountId": "would leave the account out of every ARN that policies name",
}


def _account(given: object) -> object:
    """An account's id: twelve digits, of which a number has lost the zeros that it began with."""
    return f"{given:012d}" if isinstance(given, int) and not isinstance(given, bool) else given


_AccountIds = Annotated[
    tuple[Annotated[str, BeforeValidator(_account), Field(pattern=r"^\d{12}$")], ...], Field(strict=False)
]
_Texts = Annotated[tuple[str, ...], Field(strict=False)]
_Region = Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)+-\d+$")]


class ProviderSettings(BaseModel):
    """The keys that are passed on; `REFUSED` says why others are not."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)

    # Where.
    region: _Region | None = None
    sts_region: _Region | None = None
    endpoints: Annotated[tuple[dict[str, str], ...], Field(strict=False)] = ()
    s3_us_east1_regional_endpoint: str | None = None
    s3_use_path_style: bool = False
    use_dualstack_endpoint: bool = False
    use_fips_endpoint: bool = False
    # Who.
    profile: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    token: str | None = None
    allowed_account_ids: _AccountIds = ()
    forbidden_account_ids: _AccountIds = ()
    assume_roles: Annotated[tuple[dict[str, Any], ...], Field(strict=False)] = ()
    assume_role_with_web_identity: dict[str, Any] | None = None
    shared_config_files: _Texts = ()
    shared_credentials_files: _Texts = ()
    # How.
    http_proxy: str | None = None
    https_proxy: str | None = None
    no_proxy: str | None = None
    custom_ca_bundle: str | None = None
    max_retries: Annotated[int, Field(ge=0)] | None = None
    retry_mode: str | None = None
    token_bucket_rate_limiter_capacity: Annotated[int, Field(ge=1)] | None = None
    user_agents: _Texts = ()
    ec2_metadata_service_endpoint: str | None = None
    ec2_metadata_service_endpoint_mode: str | None = None
    # Checks, and tags that others put on our resources.
    ignore_tags: dict[str, Any] | None = None
    tag_policy_compliance: str | None = None
    skip_credentials_validation: bool = False
    skip_metadata_api_check: bool = False
    skip_region_validation: bool = False

    @property
    def is_emulated(self) -> bool:
        """Whether the stack lives on this computer."""
        return any(urlsplit(url).hostname in _LOOPBACK for services in self.endpoints for url in services.values())
