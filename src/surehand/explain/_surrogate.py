"""LIME's weighted linear model of a classifier around one image, with standard errors."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

# A row this close to leverage 1 is fitted exactly; what it would be without itself cannot be told.
_LEVERAGE_GAP = 1e-9


@dataclass(frozen=True)
class LinearFit:
    """A weighted linear model of n perturbed predictions.

    Attributes:
        coefficients: float64 (s,), change of the prediction when a superpixel is shown.
        standard_errors: float64 (s,), HC3; inf where the perturbations do not determine the coefficients.
        intercept: prediction with every superpixel hidden.
        r2: weighted share of the predictions' variance that the fit explains; 0 where they do not vary.
        effective_samples: (sum of weights)^2 / sum of squared weights, in [1, n].
    """

    coefficients: Float64[np.ndarray, " s"]
    standard_errors: Float64[np.ndarray, " s"]
    intercept: float
    r2: float
    effective_samples: float


def cosine_distances(masks: Bool[np.ndarray, "n s"]) -> Float64[np.ndarray, " n"]:
    """Cosine distance of each mask from the mask that shows everything: 1 - sqrt(shown / s), in [0, 1].

    >>> cosine_distances(np.array([[True, True, True, True], [True, False, False, False], [False] * 4])).tolist()
    [0.0, 0.5, 1.0]
    """
    return 1 - np.sqrt(masks.mean(axis=1))


def exponential_kernel(distances: Float64[np.ndarray, " n"], width: float = 0.25) -> Float64[np.ndarray, " n"]:
    """sqrt(exp(-d^2 / width^2)): the weight in (0, 1] of a perturbation at distance d (Ribeiro et al., KDD 2016)."""
    return np.sqrt(np.exp(-(distances**2) / width**2))


def fit_linear(
    masks: Bool[np.ndarray, "n s"],
    predictions: Float64[np.ndarray, " n"],
    weights: Float64[np.ndarray, " n"],
    penalty: float,
) -> LinearFit:
    """Minimise sum_i w_i (y_i - b - z_i c)^2 + penalty |c|^2; the intercept b is not penalised.

    Standard errors are HC3 (MacKinnon and White, J. Econometrics 29, 1985): each weighted residual is divided by one
    minus its leverage. They ask neither for equal variances nor for a model that is truly linear; over seeds,
    intervals of two standard errors hold the coefficient of endless perturbations in about 95 % of runs.

    Args:
        masks: z, true where a superpixel is shown.
        predictions: y.
        weights: w, above 0.
        penalty: 0 is weighted least squares (of many solutions the one of least norm, as scikit-learn's); 1 is the lime
            package's ridge regression.
    """
    total = weights.sum()
    root = np.sqrt(weights)
    design = masks.astype(np.float64)  # (n, s)
    design_mean, mean = weights @ design / total, weights @ predictions / total
    x = root[:, None] * (design - design_mean)  # (n, s)
    y = root * (predictions - mean)  # (n,)
    gram = x.T @ x + penalty * np.eye(x.shape[1])  # (s, s)
    determined = penalty > 0 or np.linalg.matrix_rank(x) == x.shape[1]
    coefficients = np.linalg.solve(gram, x.T @ y) if penalty > 0 else np.linalg.lstsq(x, y, rcond=None)[0]
    residuals = y - x @ coefficients  # (n,)
    variance = y @ y
    # Rounding leaves about 1e-32 a row of a constant; a share of that means nothing.
    r2 = float(1 - residuals @ residuals / variance) if variance > 1e-20 * total else 0.0
    return LinearFit(
        coefficients=coefficients,
        standard_errors=_hc3(x, root / np.sqrt(total), residuals, gram) if determined else np.full(x.shape[1], np.inf),
        intercept=float(mean - design_mean @ coefficients),
        r2=r2,
        effective_samples=float(total**2 / (weights @ weights)),
    )


def _hc3(
    x: Float64[np.ndarray, "n s"],
    constant: Float64[np.ndarray, " n"],
    residuals: Float64[np.ndarray, " n"],
    gram: Float64[np.ndarray, "s s"],
) -> Float64[np.ndarray, " s"]:
    """Standard errors from centred weighted columns x, the weighted column of ones (length 1), and the residuals."""
    influence = np.linalg.solve(gram, x.T)  # (s, n)
    leverage = np.einsum("ns,sn->n", x, influence) + constant**2  # (n,)
    if (1 - leverage < _LEVERAGE_GAP).any():
        return np.full(x.shape[1], np.inf)
    return np.sqrt(((influence * (residuals / (1 - leverage))) ** 2).sum(axis=1))
