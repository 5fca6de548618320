"""A studio as its user opens it: `reverie studio` in a process of its own, on a free port of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent.parent / "src"

LONG: dict[str, Any] = {"size": 64, "octaves": 1, "steps": 100_000}
"""A dream that goes on until somebody stops it."""


@dataclass
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)


@dataclass
class Studio:
    """A running studio. `temporary` is where it keeps what is temporary."""

    process: subprocess.Popen[str]
    port: int
    gallery: Path
    temporary: Path
    log: Path
    headers: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    def ask(self, path: str, body: Any = None, method: str | None = None, **headers: str) -> Answer:
        """One request: GET, or POST with a body, which is sent as JSON unless it is bytes."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {**self.headers, **headers}, method=method)
        if data is not None and not request.has_header("Content-type"):
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def say(self, raw: bytes, timeout: float = 10.0) -> bytes:
        """Sends bytes as they are, and returns all that is answered to them."""
        with socket.create_connection((self.host, self.port), timeout) as link:
            link.sendall(raw)
            found = b""
            with contextlib.suppress(ConnectionError):
                while chunk := link.recv(1 << 16):
                    found += chunk
        return found

    def get(self, target: str, **headers: str) -> bytes:
        """A GET whose target is sent as it is written here, dots, slashes, percents and all."""
        own = {"Host": f"{self.host}:{self.port}", "Connection": "close", **self.headers}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in own.items() if value)
        return self.say(f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))

    def drop(self, path: Path, name: str | None = None) -> Any:
        """Drops a file on the page."""
        return self.ask(f"/studio/uploads/{name or path.name}", path.read_bytes()).told

    def dream(self, **asked: Any) -> Any:
        """Begins a dream."""
        return self.ask("/studio/dreams", asked).told

    def wait(self, told: Any, wanted: Callable[[Any], bool], seconds: float = 30.0) -> Any:
        """How a dream is once it is as wanted."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            told = self.ask(f"/studio/dreams/{told['key']}").told
            if wanted(told):
                return told
            time.sleep(0.05)
        raise AssertionError(told)

    def kept(self) -> list[Path]:
        """All temporary files."""
        walk = os.walk(self.temporary)  # which does not mind a folder that is deleted meanwhile
        return [Path(folder) / name for folder, _, names in walk for name in names]

    def leave(self, number: int = signal.SIGTERM) -> float:
        """Sends a signal and returns how long it took until the studio was closed, in seconds."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        return time.monotonic() - began


def is_over(told: Any) -> bool:
    """Whether nothing more will be done for a dream."""
    return told["state"] in ("done", "failed", "canceled")


def is_begun(told: Any) -> bool:
    """Whether a dream has made a step."""
    return told["news"] is not None


@contextlib.contextmanager
def open_studio(
    folder: Path, *flags: str, host: str = "127.0.0.1", prepare: Callable[[], None] | None = None, **environment: str
) -> Iterator[Studio]:
    """A studio whose files all lie within a folder; it is closed at the end. `prepare` runs in its process, first."""
    temporary, log = folder / "temporary", folder / "log.txt"
    temporary.mkdir(parents=True)
    words = [sys.executable, "-m", "reverie", "studio", "--port", "0", "--no-browser", "--gallery", folder / "gallery"]
    paths = os.pathsep.join([str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {"PYTHONPATH": paths, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*map(str, words), *flags],
            env={**os.environ, **own, **environment},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=prepare,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://[^:]+:(\d+)", line)
        assert found, line + log.read_text()
        yield Studio(process, int(found[1]), folder / "gallery", temporary, log, host=host)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
