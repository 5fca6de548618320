"""What tests in a browser share: a visit to the studio, and what a visitor does there."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
"""Nothing is asked of any other host, and there is a camera."""

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

WATCH = """image => {
    window.shown = [];
    new MutationObserver(() => { window.shown.push(image.src.split(":")[0]); })
        .observe(image, { attributes: true, attributeFilter: ["src"] });
}"""
"""Writes down what an image shows: `data` is a preview, `http` what was written, `blob` another look at it."""

DROP = """([name, type, bytes]) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(bytes), each => each.charCodeAt(0))], name, { type }));
    for (const kind of ["dragenter", "dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
}"""


@dataclass(frozen=True)
class Studio:
    """A server that runs: its address, its gallery, and a folder for what a test needs."""

    address: str
    gallery: Path
    folder: Path


@dataclass(eq=False)
class Visit:
    """One visitor's browser window.

    `asked` is every address that was asked for, `answered` what came of each, `trouble` what the console told.
    `refusals` is which refusals of the server belong to the test: any other one is a mistake of the page.
    """

    page: Any
    studio: Studio
    asked: list[str] = field(default_factory=list)
    answered: list[tuple[int, str]] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def begin(cls, browser: Any, studio: Studio, **how: Any) -> Iterator[Visit]:
        """A visit with a window of its own; `how` is the browser's context, such as its size."""
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "accept_downloads": True, **how})
        try:
            visit = cls(context.new_page(), studio)
            visit.listen()
            visit.page.goto(studio.address)
            visit.page.wait_for_selector("#nav a")
            yield visit
            visit.check()
        finally:
            context.close()

    def listen(self) -> None:
        """Writes down whatever the page asks for, gets, and complains about."""
        page = self.page
        page.set_default_timeout(30_000)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("response", lambda answer: self.answered.append((answer.status, answer.url)))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("console", self.hear)

    def hear(self, message: Any) -> None:
        """Whatever the console is told but that an answer was a refusal, which `answered` knows better."""
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.trouble.append(message.text)

    def check(self) -> None:
        """Nobody but the studio was asked, nothing was refused that was to be had, and the console had no complaint."""
        strangers = [url for url in self.asked if not url.startswith((self.studio.address, "data:", "blob:"))]
        refused = {(status, url.removeprefix(self.studio.address)) for status, url in self.answered if status >= 400}
        unexpected = {
            (status, path)
            for status, path in refused
            if not any(status == known and path.startswith(start) for known, start in self.refusals)
        }
        assert not strangers, strangers
        assert not unexpected, unexpected
        assert not self.trouble, self.trouble

    def go(self, room: str) -> None:
        """Goes to a room."""
        self.page.goto(f"{self.studio.address}/#{room}")
        self.page.wait_for_selector(f"#nav a[href='#{room}'][aria-current=page]")

    def room(self, name: str) -> Any:
        """A room's part of the page, by its title."""
        return self.page.locator(f"section[aria-label={name}]")

    def count(self, path: str, status: int = 200) -> int:
        """How many answers of a status came to what matches a pattern."""
        return sum(each == status and re.search(path, url) is not None for each, url in self.answered)

    def drop(self, path: Path, name: str | None = None, kind: str = "image/jpeg") -> None:
        """Drops a file on the page."""
        self.page.evaluate(DROP, [name or path.name, kind, base64.b64encode(path.read_bytes()).decode()])

    def set(self, **settings: object) -> None:
        """Changes settings of the dream, as the store has them; fields of the page are tried where they matter."""
        for name, value in settings.items():
            self.fill(name.replace("_", " ").capitalize(), str(value))

    def until(self, condition: str) -> None:
        """Waits until some JavaScript is true; it is evaluated from outside, since the page itself allows none."""
        for _ in range(600):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(condition)

    def fill(self, label: str, words: str) -> None:
        """Fills a field of the Dream room, by its label."""
        box = self.page.locator("section[aria-label=Dream]").get_by_label(label, exact=True)
        if not box.is_visible():
            self.page.locator("section[aria-label=Dream] summary", has_text="All settings").click()
        box.fill(words)
        box.press("Tab")

    def value(self, label: str) -> str:
        """What a field of the Dream room says."""
        return str(self.page.locator("section[aria-label=Dream]").get_by_label(label, exact=True).input_value())

    def open_photo(self, path: Path = DATA / "chelsea.jpg", **settings: object) -> None:
        """Drops a photo, and waits until it can be dreamed."""
        self.drop(path)
        self.page.wait_for_selector(f"section[aria-label=Dream] .photo .name:has-text('{path.name}')")
        self.page.wait_for_selector("button.main:has-text('Dream'):visible")
        self.set(**settings)

    def dream(self) -> None:
        """Begins to dream."""
        self.page.click("section[aria-label=Dream] button.main:has-text('Dream'):visible")

    def finish(self) -> None:
        """Waits until a dream is over."""
        self.page.wait_for_selector("section[aria-label=Dream] button:has-text('Before / after'):visible")

    def toast(self, words: str) -> str:
        """Waits for a message with these words, and tells all of it."""
        return str(self.page.locator(".toast", has_text=words).last.inner_text())

    def shown(self) -> Any:
        """The picture of the dream."""
        return self.page.locator("section[aria-label=Dream] .stage img[alt='The dream']").first

    def state(self) -> dict[str, Any]:
        """What the page is about to dream of."""
        found: dict[str, Any] = self.page.evaluate("JSON.parse(sessionStorage.getItem('reverie'))")
        return found

    @property
    def items(self) -> list[Path]:
        """The pictures of the gallery, newest first."""
        return sorted(self.studio.gallery.glob("*.png"), key=lambda path: -path.stat().st_mtime)
