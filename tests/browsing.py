"""What tests in a browser share: a visit to the studio, and what a visitor does there."""

from __future__ import annotations

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

WATCH = """image => {
    window.shown = 0;
    new MutationObserver(() => { window.shown++; }).observe(image, { attributes: true, attributeFilter: ["src"] });
}"""

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
    """One visitor's browser window. `asked` is every address that was asked for, `trouble` what the console told."""

    page: Any
    studio: Studio
    asked: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def begin(cls, browser: Any, studio: Studio, **how: Any) -> Iterator[Visit]:
        """A visit with a window of its own; `how` is the browser's context, such as its size."""
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "accept_downloads": True, **how})
        page = context.new_page()
        visit = cls(page, studio)
        page.on("request", lambda request: visit.asked.append(request.url))
        page.on("pageerror", lambda error: visit.trouble.append(str(error)))
        page.set_default_timeout(30_000)
        page.goto(studio.address)
        page.wait_for_selector("#nav a")
        yield visit
        assert not visit.trouble, visit.trouble
        strangers = [url for url in visit.asked if not url.startswith((studio.address, "data:", "blob:"))]
        assert not strangers, strangers
        context.close()

    def go(self, room: str) -> None:
        """Goes to a room."""
        self.page.goto(f"{self.studio.address}/#{room}")
        self.page.wait_for_selector(f"#nav a[href='#{room}'][aria-current=page]")

    def drop(self, path: Path, name: str | None = None, kind: str = "image/jpeg") -> None:
        """Drops a file on the page."""
        import base64

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
