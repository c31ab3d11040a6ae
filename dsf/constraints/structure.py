"""Constraints on what a network is: one function, of known layers that lead to its result, softmax at the end."""

from __future__ import annotations

from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import BlockArgument, Operation, SSAValue

from dsf.constraints.layers import MOVES, ROUNDED, Problems, is_last, name_of, source_of, users_of
from dsf.dialects import bundle
from dsf.dialects.bundle_group import LETTERS
from dsf.dialects.functions import function_problems
from dsf.dialects.shapes import element
from dsf.hardware import Hardware


def _returned(function: func.FuncOp) -> list[SSAValue]:
    """The values behind what a function returns, also behind the softmax of the host."""
    returned = function.get_return_op()
    sources = [] if returned is None else [source_of(one) for one in returned.operands]
    return [source_of(one.owner.input) if isinstance(one.owner, bundle.SoftmaxOp) else one for one in sources]


def one_network(op: Operation, hardware: Hardware) -> Problems:
    """A module holds one function, with one tensor in, one out, and at least one layer between."""
    if not isinstance(op, ModuleOp):
        return
    functions = [one for one in op.ops if isinstance(one, func.FuncOp)]
    if len(functions) != 1:
        yield f"'module': {len(functions)} functions, needs one, @main; split the module"
        return
    yield from function_problems(functions[0])
    if not any(isinstance(one, bundle.CoreOp | ROUNDED | MOVES) for one in op.walk()):
        yield f"'{functions[0].sym_name.data}': no layer, needs at least one; add a Bundle"
    elif any(isinstance(one, BlockArgument) for one in _returned(functions[0])):
        yield f"'{functions[0].sym_name.data}': returns its input, needs the result of a layer; return the last layer's"


def result_is_used(op: Operation, hardware: Hardware) -> Problems:
    """Every layer leads to the result of the network; for a core, `sum_is_quantised` says it."""
    if not isinstance(op, ROUNDED | MOVES):
        return
    if not users_of(op.output, behind_flatten=True):
        yield f"{name_of(op)}: a result that nothing uses, needs a layer after it or to be the output; remove the layer"


def known_layer(op: Operation, hardware: Hardware) -> Problems:
    """Every operation of a network is one of the `bundle` dialect."""
    known = isinstance(op, bundle.BundleOp | bundle.YieldOp | func.ReturnOp) or op.name in LETTERS
    if isinstance(op.parent_op(), func.FuncOp | bundle.BundleOp) and not known:
        yield f"{name_of(op)}: a {op.name}, needs layers of the bundle dialect only; express it by them"


def sum_is_quantised(op: Operation, hardware: Hardware) -> Problems:
    """The sum of a core goes into one activation, or is the result of the network (raw logits, or those of a softmax)."""
    if not isinstance(op, bundle.CoreOp):
        return
    users = users_of(op.output)
    if is_last(op) or (len(users) == 1 and isinstance(users[0], bundle.ActivationOp | bundle.BatchNormOp)):
        return
    kinds = ", ".join(sorted(user.name for user in users)) or "nothing"
    yield (
        f"{name_of(op)}: a sum used by {kinds}, needs one activation after it unless it is the last layer; "
        f"add activation=QLeakyReLu(...) or QIdentity(...)"
    )


def softmax_is_last(op: Operation, hardware: Hardware) -> Problems:
    """A softmax is the end of the network: the host computes it, of fixed-point numbers."""
    if not isinstance(op, bundle.SoftmaxOp):
        return
    if not isinstance(element(op.input), bundle.QType):
        needs = "!bundle.q<bits, frac>"
        yield f"{name_of(op)}: a softmax of {element(op.input)}, needs {needs}; compute it outside the network"
    users = {user.name for user in users_of(op.output)} | {
        user.name for user in users_of(source_of(op.input), behind_flatten=True)
    }
    others = users - {"func.return", op.name}
    if others:
        yield f"{name_of(op)}: a softmax beside {', '.join(sorted(others))}, needs to be the last layer; move it to the end"


def batch_norm_folded(op: Operation, hardware: Hardware) -> Problems:
    """Batch normalisations are folded into the weights."""
    if isinstance(op, bundle.BatchNormOp):
        yield f"{name_of(op)}: a batch_norm, needs folded weights; run fold-batch-norm first"
