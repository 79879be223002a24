"""Keep what the emulator holds on disk while it runs, so that little is lost when it is killed.

Loaded by the launcher into the emulator's process, so it imports the standard library only. What the emulator offers:

- Objects of S3 are files: each is written before its request is answered. Their sidecars hold ETag and versions.
- Everything else is written once, service by service, in an ordered stop (``STATE_DIR``); a kill loses all of it.

What is added: every ``SECONDS`` the state of the services that change, in one file that is replaced at once, so that a
table never says more than the queues of the same file; and the records of streams, which the emulator forgets. This
file takes precedence over what an ordered stop wrote. Code of functions, logs and metrics are in the latter alone.
"""

import asyncio
import fcntl
import hashlib
import importlib
import json
import logging
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

SECONDS = 10.0
ATTEMPTS = 5
LATEST = "latest.json"
STREAMS = "streams.json"
SAVED = "saved"
HELD = "held"
SIDECAR = ".meta.json"
LEFT_TO_AN_ORDERED_STOP = frozenset({"lambda", "cloudwatch", "cloudwatch_logs"})
OF_THE_CONTENT = ("etag", "size", "checksums")
# A table's stream, and how far it has been read, are held apart; whatever is read first is the older of two.
_STREAMS = ("_stream_records", "_stream_trimmed")
_POSITIONS = "_dynamodb_stream_positions"

_logger = logging.getLogger("snapshots")


def mend_objects(folder: Path) -> int:
    """Let sidecars that are older than their object say nothing of its content, which is then read from it; how many.

    A kill between the two writes of one object leaves the new content beside the sidecar of the old.
    """
    mended = 0
    for sidecar in folder.rglob(f"*{SIDECAR}"):
        content = sidecar.with_name(sidecar.name.removesuffix(SIDECAR))
        if content.is_file() and content.stat().st_mtime_ns > sidecar.stat().st_mtime_ns:
            known = {key: value for key, value in json.loads(sidecar.read_text()).items() if key not in OF_THE_CONTENT}
            _replace(sidecar, json.dumps(known))
            mended += 1
    return mended


def hold(folder: Path) -> None:
    """Hold ``folder`` as long as this process lives, however it ends. Raises BlockingIOError where another does."""
    lock = os.open(folder / HELD, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Snapshots:
    """Writes ``folder``/latest.json each ``SECONDS`` and reads it back when the emulator starts.

    ``require`` returns an attribute of a module and raises where the emulator no longer has it; ``patch`` replaces one.
    """

    def __init__(
        self,
        folder: Path,
        app: ModuleType,
        *,
        require: Callable[[ModuleType, str], Any],
        patch: Callable[[ModuleType, str, object], None],
    ) -> None:
        self.folder, self.app = folder, app
        self._require = require
        self._tables = importlib.import_module("ministack.services.dynamodb")
        self._functions = importlib.import_module("ministack.services.lambda_svc")
        persistence = importlib.import_module("ministack.core.persistence")
        self._encode, self._decode = (
            require(persistence, "_json_default"),
            require(persistence, "_json_object_hook"),
        )
        self._load_one: Callable[[str], Any] = require(app, "load_state")
        self._load_all: Callable[[], None] = require(app, "_load_persisted_state")
        self._save_all: Callable[[Any], None] = require(app, "save_all")
        self._states: Callable[[], dict[str, Callable[[], Any]]] = require(app, "_build_persistence_save_dict")
        for name in _STREAMS:
            require(self._tables, name)
        require(self._functions, _POSITIONS)
        self._latest: dict[str, Any] = {}
        self._written = ""
        patch(app, "load_state", self._loaded)
        patch(app, "_load_persisted_state", self.load)
        patch(app, "save_all", self.save)

    def load(self) -> None:
        """Restore the emulator, then have a snapshot written each ``SECONDS`` and everything at SIGUSR1."""
        document = self._document(LATEST)
        self._latest = document.get("services", {})
        self._load_all()
        self._latest = {}
        streams: dict[str, Any] = document.get("streams") or self._document(STREAMS)
        for name in _STREAMS:
            getattr(self._tables, name).update(streams.get(name, {}))
        getattr(self._functions, _POSITIONS).update(streams.get(_POSITIONS, {}))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda: self.save(self._states()))
        threading.Thread(target=self._write_again_and_again, args=(loop,), daemon=True).start()

    def save(self, states: dict[str, Callable[[], Any]]) -> None:
        """Write everything, as an ordered stop does; the file ``saved`` is renewed when it is written."""
        streams = json.dumps(self._streams(), default=self._encode)
        self._save_all(states)
        _replace(self.folder / STREAMS, streams)
        (self.folder / LATEST).unlink(missing_ok=True)
        self._written = ""
        _replace(self.folder / SAVED, "")

    def _loaded(self, service: str) -> object:
        return self._latest.get(service) or self._load_one(service)

    def _document(self, name: str) -> dict[str, Any]:
        file = self.folder / name
        return json.loads(file.read_text(), object_hook=self._decode) if file.exists() else {}

    def _write_again_and_again(self, loop: asyncio.AbstractEventLoop) -> None:
        pause = threading.Event()
        while not pause.wait(SECONDS):
            try:
                text = asyncio.run_coroutine_threadsafe(self._captured(), loop).result()
            except Exception:  # whatever it was, the next attempt is due in seconds, and the log has it
                _logger.exception("No snapshot could be taken")
                continue
            digest = hashlib.sha256(text.encode()).hexdigest()
            if digest != self._written:
                _replace(self.folder / LATEST, text)
                self._written = digest

    async def _captured(self) -> str:
        """Return what changes as one JSON text, between two requests; threads beside them are retried against."""
        for attempt in range(ATTEMPTS):
            try:
                positions = self._streams()
                # Tables before queues: a message was sent before a table says so, and is never missing beside it.
                states = sorted(self._states().items(), key=lambda each: each[0] != "dynamodb")
                services = {name: state() for name, state in states if name not in LEFT_TO_AN_ORDERED_STOP}
                known = {name: state for name, state in services.items() if state is not None}
                return json.dumps({"streams": positions, "services": known}, default=self._encode)
            except RuntimeError:  # a dictionary changed its size meanwhile
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(0.05)
        raise AssertionError

    def _streams(self) -> dict[str, Any]:
        return {
            _POSITIONS: getattr(self._functions, _POSITIONS),
            **{name: getattr(self._tables, name) for name in _STREAMS},
        }


def _replace(file: Path, text: str) -> None:
    unfinished = file.with_name(f"{file.name}.tmp")
    unfinished.write_text(text)
    os.replace(unfinished, file)  # noqa: PTH105 - one call that replaces an existing file
