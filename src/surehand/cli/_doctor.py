"""`surehand doctor`: what this installation has, and what to type for what it lacks."""

import importlib.util
import platform
import shutil

from surehand.processors import cores

from ._console import Console
from ._verb import Outcome, verb

PARTS = {
    "simplejpeg": ("faster reading of JPEG files", "pip install 'surehand[fast]'"),
    "kagglehub": ("kaggle:OWNER/NAME sources", "pip install 'surehand[kaggle]'"),
    "transformers": ("models zoo-NAME", "pip install 'surehand[zoo]'"),
}
_BFLOAT16 = {
    True: "native",
    False: "not native: training finds float32 faster",
    None: "not known here: training finds out what is faster",
}


@verb
def doctor(console: Console) -> Outcome:
    """Versions, processor, voice, optional parts; and the command that adds what is missing."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {"python": platform.python_version()}
    for name in ("surehand", "torch", "numpy", "pillow", "numba", "lightning-fabric", "onnxruntime", "hibari-tts"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "missing"
    parts = {name: importlib.util.find_spec(name) is not None for name in PARTS}
    voice = "hibari-tts" if versions["hibari-tts"] != "missing" else "espeak-ng" if shutil.which("espeak-ng") else None
    bfloat16 = _bfloat16()
    result = {
        "versions": versions,
        "cores": cores(),
        "bfloat16": bfloat16,
        "voice": voice,
        "parts": parts,
    }
    lines = [f"{name:<18} {number}" for name, number in versions.items()]
    lines += [
        f"{'cores':<18} {result['cores']}",
        f"{'bfloat16':<18} {_BFLOAT16[bfloat16]}",
        f"{'voice':<18} {voice or 'none: pip install hibari-tts'}",
    ]
    lines += [f"{name:<18} {'yes' if parts[name] else f'no ({what}): {how}'}" for name, (what, how) in PARTS.items()]
    return Outcome(result, "\n".join(lines))


def _bfloat16() -> bool | None:
    """Whether the processor computes in bfloat16; None where the system does not say."""
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((line for line in file if line.startswith(("flags", "Features"))), "").split()
    except OSError:
        return None
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)
