"""What Surehand costs, beside its peers and the physical limits; `python -m benchmarks` runs all."""

from surehand.processors import shorten_spinning

shorten_spinning()  # as the command line does
