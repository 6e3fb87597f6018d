"""`surehand evaluate`: how good a model is on labelled images."""

from dataclasses import asdict

from ._console import Console
from ._options import CacheOption, DataArgument, ModelArgument
from ._verb import Outcome, verb


@verb
def evaluate(console: Console, model: ModelArgument, data: DataArgument, cache: CacheOption = None) -> Outcome:
    """Accuracy of MODEL on all images of DATA, with its exact interval, classes, confusions and calibration."""
    from surehand.data import load_external
    from surehand.models import load
    from surehand.train import evaluate as evaluate_

    classifier = load(model)
    dataset = load_external(data, classifier.size, classifier.classes, cache=cache, progress=console.progress("Read"))
    found = evaluate_(
        classifier.model, dataset.all(), temperature=classifier.temperature, progress=console.progress("Evaluate")
    )
    result = {
        "accuracy": asdict(found.accuracy),
        "ece": found.ece,
        "classes": [asdict(c) for c in found.class_scores],
        "confused": [asdict(c) for c in found.most_confused()],
        "quarantined": [{"path": q.path, "reason": q.reason} for q in dataset.manifest.quarantined],
    }
    lines = [f"accuracy  {found.accuracy}", f"calibration error  {100 * found.ece:.1f} %"]
    lines += [f"  {c.truth} read as {c.prediction}: {c.count} ({100 * c.share:.0f} %)" for c in found.most_confused(5)]
    missing = sorted(set(classifier.classes) - {found.classes[i] for i in found.labels})
    warnings = (f"{data} has no images of {', '.join(missing)}.",) if missing else ()
    return Outcome(result, "\n".join(lines), warnings)
