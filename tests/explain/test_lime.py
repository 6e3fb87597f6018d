import numpy as np
import pytest
import torch
from lime.lime_image import LimeImageExplainer
from skimage.segmentation import quickshift as reference_quickshift
from sklearn.linear_model import LinearRegression
from sklearn.metrics import pairwise_distances
from torch import nn

from surehand.errors import DataError, UsageError
from surehand.explain import RECIPES, explain, grid_segments, kernel_size_for


def probabilities_of(net):
    """A classifier function as the lime package wants it: uint8 (n, h, w, 3) to probabilities (n, k)."""
    net.eval()

    def classify(pixels):
        with torch.no_grad():
            images = torch.from_numpy(np.asarray(pixels)).permute(0, 3, 1, 2).float() / 255
            return net(images).softmax(1).numpy()

    return classify


class LinearInPixels(nn.Module):
    """Two classes; the probability of class 1 is 0.5 + the sum of weights * pixels."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, images):
        p = 0.5 + (images * self.weights).sum(dim=(1, 2, 3))
        return torch.stack([1 - p, p], dim=1).log()


class TestRecipeLime:
    @pytest.mark.parametrize(("seed", "shape", "n"), [(0, (90, 80), 400), (11, (70, 100), 150)])
    def test_equals_the_lime_package(self, scene, as_images, net, seed, shape, n):
        image = scene(*shape, seed)
        theirs = LimeImageExplainer(random_state=seed).explain_instance(
            image, probabilities_of(net), num_samples=n, top_labels=1
        )
        (ours,) = explain(net, as_images(image), recipe="lime", perturbations=n, seed=seed)
        label = theirs.top_labels[0]
        assert ours.target == label
        assert np.array_equal(ours.segments, theirs.segments)
        coefficients = dict(theirs.local_exp[label])
        expected = [coefficients[s] for s in range(len(coefficients))]
        np.testing.assert_allclose(ours.coefficients, expected, atol=1e-6, rtol=0)
        assert max(abs(ours.coefficients)) > 1e-3
        assert ours.intercept == pytest.approx(theirs.intercept[label], abs=1e-6)
        assert ours.r2 == pytest.approx(theirs.score, abs=1e-6)
        assert ours.forward_passes == n
        _, shown = theirs.get_image_and_mask(label, positive_only=True, num_features=5)
        assert np.array_equal(np.isin(ours.segments, ours.top()), shown.astype(bool))

    def test_by_default_draws_1000_masks_of_which_the_first_shows_everything(self, scene, as_images, net):
        (ours,) = explain(net, as_images(scene(24, 24)), recipe="lime", segments=grid_segments(24, 24, 3, 3)[None])
        assert len(ours.masks) == 1000
        assert ours.masks[0].all()
        assert np.array_equal(ours.predictions[0], ours.probabilities)

    def test_refuses_seeds_that_its_generator_does_not_take(self, scene, as_images, net):
        with pytest.raises(UsageError, match="RandomState"):
            explain(net, as_images(scene(80, 80)), recipe="lime", seed=-1)


class TestRecipeOriginal:
    def test_equals_the_original_script_written_out(self, scene, as_images, net):
        images = as_images(scene(80, 90))
        (ours,) = explain(net, images)
        scaled = images[0].permute(1, 2, 0).numpy().astype(np.float64) * 2 - 1
        superpixels = reference_quickshift(scaled, kernel_size=4, max_dist=200, ratio=0.2)
        assert np.array_equal(ours.segments, superpixels)
        assert ours.masks.shape == (150, superpixels.max() + 1)

        predictions = []
        for perturbation in ours.masks:
            mask = np.zeros(superpixels.shape)
            for active in np.where(perturbation)[0]:
                mask[superpixels == active] = 1
            perturbed = scaled * mask[:, :, None]
            pixels = torch.from_numpy(perturbed / 2 + 0.5).permute(2, 0, 1).float()
            with torch.no_grad():
                predictions.append(net.eval()(pixels[None]).softmax(1)[0].numpy())
        predictions = np.array(predictions)
        top = net(images).softmax(1)[0].argmax().item()
        everything = np.ones((1, ours.masks.shape[1]))
        distances = pairwise_distances(ours.masks.astype(float), everything, metric="cosine").ravel()
        weights = np.sqrt(np.exp(-(distances**2) / 0.25**2))
        regression = LinearRegression().fit(ours.masks.astype(float), predictions[:, top], sample_weight=weights)

        assert ours.target == top
        np.testing.assert_allclose(ours.predictions, predictions, atol=1e-6)
        np.testing.assert_allclose(ours.weights, weights, atol=1e-12)
        np.testing.assert_allclose(ours.coefficients, regression.coef_, atol=1e-6)
        assert set(ours.top()) == set(np.argsort(regression.coef_)[-4:].tolist())
        assert ours.forward_passes == 151

    def test_masks_are_fair_and_independent_coin_flips(self):
        masks = RECIPES["original"].draw(0, 4000, 20)
        assert masks.mean() == pytest.approx(0.5, abs=0.01)
        correlations = np.corrcoef(masks.T.astype(float)) - np.eye(20)
        assert abs(correlations).max() < 0.08


@pytest.mark.parametrize("recipe", RECIPES)
class TestBothRecipes:
    def test_weights_of_a_model_linear_in_pixels_are_found_exactly(self, recipe):
        rng = np.random.default_rng(2)
        pixels = torch.from_numpy(rng.integers(0, 256, (1, 3, 24, 30))).float() / 255
        weights = torch.from_numpy(rng.normal(scale=3e-3, size=(3, 24, 30))).float()
        segments = grid_segments(24, 30, 3, 4)
        (ours,) = explain(LinearInPixels(weights), pixels, target=1, recipe=recipe, segments=segments[None])
        difference = (weights.numpy() * (ours.image - ours.hidden)).sum(axis=0)
        exact = np.bincount(segments.ravel(), weights=difference.ravel())
        # Ridge regression pulls towards zero: by about penalty / (n / 4 * mean weight).
        tolerance = 1e-5 if recipe == "original" else 0.01 * abs(exact).max()
        np.testing.assert_allclose(ours.coefficients, exact, atol=tolerance)
        assert ours.r2 > 0.999
        assert ours.warnings == ()
        np.testing.assert_array_equal(ours.attribution, ours.coefficients.astype(np.float32)[segments])

    @pytest.mark.parametrize("only", [0, 5, 11])
    def test_the_only_superpixel_that_matters_comes_first(self, recipe, only):
        segments = grid_segments(24, 30, 3, 4)
        pixels = torch.from_numpy(np.random.default_rng(4).random((1, 3, 24, 30), np.float32))
        # Weights that follow what hiding takes away: the texture (lime), or the light above grey (original).
        image = pixels[0] - (0.5 if recipe == "original" else pixels[0][:, segments == only].mean(dim=1)[:, None, None])
        weights = torch.where(torch.from_numpy(segments == only), image, 0) / 60
        (ours,) = explain(LinearInPixels(weights), pixels, target=1, recipe=recipe, segments=segments[None])
        assert ours.top(1) == (only,)
        others = np.delete(ours.coefficients, only)
        assert abs(others).max() < 0.01 * ours.coefficients[only]

    def test_class_differences_are_differences_of_coefficients(self, scene, as_images, net, recipe):
        images, segments = as_images(scene(40, 40)), grid_segments(40, 40, 3, 3)[None]
        arguments = {"recipe": recipe, "segments": segments, "perturbations": 100}
        (a,) = explain(net, images, target=2, **arguments)
        (b,) = explain(net, images, target=4, **arguments)
        (difference,) = explain(net, images, target=2, against=4, **arguments)
        np.testing.assert_allclose(difference.coefficients, a.coefficients - b.coefficients, atol=1e-9)
        assert (difference.target, difference.against) == (2, 4)

    def test_the_same_seed_repeats_the_explanation_and_another_does_not(self, scene, as_images, net, recipe):
        images = as_images(scene(70, 70))
        first, again, other = (
            explain(net, images, recipe=recipe, perturbations=100, seed=seed)[0] for seed in (3, 3, 4)
        )
        assert np.array_equal(first.coefficients, again.coefficients)
        assert np.array_equal(first.masks, again.masks)
        assert not np.array_equal(first.masks, other.masks)
        assert np.array_equal(first.segments, other.segments)

    def test_an_image_is_explained_alike_in_any_company(self, scene, as_images, net, recipe):
        images = torch.cat([as_images(scene(70, 70, seed)) for seed in range(3)])
        arguments = {"recipe": recipe, "perturbations": 60}
        forward = explain(net, images, **arguments)
        backward = explain(net, images.flip(0), **arguments)
        for a, b in zip(forward, reversed(backward), strict=True):
            assert np.array_equal(a.coefficients, b.coefficients)

    def test_hiding_what_a_model_ignores_is_warned_about(self, recipe):
        model = LinearInPixels(torch.zeros(3, 24, 30))
        segments = grid_segments(24, 30, 3, 4)[None]
        (ours,) = explain(model, torch.rand(1, 3, 24, 30), recipe=recipe, segments=segments)
        assert ours.r2 == 0
        assert "does not change" in ours.warnings[0]


def test_each_option_changes_the_explanation(scene, as_images, net):
    images = as_images(scene(80, 80))
    (plain,) = explain(net, images, perturbations=40)
    for option in ({"recipe": "lime"}, {"perturbations": 41}, {"kernel_size": 3.0}, {"ratio": 0.6}):
        (changed,) = explain(net, images, **{"perturbations": 40, **option})
        assert not np.array_equal(changed.attribution, plain.attribution), option
        assert changed.options != plain.options


def test_a_photograph_is_explained_at_its_own_size_for_a_model_that_reads_a_smaller_one(scene, as_images):
    weights = torch.zeros(3, 20, 20)
    weights[:, 10:, :10] = 1e-3
    images = as_images(scene(100, 100)).clamp(min=0.6)
    (ours,) = explain(
        LinearInPixels(weights), images, target=1, model_size=20, segments=grid_segments(100, 100, 2, 2)[None]
    )
    assert ours.attribution.shape == (100, 100)
    assert ours.top(1) == (2,)
    assert ours.options["model_size"] == 20


def test_fewer_perturbations_than_superpixels_are_warned_about(scene, as_images, net):
    segments = grid_segments(40, 40, 5, 5)[None]
    (ours,) = explain(net, as_images(scene(40, 40)), perturbations=20, segments=segments)
    assert "do not determine" in ours.warnings[0]
    assert "at least 50" in ours.warnings[0]


def test_an_image_of_too_few_superpixels_is_refused_with_two_ways_out(as_images, net):
    thumbnail = as_images(np.full((9, 9, 3), 128, np.uint8))
    with pytest.raises(DataError, match="too few to rank") as refused:
        explain(net, torch.nn.functional.interpolate(thumbnail, 12), kernel_size=20.0)
    assert "kernel_size" in str(refused.value)
    assert "grid_segments" in str(refused.value)


def test_thumbnails_are_explained_at_the_kernel_size_for_them(scene, as_images, net):
    (ours,) = explain(net, as_images(scene(64, 64)), kernel_size=kernel_size_for(64, 64))
    assert 8 < len(ours.coefficients) < 75


@pytest.mark.parametrize(
    ("options", "words"), [({"recipe": "limes"}, "original, lime"), ({"perturbations": 1}, "at least 2")]
)
def test_values_that_are_no_option_are_named(scene, as_images, net, options, words):
    with pytest.raises(UsageError, match=words):
        explain(net, as_images(scene(40, 40)), **options)
