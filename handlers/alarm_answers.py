"""Alarm answers: the episodes of the fleet over HTTP, and the answers to them.

Who answers is the IAM principal that signed the request; the name that the body states is kept beside it.
"""

from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any, Self

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, Field

from contract.environment import AlarmAnswerSettings
from handlers import http, runtime
from handlers.logs import count, logger, metrics
from handlers.stores import Alarms, clients
from mlops_core.alerting import Answer, AnswerRefusedError, EpisodeState, NoSuchEpisodeError
from mlops_core.alerting.episodes import Episode, StepKind

_settings = runtime.settings(AlarmAnswerSettings)


class StepReport(http.Document):
    """One change in the life of an episode."""

    at: AwareDatetime
    kind: StepKind
    by: str | None = Field(description="The IAM principal that did it; null where no person did")
    stated_name: str | None
    note: str | None


class EpisodeReport(EpisodeState, http.Document):
    """One alarm episode, with its life."""

    steps: tuple[StepReport, ...]

    @classmethod
    def of(cls, episode: Episode) -> Self:
        """Return the report of an episode."""
        steps = tuple(StepReport(**step.model_dump()) for step in episode.steps)
        return cls(**vars(EpisodeState.of(episode)), steps=steps)


class AlarmList(http.Document):
    """The newest episode of each machine and source."""

    alarms: tuple[EpisodeReport, ...]


class UnreadableAnswer(http.UnreadableBody):
    """A body that is no answer to an alarm, with each reason."""

    called = "no answer to an alarm"
    known_fields = frozenset({*Answer.model_fields, "open"})


app = http.resolver(UnreadableAnswer.because_of)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request that API Gateway has authorised (payload format 2.0)."""
    count(Requests=1)
    return app.resolve(event, context)


@app.get(
    "/alarms",
    summary="The newest alarm episode of each machine and source, the open and most urgent first",
    operation_id="listAlarms",
    tags=["alarms"],
    responses=http.responses((200, "The episodes", AlarmList), (400, "A query that cannot be read", UnreadableAnswer)),
)
def list_alarms(
    open: Annotated[bool, Query(description="Only those that have not ended")] = False,  # noqa: A002 - the parameter's name in the API
) -> AlarmList:
    """Return the episodes of the fleet."""
    episodes = [alarm.episode for alarm in _alarms().load_all() if alarm.episode is not None]
    chosen = [episode for episode in episodes if episode.is_open or not open]
    chosen.sort(key=lambda episode: (not episode.is_open, -episode.stage.urgency, episode.opened, episode.id))
    return AlarmList(alarms=tuple(EpisodeReport.of(episode) for episode in chosen))


@app.post(
    "/alarms/<episode_id>",
    summary="Acknowledge an episode, begin the work, shelve it or close it; the same answer again changes nothing",
    operation_id="answerAlarm",
    tags=["alarms"],
    responses=http.responses(
        (200, "The episode as it is now", EpisodeReport),
        (400, "A body that is no answer, with each reason", UnreadableAnswer),
        (404, "No such episode, or a newer one has taken its place", http.UnknownAlarm),
        (409, "The episode, as it is, does not take this answer", http.RefusedAnswer),
    ),
)
def answer_alarm(
    episode_id: Annotated[str, Path(description="The episode's id, as `GET /alarms` gives it")],
    answer: Annotated[Answer, Body()],
) -> EpisodeReport:
    """Store a person's answer to an episode."""
    principal = http.caller(app.current_event.raw_event) or "unknown"
    episode = _alarms().answer(episode_id, answer, principal=principal, now=datetime.now(UTC))
    logger.info("Alarm answered", extra={"episode": episode.id, "action": answer.action, "by": principal})
    return EpisodeReport.of(episode)


@app.exception_handler(NoSuchEpisodeError)
def no_such_episode(error: NoSuchEpisodeError) -> Response[str]:
    """Answer that there is no such episode."""
    return http.respond(HTTPStatus.NOT_FOUND, http.UnknownAlarm(message=error.message))


@app.exception_handler(AnswerRefusedError)
def refused(error: AnswerRefusedError) -> Response[str]:
    """Answer that the episode does not take it."""
    return http.respond(HTTPStatus.CONFLICT, http.RefusedAnswer(message=error.message))


@cache
def _alarms() -> Alarms:
    return Alarms(clients.dynamodb(), _settings().alarms_table)
