"""Charts of a report, as specifications of Vega-Lite; pages draw them, and files of images."""

from edgeval.report.charts.divergence import divergence_chart, position_chart
from edgeval.report.charts.drift import drift_chart, drift_image, drift_title
from edgeval.report.charts.evidence import (
    changes_chart,
    groups_chart,
    looks_chart,
)
from edgeval.report.charts.quality import quality_chart

__all__ = [
    "changes_chart",
    "divergence_chart",
    "drift_chart",
    "drift_image",
    "drift_title",
    "groups_chart",
    "looks_chart",
    "position_chart",
    "quality_chart",
]
