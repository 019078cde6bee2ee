"""A rule for late work that nbgrader's configuration can name: points off for each day that has begun.

c.AssignLatePenalties.plugin_class = "storyteller_grading.classroom.late_penalty.LatePerDay"
c.LatePerDay.points = 10
"""

import math

from nbgrader.plugins import BasePlugin
from traitlets import Float

SECONDS_PER_DAY = 86400


class LatePerDay(BasePlugin):  # type: ignore[misc]  # nbgrader has no types
    """So many points off for each day begun after the due date and the minutes of grace; nothing as it comes."""

    points = Float(0.0, min=0.0, help="Points off for each day that has begun.").tag(config=True)
    most = Float(100.0, min=0.0, help="No more points are taken off than these.").tag(config=True)
    grace_minutes = Float(0.0, min=0.0, help="Minutes after the due date that cost nothing.").tag(config=True)

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float:
        """The points to take off, never more than there are.

        >>> LatePerDay(points=10, grace_minutes=15).late_submission_penalty("ada", 80.0, 86400 + 901)
        20.0
        """
        beyond = total_seconds_late - 60 * self.grace_minutes
        days = math.ceil(beyond / SECONDS_PER_DAY) if beyond > 0 else 0
        return min(self.points * days, self.most, score)
