"""The report is whole, stands alone, and says what was computed."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import pyvips
import torch

from reverie.analysis.analyze import Analysis, AnalysisPlan, analyze_runs
from reverie.analysis.figures import format_number
from reverie.analysis.machine import MATMUL_SIDES
from reverie.analysis.report import write_report
from reverie.analysis.variants import Variant
from reverie.gradient.base import make_score_function
from reverie.models.load import load_model
from reverie.objectives.base import layer
from reverie.settings import Settings
from reverie.types import Image
from runs import make_run

WISH = layer("fire2") + layer("fire3")
HOSTILE = '<script src="http://example.org/x.js">&.png'
VOID = {"meta", "img"}


@pytest.fixture(scope="module")
def photo() -> Image:
    return torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def variants() -> list[Variant]:
    return [
        Variant("torch", load_model("squeezenet", weights="random", seed=1, device="cpu", precision=precision))
        for precision in ("float32", "bfloat16")
    ]


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MATMUL_SIDES, "cpu", 64)
        yield


@pytest.fixture(scope="module")
def analysis(photo: Image, variants: list[Variant], quick: None) -> Analysis:
    settings, photos = Settings(octaves=2, steps=2, jitter=4), {"a.png": photo, HOSTILE: photo.flip(3)}
    runs = {name: make_run(image, variants[0].model, WISH, settings) for name, image in photos.items()}
    return analyze_runs(runs, variants, AnalysisPlan(at=(0, 2), turns=2))


@pytest.fixture(scope="module")
def report(analysis: Analysis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    before = dict(matplotlib.rcParams)
    write_report(analysis, folder)
    assert dict(matplotlib.rcParams) == before
    return folder


@pytest.fixture(scope="module")
def results(report: Path) -> Any:
    def never(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads((report / "results.json").read_text(), parse_constant=never)


class Page(HTMLParser):
    """What a page links to and loads, and whether its elements are nested as they should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attributes:
            if name in ("src", "srcset", "poster", "data", "background"):
                self.loaded.append(value or "")
            elif name == "href":
                (self.linked if tag == "a" else self.loaded).append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone(report: Path) -> None:
    text = (report / "index.html").read_text()
    page = Page(text)
    assert page.open == []
    assert page.tags.isdisjoint({"script", "link", "iframe", "object", "base"})
    assert page.loaded
    for source in page.loaded:
        kind, data = source.removeprefix("data:image/").split(";base64,")
        assert kind in ("png", "jpeg")
        assert pyvips.Image.new_from_buffer(base64.b64decode(data, validate=True), "").avg() > 0
    assert all((report / link).is_file() for link in page.linked)
    assert not re.search(r"url\(|@import|@font-face", text)


def test_names_are_escaped(report: Path) -> None:
    text = (report / "index.html").read_text()
    assert "<script" not in text
    assert "&lt;script src=" in text


def test_figures_are_valid(report: Path, results: Any) -> None:
    files = {path.relative_to(report).as_posix() for path in report.rglob("*.*")}
    assert files == {*results["files"], "results.json"}
    pngs = list(report.rglob("*.png"))
    assert len(pngs) == 2 + 2 * 5  # parameters, performance; a photo's climb, dream, histogram and two layers
    for path in pngs:
        picture = pyvips.Image.new_from_file(str(path))
        assert picture.deviate() > 1, f"{path.name} is blank"
        assert picture.width in (round(3.5 * 300), round(7.2 * 200))
        pdf = path.with_suffix(".pdf").read_bytes()
        assert pdf.startswith(b"%PDF-")
        assert pdf.rstrip().endswith(b"%%EOF")


def test_results_are_those_of_direct_computation(results: Any, photo: Image, variants: list[Variant]) -> None:
    model = variants[0].model
    with torch.no_grad():
        answers = model(photo, ["fire2", "fire3"])
    found = results["photos"][0]
    for each in found["layers"]:
        direct = answers[each["layer"]]
        assert each["shape"] == list(direct.shape[1:])
        assert each["mean"] == pytest.approx(float(direct.mean()), rel=1e-5)
        assert each["share_of_zeros"] == pytest.approx(float((direct == 0).float().mean()), abs=1e-6)
    assert found["sum_of_means"] == pytest.approx(float(make_score_function(model, WISH)(photo)), rel=1e-5)
    assert found["sum_of_means"] == pytest.approx(found["score_start"], rel=1e-5)
    total = sum(sum(kinds) for kinds in model.parameters.values())
    assert results["parameters"]["total"] == total == 1_235_496
    assert results["model"]["sha256"] == model.digest


def test_performance_adds_up(results: Any) -> None:
    performance = results["performance"]
    assert performance["protocol"]["order"] == ["torch cpu float32", "torch cpu bfloat16"] * 2
    for each in performance["variants"]:
        median = each["seconds_a_step"]["median"]
        assert each["steps_a_second"] == pytest.approx(1 / median)
        assert each["flops_a_second"] == pytest.approx(performance["flops"]["step"] / median)
        share = each["flops_a_second"] / each["matmul_peak_flops_a_second"]
        assert each["share_of_peak"] == pytest.approx(share)
    assert results["peak_memory_bytes"] >= max(each["peak_memory_bytes"] for each in performance["variants"])


def test_the_page_shows_what_the_results_say(report: Path, results: Any) -> None:
    text = (report / "index.html").read_text()
    assert f"{results['parameters']['total']:,}" in text
    for photo in results["photos"]:
        assert f"{photo['sum_of_means']:.7g}" in text
    assert unescape(text).count("the paper's loss") == 1


def test_the_same_analysis_gives_the_same_files(analysis: Analysis, report: Path, tmp_path: Path) -> None:
    write_report(analysis, tmp_path)
    for path in report.rglob("*.*"):
        assert (tmp_path / path.relative_to(report)).read_bytes() == path.read_bytes(), path.name


def test_an_objective_of_the_picture_alone_has_a_report(photo: Image, variants: list[Variant], tmp_path: Path) -> None:
    from reverie.objectives.penalties import total_variation

    run = make_run(photo, variants[0].model, -1 * total_variation(), Settings(octaves=1, steps=1))
    write_report(analyze_runs({"a.png": run}, variants[:1], AnalysisPlan(at=(), turns=1)), tmp_path)
    Page((tmp_path / "index.html").read_text())
    assert json.loads((tmp_path / "results.json").read_text())["performance"]["flops"] is None


def test_drawing_is_imported_at_the_start_of_the_work_only() -> None:
    code = "import reverie.analysis, sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "from reverie.analysis.figures import open_figure, render_figure; import sys\n"
    code += "with open_figure(1, 1) as f: render_figure(f, 'a', '')\n"
    subprocess.run([sys.executable, "-c", code + "assert 'matplotlib.pyplot' not in sys.modules"], check=True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (239.0, "239.0"),
        (2397.3, "2,397"),
        (9999.9, "10,000"),
        (37_170.2, "37,170"),
        (0.042131, "0.04213"),
        (0, "0.000"),
    ],
)
def test_numbers_keep_their_digits(value: float, text: str) -> None:
    assert format_number(value) == text
