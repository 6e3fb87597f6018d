import pytest
import torch

from surehand.attack import FGSM, Threat, run, sweep
from surehand.errors import UsageError


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("classes", [2, 3, 29])
@pytest.mark.parametrize("targeted", [False, True])
def test_fgsm_flips_a_linear_model_just_beyond_its_margin_and_not_below(linear, norm, classes, targeted):
    # Only classes 0 and 1 see the image; the others lie 200 logits below, so the way from 0 to 1 is w1 - w0.
    random = torch.Generator().manual_seed(classes)
    weights = torch.zeros(classes, 3, 6, 4)
    weights[:2] = torch.randn(2, 3, 6, 4, generator=random)
    bias = torch.full((classes,), -200.0)
    images = 0.5 + 0.1 * torch.rand(8, 3, 6, 4, generator=random)
    way = (weights[1] - weights[0]).double()
    rise = torch.einsum("nchw,chw->n", images.double(), way)
    bias[:2] = torch.tensor([0.0, float(-rise.max()) - 0.5])
    gap = -(rise + bias[1].double())  # positive: class 0 leads by it
    length = way.abs().sum() if norm == "linf" else way.square().sum().sqrt()
    nearest = gap / length
    labels = torch.zeros(8, dtype=torch.int64)
    targets = labels + 1 if targeted else None
    for i, closed_form in enumerate(nearest.tolist()):
        one = slice(i, i + 1)
        for factor, fooled in ((1.001, True), (0.999, False)):
            result = run(
                linear(weights, bias),
                images[one],
                labels[one],
                FGSM(),
                Threat(norm, closed_form * factor),
                None if targets is None else targets[one],
            )
            assert result.success.tolist() == [fooled]
            assert (getattr(result, norm) <= closed_form * factor).all()


def test_targeted_steps_towards_the_target_and_untargeted_away_from_the_truth(cnn, images, labels):
    targets = (labels + 2) % 5
    targeted = run(cnn, images, labels, FGSM(), Threat(epsilon=1e-3), targets)
    untargeted = run(cnn, images, labels, FGSM(), Threat(epsilon=1e-3))
    cnn.eval()
    with torch.no_grad():
        clean, towards, away = (cnn(x).log_softmax(1) for x in (images, targeted.adversarial, untargeted.adversarial))
    rows = torch.arange(len(images))
    assert (towards[rows, targets] > clean[rows, targets]).all()
    assert (away[rows, labels] < clean[rows, labels]).all()


def test_fgsm_equals_torchattacks_bit_for_bit(cnn, images, labels):
    torchattacks = pytest.importorskip("torchattacks")
    # Pixels on a binary grid and a budget of 1/32: no sum is rounded, so torchattacks keeps its budget.
    images = torch.floor(images * 2**20) / 2**20
    theirs = _torchattacks_images(torchattacks, cnn, images, labels, 1 / 32)
    ours = run(cnn, images, labels, FGSM(loss="cross_entropy"), Threat(epsilon=1 / 32), batch_size=64)
    assert ours.clean_accuracy.value == 1  # none is left out
    assert torch.equal(ours.adversarial, theirs)


def test_fgsm_equals_torchattacks_wherever_torchattacks_keeps_its_budget(cnn, images, labels):
    torchattacks = pytest.importorskip("torchattacks")
    theirs = _torchattacks_images(torchattacks, cnn, images, labels, 8 / 255)
    ours = run(cnn, images, labels, FGSM(loss="cross_entropy"), Threat(epsilon=8 / 255), batch_size=64).adversarial
    kept = (theirs.double() - images.double()).abs() <= 8 / 255
    assert 0.5 < kept.double().mean() < 1
    assert torch.equal(ours[kept], theirs[kept])
    assert (ours - theirs).abs().max() <= 2**-24  # elsewhere the next float32 that obeys


def test_targeted_fgsm_equals_torchattacks_bit_for_bit(cnn, images, labels):
    torchattacks = pytest.importorskip("torchattacks")
    images = torch.floor(images * 2**20) / 2**20
    targets = (labels + 1) % 5
    attack = torchattacks.FGSM(cnn.eval(), eps=1 / 32)
    attack.set_mode_targeted_by_label(quiet=True)
    theirs = attack(images.contiguous(memory_format=torch.channels_last), targets)
    ours = run(cnn, images, labels, FGSM(loss="cross_entropy"), Threat(epsilon=1 / 32), targets, batch_size=64)
    assert torch.equal(ours.adversarial, theirs)


def _torchattacks_images(torchattacks, model, images, labels, epsilon):
    # The same memory layout, because convolutions in another one round differently.
    return torchattacks.FGSM(model.eval(), eps=epsilon)(images.contiguous(memory_format=torch.channels_last), labels)


def test_sweep_has_the_accuracies_of_foolbox(cnn, images, labels):
    foolbox = pytest.importorskip("foolbox")
    labels = torch.where(torch.arange(64) % 8 == 0, (labels + 1) % 5, labels)  # some misclassified from the start
    epsilons = (0, 1 / 255, 4 / 255, 16 / 255, 64 / 255)
    wrapped = foolbox.PyTorchModel(cnn.eval(), bounds=(0, 1), device="cpu")
    _, _, fooled = foolbox.attacks.LinfFastGradientAttack()(wrapped, images, labels, epsilons=epsilons)
    curve = sweep(cnn, images, labels, FGSM(loss="cross_entropy"), epsilons=epsilons)
    assert [share.value for share in curve.accuracy] == (1 - fooled.double().mean(1)).tolist()


def test_unknown_loss_is_refused():
    method = FGSM()
    object.__setattr__(method, "loss", "dlr")  # types are enforced while testing, so it cannot be constructed
    with pytest.raises(UsageError, match="margin, cross_entropy"):
        method.__post_init__()
