"""Pictures lie on a sheet in reading order, untouched, and each has its words below, whatever they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from reverie.errors import ImageFileError
from reverie.image.arrays import open_image
from reverie.image.contact_sheet import (
    CELL_GAP,
    LINE_HEIGHT,
    SheetLayout,
    draw_fitted_text,
    draw_text_line,
    make_label,
    make_sheet,
    save_sheet,
)
from reverie.image.writing import save_image

LABELS = ["a", "b <i>", "c & d", "e" * 99, ""]


def pixels(picture: pyvips.Image) -> np.ndarray:
    return np.asarray(picture.numpy())


@pytest.fixture
def cells(tmp_path: Path) -> list[tuple[Path, str]]:
    for number in range(5):
        save_image(torch.full((1, 3, 10, 20), number / 10), tmp_path / f"{number}.png")
    return [(tmp_path / f"{number}.png", label) for number, label in enumerate(LABELS)]


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_sheet_reads_from_left_to_right(cells: list[tuple[Path, str]], tmp_path: Path, ending: str) -> None:
    save_sheet(cells, tmp_path / f"sheet{ending}", SheetLayout(columns=2))
    paper = open_image(tmp_path / f"sheet{ending}")
    assert paper.shape == (1, 3, CELL_GAP + 3 * (10 + LINE_HEIGHT + CELL_GAP), CELL_GAP + 2 * (20 + CELL_GAP))
    for number, (path, _) in enumerate(cells):
        top, left = CELL_GAP + number // 2 * (10 + LINE_HEIGHT + CELL_GAP), CELL_GAP + number % 2 * (20 + CELL_GAP)
        assert torch.equal(paper[..., top : top + 10, left : left + 20], open_image(path))
        label = paper[..., top + 10 : top + 10 + LINE_HEIGHT, left : left + 20]
        assert (float(label.min()) < 0.9) == (number < 4)
    assert (
        paper[..., :CELL_GAP].min()
        == paper[..., -CELL_GAP:].min()
        == paper[..., -LINE_HEIGHT - 10 - CELL_GAP :, CELL_GAP + 20 :].min()
        == 1
    )


def test_pictures_of_any_size_stand_on_their_words(tmp_path: Path) -> None:
    sizes = [(10, 20), (30, 10), (1, 1)]
    for number, size in enumerate(sizes):
        save_image(torch.zeros(1, 3, *size), tmp_path / f"{number}.png")
    sheet = pixels(make_sheet([(tmp_path / f"{number}.png", "") for number in range(3)], SheetLayout(columns=3)))
    assert sheet.shape == (30 + LINE_HEIGHT + 2 * CELL_GAP, 3 * 20 + 4 * CELL_GAP, 3)
    for number, (height, width) in enumerate(sizes):
        place = sheet[CELL_GAP : CELL_GAP + 30, CELL_GAP + number * (20 + CELL_GAP) :][:, :20, 0]
        rows, columns = np.nonzero(place == 0)
        assert len(rows) == height * width and rows.max() == 29
        assert abs(columns.min() - (19 - columns.max())) <= 1


def test_large_pictures_are_made_small_and_clear_ones_white(tmp_path: Path) -> None:
    pyvips.Image.black(400, 200, bands=4).copy(interpretation="srgb").pngsave(str(tmp_path / "clear.png"))
    sheet = make_sheet([(tmp_path / "clear.png", "")], SheetLayout(longest=100, lines=2))
    assert (sheet.width, sheet.height) == (100 + 2 * CELL_GAP, 50 + 2 * LINE_HEIGHT + 2 * CELL_GAP)
    assert (sheet.bands, sheet.min()) == (3, 255)


def test_a_picture_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match="sheet.png cannot be written"):
        save_sheet([(tmp_path / "gone.png", "x")], tmp_path / "sheet.png", SheetLayout())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize("text", ["fire8:61", "a layer with a very long name indeed", "<b>"])
def test_words_are_written_within_their_strip(text: str, lines: int) -> None:
    strip = pixels(make_label(text, 60, lines))
    assert strip.shape == (lines * LINE_HEIGHT, 60, 3)
    assert 0.02 < (strip < 230).mean() < 0.5 and strip.max() == 255


@pytest.mark.parametrize("words", ["01  fire8^2", "05  " + " + ".join(["fire7:101"] * 5), "09  " + "x" * 300])
def test_words_fit_whatever_their_length(words: str) -> None:
    ink, more = (draw_fitted_text(each, (318, 36), wrap=True) for each in (words, words + "W"))
    assert 0 < ink.width <= 318 and 0 < ink.height <= 36
    assert (ink.width, ink.height) != (more.width, more.height) or (pixels(ink) != pixels(more)).any()  # nothing is cut


def test_names_stand_on_the_same_line_whatever_their_letters() -> None:
    assert len({draw_text_line(text).height for text in ("conv1", "pool1", "stem", "g")}) == 1
    a, below = (pixels(draw_text_line(text)) for text in ("xx", "xp"))
    half = a.shape[1] // 2 - 2
    assert (a[:, :half] == below[:, :half]).all()
