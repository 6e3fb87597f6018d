"""The optimizers: AdamW, and Muon for networks of convolutions."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim.adamw import adamw as adamw_step

_BETAS, _EPSILON = (0.9, 0.999), 1e-8
_MOMENTUM = 0.95
# The odd polynomial a x + b x^3 + c x^5 of Jordan et al.: five times in a row it takes (0, 1] to about [0.7, 1.2].
_A, _B, _C, _ROUNDS = 3.4445, -4.7750, 2.0315, 5
# Jordan et al. and Liu et al. leave the first and the last layer, norms and biases to AdamW. Its rate, against Muon's:
_ADAMW_SHARE = 0.25
_COLOURS = 3


def adamw(model: nn.Module, rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, ICLR 2019); only weights of two or more dimensions decay.

    Args:
        model: its parameters.
        rate: the largest learning rate, in each group as "initial_lr".
        weight_decay: decoupled.
    """
    return torch.optim.AdamW(_groups(model.parameters(), rate, weight_decay), betas=_BETAS, eps=_EPSILON, fused=True)


def muon(model: nn.Module, rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """`Muon` for the kernels of convolutions, AdamW at a quarter of the rate for all else.

    Not for those on pixels, whose inputs are few, nor for those by groups, which are not one matrix.

    Args:
        model: its parameters.
        rate: the largest learning rate of the kernels; in each group as "initial_lr".
        weight_decay: decoupled, as for `adamw`.
    """
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.groups == 1]
    kernels = [m.weight for m in convolutions if m.in_channels > _COLOURS]
    chosen = {id(kernel) for kernel in kernels}
    others = [p for p in model.parameters() if id(p) not in chosen]
    turned = [{**group, "orthogonal": True} for group in _groups(kernels, rate, weight_decay)]
    return Muon([*turned, *_groups(others, _ADAMW_SHARE * rate, weight_decay)])


# By the name that `Settings.optimizer` takes.
OPTIMIZERS: dict[str, Callable[[nn.Module, float, float], torch.optim.Optimizer]] = {"adamw": adamw, "muon": muon}


class Muon(torch.optim.Optimizer):
    """Momentum whose step is made orthogonal (Jordan et al., "Muon", 2024), and AdamW for all other groups.

    A kernel counts as the matrix of its output channels by all else. The step is scaled by 0.2 sqrt(longer side), which
    gives its entries the size of AdamW's (Liu et al., "Muon is Scalable for LLM Training", 2025, equation 4).

    Args:
        groups: of parameters, each with "lr", "weight_decay" and whether it is "orthogonal".
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {"orthogonal": False})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Change every parameter by its gradient."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if group["orthogonal"]:
                for parameter in parameters:
                    self._orthogonal_step(parameter, parameter.grad, group)
            elif parameters:
                self._adamw_step(parameters, group["lr"], group["weight_decay"])

    def _orthogonal_step(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum = state["momentum"].lerp_(gradient, 1 - _MOMENTUM)
        matrix = gradient.lerp(momentum, _MOMENTUM).flatten(1)  # Nesterov's look ahead
        step = orthogonal(matrix) * (0.2 * max(matrix.shape) ** 0.5)
        parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step.view_as(parameter), alpha=group["lr"])

    def _adamw_step(self, parameters: list[Tensor], rate: float, weight_decay: float) -> None:
        for parameter in parameters:
            if not self.state[parameter]:
                zeros = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
                self.state[parameter].update(zeros, step=torch.zeros((), device=parameter.device))
        states = [self.state[parameter] for parameter in parameters]
        adamw_step(
            parameters,
            grads=[p.grad for p in parameters if p.grad is not None],
            exp_avgs=[state["exp_avg"] for state in states],
            exp_avg_sqs=[state["exp_avg_sq"] for state in states],
            max_exp_avg_sqs=[],
            state_steps=[state["step"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=_BETAS[0],
            beta2=_BETAS[1],
            lr=rate,
            weight_decay=weight_decay,
            eps=_EPSILON,
            maximize=False,
        )


def orthogonal(matrix: Float[Tensor, "*batch m n"]) -> Float[Tensor, "*batch m n"]:
    """About the nearest matrix with orthonormal rows (or columns): singular values between 0.7 and 1.2, same vectors.

    Newton and Schulz's iteration with Jordan's coefficients. Each round multiplies x by a polynomial of x x^T, so the
    rounds are made of that square alone, which is small, and x is multiplied once, by all of their product.
    """
    if matrix.shape[-2] > matrix.shape[-1]:
        return orthogonal(matrix.mT).mT
    x = matrix / (torch.linalg.matrix_norm(matrix, keepdim=True) + 1e-7)
    square = x @ x.mT
    turn = polynomial = _polynomial(square)
    for _ in range(_ROUNDS - 1):
        square = polynomial @ square @ polynomial
        polynomial = _polynomial(square)
        turn = polynomial @ turn
    return turn @ x


def _polynomial(square: Float[Tensor, "*batch m m"]) -> Float[Tensor, "*batch m m"]:
    """What a round multiplies x by: a + b x x^T + c (x x^T)^2."""
    result = _B * square + _C * square @ square
    result.diagonal(dim1=-2, dim2=-1).add_(_A)
    return result


def _groups(parameters: Iterable[Tensor], rate: float, weight_decay: float) -> list[dict[str, Any]]:
    parameters = list(parameters)
    decays = (weight_decay, [p for p in parameters if p.dim() > 1]), (0.0, [p for p in parameters if p.dim() <= 1])
    rates = {"lr": rate, "initial_lr": rate}
    return [{"params": some, **rates, "weight_decay": decay} for decay, some in decays if some]
