"""The report of a run: one HTML file that opens offline.

`summarise` turns a fitted estimator and its rows into arrays, `write_page` turns a run folder into the page.
"""

from mixtura.report.mixed_summary import summarise_mixed as summarise_mixed
from mixtura.report.page import write_page as write_page
from mixtura.report.summarise import summarise as summarise

__all__ = ["summarise", "summarise_mixed", "write_page"]
