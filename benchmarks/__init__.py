"""What Surehand costs, beside its peers and the physical limits; `python -m benchmarks` runs all."""

from surehand.processors import let_threads_sleep

let_threads_sleep()  # as the command line does
