"""Models as PyTorch functions: `curves(model, times, by)` takes part in autograd, and in `torch.func`'s `grad` and `vmap`.

>>> import numpy as np, rhapsode, rhapsode.torch, torch                                           # doctest: +SKIP
>>> model = rhapsode.compile("model decay\\nparam k = 2\\ninit x = 1\\nx' = -k*x\\n")                # doctest: +SKIP
>>> f = rhapsode.torch.curves(model, np.linspace(0, 1, 5), ["k", "x"], rtol=1e-8)                 # doctest: +SKIP
>>> p = torch.tensor([2.0, 1.0], dtype=torch.float64, requires_grad=True)                         # doctest: +SKIP
>>> f(p)[-1, 0].backward(); p.grad                                                                # doctest: +SKIP
tensor([-0.1353,  0.1353], dtype=torch.float64)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch.autograd.function import once_differentiable

from ._core import Model
from ._gradients import Curves


def curves(
    model: Model,
    times: ArrayLike,
    by: Sequence[str],
    span: Sequence[float] | None = None,
    params: Mapping[str, Any] | None = None,
    **options: Any,
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function of a tensor of parameters and initial values `by`, shape (len(by),), that gives states and outputs at
    `times`, shape (len(times), states + outputs) in the order of `model.states + model.outputs`; gradients are exact for
    the steps of their own runs at the same tolerances, and have none themselves. `params` are fixed values of other parameters, `options`
    those of `Model.solve`.
    """
    solver = Curves(model, times, by, span, params, **options)

    def called(function, p, *others):
        arrays = [tensor.detach().cpu().numpy() for tensor in (p, *others)]
        return torch.as_tensor(function(*arrays), dtype=p.dtype, device=p.device)

    class Pull(torch.autograd.Function):
        """The gradient of Σ weights · values."""

        @staticmethod
        def forward(p, weights):
            return called(solver.pull, p, weights)

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        @once_differentiable
        def backward(ctx, weights):
            raise NotImplementedError("gradients of a model's curves have no gradients themselves")

        @staticmethod
        def vmap(info, in_dims, p, weights):
            return _one_by_one(Pull, in_dims, p, weights)

    class Values(torch.autograd.Function):
        @staticmethod
        def forward(p):
            return called(solver.values, p)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, weights):
            return Pull.apply(*ctx.saved_tensors, weights)

        @staticmethod
        def vmap(info, in_dims, p):
            return _one_by_one(Values, in_dims, p)

    return Values.apply


def _one_by_one(function, dims, *tensors):
    """What `vmap` asks for: results along a new first dimension, for all elements along `dims`."""
    split = [None if dim is None else tensor.unbind(dim) for tensor, dim in zip(tensors, dims, strict=True)]
    many = max(len(parts) for parts in split if parts is not None)
    rows = [[tensor if parts is None else parts[k] for tensor, parts in zip(tensors, split, strict=True)] for k in range(many)]
    return torch.stack([function.apply(*row) for row in rows]), 0
