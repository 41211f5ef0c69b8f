"""Models as PyTorch functions: `curves(model, times, by)` takes part in autograd."""

import torch

from ._gradients import Curves


def curves(model, times, by, span=None, params=None, **options):
    """A function of a tensor of parameters and initial values `by`, shape (len(by),), that gives states and outputs at
    `times`, shape (len(times), states + outputs) in the order of `model.states + model.outputs`; gradients are exact for
    the steps of their own runs at the same tolerances. `params` are fixed values of other parameters, `options` those of `Model.solve`.
    """
    solver = Curves(model, times, by, span, params, **options)

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, p):
            ctx.save_for_backward(p)
            return torch.as_tensor(solver.values(p.detach().cpu().numpy()), dtype=p.dtype, device=p.device)

        @staticmethod
        def backward(ctx, weights):
            (p,) = ctx.saved_tensors
            gradient = solver.pull(p.detach().cpu().numpy(), weights.detach().cpu().numpy())
            return torch.as_tensor(gradient, dtype=p.dtype, device=p.device)

    return Function.apply
