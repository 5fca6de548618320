"""A dream of a panorama goes around the sphere: no column is the first, and the poles are places like any other."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reverie.ascent.octaves import dream_steps
from reverie.cli import expand_panorama, main
from reverie.errors import SettingsError
from reverie.gradient.compose import dream_gradient
from reverie.gradient.sphere import BLEND_ANGLE, CAP_BORDER_RANGE, ChartPose, Charts, wrap_in_charts
from reverie.image.embedding import build_xmp_packet, extract_recipe_text
from reverie.image.filters import gaussian_blur
from reverie.image.gpano import Sphere, read_gpano_fields
from reverie.image.panorama import render_view, resolve_panorama, update_sphere_metadata
from reverie.image.reading import Photo, read_photo
from reverie.image.resample import pad_sphere, resize, resize_sphere
from reverie.image.writing import save_image
from reverie.jobs.shortcuts import dream
from reverie.models.load import load_model
from reverie.models.torch_model import TorchModel
from reverie.objectives.base import layer
from reverie.recipe.recipe import Recipe
from reverie.settings import Settings
from reverie.types import Image, Score

CPU = torch.device("cpu")
OTHERS = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:pano="http://ns.google.com/photos/1.0/panorama/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" dc:rights="Ada" pano:PoseHeadingDegrees="350.0" {}>'
    "<pano:ProjectionType>equirectangular</pano:ProjectionType></rdf:Description></rdf:RDF></x:xmpmeta>"
)
WHOLE = OTHERS.format('pano:FullPanoWidthPixels="96" pano:CroppedAreaImageWidthPixels="96"').encode()
PART = OTHERS.format(
    'pano:FullPanoWidthPixels="192" pano:FullPanoHeightPixels="96" pano:CroppedAreaImageWidthPixels="96"'
    ' pano:CroppedAreaImageHeightPixels="48" pano:CroppedAreaLeftPixels="20" pano:CroppedAreaTopPixels="10"'
).encode()


def random_image(height: int, width: int, seed: int = 0) -> Image:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def soft_panorama(height: int, width: int) -> Image:
    """A smooth picture on the sphere: color by direction, (1, 3, height, width)."""
    latitude = (0.5 - (torch.arange(height) + 0.5) / height) * torch.pi
    longitude = ((torch.arange(width) + 0.5) / width - 0.5) * 2 * torch.pi
    latitude, longitude = torch.meshgrid(latitude, longitude, indexing="ij")
    flat = torch.cos(latitude)
    where = torch.stack([flat * torch.sin(longitude), torch.sin(latitude), flat * torch.cos(longitude)])
    return 0.5 + 0.4 * torch.sin(3 * where)[None]


def photo_of(image: Image, xmp: bytes | None = None) -> Photo:
    return Photo(image, None, 8, None, Path("pano.jpg"), "0" * 64, xmp=xmp)


# Around: what is done to a turned picture is the turned result.


@given(st.sampled_from([(60, 30), (60, 45), (60, 47), (48, 96), (40, 41), (7, 30), (30, 7)]))
def test_resizing_knows_no_first_column(widths: tuple[int, int]) -> None:
    before, after = widths
    image = random_image(20, before)
    common = math.gcd(before, after)
    turned = resize_sphere(image.roll(before // common, 3), (16, after))
    assert (turned - resize_sphere(image, (16, after)).roll(after // common, 3)).abs().max() < 1e-5


@given(st.sampled_from([(20, 40), (33, 67), (50, 100), (31, 64), (32, 75)]))
def test_resizing_shows_the_same_sphere(size: tuple[int, int]) -> None:
    there = resize_sphere(soft_panorama(64, 128), size)
    assert (there - soft_panorama(*size))[..., 2:-2, :].abs().max() < 0.01
    assert (resize_sphere(torch.full((1, 3, 64, 128), 0.3), size) - 0.3).abs().max() < 1e-6


@pytest.mark.parametrize("octave", [66, 93])
def test_no_column_is_rougher_after_resizing(octave: int) -> None:
    """As noise goes from octave to octave, its steps stay the same at all columns; a cubic's would not."""
    noise = torch.randn(1, 3, 4000, octave, generator=torch.Generator().manual_seed(0))

    def steps(image: Image) -> torch.Tensor:
        return (image - image.roll(1, 3)).abs().mean((0, 1, 2))

    around, cubic = (steps(by(noise, (4000, 128))) for by in (resize_sphere, resize))
    assert (around / around.mean() - 1).abs().max() < 0.02
    assert (cubic / cubic.mean() - 1).abs().max() > 0.1


def test_over_the_pole_lies_the_other_side() -> None:
    image = random_image(8, 16)
    wide = pad_sphere(image, 3)
    assert torch.equal(wide[..., 3:-3, 3:-3], image)
    assert torch.equal(wide[..., 2, 3:-3], image[..., 0, :].roll(8, 2))
    assert torch.equal(wide[..., -1, 3:-3], image[..., -3, :].roll(8, 2))
    assert torch.equal(wide[..., 3:-3, :3], image[..., -3:])


# The sheet.


def test_shares_are_one_together() -> None:
    for border in CAP_BORDER_RANGE:
        for height in (47, 64):
            shares = [share for share, _ in Charts(height, 2 * height, ChartPose(border=border)).blend_weights()]
            assert torch.stack(shares).sum(0).sub(1).abs().max() < 1e-6
            assert min(share.min() for share in shares) >= 0
            assert all(share.max() == 1 for share in shares)


@pytest.mark.parametrize("pole", [1, -1])
def test_places_are_where_the_directions_say(pole: int) -> None:
    sheet = Charts(96, 192, ChartPose(column=37, spin=4.25, shift=(0.3, -0.4)))
    longitude, latitude = sheet.pixel_directions()
    rows = sheet.row_latitudes()
    for share, places in sheet.blend_weights():
        own = share.nonzero().flatten()
        if (
            bool((rows[own] * pole > 0).all())
            or len(own) == 0
            or bool((rows[own].abs() < CAP_BORDER_RANGE[1] + 2 * BLEND_ANGLE).all())
        ):
            x, y = places(rows[own])
            column, row = x.round().long(), y.round().long()
            assert ((row >= 0) & (row < sheet.size[0]) & (column >= 0) & (column < sheet.size[1])).all()
            found = torch.stack(compass(longitude[row, column], latitude[row, column]))
            wanted = torch.stack(compass((torch.arange(192) + 0.5) / 192 * 2 * torch.pi - torch.pi, rows[own][:, None]))
            # A place rounded to a pixel is less than a pixel's diagonal away.
            assert (found - wanted).square().sum(0).sqrt().max() < 0.75 / sheet.pixels_per_radian


def compass(longitude: torch.Tensor, latitude: torch.Tensor) -> tuple[torch.Tensor, ...]:
    longitude, latitude = torch.broadcast_tensors(longitude, latitude)
    flat = latitude.cos()
    return flat * longitude.sin(), latitude.sin(), flat * longitude.cos()


@pytest.mark.parametrize("seed", range(5))
def test_a_picture_comes_back_from_the_sheet(seed: int) -> None:
    image = soft_panorama(64, 128)
    sheet = Charts(64, 128, ChartPose.draw(128, torch.Generator().manual_seed(seed)))
    assert (sheet.fold(sheet.unfold(image)) - image).abs().max() < 0.01


def test_everything_folded_back_lies_inside_the_margins() -> None:
    """What the network sees at a chart's border does not come back: pixels of the margins count for nothing."""
    for seed in range(20):
        sheet = Charts(100, 200, ChartPose.draw(200, torch.Generator().manual_seed(seed)))
        for share, places in sheet.blend_weights():
            x, y = places(sheet.row_latitudes()[share.nonzero().flatten()])
            assert x.min() > 20 and x.max() < sheet.size[1] - 20
            assert y.min() > 20 and y.max() < sheet.size[0] - 20
            assert (y.max() < sheet.band_height - 20) or (y.min() > sheet.band_height + 20)


# The gradient.


def test_no_column_is_the_first(tiny: TorchModel) -> None:
    """The picture turned by k columns, unfolded turned by k: the dream is the same dream, turned."""
    settings = Settings(panorama="on", octaves=2, octave_scale=2.0, steps=2, jitter=4)
    image = random_image(48, 96)

    def dreamed(image: Image, columns: int) -> Image:
        turns = iter([ChartPose(7, 2.5), ChartPose(60, -3.0), ChartPose(11, 1.0), ChartPose(90, 0.5)])
        inner = dream_gradient(tiny, layer("c"), dataclasses.replace(settings, panorama="off"))

        def turn(width: int) -> ChartPose:
            drawn = next(turns)
            by = columns * width // 96
            return dataclasses.replace(drawn, column=drawn.column + by, spin=drawn.spin + by)

        return list(dream_steps(image, wrap_in_charts(inner, turn), settings))[-1].image

    still = dreamed(image, 0)
    assert (still - image).abs().mean() > 0.01
    assert (dreamed(image.roll(20, 3), 20) - still.roll(20, 3)).abs().max() < 1e-3


def test_the_turn_may_begin_at_any_column() -> None:
    generator = torch.Generator().manual_seed(0)
    columns = torch.tensor([float(ChartPose.draw(64, generator).column) for _ in range(2000)])
    assert columns.min() == 0 and columns.max() == 63
    assert torch.histc(columns, 8).std() < 0.15 * 250


def test_the_edge_has_the_gradient_of_a_picture_that_goes_on(tiny: TorchModel) -> None:
    """At the equator the grad at the cut is that of the middle of three pictures side by side."""
    image = soft_panorama(64, 128)
    gradient = dream_gradient(tiny, layer("b"), Settings(jitter=0, normalization="none", laplacian_levels=0))
    _, flat = gradient(image.repeat(1, 1, 1, 3))
    flat = 3 * flat[..., 128:256]
    sheet = Charts(64, 128, ChartPose(column=0))
    _, grad = wrap_in_charts(gradient, lambda width: ChartPose(column=0))(image)
    ratio = sheet.size[0] * sheet.size[1] / (64 * 128)
    rows = slice(26, 38)  # where Mercator's projection is the equirectangular one, nearly
    wanted, found = flat[..., rows, :].mean(2), ratio * grad[..., rows, :].mean(2)
    assert (found - wanted).abs().max() < 0.15 * wanted.abs().mean()
    at_the_cut = (found - wanted)[..., [0, 1, -2, -1]].abs().mean()
    assert at_the_cut < 1.5 * (found - wanted).abs().mean()


def test_the_grad_does_not_thin_out_at_the_poles() -> None:
    """A gradient that wishes for one color everywhere is, folded back, that color everywhere."""

    def brighter(image: Image) -> tuple[Score, Image]:
        return image.mean((1, 2, 3)), torch.ones_like(image)

    _, grad = wrap_in_charts(brighter, lambda width: ChartPose(column=5))(random_image(64, 128))
    assert (grad - 1).abs().max() < 1e-4


def test_a_dream_is_repeated_by_its_seed(tiny: TorchModel) -> None:
    image = soft_panorama(40, 80)
    settings = Settings(panorama="on", octaves=2, steps=2)
    one = dream(image, tiny, "c", settings)
    assert torch.equal(one, dream(image, tiny, "c", settings))
    assert not torch.equal(one, dream(image, tiny, "c", dataclasses.replace(settings, seed=1)))
    assert not torch.equal(one, dream(image, tiny, "c", dataclasses.replace(settings, panorama="off")))


# The view.


@given(st.floats(-400, 400), st.floats(-90, 90), st.floats(10, 150))
def test_the_view_of_one_color_is_that_color(yaw: float, pitch: float, fov: float) -> None:
    gray = torch.full((1, 3, 16, 32), 0.3)
    assert (render_view(gray, yaw, pitch, fov, (12, 20)) - 0.3).abs().max() < 1e-5


def test_the_view_looks_where_it_is_told() -> None:
    image = torch.zeros(1, 3, 64, 128)
    image[:, 0] = torch.linspace(0, 1, 64)[:, None]  # red grows downward
    image[..., 96:, :][:, 1] = 0
    image[:, 1, :, 88:104] = 1  # green a quarter turn to the right
    assert render_view(image, 90, 0, 20, (8, 8))[:, 1].mean() > 0.95
    assert render_view(image, 0, 0, 20, (8, 8))[:, 1].mean() < 0.05
    assert render_view(image, 0, 0, 90, (9, 9))[0, 1, 4, -1] < 0.5 < render_view(image, 45, 0, 110, (9, 9))[0, 1, 4, -2]
    assert (
        render_view(image, 0, 80, 20, (8, 8))[:, 0].mean()
        < 0.1
        < 0.9
        < render_view(image, 0, -80, 20, (8, 8))[:, 0].mean()
    )
    assert (render_view(image, 0, 90, 60, (9, 9))[0, 1, 4].argmax() > 4).all()  # straight up, the right is on the right


def test_a_view_of_nothing_is_refused() -> None:
    for fov in (0, 180, -5):
        with pytest.raises(SettingsError, match="field of view"):
            render_view(torch.zeros(1, 3, 4, 8), 0, 0, fov, (4, 4))


# The files.


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
def test_every_format_says_that_it_is_a_sphere(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    settings = Settings(panorama="on")
    save_image(
        random_image(48, 96),
        path,
        like=update_sphere_metadata(photo_of(random_image(48, 96)), settings, (48, 96)),
        recipe="a=1",
    )
    photo = read_photo(path)
    assert Sphere.read(photo.xmp, 96, 48) == Sphere.of(96, 48)
    assert read_gpano_fields(photo.xmp)["UsePanoramaViewer"] == "True"
    assert extract_recipe_text(photo.xmp or b"") == "a=1"
    assert resolve_panorama(Settings(), photo).panorama == "on"


def test_the_photos_own_words_stay() -> None:
    photo = update_sphere_metadata(photo_of(random_image(48, 96), WHOLE), Settings(panorama="on"), (96, 192))
    fields = read_gpano_fields(photo.xmp)
    assert fields["PoseHeadingDegrees"] == "350.0" and b'dc:rights="Ada"' in (photo.xmp or b"")
    assert fields["FullPanoWidthPixels"] == fields["CroppedAreaImageWidthPixels"] == "192"
    assert (photo.xmp or b"").count(b"FullPanoWidthPixels>") == 2 and b'Pixels="96"' not in (photo.xmp or b"")
    assert read_gpano_fields(build_xmp_packet("a = 1", photo.xmp)) == fields


def test_a_parts_place_follows_its_size() -> None:
    photo = update_sphere_metadata(photo_of(random_image(48, 96), PART), Settings(panorama="off"), (24, 48))
    assert Sphere.read(photo.xmp, 48, 24) == Sphere((96, 48), (48, 24), (10, 5))


@pytest.mark.parametrize("xmp", [None, b"", b"no xml", b"<!DOCTYPE a><a/>", PART.replace(b'="192"', b'="many"')])
def test_what_cannot_be_read_is_no_sphere(xmp: bytes | None) -> None:
    assert Sphere.read(xmp, 96, 48) is None
    assert resolve_panorama(Settings(), photo_of(random_image(48, 96), xmp)).panorama == "off"
    again = update_sphere_metadata(photo_of(random_image(48, 96), xmp), Settings(panorama="on"), (48, 96))
    assert Sphere.read(again.xmp, 96, 48) == Sphere.of(96, 48)


def test_a_number_beyond_all_bounds_is_no_sphere() -> None:
    assert Sphere.read(PART.replace(b'="192"', b'="' + b"9" * 400 + b'"'), 96, 48) is None


def test_a_picture_without_words_is_left_alone() -> None:
    photo = photo_of(random_image(40, 60))
    assert update_sphere_metadata(photo, resolve_panorama(Settings(), photo), (40, 60)).xmp is None


# What is refused.


def test_a_panorama_is_twice_as_wide_as_high(tiny: TorchModel) -> None:
    image = random_image(40, 60)
    with pytest.raises(SettingsError, match=r"60 x 40 pixels is 1.5:1.*--panorama force"):
        resolve_panorama(Settings(panorama="on"), photo_of(image))
    with pytest.raises(SettingsError, match="2:1"):
        dream(image, tiny, "c", Settings(panorama="on"))
    assert resolve_panorama(Settings(panorama="force"), photo_of(image)).around
    assert dream(image, tiny, "c", Settings(panorama="force", octaves=1, steps=1)).shape == image.shape
    assert resolve_panorama(Settings(), photo_of(image, WHOLE)).panorama == "off"


def test_a_size_of_another_shape_is_no_panoramas(caplog: pytest.LogCaptureFixture) -> None:
    photo = photo_of(random_image(48, 96), WHOLE)
    with pytest.raises(SettingsError, match=r"96 x 64 pixels is 1.5:1.*--panorama force"):
        resolve_panorama(Settings(panorama="on", size="64x96"), photo)
    assert resolve_panorama(Settings(panorama="force", size="64x96"), photo).around
    assert resolve_panorama(Settings(size="64x128"), photo).panorama == "on" and not caplog.text
    assert resolve_panorama(Settings(size="64x96"), photo).panorama == "off"
    assert "a size of 64x96 is not that of a panorama: dreamed as a flat picture" in caplog.text


def test_a_part_of_a_panorama_is_refused_or_flat(caplog: pytest.LogCaptureFixture) -> None:
    photo = photo_of(random_image(48, 96), PART)
    with pytest.raises(SettingsError, match="96 x 48 pixels of 192 x 96"):
        resolve_panorama(Settings(panorama="on"), photo)
    assert resolve_panorama(Settings(), photo).panorama == "off"
    assert "flat picture" in caplog.text


def test_an_unknown_panorama_is_refused() -> None:
    with pytest.raises(SettingsError, match="auto, on, off, force"):
        Settings(panorama="maybe")  # type: ignore[arg-type]


# At the command line.


def test_the_flag_alone_is_on() -> None:
    assert expand_panorama(["dream", "--panorama", "a.jpg"]) == ["dream", "--panorama=on", "a.jpg"]
    assert expand_panorama(["dream", "a.jpg", "--panorama"]) == ["dream", "a.jpg", "--panorama=on"]
    assert expand_panorama(["--panorama", "force", "a.jpg"]) == ["--panorama", "force", "a.jpg"]
    assert expand_panorama([]) == []


@pytest.mark.bundled
def test_a_panorama_at_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pano, flat, out, again = (tmp_path / name for name in ("pano.png", "flat.png", "out.png", "again.png"))
    save_image(soft_panorama(64, 128), pano)
    save_image(random_image(40, 60), flat)
    few = ["--octaves", "1", "--steps", "2", "--quiet"]
    assert main(["dream", "--panorama", str(pano), "-o", str(out), *few]) == 0
    assert Recipe.from_file(out).settings.panorama == "on"
    assert resolve_panorama(Settings(), read_photo(out)).panorama == "on"
    assert main(["run", str(out), "-o", str(again), "--quiet"]) == 0
    assert PIL.Image.open(out).tobytes() == PIL.Image.open(again).tobytes()
    assert main(["dream", str(flat), "-o", str(tmp_path / "x.png"), "--panorama", *few]) == 2
    said = capsys.readouterr().err
    assert "1.5:1" in said and said.count("\n") == 1
    assert not (tmp_path / "x.png").exists()
    assert main(["dream", str(flat), "-o", str(tmp_path / "x.png"), "--panorama", "force", *few]) == 0


@pytest.mark.bundled
def test_the_wrap_column_is_no_rougher() -> None:
    """The step across the wrap column, by those near it: what it has in the same picture dreamed the other way round.

    As a flat picture the same dream shows the column.
    """
    model = load_model("squeezenet", precision="float32")
    image = soft_panorama(96, 192)
    image = (image + 0.05 * gaussian_blur(random_image(96, 3 * 192), 2)[..., 192:384].roll(96, 3)).clamp(0, 1)
    ratios = {}
    for panorama in ("on", "off"):
        settings = Settings(panorama=panorama, octaves=2, octave_scale=1.5, steps=8)
        rough = [roughness(dream(image.roll(turn, 3), model, "fire5^2", settings)) for turn in (0, 48, 96, 144)]
        at_the_edge = torch.stack([each[0] for each in rough])
        ratios[panorama] = float(at_the_edge.mean() / torch.stack([each.mean() for each in rough]).mean())
    assert ratios["on"] < 1.15 < ratios["off"]


def roughness(image: Image) -> torch.Tensor:
    """For each column the step from the one before it, by the mean of those near it, (w,)."""
    steps = (image - image.roll(1, 3)).abs().mean((0, 1, 2))
    return steps / torch.stack([steps.roll(by) for by in (-6, -5, -4, -3, 3, 4, 5, 6)]).mean(0)
