"""A direction of a file is the direction that its row holds; what the file does not hold is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from reverie.errors import ReverieError, UnknownName, WeightsError, WordingError
from reverie.gradient.base import make_score_function
from reverie.image.writing import save_image
from reverie.jobs.door import prepare
from reverie.jobs.job import Job
from reverie.models.torch_model import TorchModel
from reverie.objectives.direction_files import file_direction
from reverie.objectives.directions import direction
from reverie.objectives.parser import objective
from reverie.recipe.inputs import fill_digests
from reverie.recipe.recipe import Recipe
from reverie.types import Image

FEATURES = torch.randn(20, 12, generator=torch.Generator().manual_seed(3))  # layers b and c have 12 channels


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_file({"W_dec": FEATURES, "W_enc": FEATURES.T.contiguous()}, "sae.safetensors", {"layer": "c"})
    save_file({"decoder.weight": FEATURES.T.contiguous(), "bias": torch.zeros(12)}, "linear.safetensors")
    save_file({"eyes": FEATURES[3], "zero": torch.zeros(12), "low": FEATURES[:, :5].contiguous()}, "cav.safetensors")
    save_file({"only": FEATURES.half()}, "half.safetensors")
    Path("words.safetensors").write_text("no tensors")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "dir:sae.safetensors:3",
        "dir:sae.safetensors:3@c",
        "dir:sae.safetensors:W_dec:3",
        "dir:sae.safetensors:W_enc:3",
        "dir:linear.safetensors:3@c",
        "dir:cav.safetensors:eyes@c",
    ],
)
def test_a_row_is_the_direction(words: str, folder: Path, tiny: TorchModel, noise: Image) -> None:
    expected = make_score_function(tiny, direction("c", FEATURES[3]))(noise)
    assert torch.allclose(make_score_function(tiny, words)(noise), expected, rtol=1e-5)


def test_all_that_a_direction_can_be(folder: Path, tiny: TorchModel, noise: Image) -> None:
    for words, wish in [
        ("cos(dir:half.safetensors:3@c)", direction("c", FEATURES[3], cosine=True)),
        ("dot(dir:half.safetensors:3@c)*cos^2@1,1", direction("c", FEATURES[3], cosine_power=2, place=(1, 1))),
        ("0.5*dot(dir:half.safetensors:3@c)@", 0.5 * direction("c", FEATURES[3], place="middle")),
    ]:
        score = make_score_function(tiny, words)(noise)
        assert torch.allclose(score, make_score_function(tiny, wish)(noise), rtol=1e-2, atol=1e-3), words


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ("dir:gone.safetensors:3@c", WeightsError, "gone.safetensors does not exist; expected a safetensors file"),
        ("dir:words.safetensors:3@c", WeightsError, "words.safetensors holds no directions"),
        ("dir:sae.safetensors:20", WordingError, "no feature 20"),
        ("dir:sae.safetensors:W_dek:3", UnknownName, "did you mean W_dec"),
        ("dir:sae.safetensors", WordingError, "expected a number, as in dir:FILE:17"),
        ("dir:cav.safetensors:3@c", WordingError, "holds eyes, low, zero: say which, as in dir:FILE:NAME:17"),
        ("dir:cav.safetensors:eyes", WordingError, "does not say of which layer"),
        ("dir:cav.safetensors:eyes:3@c", WordingError, "expected \\(features, channels\\)"),
        ("dir:cav.safetensors:zero@c", WordingError, "zero or not finite"),
        ("dir:cav.safetensors:low:3@c", WordingError, "5 or 20 numbers, and c has 12 channels"),
        ("dir:sae.safetensors:3@d", WordingError, "12 or 20 numbers, and d has 10 channels"),
        ("dir:sae.safetensors:3@e", UnknownName, "no layer of tiny is called 'e'"),
    ],
)
def test_what_it_does_not_hold(
    words: str, error: type[ReverieError], message: str, folder: Path, tiny: TorchModel, noise: Image
) -> None:
    with pytest.raises(error, match=message) as caught:
        make_score_function(tiny, words)(noise)
    assert "\n" not in str(caught.value)


def test_a_vector_of_another_length_is_refused(tiny: TorchModel, noise: Image) -> None:
    for count in (11, 13):
        with pytest.raises(WordingError, match=f"a direction of {count} numbers for c, which has 12 channels"):
            make_score_function(tiny, direction("c", torch.ones(count)))(noise)
    with pytest.raises(WordingError, match="quotation mark"):
        file_direction('a".safetensors', 3)


@pytest.mark.bundled
def test_a_recipe_remembers_the_file(folder: Path, noise: Image) -> None:
    save_image(noise[:1], "photo.png")
    save_file({"W_dec": torch.rand(4, 512, generator=torch.Generator().manual_seed(1))}, "sae.safetensors")
    recipe = fill_digests(Recipe("photo.png", objective="fire8 + dir:sae.safetensors:1@fire8"))
    assert len(recipe.guides["sae.safetensors"]) == 64
    prepare(Job(recipe))
    save_file({"W_dec": torch.rand(4, 512, generator=torch.Generator().manual_seed(2))}, "sae.safetensors")
    with pytest.raises(ReverieError, match="the file sae.safetensors changed since"):
        prepare(Job(recipe))
    Path("sae.safetensors").unlink()
    with pytest.raises(ReverieError, match="the file sae.safetensors is gone"):
        prepare(Job(recipe))
    with pytest.raises(ReverieError, match="sae.safetensors cannot be read"):
        fill_digests(Recipe("photo.png", objective=str(objective("dir:sae.safetensors:1@fire8"))))
