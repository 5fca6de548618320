"""The methods of attribution, for every model and objective."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reverie.errors import MissingExtra, SettingsError, UnknownName
from reverie.gradient.base import compute_activations, find_model_layers, make_score_function
from reverie.image.arrays import open_image
from reverie.image.filters import gaussian_blur
from reverie.models.class_names import require_classifier
from reverie.models.layer_gradient import pull_back_to_layer
from reverie.models.layer_names import list_main_layers
from reverie.models.spec import require_model
from reverie.objectives.base import Objective
from reverie.objectives.classes import logit
from reverie.objectives.default import default_objective
from reverie.objectives.masks import Regions
from reverie.objectives.parser import objective as parse_objective
from reverie.objectives.wishes import parse_wish
from reverie.settings.attribution import AttributionSettings
from reverie.types import CHANGE_LAYER, IMAGE_LAYER, Image, Model, Score

AT_ONCE = 4
"""How many pictures are looked at together. A constant: with another, the same seed would draw other noise."""

CANDIDATES = 40
"""How many layers below the objective's are tried, at most, where none is named."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of one picture (1, 3, h, w): where does the score of a resolved objective come from?"""

    model: Model
    image: Image
    objective: Objective
    layer: str | None
    settings: AttributionSettings

    @property
    def score(self) -> Callable[[Image], Score]:
        """The score (b,) of images, differentiable; `keep` means nearness to the picture itself."""
        return make_score_function(self.model, self.objective, self.image)

    @property
    def baseline(self) -> Image:
        """The picture without what is in it, (1, 3, h, w)."""
        kind = self.settings.baseline
        if kind == "blurred":
            return gaussian_blur(self.image, max(self.image.shape[-2:]) / 20)
        return torch.full_like(self.image, {"black": 0.0, "gray": 0.5, "white": 1.0}[kind])


def attribute(
    model: Model,
    image: Any,
    objective: Objective | str | None = None,
    method: str = "saliency",
    layer: str | None = None,
    settings: AttributionSettings | None = None,
) -> Tensor:
    """Where the score F of an objective comes from: a value for each pixel, or for each channel of a layer.

    Args:
        image: images (b, 3, h, w), 0..1, or whatever else `open_image` takes. Each is looked at alone.
        objective: an objective or its words; None: each image's likeliest class, or, where the network is no
            classifier, what it dreams of unless told.
        method: one of these.

            - "saliency": the largest ``|dF/dx|`` of a pixel's three colors (Simonyan et al., 2014).
            - "smoothgrad": the same of the mean gradient of noisy copies (Smilkov et al., 2017).
            - "integrated-gradients": ``(x - x0)`` times the mean gradient on the way from a baseline x0, summed over
              the colors; all pixels together give ``F(x) - F(x0)`` (Sundararajan et al., 2017).
            - "grad-cam": ``relu(sum of a_c A_c)`` of a layer's channels A_c, each weighted by the mean a_c of
              ``dF/dA_c``, enlarged to the image (Selvaraju et al., 2017).
            - "occlusion": how much F falls where a window is covered (Zeiler and Fergus, 2014).
            - "channels": ``A_c dF/dA_c`` summed over the places: what F would lose, to first order, without the channel
              (after lucid's channel attribution, Olah et al., 2018).
        layer: the one of "grad-cam" and "channels"; None: the highest below the objective's with more than one place
            on which it depends.
        settings: how many samples, how much noise, which baseline.

    Returns:
        maps (b, h, w), float32, on the model's device, in units of the score per pixel (saliency, smoothgrad: per unit
        of color); for "channels" values (b, c). "integrated-gradients", "occlusion" and "channels" have both signs.

    Raises `UnknownName` for a method, layer or class that is not there, `WordingError` for words that cannot be read,
    `SettingsError` where the objective depends on no such layer, `SizeRefused` for an image that the network does not
    take, `MissingExtra` where captum is not installed (grad-cam and channels do without).

    >>> import torch, reverie as rv
    >>> model, photo = rv.load_model("squeezenet"), torch.rand(1, 3, 64, 64)
    >>> rv.attribute(model, photo, "class:espresso", "grad-cam").shape
    torch.Size([1, 64, 64])
    >>> rv.attribute(model, photo, "class:espresso", "channels", layer="fire8").shape
    torch.Size([1, 512])
    """
    if method not in METHODS:
        raise UnknownName("method of attribution", method, METHODS)
    require_model(model)
    asked = None if objective is None else parse_wish(objective)
    if isinstance(asked, Regions):
        raise SettingsError("regions have an objective each: ask for one of these")
    images = open_image(image).to(model.device)
    found = []
    for each in images.split(1):
        wish = (asked or choose_objective(model, each)).resolved(model)
        question = Question(model, each.detach(), wish, layer, settings or AttributionSettings())
        found.append(METHODS[method](question).detach().float())
    return torch.cat(found)


def choose_objective(model: Model, image: Image) -> Objective:
    """The likeliest class of one image (1, 3, h, w), or what the network dreams of unless told."""
    if getattr(model, "classes", None) is None:
        return parse_objective(default_objective(model))
    with torch.no_grad():
        return logit(int(require_classifier(model).logits(image).argmax()))


def compute_saliency(question: Question) -> Float[Tensor, "1 h w"]:
    """The largest slope of the score among a pixel's colors."""
    found: Tensor = import_captum().Saliency(question.score).attribute(attach(question.image), abs=True)
    return found.amax(1)


def compute_smoothgrad(question: Question) -> Float[Tensor, "1 h w"]:
    """The same of the gradient averaged over noisy copies."""
    captum, how = import_captum(), question.settings
    tunnel = captum.NoiseTunnel(captum.Saliency(question.score))
    cards = [question.image.device] if question.image.is_cuda else []
    with torch.random.fork_rng(cards):  # captum draws from torch's own generator: it is left as it was
        torch.manual_seed(how.seed)
        amount = {"nt_samples": how.samples, "nt_samples_batch_size": min(AT_ONCE, how.samples), "stdevs": how.noise}
        found: Tensor = tunnel.attribute(attach(question.image), nt_type="smoothgrad", abs=False, **amount)
    return found.abs().amax(1)


def integrate_gradients(question: Question) -> Float[Tensor, "1 h w"]:
    """The way from the baseline times the mean gradient along it, by Gauss-Legendre quadrature."""
    captum, image = import_captum(), attach(question.image)
    how = {"n_steps": question.settings.samples, "internal_batch_size": AT_ONCE}
    found: Tensor = captum.IntegratedGradients(question.score).attribute(image, question.baseline, **how)
    return found.sum(1)


def compute_occlusion(question: Question) -> Float[Tensor, "1 h w"]:
    """How much the score falls where a window is covered, averaged over the windows that cover a pixel."""
    captum, sides = import_captum(), question.image.shape[-2:]
    window = min(question.settings.window or max(1, min(sides) // 8), *sides)
    stride = max(1, window // 2)
    how = {"baselines": question.baseline, "perturbations_per_eval": AT_ONCE}
    with torch.no_grad():
        found: Tensor = captum.Occlusion(question.score).attribute(
            question.image, (3, window, window), (3, stride, stride), **how
        )
    return found.mean(1)


def compute_grad_cam(question: Question) -> Float[Tensor, "1 h w"]:
    """The places of a layer where what raises the score is active."""
    _, activations, grad = differentiate_at_layer(question)
    weights = grad.mean((2, 3), keepdim=True)  # (1, c, 1, 1)
    coarse = (weights * activations).sum(1, keepdim=True).relu()  # (1, 1, y, x)
    return F.interpolate(coarse, size=question.image.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def attribute_channels(question: Question) -> Float[Tensor, "1 c"]:
    """What each channel of a layer adds to the score, to first order."""
    _, activations, grad = differentiate_at_layer(question)
    return (activations * grad).sum((2, 3))


METHODS: Mapping[str, Callable[[Question], Tensor]] = MappingProxyType(
    {
        "saliency": compute_saliency,
        "smoothgrad": compute_smoothgrad,
        "integrated-gradients": integrate_gradients,
        "grad-cam": compute_grad_cam,
        "occlusion": compute_occlusion,
        "channels": attribute_channels,
    }
)


class AtLayer(NamedTuple):
    """A layer, what it answers, and the gradient of the score there, both (1, c, y, x) in float32."""

    name: str
    activations: Tensor
    grad: Tensor


def differentiate_at_layer(question: Question) -> AtLayer:
    """The score's gradient at the question's layer, or at the highest one below that it depends on."""
    model, image = question.model, question.image
    above = find_model_layers(model, question.objective)
    names = [question.layer] if question.layer else list_layers_below(model, above)
    with torch.no_grad():
        activations = compute_activations(model, image, list(dict.fromkeys([*above, *names])))
    grads = differentiate_score(question, {name: activations[name] for name in above})
    for name in names:
        grid = activations[name]
        if grid.shape[2] * grid.shape[3] == 1 and not question.layer:
            continue
        grad = pull_back_to_layer(model, image, name, grads)
        if grad.any():
            return AtLayer(name, grid.float(), grad)
    told = f"on {question.layer}" if question.layer else "on any layer below"
    raise SettingsError(f"{question.objective} does not depend {told} of {model.name}: name a lower one with layer")


def list_layers_below(model: Model, above: list[str]) -> list[str]:
    """The layers below the highest that is read, from the top downward."""
    if not above:
        raise SettingsError("the objective reads no layer of the network: there is none to look at")
    highest = max(model.layers.index(name) for name in above)
    main = set(list_main_layers(model))
    return [name for name in model.layers[:highest][::-1] if name in main][:CANDIDATES] or above


def differentiate_score(question: Question, activations: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The gradient of the score with respect to the activations of the layers that the objective reads."""
    leaves = {name: each.detach().float().requires_grad_(True) for name, each in activations.items()}
    with torch.enable_grad():
        pixels = {IMAGE_LAYER: question.image, CHANGE_LAYER: torch.zeros_like(question.image)}
        score = question.objective({**leaves, **pixels}).sum()
        grads = torch.autograd.grad(score, list(leaves.values()), allow_unused=True)
    return {name: grad for name, grad in zip(leaves, grads, strict=True) if grad is not None}


def attach(image: Image) -> Image:
    """The image as a leaf of the autograd graph: captum warns where it has to make it one."""
    return image.detach().clone().requires_grad_(True)


def import_captum() -> Any:
    """The part of captum that attributes; raises `MissingExtra` where it is not installed."""
    try:
        return importlib.import_module("captum.attr")
    except ImportError:
        raise MissingExtra("attribution", "analysis") from None
