"""The one door: whatever a recipe is of, `rv.run`, `reverie run` and the file that carries it are one picture."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import pyvips
import torch

import reverie as rv
from reverie.cli import main
from reverie.errors import QueueFull, RecipeError, ReverieError, SettingsError, UnknownName
from reverie.jobs import door
from reverie.jobs.disk_run import DiskRun
from reverie.jobs.door import prepare, tell_version
from reverie.jobs.memory_run import MemoryRun
from reverie.jobs.networks import Networks
from reverie.recipe.recipe import Recipe, VisualRecipe, read_recipe
from reverie.recipe.versions import installed_version
from reverie.settings import Settings

DATA = Path(__file__).parent.parent / "data"
RANDOM = ("--weights", "random", "--device", "cpu", "--precision", "float32", "--quiet")
SMALL = ("--octaves", "2", "--steps", "2", "--jitter", "4")

KINDS = {
    "memory": ("dream", "photo.png", *SMALL),
    "16 bits": ("dream", "deep.tif", *SMALL),
    "size": ("dream", "photo.png", *SMALL, "--size", "80"),
    "shape": ("dream", "photo.png", *SMALL, "--size", "64x110"),
    "tiles": ("dream", "large.png", *SMALL, "--memory", "120MB", "--objective", "fire3"),
    "disk": ("dream", "huge.png", "--octaves", "1", "--steps", "3", "--memory", "440MB", "--objective", "conv1"),
    "masks": ("dream", "photo.png", *SMALL, "--mask", "mask.png:fire3^2"),
    "guides": ("dream", "photo.png", *SMALL, "--guide", "mask.png", "--objective", "fire3"),
    "keep": ("dream", "photo.png", *SMALL, "--objective", "fire3 + 0.2*keep"),
    "class": ("dream", "photo.png", *SMALL, "--objective", "class:espresso"),
    "panorama": ("dream", "pano.png", *SMALL, "--panorama=on"),
    "noise": ("visualize", "fire2:5", "--size", "48", "--steps", "3"),
    "start": ("visualize", "fire2:5 + 0.3*keep", "--start", "photo.png", "--size", "48", "--steps", "2"),
    "grid": ("visualize", "fire2:5; fire2:6", "--grid", "1x3", "--size", "48", "--steps", "2", "--shared", "0.5"),
    "maco": (
        "visualize",
        "fire2:5",
        "--param",
        "maco",
        "--transforms",
        "crop(0.5, 0.9)",
        "--size",
        "48",
        "--steps",
        "2",
    ),
    "shape of noise": ("visualize", "fire2:5", "--size", "40x60", "--steps", "3"),
}
ENDING = {"16 bits": ".tif"}


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    log = logging.getLogger("reverie")
    before = log.handlers, log.propagate
    yield
    log.handlers, log.propagate = before


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with PIL.Image.open(DATA / "coffee.jpg") as picture:
        photo = picture.convert("RGB")
    photo.resize((96, 64)).save("photo.png")
    photo.resize((96, 48)).save("pano.png")
    photo.resize((600, 480)).save("large.png")
    photo.resize((1800, 1600)).save("huge.png", compress_level=1)
    mask = np.zeros((64, 96, 3), np.uint8)
    mask[20:50, 30:70] = (255, 220, 180)
    PIL.Image.fromarray(mask).save("mask.png")
    (pyvips.Image.new_from_file("photo.png") * 257).cast("ushort").copy(interpretation="rgb16").write_to_file(
        "deep.tif"
    )
    return tmp_path


def pixels(path: str | Path) -> np.ndarray:
    samples: np.ndarray = pyvips.Image.new_from_file(str(path), revalidate=True).numpy()
    return samples


def make(kind: str, target: str) -> None:
    words = [*KINDS[kind], "-o", target, *RANDOM]
    assert main(words) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_run_in_python_run_by_words_and_the_file_are_one_picture(kind: str, folder: Path) -> None:
    name = f"made{ENDING.get(kind, '.png')}"
    make(kind, name)
    recipe, samples = read_recipe(name), pixels(name)
    if kind in ("tiles", "disk"):
        assert isinstance(recipe, Recipe) and (recipe.tile if kind == "tiles" else recipe.block)
    top = np.iinfo(samples.dtype).max
    image = (rv.run(recipe)[0].permute(1, 2, 0) * int(top)).round().numpy().astype(samples.dtype)
    assert np.array_equal(image, samples)
    assert main(["run", name, "-o", f"again-{name}", "--quiet"]) == 0
    assert np.array_equal(pixels(f"again-{name}"), samples)
    assert read_recipe(f"again-{name}") == recipe


@pytest.mark.parametrize("kind", KINDS)
def test_what_show_prints_is_a_configuration(kind: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(kind, f"made{ENDING.get(kind, '.png')}")
    capsys.readouterr()
    assert main(["show", f"made{ENDING.get(kind, '.png')}"]) == 0
    Path("made.toml").write_text(capsys.readouterr().out, "utf-8")
    photo = "pano.png" if kind == "panorama" else "photo.png"
    for command in (["dream", photo, "--size", "64"], ["visualize", "--size", "48"]):
        steps = [] if command[0] == "dream" and kind != "noise" else ["--steps", "2"]
        words = [*command, "--config", "made.toml", "-o", f"{command[0]}.png", *steps, *RANDOM]
        code = main(words)
        said = capsys.readouterr().err
        if code:  # what cannot begin as noise says so
            refused = ("grid",) if command[0] == "dream" else ("keep", "masks")  # a photo dreams of one wish
            assert kind in refused and said.count("\n") == 1, said
            continue
        made, asked = read_recipe(f"{command[0]}.png"), read_recipe(f"made{ENDING.get(kind, '.png')}")
        assert made.wishes == asked.wishes and made.model == asked.model


@pytest.mark.tensorflow
def test_a_picture_of_tensorflow_is_made_again(folder: Path) -> None:
    words = ["dream", "photo.png", "-o", "tf.png", "--model", "inception_v3", "--weights", "random"]
    assert main([*words, "--engine", "tensorflow", "--octaves", "1", "--steps", "2", "--quiet"]) == 0
    image = (rv.run(read_recipe("tf.png"))[0].permute(1, 2, 0) * 255).round().numpy().astype(np.uint8)
    assert np.array_equal(image, pixels("tf.png"))


def asked(**settings: object) -> Recipe:
    few = Settings.of({"octaves": 2, "steps": 2, "jitter": 4, **settings})
    return Recipe("photo.png", weights="random", objective="fire3", precision="float32", settings=few)


def job(target: str | None = None, **settings: object) -> rv.Job:
    return rv.Job(asked(**settings), Path(target) if target else None, device="cpu")


def test_a_guide_that_only_the_words_name_is_remembered_by_its_digest(folder: Path) -> None:
    run = prepare(rv.Job(replace(asked(), objective='guide:"mask.png"@fire3')))
    assert isinstance(run, MemoryRun) and len(run.recipe.guides["mask.png"]) == 64


def test_a_run_completes_its_recipe_and_goes_on_where_it_was(folder: Path) -> None:
    models = Networks()
    run, other = (prepare(job(), models=models) for _ in range(2))
    assert isinstance(run, MemoryRun) and isinstance(other, MemoryRun) and run.model is other.model
    assert run.recipe.input_sha256 and run.recipe.model_sha256 and run.recipe.settings.panorama == "off"
    for progress in run:
        if progress.share > 0.4:
            break  # to stop is not to ask for the next
    assert run.written_recipe.only_steps == run.taken
    shares = [progress.share for progress in run]
    assert run.finished and shares == sorted(shares) and shares[-1] == pytest.approx(1)
    for progress in other:
        assert progress.score is not None and progress.preview(32).shape[-1] == 32
    assert torch.equal(run.image(), other.image())
    assert run.report().score_end == other.report().score_end


def test_a_dream_on_disk_is_the_same_block_by_block_in_any_order(folder: Path) -> None:
    huge = replace(asked(octaves=1, steps=3), input="huge.png", objective="conv1")
    whole = prepare(rv.Job(huge, Path("whole.png"), "440MB", "cpu"))
    assert isinstance(whole, DiskRun)
    for _ in whole:
        pass
    split = prepare(rv.Job(whole.recipe, Path("split.png"), device="cpu"))
    assert isinstance(split, DiskRun)
    with pytest.raises(RecipeError, match="not finished"):
        split.save()
    while units := split.units():
        assert len(units) > 1
        for unit in reversed(units):
            unit()
    assert split.save().resolve() == Path("split.png").resolve()
    assert np.array_equal(pixels("split.png"), pixels("whole.png"))


def test_one_job_that_fails_does_not_stop_the_rest(folder: Path) -> None:
    gone = rv.Job(replace(asked(), input="gone.png"), Path("a.png"))
    outcomes = list(rv.run_all([gone, job("b.png")]))
    assert isinstance(outcomes[0].error, ReverieError) and outcomes[0].path is None
    assert outcomes[1].error is None and outcomes[1].path == Path("b.png") and Path("b.png").is_file()


def test_what_can_be_refused_is_refused_before_the_work(folder: Path) -> None:
    with pytest.raises(UnknownName, match="fire3"):
        prepare(rv.Job(replace(asked(), objective="fire33")))
    with pytest.raises(RecipeError, match="photo.png changed since"):
        prepare(rv.Job(replace(asked(), input_sha256="0" * 64)))
    with pytest.raises(RecipeError, match="not those of the recipe"):
        prepare(rv.Job(replace(asked(), model_sha256="0" * 64)))
    with pytest.raises(SettingsError, match="leave keep out"):
        prepare(rv.Job(VisualRecipe("keep", weights="random")))
    with pytest.raises(ReverieError, match="is the input itself"):
        prepare(replace(job(), target=Path("photo.png")))


def test_a_recipe_of_another_version_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, ...]] = []
    monkeypatch.setattr(door.log, "warning", lambda *words: told.append(words))
    old = Recipe("a", version="0.0.7")
    for recipe in (old, old, Recipe("a", version=installed_version())):
        tell_version(recipe)
    assert [words[1:] for words in told] == [("0.0.7", installed_version())]


def test_a_queue_does_jobs_in_order_and_cancels(folder: Path) -> None:
    with rv.Queue() as queue:
        long = queue.submit(job("long.png", steps=100_000))
        waiting, last = queue.submit(job("never.png")), queue.submit(job("last.png"))
        assert queue.position(last) > queue.position(waiting) >= queue.position(long)
        queue.cancel(waiting)
        assert waiting.state == "canceled" and waiting.wait(0)
        while long.progress is None:
            assert not long.wait(0.01), long.error
        queue.cancel(long)
        assert long.wait(60) and long.state == "canceled" and last.wait(60) and last.state == "done"
    assert Path("last.png").is_file() and Path("long.png").is_file() and not Path("never.png").exists()
    found = read_recipe("long.png")
    assert isinstance(found, Recipe) and found.only_steps and found.only_steps < 200_000
    with pytest.raises(RuntimeError, match="closed"):
        queue.submit(job())


def test_a_stopped_job_goes_on_where_it_was(folder: Path) -> None:
    whole = rv.prepare(job("whole.png", steps=6))
    list(whole)
    with rv.Queue() as queue:
        seen: list[str] = []

        def watch(run: rv.Run) -> Iterator[rv.Progress]:
            for progress in run:
                seen.append(progress.place)
                if len(seen) == 3:
                    queue.cancel(first)
                yield progress

        first = queue.submit(job("stopped.png", steps=6), watch=watch)
        assert first.wait(60) and first.state == "canceled", first.error
        again = queue.resume(first)
        assert again.wait(60) and again.state == "done"
    assert len(seen) == len(set(seen)) == 12
    assert torch.equal(again.run.image(), whole.image())  # type: ignore[union-attr]
    assert read_recipe("stopped.png").only_steps is None  # type: ignore[union-attr]


def test_a_queue_is_bounded_and_fills_its_idle_time(folder: Path) -> None:
    with rv.Queue(limit=1) as queue:
        long = queue.submit(job(steps=100_000))
        while long.progress is None:
            assert not long.wait(0.01), long.error
        queue.submit(job())
        with pytest.raises(QueueFull, match="1 dreams are waiting"):
            queue.submit(job())
        done: list[int] = []
        queue.fill(map(done.append, range(3)))
        assert not done and not queue.is_idle
        queue.cancel(long)
        for _ in range(1000):
            if len(done) == 3:
                break
            time.sleep(0.01)
        assert done == [0, 1, 2] and queue.is_idle
