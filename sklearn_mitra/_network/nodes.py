"""An ONNX graph under construction: nodes, constants, references to weights."""

from contextlib import contextmanager

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from .int8 import context_dtype, is_quantized

# Opset 23 brings the Attention operator; onnxruntime 1.23 is the first to run it on CPUs.
_OPSET = 23
_IR_VERSION = 11

# onnxruntime's own operators. DynamicQuantizeMatMul is the one that reaches the instructions for
# int8 that processors have; its standard counterpart is four operators.
_MICROSOFT = "com.microsoft"


class Nodes:
    """Nodes, constants and weight references of a graph under construction.

    Parameters
    ----------
    config : Config
    shapes : dict of str to tuple of int
        Shape of every weight.
    precision : {"float32", "int8"}
    """

    def __init__(self, config, shapes, precision):
        self.config = config
        self.precision = precision
        self.context_type = helper.np_dtype_to_tensor_dtype(context_dtype(config, precision))
        self.nodes = []
        self.weights = set()
        self._count = 0
        self._shapes = shapes
        self._constants = {}
        self._declared = {}

    def serialize(self, name, inputs, outputs):
        """The graph of all nodes so far as a serialized ``ModelProto``."""
        initializers = [*self._constants.values(), *self._declared.values()]
        graph = helper.make_graph(self.nodes, name, inputs, outputs, initializers)
        domains = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=domains, ir_version=_IR_VERSION)
        return model.SerializeToString()

    def op(self, op_type, *inputs, output=None, **attributes):
        """Append a node and return the name of its output."""
        if op_type == "Concat":
            attributes.setdefault("axis", 0)
        self._count += 1
        output = output or f"{op_type}_{self._count}"
        self.nodes.append(helper.make_node(op_type, inputs, [output], **attributes))
        return output

    def cast(self, x, data_type):
        """What is float32, or of the context's type, as one of the two."""
        if self.context_type == TensorProto.FLOAT:  # so they are the same
            return x
        return self.op("Cast", x, to=data_type)

    @contextmanager
    def body(self):
        """Nodes appended within go to the list that this yields: the body of a Scan."""
        outer, self.nodes = self.nodes, []
        yield self.nodes
        self.nodes = outer

    def scan(self, body, block, blocks, results):
        """Run a body for every block along axis 0, and return its stacked results.

        The body reads its block under the name ``block``, and all else of the graph.
        """
        graph = helper.make_graph(
            body,
            f"each_{block}",
            [helper.make_tensor_value_info(block, TensorProto.FLOAT, None)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results],
        )
        stacked = [f"{name}_stacked" for name in results]
        self.nodes.append(
            helper.make_node("Scan", [blocks], stacked, body=graph, num_scan_inputs=1)
        )
        return stacked

    def ints(self, *values):
        """A constant int64 vector."""
        return self._constant(np.array(values, np.int64))

    def scalar(self, value):
        """A constant int64 scalar."""
        return self._constant(np.array(value, np.int64))

    def _constant(self, array):
        name = f"const_{array.tolist()}"
        self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def weight(self, name):
        """Refer to a weight of the checkpoint."""
        return self._declare(name, TensorProto.FLOAT, self._shapes[name])

    def linear(self, x, prefix):
        """``x @ weight.T + bias``, on the checkpoint's own layout of the weight."""
        name, bias = f"{prefix}.weight", self.weight(f"{prefix}.bias")
        if self.precision == "float32" or not is_quantized(name):
            return self.op("Gemm", x, self.weight(name), bias, transB=1)
        n, m = self._shapes[name]
        weight = self._declare(f"{name}.int8", TensorProto.INT8, (m, n))
        scale = self._declare(f"{name}.scale", TensorProto.FLOAT, (n,))
        inputs = x, weight, scale, "", bias  # no zero point
        return self.op("DynamicQuantizeMatMul", *inputs, domain=_MICROSOFT)

    def _declare(self, name, data_type, shape):
        """An initializer that a session is to be given."""
        if name not in self._declared:
            tensor = TensorProto(name=name, data_type=data_type, dims=shape)
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="handed over with the session")
            self._declared[name] = tensor
            self.weights.add(name)
        return name

    def norm(self, x, prefix):
        """LayerNorm over the last axis, PyTorch's default epsilon."""
        weight, bias = self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias")
        return self.op("LayerNormalization", x, weight, bias, axis=-1, epsilon=1e-5)
