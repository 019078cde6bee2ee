"""Moodle's web services in their REST form: https://docs.moodle.org/dev/Web_services; hand-ins alone.

Three functions are called: `mod_assign_get_assignments`, `mod_assign_get_submissions` and
`core_enrol_get_enrolled_users`; files are loaded from webservice/pluginfile.php. The token goes into the body of each
request, where no server writes it into a log of addresses. An error comes with the status 200.

Grades are not sent: `mod_assign_save_grades` replaces the written feedback that stands in Moodle along with the grade.
The csv of `export --format moodle` changes grades alone.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from storyteller.errors import StorytellerError
from storyteller_grading.classroom.lms.remote.connection import Connection
from storyteller_grading.classroom.lms.remote.remote import Fetched, remote_file, sent_names
from storyteller_grading.classroom.lms.remote.settings import RemoteSettings
from storyteller_grading.classroom.lms.system import Claim

SERVICE = "/webservice/rest/server.php"


class MoodleRemote:
    """One assignment of a Moodle course.

    Args:
        settings: where it is; `assignment` is the number in its address, which is that of the course module.
        pause: waits so many seconds.
    """

    def __init__(self, settings: RemoteSettings, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.settings = settings
        self.connection = Connection(settings.url, settings.token, bearer=False, pause=pause)
        self.drafts = 0  # of those who began to hand in and did not

    def call(self, function: str, **parameters: object) -> Any:
        """What a function of the web service gives.

        Raises:
            StorytellerError: Moodle refuses it.
        """
        form = {"wstoken": self.settings.token, "wsfunction": function, "moodlewsrestformat": "json", **parameters}
        try:
            answer = self.connection.post(SERVICE, form).json()
        except ValueError:
            raise StorytellerError(
                f"{self.connection.host} gives no JSON for {function}: is its url in lms.toml that of Moodle, and are "
                "its web services switched on?"
            ) from None
        if isinstance(answer, dict) and answer.get("exception"):
            said = self.connection.without_token(f"{answer.get('errorcode')}: {answer.get('message')}")
            raise StorytellerError(
                f"Moodle refuses {function} ({said}): the token's service must have this function, "
                "and its owner a teacher's rights in the course."
            )
        return answer

    def hand_ins(self) -> list[Fetched]:
        """The files of every submission that is handed in, with its time."""
        course, number = self.settings.course, self.settings.assignment
        listed = self.call("mod_assign_get_assignments", **{"courseids[0]": course})
        assignments = [one for each in listed["courses"] for one in each["assignments"]]
        assignment = next((str(one["id"]) for one in assignments if str(one["cmid"]) == number), "")
        if not assignment:
            known = ", ".join(f"{one['cmid']} ({one['name']})" for one in assignments) or "none"
            raise StorytellerError(f"Moodle's course {course} has no assignment {number}; it has {known}.")
        users = {one["id"]: one for one in self.call("core_enrol_get_enrolled_users", courseid=course)}
        found: list[Fetched] = []
        self.drafts = 0
        for each in self.call("mod_assign_get_submissions", **{"assignmentids[0]": assignment})["assignments"]:
            for submission in each["submissions"]:
                if submission["status"] == "submitted":
                    found += self._files(submission, users.get(submission["userid"], {}))
                elif submission["status"] == "draft":
                    self.drafts += 1
        return found

    def _files(self, submission: dict[str, Any], user: dict[str, Any]) -> list[Fetched]:
        # The roster's lms_user_id is the ID number, which need not be there; nobody can choose the e-mail address.
        names = sent_names([user.get("email"), user.get("username"), user.get("fullname")])
        claim = Claim(
            names,
            user=str(user.get("idnumber") or ""),
            number=str(submission["userid"]),
            submitted_at=datetime.fromtimestamp(int(submission["timemodified"]), UTC),
        )
        found = []
        for plugin in submission.get("plugins", ()):
            for area in plugin.get("fileareas", ()) if plugin.get("type") == "file" else ():
                for file in area.get("files", ()):
                    url, name = str(file["fileurl"]), str(file["filename"]).replace("/", "_")
                    if not self.connection.is_ours(url):
                        raise StorytellerError(
                            f"Moodle names another host for a file ({url[:100]}); nothing was written."
                        )
                    path = f"{names[-1] if names else 'user'}_{submission['userid']}/{name}"
                    found.append((remote_file(self.connection, path, url, {"token": self.settings.token}), claim))
        return found
