"""Hand-over: a profile's adapter comes in, files that other programs read come out, each read back and proved equal first.

`python -m tuning export --profile NAME --to peft|vllm|gguf|merged DIR`; docs/handover.md says what each is for.
"""

from tuning.export.handover import KINDS, export, export_profile

__all__ = ["KINDS", "export", "export_profile"]
