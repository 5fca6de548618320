"""Does the studio cost anything: memory, handles, files that stay after many dreams, and time?

    python benchmarks/studio.py [--dreams 200] [--size 384] [--steps 4]

A studio runs in a process of its own. Each dream is a photo that is uploaded, dreamed, followed to its end with its
previews, and looked at in the gallery. Told now and then: the process's resident memory and its share that is its own
alone, its open handles, its temporary files. Then, in turns, the same dream by the studio and by `reverie dream` in a
process that has loaded the network: the time from the click to the first preview beside that to the first step, and the
time of the whole. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import describe

PHOTO = Path(__file__).parent.parent / "examples" / "astronaut.jpg"

ROUNDS = 7
"""How often the times are taken; the median is told."""


@dataclass(frozen=True)
class Studio:
    """A studio that runs."""

    address: str
    process: int
    folder: Path

    def ask(self, path: str, body: bytes | None = None) -> Any:
        """What it answers, JSON or bytes."""
        with urllib.request.urlopen(urllib.request.Request(self.address + path, body), timeout=300) as answer:
            found = answer.read()
            return json.loads(found) if "json" in answer.headers["content-type"] else found

    def dream(self, settings: dict[str, Any]) -> tuple[float, float]:
        """One dream as a visitor has it; the seconds from the click to its first preview, and to its end."""
        key = self.ask("/studio/uploads/photo.jpg", PHOTO.read_bytes())["key"]
        asked = {"input": key, "objective": "fire8^2", "settings": settings}
        began, first = time.monotonic(), 0.0
        told = self.ask("/studio/dreams", json.dumps(asked).encode())
        with urllib.request.urlopen(f"{self.address}/studio/dreams/{told['key']}/events", timeout=300) as events:
            for line in events:
                if line.startswith(b"data: "):
                    told = json.loads(line[6:])
                    first = first or ("preview" in told and time.monotonic() - began)
        seconds = time.monotonic() - began
        assert told["state"] == "done", told
        self.ask(f"/studio/gallery/{told['item']}/thumb")
        return first, seconds

    def measure(self) -> str:
        """What it takes now."""
        own = Path(f"/proc/{self.process}/smaps_rollup").read_text()
        kilobytes = {
            name: int(found[1]) for name in ("Rss", "Private_Dirty") if (found := re.search(rf"{name}:\s+(\d+)", own))
        }
        handles = len(list(Path(f"/proc/{self.process}/fd").iterdir()))
        threads = len(list(Path(f"/proc/{self.process}/task").iterdir()))
        files = [path for path in (self.folder / "temporary").rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        memory = "  ".join(f"{value / 1000:7.1f}" for value in kilobytes.values())
        return f"{memory}  {handles:7}  {threads:7}  {len(files):5} ({size:.1f} MB)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dreams", type=int, default=200)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--steps", type=int, default=4)
    given = parser.parse_args()
    settings = {"size": given.size, "steps": given.steps}
    print(f"{describe('gradio')}\n{settings}, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        studio, process = open_studio(Path(folder))
        try:
            soak(studio, given.dreams, settings)
            compare(studio, settings)
        finally:
            began = time.monotonic()
            process.terminate()
            process.wait()
            left = list((Path(folder) / "temporary").iterdir())
            print(f"closed after {time.monotonic() - began:.1f} s, {len(left)} temporary files left")


def open_studio(folder: Path) -> tuple[Studio, subprocess.Popen[str]]:
    """A studio whose files lie in a folder."""
    (folder / "temporary").mkdir()
    words = ["-m", "reverie", "studio", "--port", "0", "--no-browser", "--gallery", str(folder / "gallery")]
    environment = {**os.environ, "TMPDIR": str(folder / "temporary")}
    process = subprocess.Popen([sys.executable, *words], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"http://\S+:\d+", process.stdout.readline())
    assert found is not None
    return Studio(found[0], process.pid, folder), process


def soak(studio: Studio, count: int, settings: dict[str, Any]) -> None:
    """So many dreams, one after another."""
    print("dreams  RSS MB   own MB   handles  threads  temporary files")
    for number in range(count + 1):
        if number % max(1, count // 8) == 0:
            print(f"{number:6}  {studio.measure()}", flush=True)
        if number < count:
            studio.dream(settings)


def compare(studio: Studio, settings: dict[str, Any]) -> None:
    """The studio's times beside the command line's, in turns."""
    from reverie.jobs.door import prepare
    from reverie.jobs.job import Job
    from reverie.jobs.networks import Networks
    from reverie.recipe.recipe import Recipe
    from reverie.settings import Settings

    models, target = Networks(), studio.folder / "dream.png"
    recipe = Recipe(str(PHOTO), objective="fire8^2", settings=Settings(**settings))
    times: dict[str, list[float]] = {"first preview": [], "first step": [], "studio": [], "command line": []}
    for _ in range(ROUNDS):
        first, seconds = studio.dream(settings)
        times["first preview"].append(first)
        times["studio"].append(seconds)
        began, first = time.monotonic(), 0.0
        run = prepare(Job(recipe, target, "auto"), models=models)
        for _ in run:
            first = first or time.monotonic() - began
        run.save()
        times["first step"].append(first)
        times["command line"].append(time.monotonic() - began)
    median = {name: statistics.median(each[1:]) for name, each in times.items()}
    for name, seconds in median.items():
        print(f"{name:14} {seconds:6.3f} s")
    print(f"the first preview: {median['first preview'] / median['first step']:.2f} of the command line's first step")
    print(f"the whole dream: {median['studio'] / median['command line']:.2f} of the command line's")


if __name__ == "__main__":
    main()
