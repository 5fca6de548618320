"""Caricatures, inversions and styles are their formulas, and their pictures move together with the image."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from reverie.errors import ImageFileError, SettingsError, WordingError
from reverie.gradient.base import gradient_of, jittered, make_score_function
from reverie.gradient.compose import dream_gradient
from reverie.gradient.references import accompanied, crop_to_shape, fit_references, list_references
from reverie.gradient.tiling import build_tiled_gradient
from reverie.image.arrays import open_image
from reverie.image.writing import save_image
from reverie.jobs.shortcuts import dream
from reverie.jobs.visuals import visualize
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import Objective
from reverie.objectives.masks import masked
from reverie.objectives.parser import objective
from reverie.objectives.pictures import caricature, inversion, name_picture, style
from reverie.objectives.scorer import Reference
from reverie.objectives.wishes import require_words
from reverie.settings import Settings, VisualSettings
from reverie.types import Image
from seer import noise as seer_noise

QUICK = Settings(octaves=2, octave_scale=1.5, steps=6, jitter=4, laplacian_levels=2)


@pytest.fixture
def photo() -> Image:
    """Another picture than `noise`, of the same size, (1, 3, 40, 48)."""
    return seer_noise(1, 3, 40, 48, seed=9)


def test_each_is_its_formula(tiny: TorchModel, noise: Image, photo: Image) -> None:
    own, other = tiny(noise, ["c"])["c"], tiny(photo, ["c"])["c"]
    dot, cosine = (own * other).mean(1), torch.cosine_similarity(own, other.expand_as(own), 1)
    for power in (0, 1, 3):
        expected = (dot * cosine.clamp_min(0.1) ** power).mean((1, 2))
        assert torch.allclose(make_score_function(tiny, caricature(photo, "c", power))(noise), expected, rtol=1e-3)
    distance = (own - other).square().mean((1, 2, 3)) / other.square().mean()
    assert torch.allclose(make_score_function(tiny, inversion(photo, "c"))(noise), -distance, rtol=1e-4)
    grams = [torch.einsum("bchw,bdhw->bcd", each, each) / each[0, 0].numel() for each in (own, other)]
    apart = (grams[0] - grams[1]).square().sum((1, 2)) / grams[1].square().sum()
    assert torch.allclose(make_score_function(tiny, style(photo, "c"))(noise), -apart, rtol=1e-4)


def test_a_picture_is_nearest_to_itself(tiny: TorchModel, photo: Image) -> None:
    for wish in (inversion(photo, "c"), style(photo, "c")):
        score, grad = gradient_of(tiny, wish)(photo)
        assert abs(float(score)) < 1e-6 and float(grad.abs().max()) < 1e-5
        black = make_score_function(tiny, wish)(torch.zeros_like(photo))
        assert float(black) < -1e-3


@pytest.mark.parametrize("wish", ["caricature", "inversion"])
def test_jitter_moves_the_picture_with_the_image(tiny: TorchModel, photo: Image, wish: str) -> None:
    made = objective_of(wish, photo).resolved(tiny)

    def moved(seed: int) -> Image:
        generator = torch.Generator().manual_seed(seed)
        gradient = jittered(gradient_of(tiny, made, accompanied=True), 16, generator)
        return accompanied(gradient, list_references(made.references))(photo)[1]

    for seed in range(3):
        if wish == "inversion":  # the picture itself, wherever it is moved to
            assert float(moved(seed).abs().max()) < 1e-5
    score, grad = accompanied(gradient_of(tiny, made, accompanied=True), list_references(made.references))(photo)
    plain_score, plain = gradient_of(tiny, made)(photo)
    assert torch.allclose(score, plain_score) and torch.allclose(grad, plain, atol=1e-9)
    assert score.shape == (1,) and grad.shape == photo.shape


def objective_of(kind: str, photo: Image) -> Objective:
    return {"caricature": caricature, "inversion": inversion, "style": style}[kind](photo, "c")


@pytest.mark.parametrize("kind", ["caricature", "inversion"])
def test_in_tiles_they_are_the_same(tiny: TorchModel, kind: str) -> None:
    image, photo = seer_noise(1, 3, 90, 110, seed=3), seer_noise(1, 3, 90, 110, seed=4)
    made = objective_of(kind, photo).resolved(tiny)
    whole = gradient_of(tiny, made)(image)
    tiles = accompanied(build_tiled_gradient(tiny, made, 64, accompanied=True), list_references(made.references))(image)
    assert torch.allclose(tiles[0], whole[0], rtol=1e-4)
    assert torch.allclose(tiles[1], whole[1], atol=1e-4 * float(whole[1].abs().max()))


def test_style_is_refused_in_tiles(tiny: TorchModel, photo: Image) -> None:
    image = seer_noise(1, 3, 90, 110, seed=3)
    with pytest.raises(SettingsError, match="whole picture at once"):
        build_tiled_gradient(tiny, style(photo, "c"), 64)(image)


@pytest.mark.parametrize("kind", ["caricature", "inversion", "style"])
def test_a_dream_comes_nearer(tiny: TorchModel, noise: Image, photo: Image, kind: str) -> None:
    wish = objective_of(kind, photo)
    score = make_score_function(tiny, wish)
    assert float(score(dream(noise[:1], tiny, wish, QUICK))) > float(score(noise[:1]))


def test_a_region_has_a_picture_of_its_own(tiny: TorchModel, noise: Image, photo: Image) -> None:
    mask = torch.zeros(40, 48)
    mask[:, :24] = 1
    regions = masked(caricature(photo, "c"), mask) + masked("b:3", 1 - mask)
    score, grad = dream_gradient(tiny, regions, QUICK)(noise)
    assert score.shape == (2,) and grad.shape == noise.shape and bool(grad.isfinite().all())


def test_what_is_visualized_looks_like_the_picture(tiny: TorchModel, photo: Image) -> None:
    settings = VisualSettings(size=40, steps=30, jitter=2)
    wish = inversion(photo[..., :40], "a")
    score = make_score_function(tiny, wish)
    both = visualize(tiny, [wish, "b:3"], settings)
    assert float(score(both)[0]) > float(score(both)[1]) + 0.1
    assert torch.allclose(both[1], visualize(tiny, "b:3", settings)[0], atol=1e-3)


def test_pictures_are_cropped_to_the_shape_of_the_image() -> None:
    wide = torch.arange(3 * 20 * 60, dtype=torch.float32).reshape(1, 3, 20, 60) / 3600
    assert torch.equal(crop_to_shape(wide, (10, 10)), wide[..., 20:40])
    assert torch.equal(crop_to_shape(wide, (20, 60)), wide)
    assert torch.allclose(fit_references([Reference(wide)], (20, 20)), wide[..., 20:40], atol=1e-6)
    assert fit_references([Reference(wide), Reference(wide)], (7, 9)).shape == (2, 3, 7, 9)


def test_files_are_read_when_they_are_needed(tiny: TorchModel, noise: Image, photo: Image, tmp_path: Path) -> None:
    save_image(photo, path := tmp_path / "a picture.png")
    seen = open_image(path)
    for kind in ("caricature", "inversion", "style"):
        words = f'{kind}:"{path}"@c'
        wish = objective(words)
        assert str(wish) == require_words(wish) == words and wish.files == (str(path),)
        expected = make_score_function(tiny, objective_of(kind, seen))(noise)
        assert torch.allclose(make_score_function(tiny, wish)(noise), expected, rtol=1e-5)
        assert wish.relocated({str(path): "elsewhere.png"}).files == ("elsewhere.png",)
        with pytest.raises(ImageFileError, match=r"gone\.png"):
            make_score_function(tiny, objective(f"{kind}:gone.png@c"))


def test_a_picture_in_memory_may_be_an_array(photo: Image) -> None:
    array = (photo[0].permute(1, 2, 0) * 255).round().byte().numpy()
    named = name_picture(array)
    assert isinstance(named, Reference) and torch.equal(named.image, open_image(array))
    with pytest.raises(ImageFileError, match="the type int is no picture"):
        name_picture(3)


def test_what_cannot_be(photo: Image) -> None:
    with pytest.raises(WordingError, match="quotation mark"):
        caricature('a"b.png', "c")
    with pytest.raises(WordingError, match="expected \\(1, 3, height, width\\)"):
        style(photo.repeat(2, 1, 1, 1), "c")
    with pytest.raises(SettingsError, match="from 0 to 8"):
        caricature(photo, "c", 9)
    with pytest.raises(WordingError, match="no recipe|recipe holds"):
        require_words(inversion(photo, "c"))
