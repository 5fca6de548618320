"""`rv.dream` in one call: it takes what `open_image` takes, carries its recipe, tells its progress, keeps its work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

import reverie as rv
from reverie.cli import main
from reverie.errors import SettingsError
from reverie.models.spec import require_model
from reverie.models.torch_model import TorchModel
from reverie.recipe.inputs import ARRAY
from tiny import TinyNetwork

COFFEE = Path(__file__).parent.parent / "data" / "coffee.jpg"
FEW = rv.Settings(size=96, steps=2, octaves=2, jitter=8)


@pytest.fixture
def tiny() -> TorchModel:
    return TorchModel(TinyNetwork(), "tiny", "0" * 64, precision="float32")


@pytest.fixture(scope="module")
def squeezenet() -> Any:
    return rv.load_model("squeezenet", precision="float32")


def test_every_form_of_a_picture_dreams_the_same(tiny: TorchModel) -> None:
    image = rv.open_image(COFFEE)
    eight_bits = (image[0].permute(1, 2, 0) * 255).round().byte().numpy()
    forms: list[Any] = [COFFEE, str(COFFEE), image, image[0], rv.read_photo(COFFEE), eight_bits]
    forms += [PIL.Image.fromarray(eight_bits), image.double(), image.clone().requires_grad_(True)]
    dreams = [rv.dream(form, tiny, "c^2", FEW) for form in forms]
    for dreamed in dreams:
        assert torch.equal(dreamed, dreams[0]) and dreamed.dtype == torch.float32 and not dreamed.requires_grad


@pytest.mark.parametrize(
    "wrong",
    [
        torch.rand(1, 3, 32, 32) * 255,
        torch.full((1, 3, 32, 32), float("nan")),
        torch.rand(1, 1, 32, 32),
        torch.rand(32, 32),
        np.zeros((8, 8, 2), np.uint8),
        7,
        "no such file.jpg",
    ],
)
def test_what_is_no_picture_is_refused(wrong: Any, tiny: TorchModel) -> None:
    with pytest.raises(rv.ReverieError, match="picture|exist") as caught:
        rv.dream(wrong, tiny, "c^2", FEW)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["squeezenet", None, 5, torch.nn.Conv2d(3, 4, 3)])
def test_what_is_no_model_is_refused(wrong: Any, tiny: TorchModel) -> None:
    require_model(tiny)
    with pytest.raises(SettingsError, match=r"is no model; expected rv\.load_model"):
        require_model(wrong)


def test_it_dreams_within_inference_mode(tiny: TorchModel) -> None:
    image = torch.rand(1, 3, 40, 40)
    outside = rv.dream(image, tiny, "c^2", FEW)
    with torch.inference_mode():
        inside = rv.dream(image.clone(), tiny, "c^2", FEW)
        score, _ = rv.gradient_of(tiny, rv.layer("c"))(image.clone())
    assert torch.equal(inside, outside) and torch.equal(score, rv.gradient_of(tiny, rv.layer("c"))(image)[0])


@pytest.mark.bundled
@pytest.mark.parametrize("how", [{}, {"memory": "10MB"}])
def test_what_was_dreamed_and_saved_is_run_again(
    how: dict[str, Any], squeezenet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dreamed = rv.dream(rv.open_image(COFFEE), squeezenet, "fire3^2 - 0.1*tv", rv.Settings(size=160, steps=2), **how)
    rv.save_image(dreamed, "dream.png")
    recipe = rv.read_recipe("dream.png")
    assert isinstance(recipe, rv.Recipe) and (recipe.tile is not None) == bool(how)
    assert torch.equal(rv.run(recipe), dreamed)
    assert main(["run", "dream.png", "-o", "again.png", "--quiet"]) == 0
    assert torch.equal(rv.open_image("again.png"), rv.open_image("dream.png"))


@pytest.mark.bundled
def test_a_network_of_random_weights_is_remembered(tmp_path: Path) -> None:
    model = rv.load_model("squeezenet", weights="random", precision="float32")
    dreamed = rv.dream(COFFEE, model, "fire2", FEW)
    assert dreamed.recipe is not None and torch.equal(rv.run(rv.Recipe.from_toml(dreamed.recipe)), dreamed)


@pytest.mark.bundled
def test_the_dream_of_an_array_asks_for_its_picture(
    squeezenet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    rv.save_image(rv.dream(pixels, squeezenet, "fire2^2", rv.Settings(steps=1)), "dream.png")
    PIL.Image.fromarray(pixels).save("same.png")
    PIL.Image.fromarray(255 - pixels).save("other.png")
    assert rv.Recipe.from_file("dream.png").input == ARRAY
    assert main(["run", "dream.png", "-o", "again.png", "--quiet"]) == 2
    assert "--input" in capsys.readouterr().err
    assert main(["run", "dream.png", "-o", "again.png", "--input", "other.png", "--quiet"]) == 2
    assert "does not hold the pixels" in capsys.readouterr().err
    assert main(["run", "dream.png", "-o", "again.png", "--input", "same.png", "--quiet"]) == 0
    assert torch.equal(rv.open_image("again.png"), rv.open_image("dream.png"))


def test_what_no_recipe_can_say_has_none(tiny: TorchModel) -> None:
    image = torch.rand(1, 3, 40, 40)
    assert rv.dream(image, tiny, rv.masked("c", torch.ones(4, 4)), FEW).recipe is None
    assert rv.dream(torch.rand(2, 3, 40, 40), tiny, "c", FEW).recipe is None
    assert rv.dream(image, tiny, "c", FEW).recipe is not None


def test_progress_is_told_after_every_step(tiny: TorchModel) -> None:
    told: list[rv.Progress] = []
    rv.dream(torch.rand(1, 3, 64, 96), tiny, "c", FEW, progress=told.append)
    assert len(told) == 4 and [each.octave for each in told] == [0, 0, 1, 1]
    assert [each.share for each in told] == sorted(each.share for each in told) and told[-1].share == 1


def test_a_bar_is_shown(tiny: TorchModel, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    rv.dream(torch.rand(1, 3, 64, 96), tiny, "c", FEW, progress=True)
    assert "octave 1/2" in capsys.readouterr().err


def test_an_interruption_keeps_the_picture(tiny: TorchModel) -> None:
    image, taken = torch.rand(1, 3, 64, 96), 3

    def stop(progress: rv.Progress) -> None:
        nonlocal taken
        taken -= 1
        if not taken:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        rv.dream(image, tiny, "c^2", FEW, progress=stop)
    assert isinstance(caught.value, rv.Interrupted)
    kept = caught.value.image
    assert "only_steps = 3" in kept.recipe and kept.shape == (1, 3, 64, 96) and not torch.equal(kept, image)


@pytest.mark.bundled
def test_a_network_dreams_of_its_own_unless_told(squeezenet: Any) -> None:
    image = torch.rand(1, 3, 48, 48)
    assert torch.equal(rv.dream(image, squeezenet, settings=FEW), rv.dream(image, squeezenet, "fire8^2", FEW))


@pytest.mark.bundled
def test_the_largest_octave_decides_about_tiles(squeezenet: Any) -> None:
    image, memory = torch.rand(1, 3, 64, 64), "30MB"
    plain = rv.Settings(octaves=1, steps=1, handover="picture")
    upward = rv.Settings(octaves=3, larger_octaves=2, octave_scale=2, steps=1, handover="picture")
    tiles = []
    for settings in (plain, upward):
        recipe = rv.dream(image, squeezenet, "fire3^2", settings, memory).recipe
        assert recipe is not None
        tiles.append(rv.Recipe.from_toml(recipe).tile)
    assert tiles[0] is None and tiles[1] is not None


@pytest.mark.bundled
def test_a_recipe_of_an_untrained_network_says_so() -> None:
    model, photo = rv.load_model("squeezenet", weights="random", precision="float32"), rv.read_photo(COFFEE)
    recipe = rv.Recipe.of(photo, str(COFFEE), model, rv.layer("fire2"), FEW)
    assert recipe.weights == "random" and rv.run(recipe).shape[3] == 96
