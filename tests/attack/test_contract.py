"""What every attack in the table must do; and proof that a broken one would not pass."""

import pytest

from surehand.attack import ATTACKS, Threat, run

BUDGETS = {"linf": 12 / 255, "l2": 2.0}


def contract(method, norm, cnn, images, labels, targets, counting):
    threat = Threat(norm, BUDGETS[norm])
    with counting(cnn) as seen:
        result = run(cnn, images, labels, method, threat, targets)
    assert threat.contains(result.adversarial, images).all()
    assert seen.forward == result.forward_passes.sum()
    assert seen.backward == result.backward_passes.sum()
    assert result.clean_accuracy.value == 1
    again = run(cnn, images, labels, method, threat, targets, batch_size=9)
    assert (again.success == result.success).all()
    assert result.success_rate.value > (0.1 if targets is not None else 0.4)
    assert result.warnings == ()


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_every_attack_keeps_the_contract(name, norm, targeted, cnn, images, labels, counting):
    contract(ATTACKS[name](), norm, cnn, images, labels, (labels + 1) % 5 if targeted else None, counting)


def test_an_attack_that_returns_the_clean_image_breaks_the_contract(identity, cnn, images, labels, counting):
    with pytest.raises(AssertionError):
        contract(identity(), "linf", cnn, images, labels, None, counting)
