"""A real server: crowds, what is cut off, a full disk, ports that are taken, and how it leaves."""

from __future__ import annotations

import concurrent.futures
import contextlib
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import pyvips

import reverie as rv
from reverie.cli import main
from reverie.recipe.recipe import Recipe
from serving import LONG, Studio, is_begun, is_over, open_studio
from visiting import DATA, SMALL

pytestmark = [pytest.mark.bundled, pytest.mark.skipif(sys.platform != "linux", reason="signals and limits of Linux")]

SOON = 10
"""Within how many seconds a studio is closed here; it is 5 where nothing else runs."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with open_studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


def open_files(studio: Studio) -> int:
    return len(list(Path(f"/proc/{studio.process.pid}/fd").iterdir()))


def test_forty_uploads_at_once(studio: Studio) -> None:
    studio.drop(DATA / "coffee.jpg")
    before = open_files(studio)
    with concurrent.futures.ThreadPoolExecutor(40) as visitors:
        told = list(visitors.map(lambda number: studio.drop(DATA / "coffee.jpg", f"{number}.jpg"), range(40)))
    assert len({each["key"] for each in told}) == 40 and {each["width"] for each in told} == {384}
    time.sleep(0.3)
    assert open_files(studio) <= before + 4


def test_an_upload_that_is_cut_off_leaves_nothing(studio: Studio) -> None:
    before = set(studio.kept())
    data = (DATA / "coffee.jpg").read_bytes()
    head = f"Host: {studio.host}:{studio.port}\r\nContent-Length: {len(data) * 2}\r\n"
    form = b"--x\r\nContent-Disposition: form-data; name=files; filename=a.jpg\r\n\r\n" + data
    for path, kind, body in (
        ("/studio/uploads/cut.jpg", "image/jpeg", data),
        ("/gradio_api/upload", "multipart/form-data; boundary=x", form),
    ):
        for _ in range(5):
            with socket.create_connection((studio.host, studio.port), 5) as link:
                link.sendall(f"POST {path} HTTP/1.1\r\n{head}Content-Type: {kind}\r\n\r\n".encode() + body)
                time.sleep(0.05)
    until = time.monotonic() + 5
    while set(studio.kept()) != before and time.monotonic() < until:
        time.sleep(0.05)
    assert set(studio.kept()) == before
    assert not studio.log.read_text()


def test_two_hundred_clicks_are_a_full_line_and_no_more(studio: Studio) -> None:
    answers = [studio.ask("/studio/dreams", {"settings": LONG}) for _ in range(200)]
    begun = [each.told for each in answers if each.status == 200]
    assert {each.status for each in answers} == {200, 429} and len(begun) <= 22
    for each in reversed(begun):
        studio.ask(f"/studio/dreams/{each['key']}/stop", {})
    studio.wait(begun[0], is_over)
    assert studio.wait(studio.dream(settings=SMALL), is_over)["state"] == "done"


def test_a_stream_that_is_dropped_frees_its_handle(studio: Studio) -> None:
    told = studio.dream(settings=LONG)
    before = open_files(studio)
    raw = f"GET /studio/dreams/{told['key']}/events HTTP/1.1\r\nHost: {studio.host}:{studio.port}\r\n\r\n".encode()
    for _ in range(10):
        with socket.create_connection((studio.host, studio.port), 5) as link:
            link.sendall(raw)
            assert link.recv(1000)
    studio.ask(f"/studio/dreams/{told['key']}/stop", {})
    studio.wait(told, is_over)
    until = time.monotonic() + 5
    while open_files(studio) > before + 1 and time.monotonic() < until:
        time.sleep(0.05)
    assert open_files(studio) <= before + 1


def limit_files() -> None:
    """No file may become larger than 100 kB, as if the disk were full from there on."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_full_disk_is_told_and_the_studio_goes_on(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    pyvips.Image.gaussnoise(300, 300, mean=128, sigma=60).cast("uchar").bandjoin_const([0, 0]).pngsave(str(large))
    with open_studio(tmp_path / "studio", prepare=limit_files) as studio:
        refused = studio.ask("/studio/uploads/large.png", large.read_bytes())
        assert refused.status == 507 and "disk is full" in refused.told["error"]
        assert not studio.kept()
        small = studio.drop(DATA / "coffee.jpg")
        failed = studio.wait(studio.dream(input=small["key"], settings={**SMALL, "size": 384, "steps": 1}), is_over)
        assert failed["state"] == "failed" and "\n" not in failed["error"] and failed["item"] is None, failed
        done = studio.wait(studio.dream(settings=SMALL), is_over)
        assert done["state"] == "done" and (studio.gallery / done["item"]).stat().st_size < 100_000
        shown = [path.name for path in studio.gallery.iterdir() if path.suffix and path.name[0] != "."]
        assert shown == [done["item"]]


def test_what_cannot_be_opened_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for words, flags in {
            f"port {port} is not to be had on 127.0.0.1 (it is in use)": ["--port", port],
            "the gallery": ["--gallery", str(tmp_path / "file" / "gallery")],
            "say --auth NAME:PASSWORD, or --no-auth": ["--listen", "0.0.0.0"],
            "expects a name and a password": ["--auth", "ada"],
            "expected 0 to 65535": ["--port", "70000"],
            "not to be had on 203.0.113.1": ["--listen", "203.0.113.1", "--no-auth"],
        }.items():
            usual = [] if "--gallery" in flags else ["--gallery", str(tmp_path / "gallery")]
            usual += [] if "--port" in flags else ["--port", "0"]
            assert main(["studio", "--no-browser", *usual, *flags]) == 2, words
            told = capsys.readouterr().err
            assert words in told and told.count("\n") == 1, told


def test_others_may_come_in_where_that_is_said(tmp_path: Path) -> None:
    with open_studio(tmp_path, "--listen", "127.0.0.2", "--no-auth", host="127.0.0.2") as studio:
        assert studio.ask("/studio/controls").status == 200
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", studio.port), 1):
            pass


def test_the_next_port_is_taken_where_the_usual_one_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    from reverie.studio import server
    from reverie.studio.options import StudioOptions

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(server, "PORT", port)
        with contextlib.closing(server.bind(StudioOptions(gallery=Path("unused")))) as found:
            assert port < found.getsockname()[1] < port + 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_keeps_what_runs_and_drops_what_waits(tmp_path: Path, number: signal.Signals) -> None:
    with open_studio(tmp_path, prepare=ignore_interrupts) as studio:
        running, waiting = studio.dream(settings=LONG), studio.dream(settings=SMALL)
        event = studio.ask("/gradio_api/call/v2/dream", {"settings": SMALL}).told["event_id"]
        studio.wait(running, is_begun, 120)
        with (
            listening(studio, f"/studio/dreams/{waiting['key']}/events"),
            listening(studio, f"/gradio_api/call/dream/{event}"),
        ):
            time.sleep(0.2)
            assert studio.leave(number) < SOON
        assert studio.process.returncode == (130 if number == signal.SIGINT else 0)
        recipes = [rv.read_recipe(path) for path in studio.gallery.glob("*.png")]
        assert len(recipes) == 1 and isinstance(recipes[0], Recipe) and recipes[0].only_steps
        assert not list(studio.temporary.iterdir()) and "Traceback" not in studio.log.read_text()


def ignore_interrupts() -> None:
    """As a shell does for what it starts in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def listening(studio: Studio, path: str) -> Iterator[None]:
    """Somebody follows a stream meanwhile."""
    with socket.create_connection((studio.host, studio.port), 10) as link:
        link.sendall(f"GET {path} HTTP/1.1\r\nHost: {studio.host}:{studio.port}\r\n\r\n".encode())
        assert link.recv(100)
        yield


def test_a_large_picture_is_kept_although_its_step_takes_seconds(tmp_path: Path) -> None:
    with open_studio(tmp_path) as studio:
        told = studio.dream(settings={"size": 2600, "octaves": 1, "steps": 1000, "jitter": 0})
        studio.wait(told, is_begun, 120)
        assert studio.leave() < SOON
        (path,) = studio.gallery.glob("*.png")
        recipe = rv.read_recipe(path)
        assert isinstance(recipe, Recipe) and recipe.only_steps
        assert not list(studio.temporary.iterdir()), list(studio.temporary.rglob("*"))


def test_a_studio_that_is_closed_at_once_leaves_nothing(tmp_path: Path) -> None:
    with open_studio(tmp_path) as studio:
        assert studio.leave() < SOON and studio.process.returncode == 0
        assert not list(studio.temporary.iterdir()) and not studio.log.read_text()


def test_help_opens_nothing() -> None:
    done = subprocess.run([sys.executable, "-m", "reverie", "studio", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--listen" in done.stdout
