"""Whatever a network does inside, its layers answer what they computed, and nothing of ours stays in it."""

from __future__ import annotations

import copy
from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import reverie as rv
from reverie.engines.hooked import Hooked, digest_of
from reverie.errors import SettingsError, SizeRefused, UnknownName
from reverie.gradient import gradient_of
from reverie.objectives import layer
from reverie.types import Model as Waist

HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}


def conv(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride, 1)


def picture(height: int = 64, width: int = 80) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def hooked(module: nn.Module) -> Hooked:
    return Hooked(module, **HALF)


def hooks_in(module: nn.Module) -> int:
    return sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in module.modules())


class Saving(nn.Module):
    """Writes over what it has computed, by a module and by a function."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu, self.second = conv(3, 4), nn.ReLU(inplace=True), conv(4, 4)
        self.third = conv(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.relu(self.first(x)))
        view = x.view(x.shape)
        F.relu(view, inplace=True)
        return self.third(x)


@pytest.mark.parametrize("asked", [("first",), ("second",), ("first", "relu", "second"), ("first", "second", "third")])
def test_answers_are_those_before_anything_wrote_over_them(asked: tuple[str, ...]) -> None:
    module = Saving()
    x = picture()
    first = F.conv2d(x, module.first.weight, module.first.bias, padding=1)
    second = F.conv2d(first.relu(), module.second.weight, module.second.bias, padding=1)
    third = F.conv2d(second.relu(), module.third.weight, module.third.bias, padding=1)
    assert (first < 0).any() and (second < 0).any()
    by_hand = {"first": first, "relu": first.relu(), "second": second, "third": third}
    network = hooked(module)
    for again in range(2):  # and once it is known who writes over what
        found = network(x, asked)
        for name in asked:
            torch.testing.assert_close(found[name], by_hand[name], msg=f"{name}, time {again}")


def test_a_gradient_through_hooks_is_the_plain_one() -> None:
    module = Saving()
    model = rv.wrap(module, **HALF, device="cpu", precision="float32")
    image = picture()
    score, grad = gradient_of(model, layer("second", 2))(image)
    plain = image.clone().requires_grad_(True)
    by_hand = module.second(module.first((plain - 0.5) / 0.25).relu()).square().mean()
    by_hand.backward()
    torch.testing.assert_close(score[0], by_hand.detach())
    torch.testing.assert_close(grad, plain.grad)


class Twice(nn.Module):
    """One ReLU for two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.relu = conv(3, 4), conv(4, 4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.second(self.relu(self.first(x))))


def test_of_several_calls_the_first_counts() -> None:
    module, x = Twice(), picture()
    network = hooked(module)
    assert network.LAYERS == ("first", "relu", "second")
    torch.testing.assert_close(network(x, ["relu"])["relu"], module.first(x).relu())
    both = network(x, ["relu", "second"])
    torch.testing.assert_close(both["relu"], module.first(x).relu())


class Many(nn.Module):
    """Blocks that answer with a tuple and with a dictionary."""

    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = conv(3, 4)

        def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
            return self.inner(x).relu(), [x]

    class Named(nn.Module):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return OrderedDict(fine=x * 2, coarse=F.avg_pool2d(x, 2))

    def __init__(self) -> None:
        super().__init__()
        self.pair, self.named, self.head = self.Pair(), self.Named(), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        planes = self.named(self.pair(x)[0])
        return {"classes": self.head(planes["coarse"].mean((2, 3)))}


def test_of_several_outputs_the_first_counts() -> None:
    module, x = Many(), picture()
    network = hooked(module)
    assert network.LAYERS == ("pair.inner", "pair", "named", "logits")
    found = network(x, network.LAYERS)
    torch.testing.assert_close(found["named"], 2 * found["pair"])
    torch.testing.assert_close(found["pair"], module.pair.inner(x).relu())
    torch.testing.assert_close(found["logits"][:, :, 0, 0], module(x)["classes"])
    assert network.CLASSES == "logits"


class Trap(nn.Module):
    """Once set, springs where nothing should come."""

    def __init__(self) -> None:
        super().__init__()
        self.set = False

    def forward(self, x: Tensor) -> Tensor:
        if self.set:
            raise RuntimeError("sprung")
        return x + 1


def trapped() -> tuple[nn.Sequential, Trap]:
    trap = Trap()
    return nn.Sequential(conv(3, 4), nn.ReLU(), trap, conv(4, 4)), trap


def test_nothing_runs_after_the_last_layer_needed() -> None:
    module, trap = trapped()
    network = hooked(module)
    for each in network.modules():
        if isinstance(each, Trap):
            each.set = True
    assert set(network(picture(), ["1", "0"])) == {"0", "1"}
    with pytest.raises(RuntimeError, match=r"sprung"):
        network(picture(), ["0", "2"])
    assert trap.set


def test_no_hook_stays_behind() -> None:
    module, trap = trapped()
    model = rv.wrap(module, **HALF, device="cpu", precision="float32")
    network = model.network
    assert hooks_in(network) == 0
    model(picture(), ["1"])
    assert hooks_in(network) == 0
    steps = rv.dream_steps(picture(), gradient_of(model, layer("0")), rv.Settings(octaves=1, steps=5))
    next(steps)
    steps.close()
    assert hooks_in(network) == 0
    for each in network.modules():
        if isinstance(each, Trap):
            each.set = True
    with pytest.raises(RuntimeError, match=r"sprung"):
        model(picture(), ["3"])
    assert hooks_in(network) == 0
    assert not trap.set, "the user's own module was copied"


class Tokens(nn.Module):
    """A transformer in small: patches of 8, a class token and a register before them, rows of channels last after."""

    num_prefix_tokens = 2

    def __init__(self, whole: bool = False) -> None:
        super().__init__()
        self.cut, self.block, self.last = nn.Conv2d(3, 6, 8, 8), nn.Linear(6, 6), nn.Linear(6, 7)
        self.heads, self.windows = nn.Identity(), nn.Identity()
        self.whole = whole

    def forward(self, x: Tensor) -> Tensor:
        if self.whole and x.shape[2:] != (64, 64):
            raise AssertionError("64 x 64 only")
        planes = self.cut(x)
        b, c, h, w = planes.shape
        tokens = torch.cat([torch.ones(b, 2, c), planes.flatten(2).transpose(1, 2)], 1)
        self.heads(tokens.unflatten(2, (2, 3)).transpose(1, 2))  # (b, heads, tokens, c): no grid
        self.windows(planes.reshape(b * h, c, w).transpose(1, 2))  # (b * h, w, c): no grid
        tokens = self.block(tokens)
        return self.last(tokens[:, 2:].reshape(b, h, w, c)).mean((1, 2))


@pytest.mark.parametrize("whole", [False, True])
def test_tokens_and_channels_last_become_planes(whole: bool) -> None:
    module = Tokens(whole)
    network = hooked(module)
    assert network.LAYERS == ("cut", "block", "last", "logits")
    x = picture(64, 64) if whole else picture(48, 90)  # two columns of pixels fill no patch
    found = network(x, network.LAYERS)
    torch.testing.assert_close(found["block"], conv1x1(module.block, found["cut"]))
    torch.testing.assert_close(found["last"], conv1x1(module.last, found["block"]))
    assert found["block"].shape[2:] == ((8, 8) if whole else (6, 11))


def conv1x1(linear: nn.Linear, planes: Tensor) -> Tensor:
    return F.conv2d(planes, linear.weight[:, :, None, None], linear.bias)


def test_a_size_that_is_refused_is_one_line() -> None:
    model = rv.wrap(Tokens(whole=True), **HALF, device="cpu", precision="float32", name="small")
    for size in ((64, 72), (32, 32), (8, 8)):
        with pytest.raises(SizeRefused, match=r"small does not take a picture of .* it takes 64 x 64") as refusal:
            gradient_of(model, layer("block"))(picture(*size))
        assert "\n" not in str(refusal.value)
        assert refusal.value.size == (64, 64)


def normed() -> nn.Sequential:
    torch.manual_seed(0)
    block = nn.Sequential(conv(4, 4), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
    module = nn.Sequential(conv(3, 4), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(), block)
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            for tensor in (each.running_mean, each.running_var, each.weight, each.bias):
                nn.init.uniform_(tensor, 0.5, 2)
    return module


def test_folded_batch_norms_change_no_answer() -> None:
    module = normed()
    plain = copy.deepcopy(module).eval()
    network = hooked(module)
    assert network.unlike == {"0", "4.0"}
    x = picture()
    expected = {"0": plain[0](x), "1": plain[1](plain[0](x))}
    expected |= {"2": expected["1"].relu(), "4.0": plain[4][0](expected["1"].relu()), "4": plain(x)}
    for asked in (["0"], ["1"], ["2"], ["4.0"], ["4"], ["0", "4"], ["1", "4"]):
        found = network(x, asked)
        for name in asked:
            torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5)
    assert not any(isinstance(each, nn.BatchNorm2d) for each in network.swift.modules())


def test_a_convolution_that_others_read_keeps_its_batch_norm() -> None:
    class Skips(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = conv(3, 4), nn.BatchNorm2d(4)
            nn.init.uniform_(self.norm.weight, 2, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return x + self.norm(x)

    network = hooked(Skips())
    assert not network.unlike and network.swift is network.plain


def test_wrap_leaves_the_module_as_it_was() -> None:
    module = normed().train()
    before, digest = copy.deepcopy(module.state_dict()), digest_of(module)
    for model in (rv.wrap(module, **HALF, device="cpu"), rv.Model.wrap(module, **HALF, device="cpu")):
        model(picture(), ["4"])
        assert isinstance(model, rv.Model) and isinstance(model, Waist)
        assert model.name == "Sequential" and model.digest == digest
        assert model.parameters["4"] == (4 * 4 * 9 + 4 + 8, 9)
    assert module.training and all(each.requires_grad for each in module.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert not isinstance(object(), rv.Model)


def test_climbing_a_wrapped_network_raises_its_score() -> None:
    model = rv.wrap(normed(), **HALF, device="cpu", precision="float32")
    image = picture()
    settings = rv.Settings(octaves=1, steps=5, step_size=0.01, jitter=0)
    scores = [
        float(step.score) for step in rv.dream_steps(image, rv.dream_gradient(model, '"4"^2', settings), settings)
    ]
    assert scores[-1] > scores[0]


def test_what_cannot_be_dreamed_is_refused_in_a_line() -> None:
    with pytest.raises(SettingsError, match=r"std is .* expected three numbers"):
        rv.wrap(normed(), mean=(0, 0, 0), std=(1, 0, 1))
    with pytest.raises(SettingsError, match=r"mean is .* expected three numbers"):
        rv.wrap(normed(), mean=(0.5,), std=(1, 1, 1))
    with pytest.raises(SettingsError, match=r"no layer that answers with a grid"):
        rv.wrap(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4)), **HALF)
    with pytest.raises(SettingsError, match=r"answers to no picture"):
        rv.wrap(nn.Sequential(conv(5, 4)), **HALF, name="five channels")
    with pytest.raises(UnknownName, match=r"no layer of net is called 'fc'"):
        rv.wrap(Many(), **HALF, name="net", device="cpu")(picture(), ["fc"])
