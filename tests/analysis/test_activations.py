"""Activation grids and atlases: what is sampled, where it is laid, what stands for it, and bad input."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import reverie as rv
from reverie.analysis.activations import atlas as atlas_module
from reverie.analysis.activations.atlas import AtlasPlan, Laid, draw_atlas, lay_out_photos
from reverie.analysis.activations.atlas_job import read_layout, write_layout
from reverie.analysis.activations.cells import Cells, match_vector, visualize_vectors
from reverie.analysis.activations.grid import LEAST_SIDE, draw_grid, read_grid
from reverie.analysis.activations.layout import AtlasCell, divide_plane, whiten
from reverie.analysis.activations.sampling import Samples, find_effects, find_strongest, join_samples, sample_photos
from reverie.errors import SettingsError, UnknownLayer
from reverie.models.torch_model import TorchModel

QUICK = rv.VisualSettings(size=32, steps=3, jitter=2, rotation=0.0, scaling=0.0)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three small photos, and a file that is none."""
    generator = torch.Generator().manual_seed(8)
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for path in paths:
        rv.save_image(torch.rand(1, 3, 40, 48, generator=generator), path)
    (tmp_path / "notes.txt").write_text("no photo")
    return paths


def collect(model: rv.Model, photos: Sequence[Path], seed: int = 0) -> dict[Path, Samples]:
    return dict(sample_photos(model, "c", photos, 20, 64, seed))


def test_what_is_sampled_of_a_photo_does_not_depend_on_the_others(tiny: TorchModel, photos: list[Path]) -> None:
    forth, back, other = (collect(tiny, *each) for each in ((photos,), (photos[::-1],), (photos, 1)))
    for path in photos:
        assert torch.equal(forth[path].vectors, back[path].vectors) and forth[path].vectors.shape == (20, 12)
        assert not torch.equal(forth[path].vectors, other[path].vectors)
    (maps,) = tiny(rv.open_image(photos[0]), ["c"]).values()
    there = maps[0].flatten(1).T
    assert all((there == vector).all(1).any() for vector in forth[photos[0]].vectors)


def test_photos_that_cannot_be_read_are_named_and_left_out(tiny: TorchModel, photos: list[Path]) -> None:
    notes = photos[0].with_name("notes.txt")
    found = join_samples(list(collect(tiny, [*photos, notes]).values()))
    assert len(found.vectors) == 60 and set(found.photos) == set(photos)
    assert list(found.skipped) == [str(notes)]
    for few in ([notes], [photos[0]], [photos[0], notes]):
        with pytest.raises(SettingsError, match="no photo" if few == [notes] else "one photo .*a.png"):
            join_samples(list(collect(tiny, few).values()))


def test_the_effects_on_a_class_add_up_to_its_logit(photos: list[Path]) -> None:
    """Above the layer all is linear: what the places add, and the bias, is the whole."""
    torch.manual_seed(4)
    head = nn.Linear(9, 6)
    network = nn.Sequential(nn.Conv2d(3, 9, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    model = rv.wrap(network, mean=(0, 0, 0), std=(1, 1, 1), precision="float32", device="cpu")
    image = rv.open_image(photos[0])
    effects = find_effects(model, "1", image, model(image, ["1"])["1"])
    logits = network(image)[0].detach()
    assert list(effects) == logits.topk(3).indices.tolist()
    for number, each in effects.items():
        torch.testing.assert_close(each.sum() + head.bias[number], logits[number])
    assert find_strongest([{1: 0.5, 2: 0.4}, {2: 0.3, 3: -2.0}], 5) == [2, 1]


def make_samples(vectors: Tensor) -> Samples:
    return Samples(vectors, (Path("a.png"),) * len(vectors), ({},) * len(vectors), {})


def test_every_activation_lies_in_one_cell() -> None:
    generator = torch.Generator().manual_seed(2)
    vectors, places = torch.rand(500, 6, generator=generator), torch.rand(500, 2, generator=generator)
    cells = divide_plane(make_samples(vectors), places, 5, 1)
    assert sum(cell.count for cell in cells) == 500 and len(cells) == 25
    assert [(cell.row, cell.column) for cell in cells] == sorted((cell.row, cell.column) for cell in cells)
    some = cells[7]
    inside = ((places * 5).long() == torch.tensor([some.column, some.row])).all(1)
    assert some.count == int(inside.sum())
    torch.testing.assert_close(some.direction, whiten(vectors[inside].mean(0)[None], vectors)[0])
    fuller = divide_plane(make_samples(vectors), places, 5, 20)
    assert 0 < len(fuller) < 25 and all(cell.count >= 20 for cell in fuller)
    with pytest.raises(SettingsError, match="least is 400, and no cell has more than"):
        divide_plane(make_samples(vectors), places, 5, 400)


def test_whitening_is_blind_to_how_strong_the_channels_are() -> None:
    """Of many vectors: what is raised in all of them does not count, what sets some apart does."""
    generator = torch.Generator().manual_seed(2)
    scale = torch.tensor([1.0, 3.0, 0.5, 2.0])
    vectors = torch.randn(200_000, 4, generator=generator)
    direction = whiten(torch.ones(1, 4) * scale, vectors * scale)[0]
    torch.testing.assert_close(direction * scale, torch.ones(4), rtol=0.05, atol=0.05)


LAID = """
import torch
from reverie.analysis.activations.layout import lay_out
generator = torch.Generator().manual_seed(3)
groups = torch.eye(8)[:2].repeat_interleave(30, 0) + 0.02 * torch.rand(60, 8, generator=generator)
first, again = lay_out(groups, 5), lay_out(groups, 5)
assert torch.equal(first, again) and 0 <= first.min() and first.max() <= 1 and first.shape == (60, 2)
apart = (first[:30].mean(0) - first[30:].mean(0)).norm()
within = max((part - part.mean(0)).norm(dim=1).mean() for part in (first[:30], first[30:]))
assert apart > 2 * within, (apart, within)
import sys
assert "tensorflow" not in sys.modules
"""


def test_like_activations_are_neighbors_and_a_seed_lays_them_out_again() -> None:
    """In a process of its own: compiling takes longer there than the work, and is left out."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LAID], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_too_few_activations_are_not_laid_out(tiny: TorchModel, photos: list[Path]) -> None:
    with pytest.raises(SettingsError, match="6 activations are too few to lay out; expected at least 45"):
        lay_out_photos(tiny, photos, AtlasPlan("c", samples=6))
    with pytest.raises(UnknownLayer, match="e"):
        lay_out_photos(tiny, photos, AtlasPlan("e"))
    for wrong in ({"samples": 0}, {"across": 0}, {"least": 0}, {"size": 0}):
        with pytest.raises(SettingsError, match=f"{next(iter(wrong))} is 0"):
            AtlasPlan("c", **wrong)


def spread(vectors: Tensor, seed: int) -> Tensor:
    """In the place of UMAP: the first two channels, side by side."""
    ranks = vectors[:, :2].argsort(0).argsort(0)
    return ranks / len(vectors)


def test_an_atlas_shows_each_cell_in_its_place(
    tiny: TorchModel, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atlas_module, "lay_out", spread)
    found = rv.activation_atlas(tiny, [photos[0].parent], "c", 60, 3, QUICK)
    assert found.picture.shape == (1, 3, 96, 96) and found.across == 3
    assert list(found.skipped) == [str(photos[0].with_name("notes.txt"))]
    vectors = torch.stack([cell.direction for cell in found.cells])
    pictures = visualize_vectors(tiny, "c", vectors, QUICK)
    for cell, picture in zip(found.cells, pictures, strict=True):
        shown = found.picture[0, :, 32 * cell.row : 32 * cell.row + 32, 32 * cell.column : 32 * cell.column + 32]
        torch.testing.assert_close(shown, picture)


def test_empty_cells_are_white_and_a_layout_is_kept_as_it_is(tmp_path: Path) -> None:
    cells = (AtlasCell(0, 1, 4, torch.rand(5), (3, 1)), AtlasCell(1, 0, 2, torch.rand(5)))
    laid = Laid(cells, 2, 9, 3, {"x.txt": "no picture"})
    sheet = draw_atlas([torch.zeros(1, 3, 4, 6)] * 2, laid)
    assert sheet.shape == (1, 3, 8, 12)
    assert (sheet[..., :4, :6] == 1).all() and not sheet[..., :4, 6:].any() and not sheet[..., 4:, :6].any()
    write_layout(laid, tmp_path / "layout.safetensors")
    again = read_layout(tmp_path / "layout.safetensors")
    assert torch.equal(again.directions, laid.directions)
    assert (again.across, again.activations, again.photos, again.skipped) == (2, 9, 3, laid.skipped)
    assert [(each.row, each.column, each.count, each.classes) for each in again.cells] == [
        (0, 1, 4, (3, 1)),
        (1, 0, 2, ()),
    ]


def test_a_vector_is_matched_by_dot_product_and_cosine(tiny: TorchModel, noise: rv.Image) -> None:
    vector = torch.linspace(-1, 2, 12)
    score = match_vector("c", 7 * vector)(tiny(noise, ["c"]))
    maps = tiny(noise, ["c"])["c"].double()
    dot = torch.einsum("bchw,c->bhw", maps, (vector / vector.norm()).double())
    expected = (dot * (dot / maps.norm(dim=1)).clamp_min(0.1) ** 2).mean((1, 2))
    torch.testing.assert_close(score.double(), expected, rtol=1e-4, atol=1e-6)
    made = rv.visualize(tiny, match_vector("c", vector), QUICK)
    less = rv.visualize(tiny, match_vector("c", vector), QUICK, steps=1)
    climbed, begun = (match_vector("c", vector)(tiny(each, ["c"])) for each in (made, less))
    assert climbed > begun


def test_a_grid_shows_each_place_as_large_as_its_activations(tiny: TorchModel, noise: rv.Image) -> None:
    vectors = read_grid(tiny, noise[:1], "c")
    (maps,) = tiny(noise[:1], ["c"]).values()
    torch.testing.assert_close(vectors, maps[0].permute(1, 2, 0))
    pooled = read_grid(tiny, noise[:1], "c", across=5)
    assert pooled.shape == (4, 5, 12)
    torch.testing.assert_close(pooled.mean((0, 1)), maps[0].mean((1, 2)), rtol=0.1, atol=0.1)
    norms = torch.tensor([[4.0, 1.0], [2.0, 0.0]])
    sheet = draw_grid([torch.zeros(1, 3, 20, 20)] * 4, norms)
    dark = [int((sheet[0, 0, y : y + 20, x : x + 20] < 0.5).sum()) for y in (0, 20) for x in (0, 20)]
    assert dark == [400, 25, 100, (20 * LEAST_SIDE) ** 2]
    with pytest.raises(SettingsError, match="across is 0"):
        read_grid(tiny, noise[:1], "c", 0)


def test_cells_that_are_there_are_not_made_again(tiny: TorchModel, tmp_path: Path) -> None:
    vectors = torch.rand(3, 12, generator=torch.Generator().manual_seed(1))
    cells = Cells(tiny, "c", vectors, QUICK, tmp_path / "cells")
    assert [(each.done, each.cells) for each in cells] == [(3, 3)] and cells.there == 3
    cells.path(1).unlink()
    before = cells.path(0).stat().st_mtime_ns
    assert [each.done for each in cells] == [3] and cells.path(0).stat().st_mtime_ns == before
    assert Cells(tiny, "c", vectors, rv.VisualSettings(size=32, steps=4), tmp_path / "cells").there == 0
    expected = visualize_vectors(tiny, "c", vectors, QUICK)
    torch.testing.assert_close(torch.cat(cells.pictures()), expected, rtol=0, atol=0.003)
