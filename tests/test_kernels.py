"""Compiled functions where there is no place to keep them."""

from surehand.kernels import kernel


def test_without_a_place_to_keep_it_a_kernel_is_compiled_all_the_same():
    names = {}
    exec("def doubled(x):\n    return 2 * x", names)  # numba finds no file of it to keep the compiled one beside
    assert kernel()(names["doubled"])(21) == 42
