"""How much memory does a dream take whose picture does not fit into it, and what does a megapixel cost then?

Each dream runs in a process of its own; its peak is counted above what the libraries take once they are imported.

    python benchmarks/memory.py [memory] [megapixels ...]        2GB, and 4, 100 megapixels, unless told
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe

ENDINGS = (".jpg", ".tif")
# Two octaves of the usual steps: the peak is that of one block, and what is compared is a megapixel with a megapixel.
WORDS = ["--octaves", "2", "--octave-scale", "2", "--quiet"]


def main(memory: str = "2GB", *megapixels: str) -> None:
    print(f"{describe('pyvips')}\n--memory {memory} {' '.join(WORDS)}")
    cost: dict[str, list[float]] = {ending: [] for ending in ENDINGS}
    with tempfile.TemporaryDirectory() as folder:
        for size in [float(each) for each in megapixels] or [4.0, 100.0]:
            for ending in ENDINGS:
                source = photograph(Path(folder) / f"photo{ending}", size)
                told = measured(source, source.with_name(f"dream{ending}"), memory)
                cost[ending].append(told["seconds"] / size)
                print(
                    f"{size:6.0f} MP {ending}  peak {told['peak'] / 1e6:6.0f} MB above the import, "
                    f"{told['seconds']:7.1f} s, {cost[ending][-1]:.2f} s a megapixel",
                    flush=True,
                )
    for ending, (first, *_, last) in cost.items():
        print(f"{ending}: a megapixel of the largest costs {last / first:.2f} of one of the smallest")


def photograph(path: Path, megapixels: float) -> Path:
    """The astronaut enlarged, with fine detail of its own: 8 bits as a JPEG, 16 as a TIFF."""
    import pyvips

    from reverie.recipe.inputs import EXAMPLE, input_path

    photo = pyvips.Image.new_from_file(str(input_path(EXAMPLE)))
    width, height = int((megapixels * 1.25e6) ** 0.5), int((megapixels * 0.8e6) ** 0.5)
    large = photo.resize(width / photo.width, vscale=height / photo.height, kernel="cubic")
    large = large.crop(0, 0, min(width, large.width), min(height, large.height))
    large += pyvips.Image.perlin(large.width, large.height, cell_size=24, seed=1) * 14
    large += pyvips.Image.gaussnoise(large.width, large.height, sigma=4, seed=2)
    if path.suffix == ".tif":
        deep = (large * 257).cast("ushort").copy(interpretation="rgb16")
        deep.tiffsave(str(path), tile=True, compression="deflate", predictor="horizontal", bigtiff=True)
    else:
        large.cast("uchar").copy(interpretation="srgb").jpegsave(str(path), Q=92)
    return path


def measured(source: Path, target: Path, memory: str) -> dict[str, float]:
    """One dream in a new process: its peak in bytes above the import of the libraries, and its seconds."""
    done = subprocess.run([sys.executable, __file__, "dream", str(source), str(target), memory], capture_output=True)
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    found: dict[str, float] = json.loads(done.stdout)
    return found


def dreamed(source: str, target: str, memory: str) -> None:
    """What the new process does."""
    import reverie.jobs.outcomes  # noqa: F401 (what it takes to be loaded is not the dream's)
    from reverie._native.memory import peak_memory
    from reverie.cli import main as dream

    imported, began = peak_memory() or 0, time.monotonic()
    code = dream(["dream", source, "-o", target, "--memory", memory, *WORDS])
    print(json.dumps({"peak": (peak_memory() or 0) - imported, "seconds": time.monotonic() - began}))
    raise SystemExit(code)


if __name__ == "__main__":
    if sys.argv[1:2] == ["dream"]:
        dreamed(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
