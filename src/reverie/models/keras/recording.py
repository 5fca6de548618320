"""Runs a Keras network and records what its layers answer, those of nested models and of subclassed ones too.

Keras calls a layer by its `call`. While a network is traced, that attribute of every layer is replaced by one that
records the output: what forward hooks are to torch. It sees every call, whichever kind of model makes it.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Any

from reverie.models.hooked.hooks import StopForward
from reverie.models.keras.engine import import_tensorflow

LOGITS = "logits"
"""The name of the layer that is the score of every class before the softmax; ".logits" where another is called so."""

ACTIVATIONS = frozenset({"Softmax", "LogSoftmax", "Sigmoid", "Identity", "Cast"})
"""Operations between the logits and what a classifier answers with."""

_tracing = threading.RLock()


def name_layers(network: Any) -> dict[str, Any]:
    """All layers of a network by name; one within another is called "outer/inner", as in "mobilenetv2/conv1"."""
    import keras

    found: dict[str, Any] = {}
    seen: set[int] = set()

    def walk(layer: Any, prefix: str) -> None:
        for child in layer._flatten_layers(include_self=False, recursive=False):
            if id(child) in seen:
                continue
            seen.add(id(child))
            if isinstance(child, keras.layers.InputLayer):
                continue
            name = f"{prefix}{child.name}"
            while name in found:  # Keras forbids it in a functional model alone
                name += "_"
            found[name] = child
            walk(child, f"{name}/")

    walk(network, "")
    return found


def record_outputs(network: Any, x: Any, wanted: Collection[str] | None = None) -> dict[str, Any]:
    """Run a network on the symbolic tensor `x` of a graph that is being traced: the outputs of its layers by name.

    In inference mode and in float32, in order of execution. Of a layer that answers with several tensors, the first; of
    one that is called again, the further calls are "name.2", "name.3", .... Last come the logits of a classifier, which
    are no layer of their own. `wanted`: names after the last of which the run ends; None: all of them. Raises what the
    network does.
    """
    found: dict[str, Any] = {}
    record_outputs_into(found, network, x, wanted)
    return found


def record_outputs_into(
    found: dict[str, Any], network: Any, x: Any, wanted: Collection[str] | None = None
) -> str | None:
    """The same into a dictionary, which then holds what was recorded until an error was raised.

    Returns the name of the logits, None of a network that is no classifier, or where the run ended before them.
    """
    calls: Counter[str] = Counter()

    def record(name: str, output: Any) -> None:
        tensor = find_first_float(output)
        if getattr(tensor, "graph", None) is not x.graph:  # within a loop: a tensor of another graph
            return
        calls[name] += 1
        found[name if calls[name] == 1 else f"{name}.{calls[name]}"] = tensor
        if wanted is not None and set(wanted) <= found.keys():
            raise StopForward

    with _tracing, warnings.catch_warnings(), contextlib.suppress(StopForward), record_calls(network, record):
        warnings.simplefilter("ignore")  # such as that of an input given by itself rather than in a list of one
        logits = find_logits(network(x, training=False))
        if logits is None:
            return None
        name = LOGITS if found.setdefault(LOGITS, logits) is logits else f".{LOGITS}"
        found[name] = logits
        return name
    return None


def find_first_float(output: Any) -> Any | None:
    """The first tensor of floating-point numbers among a layer's outputs, however they are nested."""
    tf = import_tensorflow()
    return next((each for each in tf.nest.flatten(output) if tf.is_tensor(each) and each.dtype.is_floating), None)


@contextlib.contextmanager
def record_calls(network: Any, record: Callable[[str, Any], None]) -> Iterator[None]:
    """Call `record(name, output)` whenever a layer of the network has been called, within this context.

    Layers of mixed precision compute in float32 meanwhile, in which their weights are: a gradient vanishes in float16.
    Models do not check the size of what they are given: whether a layer takes another size is for the layer to say.
    """
    import keras

    with contextlib.ExitStack() as stack:
        for name, layer in [("", network), *name_layers(network).items()]:
            if isinstance(getattr(type(layer), "input_spec", None), property):  # of functional models
                stack.enter_context(replace_attribute(layer, "_manual_input_spec", None))
            if layer.compute_dtype in ("float16", "bfloat16"):
                stack.enter_context(replace_attribute(layer, "_dtype_policy", keras.DTypePolicy("float32")))
            if name:
                method = "quantized_call" if getattr(layer, "quantization_mode", None) else "call"
                stack.enter_context(
                    replace_attribute(layer, method, make_recorder(getattr(layer, method), name, record))
                )
        yield


def make_recorder(call: Callable[..., Any], name: str, record: Callable[[str, Any], None]) -> Callable[..., Any]:
    """A layer's `call` that also records its output."""

    @functools.wraps(call)
    def call_and_record(*args: Any, **kwargs: Any) -> Any:
        output = call(*args, **kwargs)
        record(name, output)
        return output

    return call_and_record


@contextlib.contextmanager
def replace_attribute(layer: Any, name: str, value: Any) -> Iterator[None]:
    """Replace an attribute of an instance within this context, past Keras's tracking of attributes."""
    own = vars(layer)
    before = {name: own[name]} if name in own else {}
    object.__setattr__(layer, name, value)
    try:
        yield
    finally:
        object.__delattr__(layer, name)
        for key, old in before.items():
            object.__setattr__(layer, key, old)


def find_logits(output: Any) -> Any | None:
    """The score of every class (b, n) before the softmax, within a trace, from what the whole network answers.

    None where no output is (b, n). Of a single number per image only a sigmoid makes a class.
    """
    tf = import_tensorflow()
    for tensor in tf.nest.flatten(output):
        passed = set()
        if not tf.is_tensor(tensor) or tensor.shape.rank != 2:
            continue
        while tensor.op.type in ACTIVATIONS:
            passed.add(tensor.op.type)
            tensor = tensor.op.inputs[0]
        if tensor.dtype.is_floating and (tensor.shape[1] or 0) > (0 if "Sigmoid" in passed else 1):
            return tensor
    return None
