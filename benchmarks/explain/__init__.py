"""Explanations against their peers. Both sides get one thread: said here, before any module loads numpy or torch."""

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
