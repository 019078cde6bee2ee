"""Canvas's REST API: https://canvas.instructure.com/doc/api/submissions.html and .../progress.html.

Lists are paged by the header `Link`; a request too many is answered by 403 with "Rate Limit Exceeded". Grades are
sent in one request, which Canvas carries out later and tells of under /api/v1/progress.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.lms.remote.connection import Connection
from storyteller_grading.classroom.lms.remote.remote import Fetched, RemoteGrade, remote_file, sent_names
from storyteller_grading.classroom.lms.remote.settings import RemoteSettings
from storyteller_grading.classroom.lms.system import Claim, format_points

PAGE_SIZE = 100
POLL_INTERVAL_S = 2.0
MAX_WAIT_S = 600.0  # for Canvas to enter the grades


def is_throttled(text: str) -> bool:
    """Does a 403 mean "later"?"""
    return "rate limit exceeded" in text.lower()


class CanvasRemote:
    """One assignment of a Canvas course.

    Args:
        settings: where it is.
        pause: waits so many seconds.
    """

    def __init__(self, settings: RemoteSettings, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.pause = pause
        self.connection = Connection(settings.url, settings.token, bearer=True, pause=pause, throttled=is_throttled)
        self.path = f"/api/v1/courses/{settings.course}/assignments/{settings.assignment}/submissions"

    def _submissions(self) -> Iterator[dict[str, Any]]:
        """Everybody's latest submission, page by page."""
        answer = self.connection.get(self.path, {"include[]": "user", "per_page": PAGE_SIZE})
        while True:
            try:
                page = answer.json()
            except ValueError:
                page = None
            if not isinstance(page, list):
                raise StorytellerError(
                    f"{self.connection.host} gives no list of submissions: is its url in lms.toml that of Canvas?"
                )
            yield from page
            if not (following := answer.links.get("next", {}).get("url")):
                return
            if not self.connection.is_ours(following):
                raise StorytellerError(
                    f"{self.connection.host} names another host for the next page; nothing was done."
                )
            answer = self.connection.get(following)

    def _claim(self, submission: dict[str, Any]) -> Claim:
        user = submission.get("user") or {}
        if "user_id" not in submission:
            raise StorytellerError(
                "Canvas does not tell whose the submissions are: the assignment is graded anonymously. Switch that off."
            )
        names = sent_names([user.get("login_id"), user.get("sis_user_id"), user.get("name")])
        when = submission.get("submitted_at") or ""
        return Claim(
            names,
            user=str(submission["user_id"]),
            submitted_at=datetime.fromisoformat(when).astimezone(UTC) if when else None,
        )

    def hand_ins(self) -> list[Fetched]:
        """The files of every latest submission, with the time of handing in."""
        found = []
        for submission in self._submissions():
            claim = self._claim(submission)
            for file in submission.get("attachments") or ():
                name = str(file.get("display_name") or file.get("filename") or "file").replace("/", "_")
                path = f"{claim.names[-1] if claim.names else claim.user}_{claim.user}/{name}"
                found.append((remote_file(self.connection, path, str(file["url"])), claim))
        return found

    def grades(self) -> list[RemoteGrade]:
        """Who is in the assignment, and the score that stands there."""
        return [RemoteGrade(str(one["user_id"]), self._claim(one), one.get("score")) for one in self._submissions()]

    def send(self, points: dict[str, float]) -> None:
        """Enter points by user, in one request; returns when Canvas says that they are in.

        Raises:
            StorytellerError: Canvas says that it failed, or is not done after ten minutes.
        """
        fields = {f"grade_data[{user}][posted_grade]": format_points(value) for user, value in points.items()}
        progress = self.connection.post(f"{self.path}/update_grades", fields).json()
        waited = 0.0
        while progress.get("workflow_state") in ("queued", "running"):
            if waited >= MAX_WAIT_S:
                raise StorytellerError(
                    f"Canvas has not entered the grades after {MAX_WAIT_S / 60:.0f} minutes "
                    f"({progress.get('completion') or 0:.0f} %): look into its gradebook before you send them again."
                )
            self.pause(POLL_INTERVAL_S)
            waited += POLL_INTERVAL_S
            progress = self.connection.get(f"/api/v1/progress/{int(progress['id'])}").json()
        if progress.get("workflow_state") != "completed":
            said = self.connection.without_token(str(progress.get("message") or "it does not say why"))
            raise StorytellerError(f"Canvas could not enter the grades ({said}): look into its gradebook.")
