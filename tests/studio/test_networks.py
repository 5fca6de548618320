"""Networks on the page: what is here is told, what is not comes whole or not at all, and none of them is code."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import reverie as rv
from reverie.models import fetching
from reverie.models.catalog import ENTRIES
from reverie.models.weights import save_weights
from reverie.studio.downloads import Downloads, Stopped
from reverie.studio.shelf import SHELF, describe_shelf
from reverie.studio.workshop import Workshop
from silent import SilentNetwork
from visiting import Visitor

CONTENT = bytes(range(256)) * 20000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Gives CONTENT; at /slow half of it, and the rest once it is let go on."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        half = len(CONTENT) // 2
        self.wfile.write(CONTENT[:half])
        self.wfile.flush()
        if self.path.startswith("/slow"):
            self.server.go_on.wait(20)  # type: ignore[attr-defined]
        try:
            self.wfile.write(CONTENT[half:])
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.ThreadingHTTPServer]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as served:
        served.go_on = threading.Event()  # type: ignore[attr-defined]
        served.daemon_threads = True
        threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True).start()
        yield served
        served.go_on.set()  # type: ignore[attr-defined]
        served.shutdown()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No cache of the machine is looked into, or written to."""
    monkeypatch.setenv("REVERIE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("reverie.models.zoo.files.find_in_hub_cache", lambda *_: None)
    return tmp_path / "cache"


def publish(server: Any, monkeypatch: pytest.MonkeyPatch, path: str = "/it", digest: str = DIGEST) -> None:
    """inception_v3's weights are those of the server."""
    url = f"http://127.0.0.1:{server.server_port}{path}"
    entry = dataclasses.replace(ENTRIES["inception_v3"], url=url, digest=f"sha256:{digest}")
    monkeypatch.setitem(ENTRIES, "inception_v3", entry)


def wait(visitor: Visitor, told: Any, least: int = 0) -> Any:
    """How a download is once it is over, or so many bytes have come."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        told = visitor.get(f"/studio/downloads/{told['key']}")
        if told["state"] != "running" or 0 < least <= told["done"]:
            return told
        time.sleep(0.02)
    raise AssertionError(told)


def shelf(visitor: Visitor) -> dict[str, Any]:
    return {each["name"]: each for each in visitor.get("/studio/networks")["networks"]}


def test_the_shelf_tells_what_is_here_and_what_could_be(visitor: Visitor, cache: Path) -> None:
    told = shelf(visitor)
    assert told["squeezenet"]["here"] and told["squeezenet"]["objective"] == "fire8^2"
    assert told["squeezenet"]["megabytes"] == 5
    assert told["inception_v3"]["here"] is False and told["torchvision:googlenet"]["here"] is None
    assert told["torchvision:vgg16"]["megabytes"] == 553
    assert visitor.get("/studio/networks")["folder"] == str(cache)


def test_what_the_shelf_says_is_what_the_page_of_the_zoo_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "zoo.md").read_text()
    rows = re.findall(r"^\| `(\S+)` \| \S+ \| `(\S+)` \|.*?\| ([\d,]+) \| \S+ \|$", page, re.M)
    known = {name: (layer, int(many.replace(",", ""))) for name, layer, many in rows}
    zoo = [each for each in SHELF if not each.name.startswith("keras:")]
    assert len(zoo) == 12
    for each in zoo:
        assert known[each.name] == (each.layer, each.parameters), each.name


def test_the_controls_list_the_shelf(visitor: Visitor) -> None:
    assert visitor.get("/studio/controls")["models"] == describe_shelf()
    for each in describe_shelf():
        if each["objective"]:
            rv.objective(each["objective"])


def test_an_extra_that_is_missing_is_told_with_the_line_that_installs_it(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "find_spec", lambda name: None)
    told = shelf(visitor)
    assert told["torchvision:googlenet"]["needs"].endswith("pip install 'reverie[zoo]'")
    assert told["keras:ResNet50"]["needs"].endswith("pip install 'reverie[tensorflow]'")
    assert told["squeezenet"]["needs"] is None
    assert visitor.get("/studio/networks/here") == {"here": ["squeezenet"]}


def test_weights_in_a_cache_are_found(visitor: Visitor, cache: Path, tmp_path: Path) -> None:
    from reverie.models.zoo.torchvision import find_weights_url

    url = find_weights_url("resnet18")
    assert "torchvision:resnet18" not in visitor.get("/studio/networks/here")["here"]
    for folder in (cache, tmp_path / "torch" / "hub" / "checkpoints"):
        folder.mkdir(parents=True)
        file = folder / url.rpartition("/")[2]
        file.write_bytes(b"weights")
        assert "torchvision:resnet18" in visitor.get("/studio/networks/here")["here"], folder
        file.unlink()
    (cache / "timm--convnext_tiny.fb_in22k--model.safetensors").write_bytes(b"weights")
    assert "timm:convnext_tiny.fb_in22k" in visitor.get("/studio/networks/here")["here"]


def test_weights_come_with_their_progress(
    visitor: Visitor, server: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, monkeypatch, "/slow")
    told = visitor.post("/studio/networks/fetch", {"model": "inception_v3"})
    half = wait(visitor, told, 1)
    assert half["state"] == "running" and half["total"] == len(CONTENT)
    assert visitor.post("/studio/networks/fetch", {"model": "inception_v3"})["key"] == told["key"]
    assert [each["key"] for each in visitor.get("/studio/downloads")["downloads"]] == [told["key"]]
    server.go_on.set()
    over = wait(visitor, told)
    assert over["state"] == "done" and over["done"] == len(CONTENT) and over["error"] is None
    assert [path.read_bytes() for path in cache.iterdir()] == [CONTENT]
    assert shelf(visitor)["inception_v3"]["here"] and visitor.get("/studio/downloads") == {"downloads": []}


def test_a_network_of_the_zoo_comes_the_same_way(
    visitor: Visitor, server: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{server.server_port}/resnet18-{DIGEST[:8]}.pth"
    monkeypatch.setattr("reverie.models.zoo.torchvision.find_weights_url", lambda name: url)
    over = wait(visitor, visitor.post("/studio/networks/fetch", {"model": "torchvision:resnet18"}))
    assert over["state"] == "done" and over["total"] == len(CONTENT)
    assert (cache / f"resnet18-{DIGEST[:8]}.pth").read_bytes() == CONTENT
    assert visitor.post("/studio/networks/find", {"model": "torchvision:resnet18"})["here"]


def test_a_download_that_is_stopped_leaves_nothing(
    visitor: Visitor, server: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, monkeypatch, "/slow")
    told = visitor.post("/studio/networks/fetch", {"model": "inception_v3"})
    wait(visitor, told, 1)
    visitor.post(f"/studio/downloads/{told['key']}/stop")
    server.go_on.set()
    assert wait(visitor, told)["state"] == "canceled"
    assert list(cache.iterdir()) == []
    publish(server, monkeypatch)
    again = visitor.post("/studio/networks/fetch", {"model": "inception_v3"})
    assert again["key"] != told["key"] and wait(visitor, again)["state"] == "done"


def test_another_file_than_expected_is_not_kept(
    visitor: Visitor, server: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, monkeypatch, digest="0" * 64)
    over = wait(visitor, visitor.post("/studio/networks/fetch", {"model": "inception_v3"}))
    assert over["state"] == "failed" and "another file than expected" in over["error"]
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("name", ["inception_v3", "torchvision:resnet18", "timm:convnext_tiny.fb_in22k"])
def test_without_a_network_one_line_says_so_at_once(
    visitor: Visitor, cache: Path, silent_network: SilentNetwork, name: str
) -> None:
    over = wait(visitor, visitor.post("/studio/networks/fetch", {"model": name}))
    assert over["state"] == "failed" and "no network" in over["error"] and "\n" not in over["error"]
    assert silent_network.was_not_waited_for()
    assert not cache.exists() or list(cache.iterdir()) == []


def test_a_fault_of_a_library_ends_the_download_alone(caplog: pytest.LogCaptureFixture) -> None:
    def fail(name: str, tell: Any) -> Path:
        raise KeyError("of theirs")

    downloads = Downloads(fail)
    download = downloads.start("it")
    until = time.monotonic() + 5
    while download.state == "running" and time.monotonic() < until:
        time.sleep(0.01)
    assert download.state == "failed" and download.error == "the download of it broke off: KeyError"


def test_the_end_of_the_studio_ends_downloads(
    workshop: Workshop, server: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server, monkeypatch, "/slow")
    download = workshop.downloads.start("inception_v3")
    until = time.monotonic() + 20
    while not download.done and time.monotonic() < until:
        time.sleep(0.01)
    workshop.close(10)
    with pytest.raises(Stopped):
        download.tell(1, 2)


CODE = ("mine.py:make_eye", "os:system", "mine.keras", "../model.h5", "/etc/passwd.h5", "package.module:factory")


@pytest.mark.parametrize("name", CODE)
@pytest.mark.parametrize("route", ["find", "fetch", "look"])
def test_a_network_that_is_code_or_a_file_is_refused(visitor: Visitor, name: str, route: str) -> None:
    assert "file or code" in visitor.post(f"/studio/networks/{route}", {"model": name}, 403)["error"]


def test_a_name_is_found_or_the_nearest_ones_are_named(visitor: Visitor) -> None:
    assert visitor.post("/studio/networks/find", {"model": " torchvision:resnet34 "})["here"] is False
    assert visitor.post("/studio/networks/find", {"model": "squeezenet"})["here"]
    for name, near in (("torchvision:resnet3", "resnet34"), ("squeeznet", "squeezenet"), ("torchvison:vgg16", "")):
        said = visitor.post("/studio/networks/find", {"model": name}, 403 if ":" in name and not near else 422)
        assert near in said["error"]


def look(visitor: Visitor, **asked: Any) -> Any:
    return visitor.wait(visitor.post("/studio/networks/look", asked))


def test_a_network_is_looked_into_without_a_download(visitor: Visitor, silent_network: SilentNetwork) -> None:
    told = look(visitor, model="torchvision:resnet18")
    assert told["state"] == "done", told
    found = told["network"]
    known = next(each for each in SHELF if each.name == "torchvision:resnet18")
    assert found["parameters"] == known.parameters and found["objective"] == known.objective
    assert "layer3.1" in [row["layer"] for row in found["layers"]]
    assert found["layers"][0].keys() >= {"channels", "stride", "receptive_field", "parameters"}


def test_weights_of_ones_own_are_tried_before_they_are_taken(visitor: Visitor, tmp_path: Path) -> None:
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes((Path(rv.__file__).parent / "data" / "squeezenet1_1.safetensors").read_bytes())
    fitting = visitor.drop(mine)
    assert fitting["kind"] == "weights"
    told = look(visitor, model="squeezenet", weights=fitting["key"])
    assert told["state"] == "done" and told["network"]["objective"] == "fire8^2"
    dream = visitor.wait(visitor.dream(weights=fitting["key"]))
    assert dream["state"] == "done"
    other = tmp_path / "other.safetensors"
    save_weights({"a.weight": torch.zeros(3)}, other)
    told = look(visitor, model="squeezenet", weights=visitor.drop(other)["key"])
    assert told["state"] == "failed" and "\n" not in told["error"]
    assert "other.safetensors" in told["error"] and str(tmp_path) not in told["error"] and "/" not in told["error"]


@pytest.mark.parametrize("ending", ["safetensors", "h5", "pt"])
def test_a_file_that_holds_no_weights_is_told_so(visitor: Visitor, tmp_path: Path, ending: str) -> None:
    bad = tmp_path / f"bad.{ending}"
    bad.write_bytes(b"no weights at all, but long enough to be looked at")
    told = look(visitor, model="squeezenet", weights=visitor.drop(bad)["key"])
    assert told["state"] == "failed" and f"bad.{ending}" in told["error"] and "\n" not in told["error"]


def test_an_untrained_network_dreams(visitor: Visitor) -> None:
    assert visitor.wait(visitor.dream(weights="random"))["state"] == "done"
    assert look(visitor, model="squeezenet", weights="random")["state"] == "done"


def test_a_key_that_is_none_is_told_so(visitor: Visitor) -> None:
    assert "drop it again" in visitor.post("/studio/networks/look", {"weights": "none"}, 404)["error"]
    assert "again" in visitor.get("/studio/downloads/none", 404)["error"]
