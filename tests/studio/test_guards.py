"""A real server against those it does not know: path tricks, foreign pages, no password, and what it never fetches."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving import Studio, open_studio
from visiting import DATA

pytestmark = pytest.mark.bundled

SECRET = b"nobody may read this"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("studio")
    with open_studio(folder) as opened:
        for path in (folder / "secret.png", opened.gallery / ".hidden.png", opened.gallery / "inputs" / "in.png"):
            path.write_bytes(SECRET)
        (opened.gallery / "plain.txt").write_bytes(SECRET)
        (opened.gallery / "link.png").symlink_to(folder / "secret.png")
        (opened.gallery / "folder.png").symlink_to(folder, target_is_directory=True)
        shutil.copy(DATA / "coffee.jpg", opened.gallery / "coffee.jpg")
        yield opened


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio that others can reach, by its other address of this machine, with a password."""
    flags = ("--listen", "127.0.0.2", "--allow-host", "studio.example")
    with open_studio(tmp_path_factory.mktemp("locked"), *flags, host="127.0.0.2", REVERIE_AUTH="ada:sécret") as opened:
        shutil.copy(DATA / "coffee.jpg", opened.gallery / "coffee.jpg")
        yield opened


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


ROOTS = (
    *("/", "/page/", "/studio/", "/studio/gallery/", "/studio/uploads/", "/studio/dreams/", "/studio/downloads/"),
    *(
        "/gradio_api/file=",
        "/gradio_api/file/",
        "/file=",
        "/file/",
        "/gradio_api/proxy=",
        "/static/",
        "/assets/",
        "/svelte/",
    ),
    *("/custom_component/", "/gradio_api/custom_component/", "/gradio_api/stream/", "/studio/tiles/photo/"),
)

CLIMBS = (
    "../" * 12,
    "..%2f" * 12,
    "%2e%2e/" * 12,
    "%2e%2e%2f" * 12,
    "..\\" * 12,
    "..%5c" * 12,
    "%252e%252e%252f" * 12,
    "....//" * 12,
)

WHERE = (
    *(
        "/etc/passwd",
        "//etc/passwd",
        "%2fetc%2fpasswd",
        "/etc/passwd%00.png",
        "file:///etc/passwd",
        "file:%2f%2f%2fetc%2fpasswd",
    ),
    *("/proc/self/environ", "/proc/self/root/etc/passwd", "~/../../etc/passwd", "/etc/./passwd", "\\etc\\passwd"),
    *("http://127.0.0.1:1/x", "http:/127.0.0.1:1/x", "//127.0.0.1:1/x"),
)


def test_no_path_leads_to_a_file_of_the_machine(studio: Studio) -> None:
    targets = [root + climb + "etc/passwd" for root, climb in itertools.product(ROOTS, CLIMBS)]
    targets += [root + where for root, where in itertools.product(ROOTS, WHERE)]
    targets += [f"{root}{studio.gallery.parent}/secret.png" for root in ROOTS]
    targets += [f"/studio/gallery/{name}{end}" for name in HIDDEN for end in ("", *ENDS)]
    targets += [f"/gradio_api/file={name}" for name in HIDDEN]
    answers = {target: studio.get(target) for target in dict.fromkeys(targets)}
    assert len(answers) > 400
    for target, answer in answers.items():
        assert answer, target
        assert b"root:x" not in answer and SECRET not in answer and b"TMPDIR=" not in answer, target
        assert status_of(answer) in (400, 404, 405, 422), (target, answer[:300])
        assert b"Traceback" not in answer, target


HIDDEN = (
    *(
        "link.png",
        ".hidden.png",
        "plain.txt",
        "inputs",
        "inputs/in.png",
        "inputs%2fin.png",
        "folder.png",
        ".thumbs",
        ".trash",
    ),
    *(
        "folder.png/secret.png",
        "folder.png%2fsecret.png",
        ".",
        "..",
        "./coffee.jpg",
        "%2e%2fcoffee.jpg",
        "coffee.jpg%00",
        "coffee.jpg/",
    ),
    *(
        "../gallery/coffee.jpg",
        "..%2fgallery%2fcoffee.jpg",
        "COFFEE.JPG/.",
        "x" * 300 + ".png",
        "%ff%fe.png",
        "%ed%a0%80.png",
    ),
)

ENDS = ("/thumb", "/about", "/state", "/before", "/download", "/download?format=../../x", "/download?format=")


def test_what_is_in_the_gallery_is_there(studio: Studio) -> None:
    for target in ("/studio/gallery/coffee.jpg", "/gradio_api/file=coffee.jpg", "/studio/gallery/coffee%2ejpg"):
        answer = studio.get(target)
        assert status_of(answer) == 200 and answer.endswith((DATA / "coffee.jpg").read_bytes()), target
    for target in ("/", "/page/main.js", "/studio/controls", "/config", "/gradio_api/info"):
        answer = studio.get(target)
        assert status_of(answer) in (200, 404) and b"X-Frame-Options: DENY".lower() in answer.lower()


CLOSED = (
    *(
        "/monitoring",
        "/monitoring/summary",
        "/gradio_api/runs",
        "/gradio_api/run-history/buckets",
        "/gradio_api/openapi.json",
    ),
    *(
        "/gradio_api/token",
        "/gradio_api/user",
        "/gradio_api/dev/reload",
        "/gradio_api/vibe-code",
        "/gradio_api/login_check",
    ),
    *(
        "/gradio_api/deep_link",
        "/theme.css",
        "/robots.txt",
        "/manifest.json",
        "/login",
        "/docs",
        "/redoc",
        "/openapi.json",
    ),
    *(
        "/gradio_api/api/presets",
        "/gradio_api/run/presets",
        "/gradio_api/component_server",
        "/gradio_api/process_recording",
    ),
    *(
        "/gradio_api/proxy=http://127.0.0.1:1/",
        "/gradio_api/profiling/traces",
        "/gradio_api/app_id",
        "/gradio_api/upload_progress",
    ),
)


def test_what_a_studio_does_not_need_is_off(studio: Studio) -> None:
    for path in CLOSED:
        for method in ("GET", "POST"):
            assert studio.ask(path, b"{}" if method == "POST" else None).status in (404, 405), (method, path)


def test_what_is_told_of_the_endpoints_says_nothing_of_the_machine(studio: Studio) -> None:
    told = studio.ask("/config").body + studio.ask("/gradio_api/info").body
    for words in (str(Path.home()), str(studio.gallery), str(studio.temporary), "site-packages"):
        assert words.encode() not in told


def test_no_address_is_fetched(studio: Studio) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.3)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/x.png"
        marked = {"path": address, "url": address, "meta": {"_type": "gradio.FileData"}}
        assert studio.ask("/gradio_api/call/v2/dream", {"picture": marked}).status == 403
        assert (
            studio.ask("/gradio_api/queue/join", {"data": [marked], "fn_index": 0, "session_hash": "x"}).status == 403
        )
        for path in (f"/gradio_api/file={address}", f"/gradio_api/proxy={address}", f"/studio/gallery/{address}"):
            assert status_of(studio.get(path)) == 404
        assert studio.ask("/studio/dreams", {"input": address}).status == 404
        with pytest.raises(TimeoutError):
            trap.accept()


def test_the_page_of_another_site_may_not_ask(studio: Studio) -> None:
    own, other = f"{studio.host}:{studio.port}", "evil.example"
    for host in (
        other,
        f"{other}:{studio.port}",
        "127.0.0.1.evil.example",
        "",
        "localhost.evil.example",
        "127.0.0.2",
        "[::2]",
    ):
        assert status_of(studio.get("/studio/controls", Host=host or " ")) in (400, 421), host
    assert status_of(studio.say(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")) in (400, 421)
    assert status_of(studio.say(b"GET / HTTP/1.0\r\n\r\n")) in (400, 421)
    for host in (own, f"localhost:{studio.port}", "LOCALHOST", f"[::1]:{studio.port}"):
        assert status_of(studio.get("/studio/controls", Host=host)) == 200, host
    for path in (
        "/studio/dreams",
        "/studio/uploads/x.png",
        "/gradio_api/call/v2/presets",
        "/gradio_api/upload",
        "/studio/tries",
    ):
        for headers in (
            {"Origin": f"http://{other}"},
            {"Origin": "null"},
            {"Origin": f"http://{studio.host}:{studio.port + 1}"},
            {"Origin": f"http://{own}.{other}"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            assert studio.ask(path, {}, **headers).status == 403, (path, headers)
    assert studio.ask("/studio/gallery/coffee.jpg", method="DELETE", Origin=f"http://{other}").status == 403
    assert (studio.gallery / "coffee.jpg").exists()
    assert studio.ask("/gradio_api/call/v2/presets", {}, Origin=f"http://{own}").status == 200
    answer = studio.ask("/studio/controls", Origin=f"http://{other}")
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_a_websocket_is_none_here(studio: Studio) -> None:
    for path in ("/", "/studio/live", "/gradio_api/queue/join", "/ws"):
        for origin in ("", "http://evil.example"):
            headers = {
                "Upgrade": "websocket",
                "Connection": "close, Upgrade",
                "Sec-WebSocket-Version": "13",
                "Origin": origin,
            }
            answer = studio.get(path, **headers, **{"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
            assert status_of(answer) != 101, path


ROUTES = (
    *(
        "/",
        "/page/main.js",
        "/favicon.ico",
        "/studio/controls",
        "/studio/gallery",
        "/studio/gallery/coffee.jpg",
        "/config",
    ),
    *(
        "/gradio_api/info",
        "/gradio_api/file=coffee.jpg",
        "/gradio_api/heartbeat/x",
        "/gradio_api/queue/data?session_hash=x",
        "/nothing",
    ),
)


def test_everything_asks_for_the_password(locked: Studio) -> None:
    word = base64.b64encode("ada:sécret".encode()).decode()
    wrong = (
        "",
        "Basic",
        "Basic x",
        f"Bearer {word}",
        f"Basic {word}x",
        f"Basic {word[:-4]}",
        "Basic " + base64.b64encode(b"ada:").decode(),
    )
    for path in ROUTES:
        for said in wrong:
            answer = locked.get(path, Authorization=said)
            assert status_of(answer) == 401 and b"www-authenticate: basic" in answer.lower(), (path, said)
    for path in (
        "/studio/dreams",
        "/studio/uploads/x.png",
        "/gradio_api/call/v2/presets",
        "/gradio_api/upload",
        "/gradio_api/cancel",
    ):
        assert locked.ask(path, {}).status == 401
    right = {"Authorization": f"basic {word}"}
    assert locked.ask("/studio/gallery/coffee.jpg", **right).status == 200
    assert locked.ask("/gradio_api/file=coffee.jpg", **right).status == 200
    assert locked.ask("/gradio_api/call/v2/presets", {}, **right).status == 200
    assert status_of(locked.get("/studio/controls", Host="studio.example", **right)) == 200
    assert status_of(locked.get("/studio/controls", Host="other.example", **right)) == 421
    assert b"s\xc3\xa9cret" not in locked.log.read_bytes()


def test_what_is_no_request_is_no_harm(studio: Studio) -> None:
    for raw in (
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /studio/\xff\xfe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"POST /studio/dreams HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ):
        answer = b""
        with socket.create_connection((studio.host, studio.port), 2) as link:
            link.sendall(raw)
            link.shutdown(socket.SHUT_WR)
            try:
                while chunk := link.recv(1 << 16):
                    answer += chunk
            except (ConnectionError, TimeoutError):
                pass
        assert b"evil" not in answer and b"Traceback" not in answer
    assert studio.ask("/studio/controls").status == 200


def test_json_bombs_are_told(studio: Studio) -> None:
    deep = b'{"settings": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}"
    for path in (
        "/studio/dreams",
        "/gradio_api/call/v2/dream",
        "/gradio_api/queue/join",
        "/studio/tries",
        "/studio/wish",
        "/studio/films",
    ):
        for body in (
            deep,
            b"[" * 100_000,
            b"{" * 1000,
            b"\xff\xfe",
            b"nul",
            b'{"settings": {"steps": ' + b"9" * 5000 + b"}}",
            b'{"model": 1e999, "nothing": NaN}',
        ):
            answer = studio.ask(path, body)
            assert 400 <= answer.status < 500, (path, body[:20], answer)
    assert studio.ask("/studio/controls").status == 200
    assert not studio.log.read_text().count("Traceback"), studio.log.read_text()


def test_endpoints_that_are_none_are_told(studio: Studio) -> None:
    for path in ("/gradio_api/call/v2/nothing", "/gradio_api/call/nothing"):
        answer = studio.ask(path, {"data": []})
        assert answer.status == 404 and "/gradio_api/info" in answer.told["error"], answer
    assert "not a valid" in studio.ask("/gradio_api/call/v2/dream", {"nothing": 1}).told["error"]


def test_bodies_that_are_too_large_are_refused_before_they_came(studio: Studio) -> None:
    host = f"Host: {studio.host}:{studio.port}\r\n"
    for path, length in (
        ("/studio/uploads/a.jpg", 10**9),
        ("/studio/uploads/a.mp4", 10**12),
        ("/studio/dreams", 10**9),
        ("/gradio_api/call/v2/dream", 10**9),
        ("/gradio_api/upload", 10**12),
        ("/studio/wish", 10**9),
    ):
        kind = "multipart/form-data; boundary=x" if path.endswith("upload") else "application/json"
        head = f"POST {path} HTTP/1.1\r\n{host}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        with socket.create_connection((studio.host, studio.port), 5) as link:
            link.sendall(head.encode() + b"x" * 1000)
            answer = link.recv(4096)
        assert status_of(answer) == 413, (path, answer)
    chunked = f"POST /studio/dreams HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((studio.host, studio.port), 5) as link:
        link.sendall(chunked.encode())
        answer = send_until_answered(link, b"10000\r\n" + b" " * 0x10000 + b"\r\n", 400)
    assert status_of(answer) in (413, 422)
    assert not studio.kept()


def send_until_answered(link: socket.socket, piece: bytes, times: int) -> bytes:
    """What is answered while a body is still being sent."""
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(link.recv(4096)), daemon=True)
    reader.start()
    for _ in range(times):
        if found:
            break
        try:
            link.sendall(piece)
        except ConnectionError:
            break
    reader.join(5)
    return found[0]


def test_mistakes_say_nothing_of_the_machine(studio: Studio) -> None:
    for path, body in (("/studio/dreams", {"input": "x"}), ("/studio/films", {"dream": {}}), ("/studio/nothing", None)):
        told = studio.ask(path, body).body
        assert str(studio.temporary).encode() not in told and b"site-packages" not in told
        assert "error" in json.loads(told)
