# Every target installs what it needs into .venv by itself; a fresh Debian needs python3 (3.11 or 3.12), python3-venv
# and make.
PYTHON ?= python3
BIN := .venv/bin
# What `make run` audits: 80 letters a class before walls, measured also on letters anywhere. So few make few steps, hence
# the small batches; each model trains for 2.5 minutes at most. And flags for it, as in:
# make run RUN_FLAGS='--out runs/mine'
RUN_ARGS ?= letters:80 --models cnn,darknet53 --external anywhere=letters:10:any --attack-images 100 --batch 32 --minutes 2.5
RUN_FLAGS ?=

.PHONY: run test check format bench clean

run: .venv/run.done          ## the main job on the built-in data: rendered letters -> runs/<date-time>-letters/report.html
	$(BIN)/surehand run $(RUN_ARGS) $(RUN_FLAGS)

test: .venv/test.done        ## all tests
	$(BIN)/python -m pytest

check: .venv/test.done       ## formatter, linter, types, layering
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layering.py tests/test_exports.py

format: .venv/test.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/bench.done      ## every benchmark; those that need photographs read SUREHAND_PHOTOS
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' || { echo "Surehand needs Python 3.11 or 3.12: make $(or $(MAKECMDGOALS),run) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Could not create .venv; on Debian: apt-get install python3-venv" >&2; exit 1; }

# The pinned torch is a CPU wheel of 200 MB; an unpinned one brings CUDA and several gigabytes.
.venv/run.done: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fast]'
	@touch $@

.venv/test.done: .venv/run.done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fast,test,check]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps torchattacks==3.5.1
	@touch $@

.venv/bench.done: .venv/test.done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fast,test,check,bench]'
	@touch $@
