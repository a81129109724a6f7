"""The report of assessed inputs: one HTML file and the same as PDF per clip, an index for a batch."""

from wince.assess.report.sheet import Circumstances, Sheet, Treatment
from wince.assess.report.write import write

__all__ = ["Circumstances", "Sheet", "Treatment", "write"]
