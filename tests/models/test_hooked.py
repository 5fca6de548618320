"""Whatever a network does inside, its layers answer what they computed, and nothing of ours stays in it."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Generator
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import reverie as rv
from reverie.errors import SettingsError, SizeRefused, UnknownLayer, WordingError
from reverie.gradient.base import gradient_of, make_score_function
from reverie.gradient.memory import step_bytes_per_pixel
from reverie.image.resample import call_at_accepted_size
from reverie.models.hooked.network import HookedNetwork, hash_module_weights
from reverie.objectives.base import layer
from reverie.objectives.guides import make_guide_objective
from reverie.objectives.parser import objective
from reverie.objectives.wording import quote_name

HALF: dict[str, Any] = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}

BARE = rv.Settings(octaves=1, steps=4, jitter=0, color_correlation=0, laplacian_levels=1)


def conv(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride, 1)


def picture(height: int = 64, width: int = 80) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def hooked(module: nn.Module) -> HookedNetwork:
    return HookedNetwork(module, **HALF)


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
        self.spare, self.shift = nn.ReLU(), nn.Identity()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.shift(torch.zeros(1, 2, 3, 4))
        planes = self.named(self.pair(x)[0])
        return {"classes": self.head(planes["coarse"].mean((2, 3)))}


def test_of_several_outputs_the_first_counts() -> None:
    module, x = Many(), picture()
    network = hooked(module)
    assert network.LAYERS == ("pair.inner", "pair", "named", "head", "logits")
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
    assert isinstance(steps, Generator)
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
    assert network.LAYERS == ("cut", "heads", "windows", "block", "last", "logits")
    assert network.ALL_LAYERS == ("cut", "heads", "windows", "block", "block.prefix_tokens", "last", "logits")
    x = picture(64, 64) if whole else picture(48, 90)  # two columns of pixels fill no patch
    found = network(x, network.ALL_LAYERS)
    tokens = module.block(torch.ones(1, 2, 6)).transpose(1, 2)[..., None]
    torch.testing.assert_close(found["block.prefix_tokens"], tokens)
    torch.testing.assert_close(found["block"], conv1x1(module.block, found["cut"]))
    torch.testing.assert_close(found["last"], conv1x1(module.last, found["block"]))
    assert found["block"].shape[2:] == ((8, 8) if whole else (6, 11))


def conv1x1(linear: nn.Linear, planes: Tensor) -> Tensor:
    return F.conv2d(planes, linear.weight[:, :, None, None], linear.bias)


def test_a_size_that_is_refused_is_one_line() -> None:
    model = rv.wrap(Tokens(whole=True), **HALF, device="cpu", precision="float32", name="small")
    for size in ((64, 72), (32, 32), (8, 8)):
        with pytest.raises(
            SizeRefused, match=r"small does not take .* it takes pictures of 64 x 64 pixels only"
        ) as refusal:
            model(picture(*size), ["block"])
        assert "\n" not in str(refusal.value)
        assert refusal.value.size == (64, 64)


def normed() -> nn.Sequential:
    torch.manual_seed(0)
    block = nn.Sequential(conv(4, 4), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
    module = nn.Sequential(conv(3, 4), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout(), block)
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            for tensor in (each.running_mean, each.running_var, each.weight, each.bias):
                assert tensor is not None
                nn.init.uniform_(tensor, 0.5, 2)
    return module


def test_folded_batch_norms_change_no_answer() -> None:
    module = normed()
    plain: Any = copy.deepcopy(module).eval()
    network = hooked(module)
    assert network.changed_layers == {"0", "4.0"}
    x = picture()
    expected = {"0": plain[0](x), "1": plain[1](plain[0](x))}
    expected |= {"2": expected["1"].relu(), "4.0": plain[4][0](expected["1"].relu()), "4": plain(x)}
    for asked in (["0"], ["1"], ["2"], ["4.0"], ["4"], ["0", "4"], ["1", "4"]):
        found = network(x, asked)
        for name in asked:
            torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5)
    assert not any(isinstance(each, nn.BatchNorm2d) for each in network.folded.modules())


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
    assert not network.changed_layers and network.folded is network.original


def test_wrap_leaves_the_module_as_it_was() -> None:
    module = normed().train()
    before, digest = copy.deepcopy(module.state_dict()), hash_module_weights(module)
    model = rv.wrap(module, **HALF, device="cpu")
    model(picture(), ["4"])
    assert isinstance(model, rv.Model)
    assert model.name == "Sequential" and model.digest == digest
    assert model.parameters["4"] == (4 * 4 * 9 + 4 + 8, 8)  # the batch norm's step counter is no parameter
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

    class Bare(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2

    with pytest.raises(SettingsError, match=r"bare has no layer to dream of: expected a module that calls submodules"):
        rv.wrap(Bare(), **HALF, name="bare")
    with pytest.raises(SettingsError, match=r"answers to no picture"):
        rv.wrap(nn.Sequential(conv(5, 4)), **HALF, name="five channels")
    with pytest.raises(SettingsError, match=r"five channels.*of 64 it says: .*to have 5 channels, but got 3"):
        rv.wrap(nn.Sequential(conv(5, 4)), **HALF, name="five channels")

    class Pair(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y

    with pytest.raises(SettingsError, match=r"Pair answers to no picture.*missing 1 required positional argument: 'y'"):
        rv.wrap(Pair(), **HALF)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fc", r"no layer of net is called 'fc'; known: pair.inner, pair, named, head, logits"),
        ("pair.innr", r"no layer of net is called 'pair.innr'; did you mean pair.inner"),
        ("INNER", r"no layer of net is called 'INNER'; did you mean pair.inner"),
        ("spare", r"spare of net is no image-like layer \(it is not called by itself.*such as .*named.* class:NUMBER"),
        (
            "shift",
            r"shift of net is no image-like layer \(its answer has no gradient: it does not",
        ),
    ],
)
def test_a_layer_that_cannot_be_dreamed_is_refused_in_a_line(name: str, words: str) -> None:
    model = rv.wrap(Many(), **HALF, name="net", device="cpu")
    for refused in (lambda: model(picture(), [name]), lambda: gradient_of(model, layer(name))):
        with pytest.raises(UnknownLayer, match=words):
            refused()


class Sorted(nn.Module):
    """Convolutions, global pooling and a Linear head; the answer comes alone, or among others."""

    def __init__(self, answer: str = "alone") -> None:
        super().__init__()
        torch.manual_seed(4)
        self.body = nn.Sequential(conv(3, 6, 2), nn.BatchNorm2d(6), nn.SiLU(inplace=True), conv(6, 8, 2))
        self.pool, self.fc, self.answer = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 7), answer

    def forward(self, x: Tensor) -> object:
        planes = self.body(x)
        logits = self.fc(self.pool(planes).flatten(1))
        return {"alone": logits, "tuple": (planes, logits), "dict": {"planes": planes, "classes": logits}}[self.answer]


@pytest.mark.parametrize("answer", ["alone", "tuple", "dict"])
def test_a_class_is_the_networks_own_logit(answer: str) -> None:
    model = rv.wrap(Sorted(answer), **HALF, device="cpu", precision="float32")
    plain = Sorted().eval()
    image = picture()
    logits = plain((image - 0.5) / 0.25)[0]
    scores = [float(make_score_function(model, objective(f"class:{number}"))(image)) for number in range(7)]
    torch.testing.assert_close(torch.tensor(scores), logits.detach())
    raised = rv.dream(image, model, "class:4", BARE)
    assert plain((raised - 0.5) / 0.25)[0, 4] > logits[4]
    with pytest.raises(WordingError, match=r"Sorted has 7 classes without names: say a number"):
        make_score_function(model, objective("class:espresso"))


class Named(nn.Module):
    """Its layers are called as the wording's own words, as our own names, or not as a name at all."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        names = ("image", "change", "tv", "class", "3", "with space", "a:b@c", "keep", "logits")
        self.rows = nn.ModuleDict({name: conv(3, 3) for name in names})
        self.image, self.change, self.logits = conv(3, 3), conv(3, 3), conv(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        for each in (*self.rows.values(), self.image, self.change, self.logits):
            x = torch.tanh(each(x))
        return x.amax((2, 3))


def test_layers_of_any_name_are_wished_for_by_it() -> None:
    model = rv.wrap(Named(), **HALF, device="cpu", precision="float32")
    assert len(model.layers) == 13
    image = picture()
    for name in model.layers:
        wish = objective(f"{quote_name(name)}:1")
        assert wish.layers == (name,)
        torch.testing.assert_close(
            make_score_function(model, wish)(image), model(image, [name])[name][:, 1].mean((1, 2))
        )
    assert model.classes == ".logits"
    plain = cast(Named, model.network.original)
    torch.testing.assert_close(model.logits(image), Named.forward(plain, (image - 0.5) / 0.25))


class Resizing(nn.Module):
    """Brings every picture to a size of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.fc = conv(3, 4, 2), nn.Linear(4 * 20 * 24, 6)

    def forward(self, x: Tensor) -> Tensor:
        planes = self.low(F.interpolate(x, (40, 48), mode="bilinear"))
        return self.fc(planes.flatten(1))


def test_a_network_that_brings_pictures_to_its_own_size_is_dreamed() -> None:
    model = rv.wrap(Resizing(), **HALF, device="cpu", precision="float32")
    assert model.layers == ("low", "fc", "logits")
    assert model(picture(), ["low"])["low"].shape[2:] == (20, 24)
    image = picture(90, 70)
    for wish in ("low:1", "class:3"):
        score = make_score_function(model, objective(wish))
        assert float(score(rv.dream(image, model, wish, BARE))) > float(score(image))


@pytest.mark.parametrize("side", [28, 32, 299])
def test_a_network_of_one_size_is_wrapped_whatever_it_is(side: int) -> None:
    torch.manual_seed(0)
    rest = (side + 3) // 4
    module = nn.Sequential(conv(3, 4, 2), nn.ReLU(), conv(4, 4, 2), nn.Flatten(), nn.Linear(4 * rest * rest, 5))
    model = rv.wrap(module, **HALF, device="cpu", precision="float32", name="small")
    assert model.layers == ("0", "1", "2", "3", "4", "logits")
    score = make_score_function(model, objective("class:1"))
    image = picture(side, side)
    assert float(score(rv.dream(image, model, "class:1", BARE))) > float(score(image))
    with pytest.raises(SizeRefused, match=rf"does not take a picture of 90 x 70 .* pictures of {side} x {side}"):
        model(picture(70, 90), ["logits"])
    assert score(picture(70, 90)).isfinite().all()  # in windows
    assert step_bytes_per_pixel(model, objective("class:1").resolved(model)) > 0
    assert make_score_function(model, make_guide_objective(picture(40, 90), "2", model))(image).isfinite().all()
    assert call_at_accepted_size(model.logits, picture(40, 90)).shape == (1, 5)


def test_ctrl_c_leaves_no_hook_behind() -> None:
    class Interrupted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.asked = conv(3, 4), False

        def forward(self, x: Tensor) -> Tensor:
            if self.asked:
                raise KeyboardInterrupt
            return self.conv(x) * 2

    network = hooked(nn.Sequential(conv(3, 3), Interrupted(), conv(4, 4)))
    for module in (network.original.get_submodule("1"), network.folded.get_submodule("1")):
        assert isinstance(module, Interrupted)
        module.asked = True
    with pytest.raises(KeyboardInterrupt):
        network(picture(), ["0", "2"])
    assert hooks_in(network) == 0
