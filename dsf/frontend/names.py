"""Names of nodes that lead back to the PyTorch module they come from."""

from __future__ import annotations

import ast
from collections import Counter
from typing import cast

import onnx

#: Where torch.onnx.export(dynamo=True) keeps the modules around a node: a list of paths, the node's own name last.
_SCOPES = "pkg.torch.onnx.name_scopes"
#: Inside of Brevitas's layers: modules that users did not write.
_INNER = frozenset({"export_handler", "act_quant", "fused_activation_quant_proxy", "activation_impl", "trunc_quant"})


def name_by_module(model: onnx.ModelProto) -> None:
    """
    Names each node after the innermost module that it belongs to, as `layer1.0.conv1`; several of one module get their operator
    and a number behind it. What has weights of a module is named after that one: a convolution into which the exporter folded
    a batch normalisation stays a convolution. What stands in the outermost module itself is named as the exporter names
    the call, `mish`; nodes of models that say neither keep their names.
    """
    constants = {one.name for one in model.graph.initializer}
    modules = [_owner(node, constants) or _module(node) for node in model.graph.node]
    uses = Counter(modules)
    taken = {node.name for node, module in zip(model.graph.node, modules, strict=True) if not module}
    for node, module in zip(model.graph.node, modules, strict=True):
        if module:
            node.name = _free(module if uses[module] == 1 else f"{module}.{node.op_type.lower()}", taken)


def _owner(node: onnx.NodeProto, constants: set[str]) -> str:
    """The module whose weights a node has."""
    weights = next((name for name in node.input if name in constants and name.endswith(".weight")), "")
    return weights.removesuffix(".weight")


def _module(node: onnx.NodeProto) -> str:
    """The module around a node, or in the outermost one the call itself."""
    text = next((one.value for one in node.metadata_props if one.key == _SCOPES), "")
    try:
        scopes: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    paths = cast("list[object]", scopes) if isinstance(scopes, list) else []
    parts = str(paths[-2]).split(".") if len(paths) > 1 else []
    while parts and parts[-1] in _INNER:
        parts.pop()
    if len(paths) > 1 and paths[-2] == "":
        return str(paths[-1])
    return ".".join(parts)


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 0
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free
