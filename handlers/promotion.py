"""Promotion: the champion moves to a version that was judged better than the one that still serves."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from contract.environment import RegistrySettings
from handlers import runtime
from handlers.logs import logger
from handlers.stores import ChampionMovedError, ModelRegistry

_settings = runtime.settings(RegistrySettings)


class PromotionEvent(BaseModel):
    """The version to promote, why, and the champion that it was judged against (None: there was none)."""

    version: str
    reason: str
    against: str | None


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Promote; returns the number of the promotion. Raises ChampionMovedError, BundleError, UnknownModelError."""
    request = PromotionEvent.model_validate(event)
    registry = ModelRegistry(runtime.lake(_settings()))
    stored = registry.champion()
    serving = stored.value.version if stored else None
    if serving != request.version:  # it may be: where the answer to an earlier attempt was lost
        if serving != request.against:
            raise ChampionMovedError(request.version)
        stored = registry.promote(request.version, after=stored, at=datetime.now(UTC), reason=request.reason)
        logger.info("Model promoted", extra={"version": request.version, "previous": serving})
    return {"version": request.version, "sequence": stored.value.promotions[-1].sequence if stored else None}
