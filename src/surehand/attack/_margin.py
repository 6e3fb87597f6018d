"""The function whose gradient the attacks follow."""

from jaxtyping import Float, Int64
from torch import Tensor


def margin(logits: Float[Tensor, "n k"], labels: Int64[Tensor, " n"]) -> Float[Tensor, " n"]:
    """How far the best wrong class lies above the true one, softly.

    logsumexp over the wrong classes minus the true logit. Cross-entropy is softplus of it, so its gradient points the
    same way; but where the true class leads by more than about 17 logits, float32 rounds that class's probability to 1
    and cross-entropy loses half of its gradient, at about 104 all of it. The margin never does.

    Args:
        logits: float (n, k), k >= 2.
        labels: true classes, int64 (n,), in [0, k).

    Returns:
        float (n,); positive wherever another class has the largest logit.

    >>> import torch
    >>> margin(torch.tensor([[3.0, 1.0], [3.0, 1.0]]), torch.tensor([0, 1]))
    tensor([-2.,  2.])
    """
    true = logits.gather(1, labels[:, None]).squeeze(1)  # (n,)
    # -inf, not 0: a zero would win over negative logits.
    others = logits.scatter(1, labels[:, None], float("-inf"))  # (n, k)
    return others.logsumexp(1) - true
