"""Muon with all kernels made orthogonal at once: an accelerator waits for the launch of every small product."""

import torch
from torch import Tensor

from surehand.train import _optimizers as one_by_one
from surehand.train._optimizers import Muon


class MuonAtOnce(Muon):
    """`surehand.train`'s Muon, whose matrices are padded with zeros to one size; these are zero in the result, too."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Change every parameter by its gradient."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if group["orthogonal"]:
                self._orthogonal_steps(parameters, group["lr"], group["weight_decay"])
            elif parameters:
                self._adamw_step(parameters, group["lr"], group["weight_decay"])

    def _orthogonal_steps(self, parameters: list[Tensor], rate: float, weight_decay: float) -> None:
        gradients: list[Tensor] = [p.grad for p in parameters]
        for parameter in parameters:
            self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
        momenta = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - one_by_one._MOMENTUM)
        matrices = [m.flatten(1) for m in torch._foreach_lerp(gradients, momenta, one_by_one._MOMENTUM)]
        steps = [
            step.reshape(parameter.shape) * (0.2 * max(step.shape) ** 0.5)
            for step, parameter in zip(_orthogonal(matrices), parameters, strict=True)
        ]
        torch._foreach_mul_(parameters, 1 - rate * weight_decay)
        torch._foreach_add_(parameters, steps, alpha=-rate)


def _orthogonal(matrices: list[Tensor]) -> list[Tensor]:
    """`surehand.train`'s `orthogonal` of matrices that are wider than high."""
    height, width = (max(matrix.shape[i] for matrix in matrices) for i in (0, 1))
    padded = matrices[0].new_zeros((len(matrices), height, width))
    for place, matrix in zip(padded, matrices, strict=True):
        place[: len(matrix), : matrix.shape[1]] = matrix
    turned = one_by_one.orthogonal(padded)
    return [place[: len(matrix), : matrix.shape[1]] for place, matrix in zip(turned, matrices, strict=True)]
