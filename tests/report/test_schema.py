"""The JSON Schema of `run.json`."""

import copy
import json

import jsonschema
import pytest

from surehand.report import SCHEMA_FILE

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def without(record, *path):
    record = copy.deepcopy(record)
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return record


def test_the_schema_is_itself_valid():
    VALIDATOR.check_schema(VALIDATOR.schema)


def test_a_whole_run_is_accepted(record, alphabet_record):
    VALIDATOR.validate(record)
    VALIDATOR.validate(alphabet_record)


@pytest.mark.parametrize(
    "path",
    [
        *((key,) for key in ("schema", "status", "seed", "command", "versions", "data", "models", "artifacts")),
        *(("data", key) for key in ("images", "classes", "quarantined", "leak_rate", "nearest_neighbour")),
        ("data", "nearest_neighbour", "grouped"),
        *(
            ("models", "cnn", key)
            for key in (
                *("parameters", "file", "seconds", "epochs", "stopped_because"),
                *("accuracy", "calibration", "fgsm", "lime"),
            )
        ),
        *(("models", "cnn", "accuracy", key) for key in ("random", "grouped", "external")),
        *(("models", "cnn", "accuracy", "grouped", key) for key in ("value", "low", "high", "n")),
        *(("models", "cnn", "calibration", key) for key in ("ece", "temperature")),
        *(
            ("models", "cnn", "fgsm", key)
            for key in ("epsilons", "accuracy", "robust", "forward_passes", "backward_passes")
        ),
        *(("models", "cnn", "lime", key) for key in ("superpixels", "perturbations", "r2", "top")),
    ],
    ids=".".join,
)
def test_a_run_that_lacks_a_required_number_is_rejected(record, path):
    assert not VALIDATOR.is_valid(without(record, *path))


def test_an_interrupted_run_may_lack_what_was_not_reached(record):
    record.update(status="running", verdict=None, data={})
    record["models"] = {"cnn": {"parameters": 5}}
    VALIDATOR.validate(record)


def test_shares_outside_zero_to_one_are_rejected(record):
    record["data"]["leak_rate"] = 85
    assert not VALIDATOR.is_valid(record)


def test_further_keys_are_welcome(record):
    record["models"]["cnn"]["something_new"] = 1
    VALIDATOR.validate(record)
