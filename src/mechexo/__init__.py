"""mechexo: the operations console of a systematic-trading desk's on-call engineer."""

__version__ = "0.1.0"
