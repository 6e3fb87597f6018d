from itertools import product

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import pairwise_distances

from surehand.explain._surrogate import cosine_distances, exponential_kernel, fit_linear


@pytest.fixture
def data():
    rng = np.random.default_rng(5)
    masks = rng.random((60, 9)) < 0.5
    return masks, masks @ rng.normal(size=9) + rng.normal(scale=0.5, size=60), rng.uniform(0.2, 1, 60)


def test_distances_equal_scikit_learns_cosine_also_for_the_mask_that_hides_everything(data):
    masks = np.concatenate([data[0], np.zeros((1, 9), bool), np.ones((1, 9), bool)])
    expected = pairwise_distances(masks.astype(float), np.ones((1, 9)), metric="cosine").ravel()
    np.testing.assert_allclose(cosine_distances(masks), expected, atol=1e-15)


def test_the_kernel_is_the_one_of_the_paper():
    distances = np.array([0.0, 0.25, 1.0])
    np.testing.assert_allclose(exponential_kernel(distances), np.exp([0.0, -0.5, -8.0]))


@pytest.mark.parametrize(("penalty", "regression"), [(0.0, LinearRegression()), (1.0, Ridge(1.0)), (0.3, Ridge(0.3))])
def test_the_fit_equals_scikit_learns(data, penalty, regression):
    masks, y, w = data
    regression.fit(masks.astype(float), y, sample_weight=w)
    fit = fit_linear(masks, y, w, penalty)
    np.testing.assert_allclose(fit.coefficients, regression.coef_, atol=1e-12)
    assert fit.intercept == pytest.approx(regression.intercept_, abs=1e-12)
    assert fit.r2 == pytest.approx(regression.score(masks.astype(float), y, sample_weight=w), abs=1e-12)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_standard_errors_are_hc3_by_leaving_each_row_out(data, penalty):
    masks, y, w = data
    design = np.column_stack([np.ones(60), masks])
    ridge = penalty * np.diag([0.0] + [1.0] * 9)
    inverse = np.linalg.inv(design.T @ (w[:, None] * design) + ridge)
    meat = np.zeros((10, 10))
    for i in range(60):
        kept = np.arange(60) != i
        a, b, c = design[kept], y[kept], w[kept]
        without = np.linalg.solve(a.T @ (c[:, None] * a) + ridge, a.T @ (c * b))
        score = w[i] * (y[i] - design[i] @ without) * design[i]
        meat += np.outer(score, score)
    expected = np.sqrt(np.diag(inverse @ meat @ inverse))[1:]
    np.testing.assert_allclose(fit_linear(masks, y, w, penalty).standard_errors, expected, rtol=1e-9)


def test_intervals_of_standard_errors_hold_the_limit_of_endless_perturbations():
    def model(masks):  # far from linear
        return 0.5 * masks[:, 0] + 0.4 * masks[:, 1] * masks[:, 2] - 0.3 * masks[:, 3] * masks[:, 4] * masks[:, 5]

    every = np.array(list(product([False, True], repeat=8)))
    limit = fit_linear(every, model(every), exponential_kernel(cosine_distances(every)), 0.0).coefficients
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        masks = rng.random((150, 8)) < 0.5
        fit = fit_linear(masks, model(masks), exponential_kernel(cosine_distances(masks)), 0.0)
        covered.append(abs(fit.coefficients - limit) <= 1.96 * fit.standard_errors)
    assert 0.93 < np.mean(covered) < 0.98


def test_fewer_perturbations_than_superpixels_give_scikit_learns_least_norm_and_no_standard_errors(data):
    masks, y, w = (part[:6] for part in data)
    fit = fit_linear(masks, y, w, 0.0)
    np.testing.assert_allclose(fit.coefficients, LinearRegression().fit(masks, y, sample_weight=w).coef_, atol=1e-12)
    assert np.isinf(fit.standard_errors).all()


def test_predictions_that_do_not_vary_are_explained_by_nothing(data):
    masks, _, w = data
    fit = fit_linear(masks, np.full(60, 0.1), w, 0.0)
    np.testing.assert_allclose(fit.coefficients, 0, atol=1e-12)
    assert fit.r2 == 0
    assert fit.intercept == pytest.approx(0.1)


def test_the_effective_sample_size_counts_equal_weights_fully_and_a_lone_weight_once(data):
    masks, y, _ = data
    assert fit_linear(masks, y, np.full(60, 0.3), 1.0).effective_samples == pytest.approx(60)
    assert fit_linear(masks, y, np.r_[1.0, np.full(59, 1e-9)], 1.0).effective_samples == pytest.approx(1)
