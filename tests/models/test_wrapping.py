"""A network of one's own is dreamed, whatever torch wraps around it and whatever its channels, or says why not."""

from __future__ import annotations

import copy
import logging
import pickle
import warnings
from collections.abc import Callable
from typing import Any, Literal, cast

import pytest
import torch
from torch import Tensor, nn

import reverie as rv
from reverie.errors import SettingsError, UnknownLayer
from reverie.gradient.base import gradient_of, make_score_function

HALF: dict[str, Any] = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25), "device": "cpu", "precision": "float32"}
ONE: dict[str, Any] = {"mean": 0.4, "std": 0.2, "device": "cpu", "precision": "float32"}


def conv(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, 1, 1)


def small(channels: int = 3) -> nn.Sequential:
    torch.manual_seed(2)
    return nn.Sequential(
        conv(channels, 6), nn.SiLU(), conv(6, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
    )


def picture(height: int = 40, width: int = 48) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_a_gray_network_is_fed_the_luminance() -> None:
    module, image = small(1), picture()
    model = rv.wrap(module, channels=1, **ONE)
    gray = (image * torch.tensor((0.299, 0.587, 0.114)).view(1, 3, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(model(image, ["2"])["2"], module[:3]((gray - 0.4) / 0.2))
    grad = gradient_of(model, rv.layer("2", 2))(image)[1]
    torch.testing.assert_close(grad[:, 0] / 0.299, grad[:, 1] / 0.587)  # green counts more than red, in that ratio
    assert model.layers[0] == "0", "its layers keep their names"


def test_a_network_of_several_channels_is_told_what_it_is_fed(caplog: pytest.LogCaptureFixture) -> None:
    module, image = small(5), picture()
    with caplog.at_level(logging.WARNING, "reverie"):
        model = rv.wrap(module, channels=5, name="five", **ONE)
    assert [record.getMessage() for record in caplog.records] == [
        "five takes 5 channels, and is fed red, green, blue, red, green: for others, give channels=a function"
    ]
    in_turn = image[:, [0, 1, 2, 0, 1]]
    torch.testing.assert_close(model(image, ["2"])["2"], module[:3]((in_turn - 0.4) / 0.2))


@pytest.mark.parametrize("adapter", [lambda image: image[:, 1:], nn.Conv2d(3, 2, 1)], ids=["function", "convolution"])
def test_a_function_makes_the_channels(adapter: Callable[[Tensor], Tensor]) -> None:
    module, image = small(2), picture()
    model = rv.wrap(module, channels=adapter, mean=(0.4, 0.3), std=(0.2, 0.1), device="cpu", precision="float32")
    mean, std = torch.tensor((0.4, 0.3)).view(1, 2, 1, 1), torch.tensor((0.2, 0.1)).view(1, 2, 1, 1)
    torch.testing.assert_close(model(image, ["2"])["2"], module[:3]((adapter(image) - mean) / std))


def test_a_gray_network_dreams_and_travels() -> None:
    model = rv.wrap(small(1), channels=1, **ONE)
    image = picture()
    dreamed = rv.dream(image, model, "class:3", rv.Settings(octaves=1, steps=3))
    score = make_score_function(model, rv.objective("class:3"))
    assert float(score(dreamed)) > float(score(image))
    again = pickle.loads(pickle.dumps(model))
    torch.testing.assert_close(again(image, ["2"])["2"], model(image, ["2"])["2"])


def test_class_names_are_the_users_own() -> None:
    model = rv.wrap(small(), class_names=["ant", "bee", "cat", "dog", "elk"], **HALF)
    image = picture()
    by_name, by_number = (make_score_function(model, rv.objective(words))(image) for words in ("class:dog", "class:3"))
    torch.testing.assert_close(by_name, by_number)
    with pytest.raises(SettingsError, match=r"2 class_names; but Sequential has 5 classes"):
        rv.wrap(small(), class_names=["ant", "bee"], **HALF)
    with pytest.raises(SettingsError, match=r"2 class_names; but Sequential has no score per class"):
        rv.wrap(small()[:3], class_names=["ant", "bee"], **HALF)


def test_the_layers_kept_are_those_asked_for() -> None:
    whole, chosen = rv.wrap(small(), **HALF), rv.wrap(small(), layers=["2", "0"], **HALF)
    assert chosen.layers == ("0", "2", "logits") and set(chosen.layers) < set(whole.layers)
    image = picture()
    torch.testing.assert_close(chosen(image, ["2"])["2"], whole(image, ["2"])["2"])
    with pytest.raises(UnknownLayer, match=r"no layer of Sequential is called 'two'"):
        rv.wrap(small(), layers=["two"], **HALF)


class Flat(nn.Module):
    """Made for pictures of 40 x 72 pixels, and no others."""

    def __init__(self) -> None:
        super().__init__()
        self.eye, self.head = conv(3, 4), nn.Linear(4 * 40 * 72, 3)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.eye(x).flatten(1))
        return scores


def test_a_network_of_an_unusual_size_is_told_it() -> None:
    with pytest.raises(
        SettingsError, match=r"answers to no picture .*made for another size, say size=\(height, width\)"
    ):
        rv.wrap(Flat(), **HALF)
    model = rv.wrap(Flat(), size=(40, 72), **HALF)
    assert "eye" in model.layers and model(picture(40, 72), ["eye"])["eye"].shape == (1, 4, 40, 72)
    with pytest.raises(SettingsError, match=r"answers to no picture of 40 x 40 pixels \(of 40 it says"):
        rv.wrap(Flat(), size=40, **HALF)
    for size in (0, "big", (1, 2, 3)):
        with pytest.raises(SettingsError, match=r"size is .*; expected a side in pixels"):
            rv.wrap(Flat(), size=size, **HALF)  # type: ignore[arg-type]


def compiled_part() -> nn.Module:
    module = small()
    module.register_module("0", cast(nn.Module, torch.compile(module[0], backend="eager")))
    return module


def averaged() -> nn.Module:
    return cast(nn.Module, torch.optim.swa_utils.AveragedModel(small()))


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda: torch.compile(small(), backend="eager"),
        lambda: torch.compile(nn.DataParallel(small()), backend="eager"),
        lambda: nn.DataParallel(small()),
        compiled_part,
        averaged,
    ],
    ids=["compiled", "both", "parallel", "compiled part", "averaged"],
)
def test_what_torch_wraps_around_a_network_is_taken_off(wrapped: Callable[[], nn.Module]) -> None:
    plain, model = rv.wrap(small(), **HALF), rv.wrap(wrapped(), **HALF)
    assert (model.layers, model.name, model.digest) == (plain.layers, "Sequential", plain.digest)
    torch.testing.assert_close(model(picture(), ["2"])["2"], plain(picture(), ["2"])["2"])


class WithoutGradient(nn.Module):
    """Computes something without a gradient: all of it, from the picture on, or from the middle on."""

    def __init__(self, how: Literal["all", "inference", "input", "middle", "rounded"]) -> None:
        super().__init__()
        self.low, self.high, self.how = conv(3, 4), conv(4, 4), how

    def forward(self, x: Tensor) -> Tensor:
        with torch.inference_mode(self.how == "inference"), torch.set_grad_enabled(self.how != "all"):
            middle: Tensor = self.low(x.detach() if self.how == "input" else x)
            middle = middle.detach() if self.how == "middle" else middle
            middle = Underivable.apply(middle) if self.how == "rounded" else middle
            high: Tensor = self.high(middle)
            return high


class Underivable(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        raise NotImplementedError("none")


@pytest.mark.parametrize("how", ["all", "inference", "input"])
def test_a_network_without_a_gradient_says_so(how: Any) -> None:
    with pytest.raises(SettingsError, match=r"net computes without a gradient \(torch.no_grad.*nothing can be dreamed"):
        rv.wrap(WithoutGradient(how), name="net", **HALF)


@pytest.mark.parametrize("how", ["middle", "rounded"])
def test_layers_that_no_gradient_reaches_are_none(how: Any) -> None:
    model = rv.wrap(WithoutGradient(how), name="net", **HALF)
    assert model.layers == ("low",)
    with pytest.raises(UnknownLayer, match=r"high of net is no .*(no gradient reaches it|its answer has no gradient)"):
        gradient_of(model, rv.layer("high"))
    assert gradient_of(model, rv.layer("low", 2))(picture())[1].abs().max() > 0


def quantized_whole() -> nn.Module:
    torch.backends.quantized.engine = torch.backends.quantized.supported_engines[-1]
    stubs = torch.ao.quantization.QuantStub(), torch.ao.quantization.DeQuantStub()
    module: Any = nn.Sequential(stubs[0], conv(3, 4), nn.ReLU(), stubs[1]).eval()
    module.qconfig = torch.ao.quantization.get_default_qconfig(torch.backends.quantized.engine)
    torch.ao.quantization.prepare(module, inplace=True)
    module(picture())
    return cast(nn.Module, torch.ao.quantization.convert(module))


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = small()[:3]

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        features: Tensor = self.encoder(x) - self.encoder(y)
        return features


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "scripted": (lambda: torch.jit.script(small()), r"is a scripted or traced module \(torch.jit\).*made from"),
    "traced": (lambda: torch.jit.trace(small().eval(), picture()), r"is a scripted or traced module"),
    "quantized": (quantized_whole, r"Sequential is quantized, and integers have no gradient: wrap the network"),
    "films": (lambda: nn.Sequential(nn.Conv3d(3, 4, 3)), r"it takes films .*one frame, network\(image\[:, :, None\]\)"),
    "sound": (lambda: nn.Sequential(nn.Conv1d(1, 4, 3)), r"it takes sequences .* and no pictures"),
    "gray": (lambda: small(1), r"its first convolution takes 1 channels: say channels=1"),
    "pairs": (Pair, r"missing 1 required positional argument: 'y'\); its part .encoder dreams: wrap network.encoder"),
    "single": (lambda: conv(3, 4), r"no layer to dream of.*; a single module is wrapped in torch.nn.Sequential"),
    "class": (lambda: Pair, r"got the class Pair, not a network of it: say Pair\(...\)"),
    "weights": (lambda: small().state_dict(), r"got a OrderedDict, such as weights are: load them"),
    "name": (lambda: "resnet18", r"got the text 'resnet18': a network is loaded by its name with load_model"),
    "function": (lambda: torch.relu, r"put what it does into a torch.nn.Module, whose submodules are the layers"),
    "lazy": (lambda: nn.Sequential(nn.LazyConv2d(4, 3)), r"has lazy layers without weights: call it once"),
    "meta": (lambda: small().to("meta"), r'is on the device "meta", where it has no weights'),
    "model": (lambda: rv.wrap(small(), **HALF), r"is a model already: use it as it is"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_dream_says_in_a_line_what_does(case: str) -> None:
    make, says = REFUSED[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about what it will drop
        module = make()
        with pytest.raises(SettingsError, match=says) as refusal:
            rv.wrap(module, **HALF)
    assert "\n" not in str(refusal.value)


def test_a_network_with_quantized_and_scripted_parts_dreams_of_the_others() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized = torch.ao.quantization.quantize_dynamic(copy.deepcopy(small()), {nn.Linear}, dtype=torch.qint8)
        scripted = nn.Sequential(conv(3, 4), torch.jit.script(nn.Sequential(conv(4, 4), nn.ReLU())), conv(4, 4))
        for module in (quantized, scripted):
            model = rv.wrap(module, **HALF)
            grad = gradient_of(model, rv.layer("2", 2))(picture())[1]
            assert len(model.digest) == 64 and grad.abs().max() > 0


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"channels": 0}, r"channels is 0; expected a number from 1 up"),
        ({"channels": "gray"}, r"channels is 'gray'"),
        ({"channels": 1, "mean": (0.5, 0.5)}, r"mean is \(0.5, 0.5\); expected 1 numbers"),
        ({"channels": 1, "std": 0}, r"std is 0; expected 1 numbers"),
    ],
)
def test_channels_that_cannot_be_fed(how: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        rv.wrap(small(1), **{**ONE, **how})


def test_an_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"wrap\(\) got an unexpected keyword argument 'class_name'"):
        rv.wrap(small(), class_name=["ant"], **HALF)  # type: ignore[call-overload]
