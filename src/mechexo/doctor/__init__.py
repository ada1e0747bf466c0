"""The doctor: what is wrong with this set-up, and how to mend it."""

from mechexo.doctor.examination import examine
from mechexo.doctor.findings import Finding

__all__ = ["Finding", "examine"]
