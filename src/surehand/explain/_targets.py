"""Which class is to be explained, and against which other."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from surehand.errors import UsageError


@dataclass(frozen=True)
class Question:
    """Why `target`, rather than `against`?

    Args:
        target: class index, or "top" for the most probable class.
        against: class index, or None for no comparison.
    """

    target: int | str
    against: int | None

    def resolve(self, probabilities: Float32[np.ndarray, " k"]) -> tuple[int, int | None]:
        """Class indices of target and comparison, given what the model says of the image itself.

        Raises:
            UsageError: an index outside [0, k), or a class compared with itself.
        """
        target = int(probabilities.argmax()) if self.target == "top" else self.target
        for name, index in (("target", target), ("against", self.against)):
            if index is not None and not (isinstance(index, int) and 0 <= index < len(probabilities)):
                raise UsageError(f"{name} must be a class index from 0 to {len(probabilities) - 1}; got {index!r}.")
        if target == self.against:
            raise UsageError(f"against must differ from the class explained; both are {target}.")
        return int(target), self.against
