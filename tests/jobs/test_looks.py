"""How much of a dream is shown, and which sizes of features, can be said before as after it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import reverie as rv
from reverie.ascent.looks import weigh_octave
from reverie.cli import main
from reverie.errors import SettingsError
from reverie.jobs.memory_run import MemoryRun
from reverie.types import Image

pytestmark = pytest.mark.bundled

SMALL = rv.Settings(octaves=3, steps=2, size=96)


def make(**said: object) -> MemoryRun:
    settings = rv.Settings.of({**SMALL.as_dict(), **said})
    run = rv.prepare(rv.Job(rv.Recipe("example:astronaut", objective="fire3^2", settings=settings)))
    assert isinstance(run, MemoryRun)
    return run


def done(run: MemoryRun) -> MemoryRun:
    list(run)
    return run


@pytest.fixture(scope="module")
def plain() -> Iterator[MemoryRun]:
    run = make()
    run.keep_octaves()
    yield done(run)
    run.restyle(1, 0)


@pytest.mark.parametrize("look", [{"strength": 0.5}, {"features": 0.3}, {"strength": 0.7, "features": -1.0}])
def test_a_look_said_before_is_that_said_after(plain: MemoryRun, look: dict[str, float]) -> None:
    plain.restyle(**{"strength": 1, "features": 0, **look})
    before = done(make(**look))
    assert torch.equal(plain.image(), before.image())
    assert plain.written_recipe == before.written_recipe
    assert torch.equal(rv.run(plain.written_recipe), before.image())


def test_strength_is_a_share_of_the_way_from_the_photo(plain: MemoryRun) -> None:
    plain.restyle(strength=1, features=0)
    whole = plain.image()
    plain.restyle(strength=0.25)
    assert torch.allclose(plain.image(), plain.start + 0.25 * (whole - plain.start), atol=1e-6)
    plain.restyle(strength=0)
    assert torch.equal(plain.image(), plain.start)


def test_features_weigh_octaves() -> None:
    assert [weigh_octave(number, 4, 0) for number in range(4)] == [1, 1, 1, 1]
    assert weigh_octave(0, 4, 1) == 1 and weigh_octave(3, 4, 1) == 0
    assert weigh_octave(0, 4, -1) == 0 and weigh_octave(3, 4, -1) == 1
    for features in (-1, -0.4, 0.4, 1):
        weights = [weigh_octave(number, 6, features) for number in range(6)]
        assert weights == sorted(weights, reverse=features > 0) and weigh_octave(0, 1, features) == 1


def test_large_features_are_smooth_and_small_ones_are_not(plain: MemoryRun) -> None:
    def roughness(features: float) -> float:
        plain.restyle(strength=1, features=features)
        detail = plain.image() - plain.start
        return rough(detail)

    assert roughness(1) < roughness(0.5) < roughness(0) < roughness(-1)


def rough(detail: Image) -> float:
    steps = detail.diff(dim=3).abs().mean() + detail.diff(dim=2).abs().mean()
    return float(steps / detail.abs().mean())


def test_features_that_were_not_kept_are_refused() -> None:
    run = done(make())
    run.restyle(strength=0.5)
    with pytest.raises(SettingsError, match="dream it again"):
        run.restyle(features=0.5)
    with pytest.raises(SettingsError, match="strength is 2"):
        run.restyle(strength=2)
    with pytest.raises(SettingsError, match="leave one out"):
        make(handover="picture", features=0.5)


@pytest.mark.parametrize("look", [{}, {"strength": 0.5}, {"features": 0.5}, {"gray": True}, {"keep_color": True}])
def test_a_preview_is_the_picture_small(look: dict[str, object]) -> None:
    run = make(**look)
    for progress in run:
        assert run.last is not None
        whole = run.whole(run.last)
        assert torch.equal(progress.preview(96), whole)
        small = progress.preview(48)
        assert small.shape == (1, 3, 48, 48)
        assert float((small - torch.nn.functional.avg_pool2d(whole, 2)).abs().mean()) < 0.03


def test_gray_is_gray_everywhere(tmp_path: Path) -> None:
    run = done(make(gray=True))
    picture = run.image()
    assert torch.equal(picture[:, :1].expand(-1, 3, -1, -1), picture)
    assert torch.equal(run.start[:, :1].expand(-1, 3, -1, -1), run.start)
    assert float((picture - run.start).abs().mean()) > 0.005
    mask = torch.zeros(96, 96)
    mask[:, :48] = 1
    half = rv.dream(run.start, run.model, rv.masked("fire3^2", mask), SMALL)
    assert torch.equal(half[..., 72:], run.start[..., 72:])


def test_words_stand_for_numbers_at_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    importlib.import_module("pydantic")  # where it is imported, the command line has it check what flags are
    words = ["dream", "--objective", "fire2^2", "--size", "64", "--steps", "1", "--octaves", "2", "--quiet"]
    for said, value in (("large", 1.0), ("small", -1.0), ("-0.25", -0.25)):
        assert main([*words, "--features", said, "--strength", "0.5", "-o", "d.png"]) == 0
        recipe = rv.read_recipe("d.png")
        assert isinstance(recipe, rv.Recipe) and recipe.settings.features == value and recipe.settings.strength == 0.5


def test_on_disk_strength_is_shown_and_the_rest_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = rv.Recipe("example:astronaut", objective="fire2^2", settings=rv.Settings(steps=1, octaves=2), block=256)
    whole = rv.run(recipe)
    half = rv.run(rv.Recipe(**{**vars(recipe), "settings": rv.Settings(steps=1, octaves=2, strength=0.5)}))
    photo = rv.open_image(Path(rv.__file__).parent / "data" / "astronaut.jpg")
    assert float((half - (photo + whole) / 2).abs().max()) < 1.01 / 255
    for look in ({"features": 0.5}, {"gray": True}):
        settings = rv.Settings.of({"steps": 1, "octaves": 2, **look})
        with pytest.raises(SettingsError, match="does not fit into memory"):
            rv.run(rv.Recipe(**{**vars(recipe), "settings": settings}))
