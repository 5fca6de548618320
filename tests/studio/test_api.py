"""Programs ask a real server: by Gradio's client, by HTTP, as tools; and all that the documents say of it runs."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import re
import shutil
import subprocess
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

import reverie as rv
from reverie.cli import main
from serving import LONG, Studio, is_begun, is_over, open_studio
from visiting import DATA, SMALL

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what other packages warn about while they are imported is not ours to mend
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

pytestmark = [pytest.mark.bundled, pytest.mark.filterwarnings("ignore::ResourceWarning")]

PAGE = (Path(__file__).parent.parent.parent / "docs" / "studio-api.md").read_text("utf-8")
BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", re.M | re.S)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with open_studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


@pytest.fixture
def client(studio: Studio, tmp_path: Path) -> Iterator[Any]:
    made = Client(studio.address, verbose=False, analytics_enabled=False, download_files=tmp_path / "down")
    yield made
    made.close()


def test_what_the_documents_say_runs(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with PIL.Image.open(DATA / "coffee.jpg") as picture:
        for name in ("sky.jpg", "flowers.jpg", "mask.png"):
            picture.resize((96, 64)).save(name)
    names: dict[str, Any] = {}
    page = PAGE.replace("http://127.0.0.1:7860", studio.address).replace('"size": 320', '"size": 64')
    blocks = BLOCK.findall(page)
    assert len(blocks) >= 8
    for kind, code in blocks:
        if kind == "python":
            exec(compile(code, "studio-api.md", "exec"), names)
        elif shutil.which("curl"):
            subprocess.run(["bash", "-euo", "pipefail", "-c", code], check=True, capture_output=True, timeout=60)
    if shutil.which("curl"):
        assert rv.read_recipe("dream.png").objective == rv.read_recipe("dream.jpg").objective == "fire8^2"  # type: ignore[union-attr]
        assert "preview" in Path("events.txt").read_text()
    names["studio"].close()


def test_a_picture_goes_there_and_comes_back_dreamed(client: Any, studio: Studio) -> None:
    told = client.predict(handle_file(str(DATA / "coffee.jpg")), objective="fire2^2", settings=SMALL, api_name="/dream")
    assert told["state"] == "done" and told["share"] == 1 and told["before"] == 0
    assert Path(told["picture"]).read_bytes() == (studio.gallery / told["name"]).read_bytes()
    again = client.predict(told["name"], objective="fire2^2", settings=SMALL, guides=[told["name"]], api_name="/dream")
    recipe = client.predict(again["name"], api_name="/recipe")
    assert "guide:" in recipe["toml"] and recipe["state"]["settings"]["steps"] == 2
    data = base64.b64encode((DATA / "coffee.jpg").read_bytes()).decode()
    whole = client.predict(f"data:image/jpeg;base64,{data}", settings=SMALL, api_name="/dream")
    assert whole["name"].startswith("picture-dream")
    found = client.predict("coffee-dream guide", api_name="/gallery")
    assert [each["name"] for each in found] == [again["name"]] and "fire2" in found[0]["wish"]


def test_what_there_is_to_say_is_told(client: Any) -> None:
    assert client.predict(api_name="/presets").keys() >= {"default", "google-2015"}
    assert {"steps", "strength"} <= {each["name"] for each in client.predict(api_name="/controls")["dream"]}
    assert "squeezenet" in [each["name"] for each in client.predict(api_name="/networks")]
    layers = client.predict(api_name="/layers")
    assert (
        layers["objective"] == "fire8^2" and {"layer": "fire8", "channels": 512}.items() <= layers["layers"][-3].items()
    )
    classes = client.predict("Terrier dog", 3, api_name="/classes")
    assert classes[0]["objective"] == "class:Maltese dog" and len(classes) <= 3
    shown = client.predict("fire2:5", settings={"size": 32, "steps": 2}, api_name="/visualize")
    assert shown["name"].startswith("fire2-5") and isinstance(rv.read_recipe(shown["picture"]), rv.VisualRecipe)


MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    "a wish": ("/dream", {"objective": "fire8^"}, "expected a power"),
    "a layer": ("/dream", {"objective": "fire99", "settings": SMALL}, "did you mean fire9"),
    "a setting": ("/dream", {"settings": {"steps": -1}}, "steps is -1"),
    "settings": ("/dream", {"settings": [1]}, "cannot be read"),
    "a path": ("/dream", {"picture": "/etc/passwd"}, "not here any more"),
    "a hidden file": ("/dream", {"picture": ".seconds.json"}, "not in the gallery"),
    "a name": ("/download", {"name": "../../etc/passwd"}, "not in the gallery"),
    "an address": ("/dream", {"picture": "http://127.0.0.1:1/x.png"}, "not in the gallery"),
    "code": ("/dream", {"model": "mine.py:make"}, "code of this machine"),
    "a file in a wish": ("/visualize", {"objective": 'dir:"/root/x.safetensors":3@fire8'}, "leave out the guide"),
    "a number": ("/surprise", {"count": 99}, "expected 1 to 24"),
    "a key": ("/stop", {"key": "none"}, "not here any more"),
    "a file": ("/dream", {"picture": handle_file(__file__)}, "not a picture"),
    "no recipe": ("/recipe", {"picture": handle_file(str(DATA / "coffee.jpg"))}, "coffee.jpg holds no recipe"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_in_one_line(client: Any, studio: Studio, name: str) -> None:
    endpoint, asked, words = MISTAKES[name]
    with pytest.raises(AppError) as caught:
        client.predict(**asked, api_name=endpoint)
    told = str(caught.value)
    assert words in told and "\n" not in told and str(studio.temporary) not in told


def test_a_path_that_is_marked_as_a_file_is_not_read(studio: Studio, tmp_path: Path) -> None:
    picture = tmp_path / "secret.jpg"
    shutil.copy(DATA / "coffee.jpg", picture)
    asked = {"picture": {"path": str(picture), "meta": {"_type": "gradio.FileData"}}}
    assert "not in the gallery" in call(studio, "dream", asked)
    assert not [path for path in studio.kept() if path.name == picture.name]
    asked["picture"]["path"] = "http://127.0.0.1:1/x.png"
    assert studio.ask("/gradio_api/call/v2/dream", asked).status == 403


def call(studio: Studio, name: str, asked: dict[str, Any]) -> str:
    event = studio.ask(f"/gradio_api/call/v2/{name}", asked).told["event_id"]
    return studio.ask(f"/gradio_api/call/{name}/{event}").body.decode()


def test_nothing_is_left_behind(client: Any, studio: Studio) -> None:
    client.predict(handle_file(str(DATA / "coffee.jpg")), settings=SMALL, api_name="/dream")
    assert not [path for path in studio.kept() if "uploads" not in path.parts]


@pytest.mark.parametrize("how", ["cancel", "hang up", "stop"])
def test_who_stops_listening_stops_the_dream(client: Any, studio: Studio, how: str) -> None:
    if how == "hang up":
        event = studio.ask("/gradio_api/call/v2/dream", {"settings": LONG}).told["event_id"]
        raw = f"GET /gradio_api/call/dream/{event} HTTP/1.1\r\nHost: {studio.host}:{studio.port}\r\n\r\n"
        key = hear(studio, raw)
    else:
        job = client.submit(settings=LONG, api_name="/dream")
        key = next(iter(job))["key"]
        studio.wait({"key": key}, is_begun)
        if how == "cancel":
            job.cancel()
        else:
            client.predict(key, api_name="/stop")
            assert job.result(10)["state"] == "canceled"
    over = studio.wait({"key": key}, is_over, 5)
    assert over["state"] == "canceled"
    assert client.predict(settings=SMALL, api_name="/dream")["state"] == "done"  # the place is free


def hear(studio: Studio, raw: str) -> str:
    """The key of a dream, from its stream; nobody listens from then on."""
    import socket

    with socket.create_connection((studio.host, studio.port), 10) as link:
        link.sendall(raw.encode())
        heard = b""
        while not (found := re.search(rb'"key": "([\w-]+)".*"running"', heard)):
            heard += link.recv(4096)
    return found[1].decode()


def test_tools_need_their_extra(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    assert main(["studio", "--mcp", "--port", "0", "--no-browser", "--gallery", str(tmp_path / "gallery")]) == 2
    assert "reverie[mcp]" in capsys.readouterr().err


def test_tools_are_off_unless_asked_for(studio: Studio) -> None:
    for path in ("/gradio_api/mcp/", "/gradio_api/mcp/sse", "/gradio_api/mcp/schema"):
        assert studio.ask(path).status == 404


def test_language_models_can_use_the_endpoints_as_tools(tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    with open_studio(tmp_path, "--mcp", REVERIE_AUTH="ada:secret") as studio:
        assert studio.ask("/gradio_api/mcp/schema").status == 401
        answers = asyncio.run(use_tools(studio, tmp_path))
    names, classes, dream, mistake, local = answers
    assert {"dream", "visualize", "gallery", "layers"} <= set(names)
    assert "class:espresso" in classes and "astronaut-dream.png" in dream and "expected a power" in mistake
    assert "not in the gallery" in local


async def use_tools(studio: Studio, folder: Path) -> list[Any]:
    """What the tools answer, as text."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    secret = folder / "secret.jpg"
    shutil.copy(DATA / "coffee.jpg", secret)
    marked = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    asks: list[tuple[str, dict[str, Any]]] = [
        ("classes", {"words": "espresso"}),
        ("dream", {"objective": "fire2^2", "settings": SMALL}),
        ("dream", {"objective": "fire8^"}),
        ("dream", {"picture": marked, "settings": SMALL}),
    ]
    headers = {"Authorization": f"Basic {base64.b64encode(b'ada:secret').decode()}"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        async with (
            streamablehttp_client(f"{studio.address}/gradio_api/mcp/", headers=headers) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            names = [tool.name for tool in (await session.list_tools()).tools]
            told = [(await session.call_tool(name, asked)).content for name, asked in asks]
    return [names, *(json.dumps([str(part) for part in parts]) for parts in told)]


def test_a_line_that_is_full_is_told(studio: Studio) -> None:
    first = studio.dream(settings=LONG)
    waiting = [studio.dream(settings=LONG) for _ in range(20)]
    assert "no more can" in call(studio, "dream", {"settings": SMALL})
    for each in [*waiting, first]:
        studio.ask(f"/studio/dreams/{each['key']}/stop", {})
    began = time.monotonic()
    studio.wait(first, is_over)
    assert time.monotonic() - began < 5
