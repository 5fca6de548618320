"""Weights come whole, verified and unpickled, or with one line that says why not."""

from __future__ import annotations

import hashlib
import http.server
import pickle
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor

from reverie.errors import WeightsError
from reverie.models.weights import CONNECT, fetch_weights, hash_weights_file, read_weights, save_weights
from silent import SilentNetwork

CONTENT = bytes(range(256)) * 9000
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Gives CONTENT at /whole; at /cut half of what it promised."""

    asked: list[str]

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        if self.path == "/absent":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/whole" else CONTENT[: len(CONTENT) // 2])

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.ThreadingHTTPServer]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as served:
        served.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True).start()
        yield served
        served.shutdown()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("REVERIE_CACHE", str(folder))
    return folder


def address(server: http.server.ThreadingHTTPServer, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}{path}"


def one_line(error: pytest.ExceptionInfo[WeightsError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_is_downloaded_once(server: http.server.ThreadingHTTPServer, cache: Path) -> None:
    told: list[tuple[int, int]] = []
    for _ in range(2):
        path = fetch_weights(address(server, "/whole"), MD5, "net.h5", lambda done, total: told.append((done, total)))
        assert path == cache / "net.h5" and path.read_bytes() == CONTENT
    assert server.asked == ["/whole"]  # type: ignore[attr-defined]
    assert told == sorted(told) and told[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize(("path", "says"), [("/absent", "404"), ("/cut", "could not be downloaded")])
def test_a_download_that_fails_leaves_nothing(
    server: http.server.ThreadingHTTPServer, cache: Path, path: str, says: str
) -> None:
    with pytest.raises(WeightsError, match=says) as error:
        fetch_weights(address(server, path), MD5, "net.h5")
    message = one_line(error)
    assert str(cache / "net.h5") in message and address(server, path) in message and "squeezenet" in message
    assert list(cache.iterdir()) == []
    assert fetch_weights(address(server, "/whole"), MD5, "net.h5").exists()


def test_a_download_of_another_file_is_not_kept(server: http.server.ThreadingHTTPServer, cache: Path) -> None:
    with pytest.raises(WeightsError, match="another file than expected") as error:
        fetch_weights(address(server, "/whole"), "md5:" + "0" * 32, "net.h5")
    one_line(error)
    assert list(cache.iterdir()) == []


def test_without_a_network_the_file_is_asked_for_by_hand(cache: Path) -> None:
    """Nobody listens, or nobody knows the name."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/net.h5", "http://nowhere.invalid/net.h5"):
        with pytest.raises(WeightsError, match="by hand") as error:
            fetch_weights(url, MD5, "net.h5")
        one_line(error)


def test_a_network_that_never_answers_is_not_waited_for(cache: Path, silent_network: SilentNetwork) -> None:
    with pytest.raises(WeightsError, match=r"no network, or slow\.invalid"):
        fetch_weights("http://slow.invalid/net.h5", MD5, "net.h5")
    assert silent_network.was_not_waited_for()


def test_nobody_is_waited_for_longer_than_a_moment() -> None:
    assert 0 < CONNECT <= 2  # seconds, before a user without a network learns of it


def test_a_file_put_there_by_hand_is_taken_or_refused(cache: Path) -> None:
    cache.mkdir()
    (cache / "net.h5").write_bytes(CONTENT)
    assert fetch_weights("http://nowhere.invalid/", MD5, "net.h5") == cache / "net.h5"
    (cache / "net.h5").write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="expected " + MD5.removeprefix("md5:")) as error:
        fetch_weights("http://nowhere.invalid/", MD5, "net.h5")
    assert str(cache / "net.h5") in one_line(error)


def test_a_cache_that_cannot_be_written_is_named(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="REVERIE_CACHE") as error:
        fetch_weights("http://nowhere.invalid/", MD5, "net.h5")
    assert str(cache) in one_line(error)


def test_digest(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    assert hash_weights_file(tmp_path / "file") == hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(WeightsError, match="cannot read"):
        hash_weights_file(tmp_path / "absent")


def some() -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {"b.weight": torch.randn(4, 3, 2, 2, generator=rng), "a.bias": torch.randn(4, generator=rng)}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_weights({name: tensor.to(memory_format=torch.preserve_format) for name, tensor in some().items()}, path)
    assert same(read_weights(path), some())
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(WeightsError, match="cannot write"):
        save_weights(some(), tmp_path / "absent" / "net.safetensors")


@pytest.mark.parametrize("name", ["state_dict", "model_state_dict", "model"])
def test_the_state_dict_of_a_checkpoint_is_read(name: str, tmp_path: Path) -> None:
    tensors = {"a": torch.rand(2, 3), "model": torch.rand(2)}
    torch.save({"epoch": 3, name: tensors, "optimizer": {"lr": 0.1}}, tmp_path / "c.pth")
    found = read_weights(tmp_path / "c.pth")
    assert found.keys() == tensors.keys() and torch.equal(found["a"], tensors["a"])
    torch.save(tensors, tmp_path / "plain.pth")
    assert read_weights(tmp_path / "plain.pth").keys() == tensors.keys()


def test_a_torch_state_dict_is_read_and_a_pickle_is_not(tmp_path: Path) -> None:
    torch.save(some(), tmp_path / "net.pth")
    assert same(read_weights(tmp_path / "net.pth"), some())

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    (tmp_path / "trap.pt").write_bytes(pickle.dumps(Trap()))
    torch.save({"weight": Trap()}, tmp_path / "trap.pth")
    for name in ("trap.pt", "trap.pth"):
        with pytest.raises(WeightsError):
            read_weights(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def write_legacy(path: Path, root: str = "/") -> None:
    """Keras 2's layout: the order stands in attributes, groups are in the order of the alphabet."""
    with h5py.File(path, "w") as file:
        group = file.require_group(root)
        group.attrs["layer_names0"] = [b"z", b"input"]  # names too long for HDF5 are cut in pieces
        group.attrs["layer_names1"] = [b"a"]
        for layer, weights in {"z": ["z/kernel:0", "z/beta:0"], "input": [], "a": ["a/kernel:0"]}.items():
            group.create_group(layer).attrs["weight_names"] = [name.encode() for name in weights]
            for place, name in enumerate(weights):
                group[layer][name] = np.full((2, 2), ord(layer[0]) + place, np.float32)


@pytest.mark.parametrize("root", ["/", "model_weights"])
def test_a_legacy_keras_file_keeps_its_order(tmp_path: Path, root: str) -> None:
    write_legacy(tmp_path / "net.h5", root)
    found = read_weights(tmp_path / "net.h5")
    assert list(found) == ["z/kernel:0", "z/beta:0", "a/kernel:0"]
    assert [int(tensor[0, 0]) for tensor in found.values()] == [ord("z"), ord("z") + 1, ord("a")]


def test_a_keras_3_file_is_put_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    order = ["conv2d", *(f"conv2d_{i}" for i in range(1, 12))]
    with h5py.File(tmp_path / "net.weights.h5", "w") as file:
        for place, layer in enumerate(order):
            for i in range(2):
                file[f"layers/{layer}/vars/{i}"] = np.full(2, 10 * place + i, np.float32)
    found = read_weights(tmp_path / "net.weights.h5")
    assert list(found) == [f"{layer}/{i}" for layer in order for i in range(2)]
    assert [int(tensor[0]) for tensor in found.values()] == [10 * place + i for place in range(12) for i in range(2)]


@pytest.mark.parametrize("kept", [0, 3, 8, 60, -200])
@pytest.mark.parametrize("name", ["net.safetensors", "net.h5", "net.pth"])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, name: str, kept: int) -> None:
    path = tmp_path / name
    if name == "net.h5":
        write_legacy(path)
    elif name == "net.pth":
        torch.save(some(), path)
    else:
        save_weights(some(), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match="net") as error:
        read_weights(path)
    assert str(path) in one_line(error)


def test_what_holds_no_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"0" * 100)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["measurements"] = np.zeros(3)
    torch.save([1, 2], tmp_path / "list.pth")
    for name in ("photo.jpg", "other.h5", "list.pth", "absent.h5", "."):
        with pytest.raises(WeightsError) as error:
            read_weights(tmp_path / name)
        assert str(tmp_path / name) in one_line(error)
