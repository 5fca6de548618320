"""A real server, and a real Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from browsing import DATA, FLAGS, Studio, Visit

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_chromium(own: str) -> str | None:
    """The browser that the environment names, the first that is installed, or Playwright's own if it is there."""
    named = os.environ.get("REVERIE_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    return named or (own if Path(own).is_file() else None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_playwright() as driver:
        path = find_chromium(driver.chromium.executable_path)
        if path is None:
            message = "no Chromium was found: install one, or say where it is by REVERIE_CHROMIUM"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("studio")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["studio", "--no-browser", "--port", str(port), "--gallery", str(folder / "gallery")]
    environment = {**os.environ, "REVERIE_CACHE": str(folder / "cache")}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "reverie", *words], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, process, folder / "log")
        yield Studio(address, folder / "gallery", folder)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5 * patience()) == 0, (folder / "log").read_text()
    finally:
        process.kill()
        process.wait()


def patience() -> float:
    """How many times longer all takes, at most, while others are at work on this machine."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until the server answers."""
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture
def visit(chromium: Any, studio: Studio) -> Iterator[Visit]:
    with Visit.begin(chromium, studio) as made:
        yield made


@pytest.fixture(scope="module")
def visited(chromium: Any, studio: Studio) -> Iterator[Visit]:
    """A visit with a photo, a dream of it, and a wish: no room is empty."""
    with Visit.begin(chromium, studio) as visit:
        visit.open_photo(DATA / "coffee.jpg", size=192, steps=3, octaves=2)
        visit.dream()
        visit.finish()
        yield visit
