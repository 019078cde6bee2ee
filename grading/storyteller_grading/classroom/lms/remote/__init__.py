"""An LMS's web service in place of its zips and csv files: `collect --canvas`, `collect --moodle`, `export --canvas`.

    settings      lms.toml in the course's folder: which course and assignments; where the token is
    connection    requests with a token: retried, paged, and never sent to another host
    remote        files that are loaded late; which grades differ from those that stand there
    canvas, moodle    one file a system; Moodle's gives hand-ins alone

Written by the documentation of both and tried on a server that follows it, not on a running Canvas or Moodle.
"""
