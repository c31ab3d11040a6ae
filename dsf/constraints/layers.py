"""What constraints ask of the operations of the `bundle` dialect: names for messages, who uses a result, where it is from."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects import func
from xdsl.ir import Operation, SSAValue

from dsf.dialects import bundle
from dsf.transforms.locations import location_name

#: Cores whose windows move over images.
CONVOLUTIONS = bundle.ConvOp | bundle.ConvTransposeOp
#: Layers that only move elements.
MOVES = bundle.ConcatOp | bundle.SliceOp | bundle.PadOp | bundle.ResizeOp | bundle.TransposeOp
#: Layers that change a shape and nothing else.
RESHAPES = bundle.FlattenOp | bundle.ReshapeOp
#: Layers that round.
ROUNDED = bundle.ActivationOp | bundle.FunctionOp | bundle.AddOp | bundle.MultiplyOp | bundle.PoolOp
Problems = Iterator[str]


def bundle_of(op: Operation) -> str | None:
    """The name of the bundle that `op` is, or is in; outside of bundles that of its location."""
    holder: Operation | None = op
    while holder is not None and not isinstance(holder, func.FuncOp):
        if isinstance(holder, bundle.BundleOp):
            return holder.label.data
        holder = holder.parent_op()
    return location_name(op)


def name_of(op: Operation) -> str:
    """How messages name `op`: by its bundle, or else by its kind."""
    return f"'{bundle_of(op) or op.name}'"


def users_of(value: SSAValue, *, behind_flatten: bool = False) -> list[Operation]:
    """The layers that use `value`, also outside its bundle, and if asked behind a reshape instead of it."""
    users: list[Operation] = []
    for use in value.uses:
        user = use.operation
        parent = user.parent_op()
        if isinstance(user, bundle.YieldOp) and isinstance(parent, bundle.BundleOp):
            users += users_of(parent.output, behind_flatten=behind_flatten)
        elif isinstance(user, RESHAPES) and behind_flatten:
            users += users_of(user.output, behind_flatten=True)
        else:
            users.append(user)
    return users


def is_last(core: bundle.CoreOp) -> bool:
    """Whether the sum of `core` is the result of the network: the function's, or what its softmax is computed from."""
    users = users_of(core.output, behind_flatten=True)
    return len(users) == 1 and isinstance(users[0], bundle.SoftmaxOp | func.ReturnOp)


def source_of(value: SSAValue) -> SSAValue:
    """The value behind the results of bundles and reshapes."""
    owner = value.owner
    if isinstance(owner, bundle.BundleOp):
        return source_of(owner.yielded)
    if isinstance(owner, RESHAPES):
        return source_of(owner.input)
    return value


def is_sum(value: SSAValue) -> bool:
    """Whether a value is the sum of a core, not rounded yet."""
    return isinstance(source_of(value).owner, bundle.CoreOp | bundle.BatchNormOp)
