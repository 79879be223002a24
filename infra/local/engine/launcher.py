"""Start the emulator with what a laptop run needs and the stock release lacks.

Runs inside the emulator's own environment, so it imports the standard library and the emulator only:

    python launcher.py LAMBDA_PYTHON

1. Lambda workers run on ``LAMBDA_PYTHON``, not on the emulator's own interpreter, whose packages hide mistakes.
2. The scheduler looks for due schedules every second instead of every ten.
3. An event source mapping has its real batch size and batching window instead of 10 messages at once.
4. A failed function reports its exception's class as ``errorType``, as Lambda does: Step Functions catches by it.
5. A layer is unpacked once and shared by its workers (as under ``/opt``), not once for each of them.
6. A request over loopback counts as one over TLS: bucket policies that refuse plain text hold.
7. MQTT is served on loopback alone, and to devices that present a certificate, as AWS requires.
8. Where its state is kept on disk (``PERSIST_STATE``), it is also written while it runs (``snapshots``).

Each patched name is asserted to exist first: another release of the emulator fails here, not quietly later.
It stops when its standard input closes, so that it never outlives the process that started it.
"""

import asyncio
import hashlib
import importlib
import importlib.util
import os
import signal
import ssl
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

SCHEDULER_TICK_SECONDS = 1
LAMBDA_EVENT_BYTES = 6 * 1024 * 1024
MESSAGE_OVERHEAD_BYTES = 1024  # what an SQS record adds to its body in a Lambda event
HANDLER_ERROR = "Runtime.HandlerError"


class EmulatorChangedError(RuntimeError):
    """The installed emulator no longer has something that a patch relies on."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The emulator has no {what}: keep the pinned release, or adapt infra/local/engine/launcher.py to this one."
        )


def require(holder: ModuleType | type, name: str) -> Any:  # noqa: ANN401 - whatever the emulator holds under that name
    """Return the attribute of that name; raises EmulatorChangedError where it is gone."""
    if not hasattr(holder, name):
        raise EmulatorChangedError(f"{holder.__name__}.{name}")
    return getattr(holder, name)


def patch(holder: ModuleType | type, name: str, replacement: object) -> None:
    """Replace an attribute that exists."""
    require(holder, name)
    setattr(holder, name, replacement)


def run_workers_on(runtime: ModuleType, interpreter: str) -> None:
    """Give Python functions ``interpreter`` and a worker script that reports the class of an exception."""
    detect = require(runtime, "_detect_runtime_binary")
    script: str = require(runtime, "_PYTHON_WORKER_SCRIPT")
    response = '"status": "error", "error": str(e), "trace"'
    if script.count(response) != 1:
        raise EmulatorChangedError(f"_PYTHON_WORKER_SCRIPT with one {response!r}")
    script = script.replace(response, '"error_type": type(e).__name__, ' + response)

    def detect_runtime_binary(name: str) -> tuple[str, str]:
        return (interpreter, script) if name.startswith("python") else detect(name)

    patch(runtime, "_detect_runtime_binary", detect_runtime_binary)


def report_error_types(runtime: ModuleType, functions: ModuleType) -> None:
    """Put the exception's class, which the worker now sends, where Lambda puts it: in the error's ``errorType``."""
    invoke: Callable[..., dict[str, Any]] = require(require(runtime, "Worker"), "invoke")
    execute: Callable[..., dict[str, Any]] = require(functions, "_execute_function_warm")
    last = threading.local()  # a worker is invoked on the thread that executes the function

    def invoke_and_note(worker: object, *arguments: object, **options: object) -> dict[str, Any]:
        result = invoke(worker, *arguments, **options)
        last.error_type = result.get("error_type")
        return result

    def execute_and_name(*arguments: object) -> dict[str, Any]:
        last.error_type = None
        result = execute(*arguments)
        if result.get("error") and last.error_type and result["body"].get("errorType") == HANDLER_ERROR:
            result["body"]["errorType"] = last.error_type
        return result

    patch(require(runtime, "Worker"), "invoke", invoke_and_note)
    patch(functions, "_execute_function_warm", execute_and_name)


def batch_as_configured(queues: ModuleType, functions: ModuleType) -> None:
    """Wait for a full batch or the mapping's window, then take up to the mapping's batch size and 6 MB."""
    for name in (
        "_queues_lock",
        "_get_q",
        "_expire_retained",
        "_dlq_sweep",
        "_collect_msgs",
        "_receive_messages_for_esm",
    ):
        require(queues, name)
    mappings = require(functions, "_iter_all_esms")

    def window_of(queue_arn: str) -> float:
        return max(
            (
                esm.get("MaximumBatchingWindowInSeconds") or 0
                for *_, esm in mappings()
                if esm.get("EventSourceArn") == queue_arn
            ),
            default=0,
        )

    def receive(queue_url: str, max_number: int) -> list[dict[str, Any]]:
        with queues._queues_lock:  # noqa: SLF001 - the emulator has no public way
            queue = queues._get_q(queue_url)  # noqa: SLF001 - the emulator has no public way
            queues._expire_retained(queue)  # noqa: SLF001 - the emulator has no public way
            queues._dlq_sweep(queue)  # noqa: SLF001 - the emulator has no public way
            now = time.time()
            visible = [message for message in queue["messages"] if message.get("visible_at", 0) <= now]
            batch = within_event_size(visible[:max_number])
            if not batch:
                return []
            waited = now - min(message["visible_at"] for message in batch)
            if len(batch) == len(visible) < max_number and waited < window_of(queue["attributes"]["QueueArn"]):
                return []
            return queues._collect_msgs(queue, len(batch), int(queue["attributes"].get("VisibilityTimeout", "30")))  # noqa: SLF001 - the emulator has no public way

    patch(queues, "_receive_messages_for_esm", receive)


def within_event_size(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the longest head of ``messages`` that fits one Lambda event; at least one message."""
    size = 0
    for count, message in enumerate(messages):
        size += len(message["body"]) + MESSAGE_OVERHEAD_BYTES
        if size > LAMBDA_EVENT_BYTES and count:
            return messages[:count]
    return messages


def share_layers(runtime: ModuleType, folder: Path) -> None:
    """Unpack each distinct layer once under ``folder`` and link it into the workers that use it."""
    guard = threading.Lock()

    class SharedZipFile(zipfile.ZipFile):
        def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:  # noqa: ANN401 - the signature is zipfile's
            archive, target = Path(str(self.filename)), Path(str(path))
            if not archive.name.startswith("layer_"):
                super().extractall(path, members, pwd)
                return
            shared = folder / hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
            with guard:
                if not shared.exists():
                    unfinished = shared.with_suffix(".part")
                    super().extractall(unfinished, members, pwd)
                    unfinished.rename(shared)
            target.rmdir()
            target.symlink_to(shared, target_is_directory=True)

    stand_in = ModuleType("zipfile")
    stand_in.__dict__.update(vars(zipfile), ZipFile=SharedZipFile)
    patch(runtime, "zipfile", stand_in)


def trust_loopback(app: ModuleType) -> None:
    """Let ``aws:SecureTransport`` be true: the emulator listens on loopback only."""
    pin: Callable[[str, bool], None] = require(app, "pin_request_origin")

    def pin_as_secure(source_ip: str, _: bool) -> None:
        pin(source_ip, True)

    patch(app, "pin_request_origin", pin_as_secure)


def serve_devices(iot: ModuleType) -> None:
    """Bind the MQTT listener to loopback, not to every address, and have it ask for a certificate."""
    for name in ("_mtls_server", "_mtls_loop"):
        require(iot, name)
    build: Callable[[], ssl.SSLContext] = require(iot, "_mtls_build_ssl_context")
    acceptor, port = require(iot, "_MtlsAcceptor"), require(iot, "_mtls_port")

    def build_strict() -> ssl.SSLContext:
        context = build()
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    async def start() -> None:
        if iot._mtls_server is None:  # noqa: SLF001 - the emulator has no public way
            loop = asyncio.get_running_loop()
            server = await loop.create_server(acceptor, host="127.0.0.1", port=port())
            iot.__dict__.update(_mtls_server=server, _mtls_loop=loop)

    patch(iot, "_mtls_build_ssl_context", build_strict)
    patch(iot, "_mtls_start_locked", start)


def stop_with_parent() -> None:
    """End this process, as SIGTERM would, once standard input reaches its end."""

    def wait() -> None:
        while os.read(0, 4096):  # not sys.stdin, whose lock would be held at interpreter shutdown
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def snapshots() -> ModuleType:
    """Return the module beside this one: an isolated interpreter finds no neighbours by itself."""
    file = Path(__file__).with_name("snapshots.py")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(name=file.stem, path=str(file))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(lambda_python: str) -> None:
    """Patch the emulator, then run it in the foreground."""
    kept = snapshots() if os.environ.get("PERSIST_STATE") == "1" else None
    if kept is not None:
        kept.hold(Path(os.environ["STATE_DIR"]))
        kept.mend_objects(Path(os.environ["S3_DATA_DIR"]))  # before it reads them
    runtime = importlib.import_module("ministack.core.lambda_runtime")
    functions = importlib.import_module("ministack.services.lambda_svc")
    queues = importlib.import_module("ministack.services.sqs")
    scheduler = importlib.import_module("ministack.services.scheduler")
    iot = importlib.import_module("ministack.services.iot")
    app = importlib.import_module("ministack.app")
    run_workers_on(runtime, lambda_python)
    report_error_types(runtime, functions)
    batch_as_configured(queues, functions)
    patch(scheduler, "_SCHEDULE_TICK_INTERVAL", SCHEDULER_TICK_SECONDS)
    trust_loopback(app)
    serve_devices(iot)
    share_layers(runtime, Path(tempfile.gettempdir()) / "layers")
    if kept is not None:
        kept.Snapshots(Path(os.environ["STATE_DIR"]), app, require=require, patch=patch)
    sys.argv = ["ministack"]
    require(app, "main")()


if __name__ == "__main__":
    if os.environ.get("STOP_WITH_PARENT") == "true":
        stop_with_parent()
    main(sys.argv[1])
