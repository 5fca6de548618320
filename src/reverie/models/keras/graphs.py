"""Splits a TensorFlow graph between the forward and the backward pass, so that torch can call either.

The network is traced once, forward and backward pass in one graph, and that graph is split in two: `forward` returns
the layers' activations and the few saved tensors that the backward pass needs, `backward` takes those and the incoming
gradients. A step is two graph calls. A gradient tape around a `tf.function` would do the same in one line and cost 1.9
times as much (InceptionV3 to mixed5 at 225 x 375): its backward half also computes the gradients of every weight, and
where max pooling and its gradient lie in two graphs, oneDNN's kernel cannot be used and a tenfold slower one is. Split
here, a step costs what TensorFlow's own loop costs, and its gradient is the same bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reverie.models.keras.engine import import_tensorflow

RECOMPUTED_OPS = frozenset({"Shape", "ShapeN", "ConcatOffset", "ConcatV2", "Identity", "MaxPool"})
"""Operations that `backward` recomputes instead of saving their outputs.

They are cheap, and max pooling must be in the same graph as its gradient.
"""


class SplitGraph:
    """A network's graph, split between the forward and the backward pass.

    `infer(x)` returns the activations; `forward(x)` the activations and the saved tensors; `backward(*saved, *grads)`
    the gradient with respect to x. All are traced once, for every size of x.
    """

    def __init__(self, network: Callable[[Any], list[Any]], shape: Any, ranks: list[int]) -> None:
        """`shape` of the input (b, h, w, c), with None for any size; `ranks`: how many axes each output has."""
        tf = import_tensorflow()

        def whole(x: Any, *grads: Any) -> tuple[list[Any], Any]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(x)
                outputs = network(x)
            zero = tf.UnconnectedGradients.ZERO
            return outputs, tape.gradient(outputs, x, output_gradients=list(grads), unconnected_gradients=zero)

        self.sizes: set[tuple[int, int]] = set()  # (height, width) that passed the check
        specs = [tf.TensorSpec(shape, tf.float32), *(tf.TensorSpec([None] * rank, tf.float32) for rank in ranks)]
        graph = tf.compat.v1.wrap_function(whole, specs)
        x, *grads = graph.inputs[: len(specs)]
        *outputs, grad = graph.outputs
        saved = _find_saved_tensors(x, grads, grad)
        # Pruning keeps the operations between the given inputs and outputs: three functions of one trace.
        self._inference = graph.prune([x], outputs)
        self.infer = _compile_graph(self._inference, specs[:1])
        self.forward = _compile_graph(graph.prune([x], (outputs, saved)), specs[:1])
        saved_specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in saved]
        self.backward = _compile_graph(graph.prune([*saved, *grads], grad), saved_specs + specs[1:])

    def infer_shapes(self, height: int, width: int) -> list[tuple[int | None, ...]]:
        """The shapes of the outputs for an image of that size, by TensorFlow's shape inference; nothing is computed.

        Raises ValueError where an operation does not take what it would get, which says "negative" of an image that is
        too small, and "zero" where nothing is left of it.
        """
        tf = import_tensorflow()
        inference = self._inference
        with tf.Graph().as_default() as graph:
            x = inference.inputs[0]
            known = {x.name: tf.compat.v1.placeholder(x.dtype, (1, height, width, *x.shape[3:]))}
            for op in inference.graph.get_operations():
                if op.type == "ReadVariableOp":  # the shape of a weight is lost with the weight
                    weight = op.outputs[0]
                    known[weight.name] = tf.compat.v1.placeholder(weight.dtype, weight.shape)
            tf.graph_util.import_graph_def(inference.graph.as_graph_def(), known, name="")
            maps = [each for op in graph.get_operations() for each in op.outputs if each.shape.rank == 4]
            if gone := next((each.name for each in maps if 0 in tuple(each.shape)), None):
                raise ValueError(f"zero places are left at {gone}")
            return [tuple(graph.get_tensor_by_name(each.name).shape) for each in inference.outputs]


def _find_saved_tensors(x: Any, grads: list[Any], grad: Any) -> list[Any]:
    """Find the tensors to save: outputs of the forward pass that the backward pass reads and shall not recompute.

    `x` is the graph's input, `grads` the incoming gradients, `grad` the outgoing one.
    """
    late = find_dependents(grads)  # operations of the backward pass
    early = find_dependents([x]) - late  # operations of the forward pass
    # Walk from the outgoing gradient back to the border between the two.
    needed: dict[Any, Any] = {}
    seen = set()
    todo = [grad.op]
    while todo:
        op = todo.pop()
        for tensor in op.inputs if op not in seen else ():
            if tensor.op in late:
                todo.append(tensor.op)
            elif tensor.op in early:
                needed[tensor.ref()] = tensor
        seen.add(op)

    def can_recompute(tensor: Any) -> bool:
        """Whether the backward pass can compute it cheaply from what it has anyway."""
        if tensor.op not in early:  # weights and constants
            return True
        inputs = tensor.op.inputs
        return tensor.op.type in RECOMPUTED_OPS and all(can_recompute(each) or each.ref() in needed for each in inputs)

    return [tensor for tensor in needed.values() if not can_recompute(tensor)]


def find_dependents(tensors: list[Any]) -> set[Any]:
    """The operations that produce these tensors, and all that depend on them, by data or by control."""
    found = {tensor.op for tensor in tensors}
    for op in tensors[0].graph.get_operations():  # in the order they were made, so what an operation needs comes first
        # Some gradients have a control dependency on the incoming one without reading it (that of erf, in GELU).
        if any(tensor.op in found for tensor in op.inputs) or any(other in found for other in op.control_inputs):
            found.add(op)
    return found


def _compile_graph(pruned: Any, specs: list[Any]) -> Any:
    """Compile a pruned graph to a function of that signature."""
    # A pruned function called directly first prints all its arguments into an error message that nobody sees: 50 ms. A
    # `tf.function` called directly is suspected of being traced again and again where many networks are loaded.
    return import_tensorflow().function(lambda *inputs: pruned(*inputs), input_signature=specs).get_concrete_function()
