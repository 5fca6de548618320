"""A whole run as a value: written down and read again, dreamed twice to the same bytes, refused where it cannot be."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reverie.ascent.octaves import render_full_size
from reverie.errors import RecipeError, ReverieError
from reverie.image.reading import Photo, read_photo
from reverie.image.writing import save_image
from reverie.jobs.door import complete_recipe
from reverie.jobs.memory_run import dream_recipe
from reverie.jobs.shortcuts import run
from reverie.models.load import load_model
from reverie.recipe.inputs import EXAMPLE, check_weights, input_path, open_input, read_wish
from reverie.recipe.recipe import Recipe
from reverie.settings import Settings
from reverie.types import Model

FEW = Settings(octaves=2, steps=2, jitter=8, size=64)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("squeezenet", device="cpu", precision="float32")


@pytest.fixture
def photo(tmp_path: Path) -> Photo:
    noise = torch.rand(1, 3, 60, 72, generator=torch.Generator().manual_seed(4))
    save_image(noise, tmp_path / "photo.png")
    return read_photo(tmp_path / "photo.png")


@pytest.fixture
def recipe(photo: Photo, model: Model) -> Recipe:
    asked = Recipe(str(photo.path), objective="fire5^2 + 0.5*fire4:3", settings=FEW)
    return complete_recipe(asked, photo, model)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    texts, texts, st.none() | st.integers(0, 10**9), st.none() | texts, st.floats(1.01, 16), st.integers(0, 2**63 - 1)
)
def test_what_is_written_down_is_read_again(
    name: str, wish: str, only_steps: int | None, weights: str | None, scale: float, seed: int
) -> None:
    settings = Settings(octave_scale=scale, seed=seed, octaves=None, max_score=scale)
    recipe = Recipe(name, "ab", "net", "cd", wish, "float32", weights=weights, settings=settings, only_steps=only_steps)
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_the_text_says_everything(recipe: Recipe, photo: Photo, model: Model) -> None:
    text = recipe.to_toml()
    for said in (photo.digest, model.digest, 'model = "squeezenet"', 'objective = "fire5^2 + 0.5*fire4:3"',
                 'precision = "float32"', "version = ", "[settings]", "seed = 0", "steps = 2"):  # fmt: skip
        assert said in text


@pytest.mark.bundled
def test_run_twice_gives_the_same_bytes(recipe: Recipe, photo: Photo) -> None:
    one, two = run(recipe), run(Recipe.from_toml(recipe.to_toml()), photo)
    assert one.numpy().tobytes() == two.numpy().tobytes()
    assert one.shape == (1, 3, 53, 64)
    other = run(replace(recipe, settings=replace(FEW, seed=1)))
    assert not torch.equal(one, other)


@pytest.mark.bundled
@pytest.mark.parametrize("taken", [0, 1, 2, 3])
def test_an_interrupted_dream_is_repeated_as_far_as_it_came(
    taken: int, recipe: Recipe, photo: Photo, model: Model
) -> None:
    image = torch.nn.functional.interpolate(photo.image, (53, 64), mode="bicubic", antialias=True).clamp(0, 1)
    seen = list(islice(dream_recipe(recipe, image, model, read_wish(recipe)), taken))
    again = run(replace(recipe, only_steps=taken))
    assert torch.equal(again, render_full_size(seen[-1], image) if seen else image)


def test_a_changed_input_is_refused(recipe: Recipe, photo: Photo) -> None:
    save_image(photo.image.flip(3), photo.path)
    with pytest.raises(
        RecipeError, match=r"photo.png changed since \(sha256 .*\): put the old file back, or .* --input"
    ):
        open_input(recipe, read_photo)


def test_an_input_that_is_gone_is_refused(recipe: Recipe, photo: Photo) -> None:
    photo.path.unlink()
    with pytest.raises(RecipeError, match=r"photo.png is gone: put it back, or say where it is with --input"):
        open_input(recipe, read_photo)


def test_an_input_is_found_beside_the_picture_as_well(recipe: Recipe, photo: Photo, tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    photo.path.rename(tmp_path / "moved" / "photo.png")
    assert open_input(recipe, read_photo, beside=tmp_path / "moved" / "dream.png").digest == photo.digest


def test_the_example_is_found_anywhere() -> None:
    photo = read_photo(input_path(EXAMPLE))
    recipe = Recipe(EXAMPLE, photo.digest, "net", "ab", "fire8", "float32")
    assert open_input(recipe, read_photo).digest == photo.digest


def test_other_weights_are_refused(recipe: Recipe, model: Model) -> None:
    with pytest.raises(RecipeError, match="the weights of squeezenet are not those of the recipe"):
        check_weights(model, "0" * 64)


GOOD: dict[str, Any] = {
    "input": '"a"', "input_sha256": '"b"', "model": '"c"', "model_sha256": '"d"', "objective": '"e"',
    "precision": '"f"', "only_steps": "3",
}  # fmt: skip


def toml(**changes: str | None) -> str:
    values = {**GOOD, **changes}
    return "\n".join(f"{name} = {value}" for name, value in values.items() if value is not None)


def test_a_short_recipe_is_enough() -> None:
    assert Recipe.from_toml(toml()).settings == Settings()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no toml", "the recipe cannot be read: Expected '=' after a key"),
        ("", "the recipe cannot be read: it does not say input"),
        (toml(model=None), "the recipe cannot be read: it does not say model"),
        (toml(model="3"), "the recipe cannot be read: model is 3"),
        (toml(objective="[1]"), r"the recipe cannot be read: objective is \[1\]"),
        (toml(only_steps='"x"'), "the recipe cannot be read: only_steps is 'x'"),
        (toml(only_steps="-1"), "the recipe cannot be read: only_steps is -1"),
        (toml(only_steps="true"), "the recipe cannot be read: only_steps is True"),
        (toml(settings="3"), "the recipe cannot be read: settings is 3"),
        (toml(modle='"c"'), "no part of one is called 'modle'; did you mean model"),
        (toml() + "\n[settings]\nsteps = 0", "steps is 0; expected 1 to 1000000"),
        (toml() + "\n[settings]\nstep = 1", "no setting is called 'step'; did you mean steps"),
        ("a = " + "[" * 5000, "the recipe cannot be read"),
        ("a = " + "9" * 5000, "the recipe cannot be read"),
    ],
)
def test_what_is_no_recipe_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        Recipe.from_toml(text)


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(["a", "=", "settings", "[", "]", '"', "3", "\n", "input"])).map("".join)
)
def test_any_text_is_a_recipe_or_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        Recipe.from_toml(text)


def test_a_name_that_is_no_text_is_written_down_as_far_as_it_is(photo: Photo, model: Model) -> None:
    recipe = complete_recipe(Recipe("caf\udce9.jpg", objective="fire8"), photo, model)
    recipe.to_toml().encode("utf-8")
    assert recipe.input == "caf\\udce9.jpg"


def test_a_file_that_holds_no_recipe_is_refused(tmp_path: Path, photo: Photo) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for name, says in (
        ("photo.png", "holds no recipe"),
        ("gone.toml", "does not exist"),
        ("binary.toml", "cannot be read"),
    ):
        with pytest.raises(ReverieError, match=says):
            Recipe.from_file(tmp_path / name)
