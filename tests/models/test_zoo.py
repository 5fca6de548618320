"""Networks of torchvision and timm: their own numbers, their own layers, one line for what cannot be."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models.vision_transformer import VisionTransformer

import reverie as rv
from reverie.errors import UnknownLayer, UnknownName, WeightsError, WordingError
from reverie.gradient.base import gradient_of, make_score_function
from reverie.models.hooked.network import HookedNetwork
from reverie.models.receptive_field import measure_geometry
from reverie.models.weights import save_weights
from reverie.models.zoo.load import build_untrained, import_library
from reverie.models.zoo.torchvision_vit import allow_any_size, resize_positions
from reverie.objectives.base import layer
from reverie.objectives.default import default_objective
from reverie.objectives.parser import objective
from silent import SilentNetwork

pytestmark = pytest.mark.zoo

CONVOLUTIONAL = {  # and layers of each, in the order in which they come
    "torchvision:squeezenet1_1": ("features.3", "features.7.expand3x3", "features.12", "logits"),
    "torchvision:googlenet": ("conv1.bn", "inception4c", "inception4d.branch2.1", "inception5b", "logits"),
    "torchvision:resnet18": ("bn1", "layer1.0.relu", "layer3.0.downsample", "layer4", "logits"),
    "torchvision:inception_v3": ("Conv2d_1a_3x3.conv", "Mixed_5b", "Mixed_6e", "Mixed_7c", "logits"),
    "timm:test_resnet": ("conv1", "layer2.0.act1", "layer3", "logits"),
    "timm:test_convnext": ("stem", "stages.2.blocks.1", "stages.3", "logits"),
    "timm:test_efficientnet": ("bn1", "blocks.1.0", "conv_head", "logits"),
}
TRANSFORMERS = {
    "timm:test_vit": ("patch_embed", "blocks.3", "norm", "logits"),
    "timm:test_vit3": ("patch_embed", "blocks.3", "logits"),
}


@cache
def load(name: str, **how: Any) -> Any:
    return rv.load_model(name, **{"weights": "random", "device": "cpu", "precision": "float32", **how})


def picture(height: int = 96, width: int = 128) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", [*CONVOLUTIONAL, *TRANSFORMERS])
def test_gradients_and_layers_are_those_of_the_library(name: str) -> None:
    model = load(name)
    asked = {**CONVOLUTIONAL, **TRANSFORMERS}[name]
    places = [model.layers.index(each) for each in asked]
    assert places == sorted(places)

    library, network = import_library(name)
    plain = model.network.original  # the library's module itself
    about = library.read_metadata(network, plain)
    mean, std = torch.tensor(about.mean).view(1, 3, 1, 1), torch.tensor(about.std).view(1, 3, 1, 1)
    image = picture().requires_grad_(True)
    expected = plain((image - mean) / std)
    found = model(picture(), asked)
    torch.testing.assert_close(
        found["logits"][:, :, 0, 0], expected, rtol=1e-3, atol=1e-3 * float(expected.detach().abs().max())
    )

    (expected_grad,) = torch.autograd.grad(expected.square().mean(), image)
    _, grad = gradient_of(model, layer("logits", 2))(picture())
    torch.testing.assert_close(grad, expected_grad, rtol=1e-2, atol=1e-2 * float(expected_grad.abs().max()))


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_tokens_lie_where_their_patch_does(name: str) -> None:
    """Whatever comes before the grid is left out: in the first block's input a patch knows its own pixels only."""
    model = load(name)
    image = picture(70, 150)  # fills no whole number of patches
    grid = model(image, ["patch_embed.proj"])["patch_embed.proj"].shape[2:]
    layers = [each for each in model.layers if each in ("pos_drop", "norm_pre", "blocks.0.norm1")]
    assert layers
    touched = image.clone()
    touched[:, :, 32:48, 64:80] = 0
    for each in layers:
        before, after = model(image, [each])[each], model(touched, [each])[each]
        assert before.shape[2:] == grid
        changed = ((before - after).abs().amax((0, 1)) > 1e-6).nonzero().tolist()
        assert changed == [[2, 4]], each


def test_swin_takes_pictures_of_any_size() -> None:
    model = load("timm:swin_tiny_patch4_window7_224")
    found = model(picture(77, 154), ["patch_embed.proj", "layers.0"])
    assert found["layers.0"].shape[2:] == found["patch_embed.proj"].shape[2:] == (20, 39)


def test_a_seed_is_a_network() -> None:
    name, wish = "timm:test_resnet", ["layer2"]
    state = torch.get_rng_state()
    first, again, other = load(name), load(name, seed=0), load(name, seed=1)
    assert first is not again
    assert torch.equal(state, torch.get_rng_state())
    assert first.digest == again.digest != other.digest
    assert torch.equal(first(picture(), wish)["layer2"], again(picture(), wish)["layer2"])
    assert not torch.equal(first(picture(), wish)["layer2"], other(picture(), wish)["layer2"])


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize("name", ["timm:test_resnet", "torchvision:squeezenet1_1"])
def test_weights_of_a_file_are_taken_whole_or_not_at_all(name: str, suffix: str, tmp_path: Path) -> None:
    library, network = import_library(name)
    state = build_untrained(library, network, 5).state_dict()
    path = tmp_path / f"file.{suffix}"
    write = save_file if suffix == "safetensors" else torch.save
    write(state, path)
    model = load(name, weights=path)
    expected = load(name, seed=5)(picture(), ["logits"])["logits"]
    torch.testing.assert_close(model(picture(), ["logits"])["logits"], expected)

    key = next(each for each in state if state[each].ndim == 4)
    damaged = {
        "is missing": {each: tensor for each, tensor in state.items() if each != key},
        "has no extra": {**state, "extra": torch.ones(1)},
        "expected \\(": {**state, key: torch.ones(2, 2, 1, 1)},
    }
    for words, tensors in damaged.items():
        write(tensors, path)
        with pytest.raises(WeightsError, match=words) as refusal:
            load.__wrapped__(name, weights=path)
        assert "\n" not in str(refusal.value) and network in str(refusal.value)


def test_auxiliary_classifiers_may_be_missing(tmp_path: Path) -> None:
    name = "torchvision:googlenet"
    state = load(name).network.original.state_dict()
    kept = {each: tensor for each, tensor in state.items() if not each.startswith("aux")}
    assert len(kept) < len(state)
    save_weights(kept, tmp_path / "w.safetensors")
    model = load(name, weights=tmp_path / "w.safetensors")
    found = model(picture(), ["inception3a"])["inception3a"]
    torch.testing.assert_close(found, load(name)(picture(), ["inception3a"])["inception3a"])
    assert not any(block.startswith("aux") for block in model.parameters)
    assert sum(trained for trained, _ in model.parameters.values()) == 6_624_904  # as torchvision publishes


def test_the_librarys_own_weights_load_as_the_library_loads_them(tmp_path: Path, monkeypatch: Any) -> None:
    """From the cache of torch's hub; the file's name holds how its digest begins."""
    from reverie.models import weights as files

    library, network = import_library("torchvision:squeezenet1_1")
    state = build_untrained(library, network, 7).state_dict()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(state, folder / "new.pth")
    digest = files.hash_weights_file(folder / "new.pth")
    (folder / "new.pth").rename(folder / f"squeezenet-{digest[:8]}.pth")
    monkeypatch.setattr(
        "reverie.models.zoo.torchvision.find_weights_url", lambda name: f"https://x.org/squeezenet-{digest[:8]}.pth"
    )
    model = load("torchvision:squeezenet1_1", weights=None)
    assert model.digest == digest
    expected = load("torchvision:squeezenet1_1", seed=7)(picture(), ["features.12"])["features.12"]
    torch.testing.assert_close(model(picture(), ["features.12"])["features.12"], expected)
    (folder / f"squeezenet-{digest[:8]}.pth").write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"damaged"):
        load.__wrapped__("torchvision:squeezenet1_1", weights=None)


@pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:convnext_tiny.fb_in22k", "timm:resnet18"])
def test_offline_is_refused_without_waiting_for_an_answer(
    name: str, tmp_path: Path, monkeypatch: Any, silent_network: SilentNetwork
) -> None:
    for place in ("TORCH_HOME", "REVERIE_CACHE"):
        monkeypatch.setenv(place, str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    library, network = import_library(name)
    with pytest.raises(WeightsError, match=r"could not be downloaded .no network") as refusal:
        library.find_weights_file(network)
    assert "\n" not in str(refusal.value)
    assert silent_network.was_not_waited_for()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("torchvision:resnt18", r"no network of torchvision is called 'resnt18'; did you mean resnet18"),
        ("timm:convnext_tiny.fb_in22", r"no network of timm is called .*did you mean convnext_tiny.fb_in22k"),
        ("torchvison:resnet18", r"no model is called 'torchvison:resnet18'.*torchvision:NAME"),
    ],
)
def test_unknown_names_bring_the_nearest(name: str, words: str) -> None:
    with pytest.raises(UnknownName, match=words):
        load(name)


def test_a_network_without_weights_says_so() -> None:
    with pytest.raises(WeightsError, match=r"timm has no weights for convnext_atto_rms: .*--weights random"):
        load("timm:convnext_atto_rms", weights=None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("torchvision:googlenet", "inception4c^2"),
        ("torchvision:resnet18", "layer3.1^2"),
        ("torchvision:squeezenet1_1", "features.11^2"),
        ("timm:test_vit", "blocks.3^2"),
    ],
)
def test_unless_told_a_block_of_stride_16_is_dreamed(name: str, expected: str) -> None:
    model = load(name)
    assert default_objective(model) == expected
    layer_name = objective(expected).layers[0]
    assert measure_geometry(model, [layer_name])[layer_name].stride == 16


def test_geometry_of_what_sees_everything() -> None:
    for name in ("timm:test_vit", "timm:test_maxvit"):  # the second takes pictures of one size only
        model = load(name)
        grid = list(model.network.strides)[-1]
        seen = measure_geometry(model, [grid])[grid]
        assert seen.receptive_field is None and seen.stride in (16, 32)


def test_climbing_a_network_of_the_zoo_raises_its_score() -> None:
    model = load("timm:test_efficientnet")
    settings = rv.Settings(octaves=1, steps=6, step_size=0.01, jitter=0)
    gradient = rv.dream_gradient(model, default_objective(model), settings)
    scores = [float(step.score) for step in rv.dream_steps(picture(), gradient, settings)]
    assert scores[-1] > scores[0]


def test_folding_never_hides_a_layer() -> None:
    network = load("torchvision:resnet18").network
    assert isinstance(network, HookedNetwork) and network.changed_layers
    assert network.changed_layers <= set(network.LAYERS)


def test_a_network_of_one_size_dreams_pictures_of_that_size() -> None:
    model = load("timm:test_maxvit")
    photo = torch.rand(1, 3, *model.network.pictures[0].shape[2:], generator=torch.Generator().manual_seed(0))
    dreamed = rv.dream(photo, model, default_objective(model), rv.Settings(octaves=1, steps=1))
    assert dreamed.shape == photo.shape and not torch.equal(dreamed, photo)


@pytest.mark.parametrize("name", ["timm:test_vit", "timm:test_resnet", "timm:test_convnext", "torchvision:resnet18"])
def test_raising_a_class_raises_that_logit_of_the_plain_network(name: str) -> None:
    model = load(name)
    library, network = import_library(name)
    about = library.read_metadata(network, model.network.original)
    mean, std = torch.tensor(about.mean).view(1, 3, 1, 1), torch.tensor(about.std).view(1, 3, 1, 1)

    def logit(image: Tensor) -> float:
        with torch.no_grad():
            return float(model.network.original((image - mean) / std)[0, 967])

    image = picture(96, 96)
    assert float(make_score_function(model, objective("class:espresso"))(image)) == pytest.approx(
        logit(image), rel=1e-3, abs=1e-3
    )
    bare = rv.Settings(octaves=1, steps=4, jitter=0, color_correlation=0, laplacian_levels=1)
    assert logit(rv.dream(image, model, "class:espresso", bare)) > logit(image)


def test_other_counts_of_classes_have_no_words() -> None:
    model = load("timm:vit_tiny_patch16_224.augreg_in21k")
    assert make_score_function(model, objective("class:21842"))(picture()).shape == (1,)
    for word in ("espresso", "nonsense"):
        with pytest.raises(WordingError, match=r"augreg_in21k has 21843 classes without names: say a number, as in"):
            objective(f"class:{word}").resolved(model)


@pytest.mark.parametrize(
    ("name", "layer_name", "words"),
    [
        ("timm:test_vit", "blocks.0.attn.k_norm_", r"no layer of .* did you mean blocks\.0\.attn"),
        (
            "torchvision:googlenet",
            "aux1",
            r"\(it is not called by itself\): .*such as inception4e, maxpool4, inception5a, ",
        ),
        ("torchvision:resnet18", "layer4.2", r"no layer of .* is called 'layer4.2'; did you mean layer4.1"),
        (
            "torchvision:resnet18",
            "fire8",
            r"known: conv1, bn1, relu, maxpool, layer1.0, .*layer4, avgpool, fc, logits, \.\.\.$",
        ),
        ("torchvision:googlenet", "4c", r"no layer of .* is called '4c'; did you mean inception4c"),
    ],
)
def test_a_layer_that_cannot_be_dreamed_names_some_that_can(name: str, layer_name: str, words: str) -> None:
    with pytest.raises(UnknownLayer, match=words):
        gradient_of(load(name), layer(layer_name))


@pytest.mark.parametrize(
    ("name", "vector"),
    [("torchvision:resnet18", "avgpool"), ("torchvision:resnet18", "fc"), ("timm:test_vit", "fc_norm")],
)
def test_pooled_vectors_and_dense_units_are_dreamed(name: str, vector: str) -> None:
    model, image = load(name), picture()
    whole = model.network.original
    plain = image.clone().requires_grad_(True)
    found: list[Tensor] = []
    with whole.get_submodule(vector).register_forward_hook(lambda *given: found.append(given[2])):
        whole(model.scale * plain + model.shift)
    found[0].flatten(1)[0, 3].backward()
    score, grad = gradient_of(model, rv.channel(vector, 3))(image)
    torch.testing.assert_close(score, found[0].detach().flatten(1)[:, 3], rtol=1e-3, atol=1e-4)
    assert plain.grad is not None
    assert float(torch.cosine_similarity(grad.flatten(), plain.grad.flatten(), 0)) > 0.999


def test_torchvisions_transformer_takes_pictures_of_any_size() -> None:
    torch.manual_seed(0)
    plain = VisionTransformer(64, 16, 2, 2, 24, 48, num_classes=1000).eval()
    torch.nn.init.normal_(plain.heads.head.weight)
    image = picture(64, 64)
    expected = plain(image).detach()
    network = allow_any_size(plain)
    assert torch.equal(network(image), expected)
    model = rv.wrap(network, mean=(0.5,) * 3, std=(0.5,) * 3, device="cpu", precision="float32")
    wide = picture(70, 133)  # fills no whole number of patches
    assert model(wide, ["encoder.layers"])["encoder.layers"].shape == (1, 24, 4, 8)
    bare = rv.Settings(octaves=2, steps=2, jitter=0, color_correlation=0, laplacian_levels=1)
    score = make_score_function(model, objective("class:espresso"))
    assert score(rv.dream(wide, model, "class:espresso", bare)) > score(wide)


def test_places_spread_over_a_larger_grid_stay_where_they_are() -> None:
    rows = torch.arange(4.0).view(4, 1).expand(4, 4)
    embedded = torch.cat([torch.full((1, 1, 1), 9.0), rows.reshape(1, 16, 1)], 1)
    spread = resize_positions(embedded, (8, 12))
    assert spread[0, 0, 0] == 9
    planes = spread[0, 1:, 0].view(8, 12)
    assert torch.allclose(planes, planes[:, :1].expand(8, 12), atol=1e-5)
    assert (planes[:, 0].diff() > 0).all()


def test_the_hub_has_a_state_dict_of_what_timm_loads_in_its_own_way_elsewhere(monkeypatch: Any) -> None:
    monkeypatch.setattr(
        "reverie.models.zoo.timm.get_from_hugging_face", lambda repository, progress=None: Path(repository)
    )
    library, network = import_library("timm:vit_tiny_patch16_224.augreg_in21k")
    assert library.find_weights_file(network) == Path("timm/vit_tiny_patch16_224.augreg_in21k")
