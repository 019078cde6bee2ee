"""What a worker may leave behind: a folder is emptied whatever is in it, and a trial sees that nothing stays.

The trial is made of two cells: the first leaves its mark wherever a program may write, the second, in another worker,
says where it finds one. `worker_client.try_out` runs them before anybody is graded.
"""

import os
import uuid
from pathlib import Path

HOMES = ("HOME", "USERPROFILE", "IPYTHONDIR", "MPLCONFIGDIR")  # by these programs find the folder of their settings
# Where programs leave things, beside the folder that a worker is given and those above it.
PLACES = ("/", "/tmp", "/var/tmp", "/dev", "/dev/shm", "/dev/mqueue", "/run", "/run/lock", "/run/shm", "/var/lock")
MARK = "storyteller-left-behind"
_PLACES = f"""
import os
places = [*{PLACES!r}, os.path.expanduser("~")]
place = os.getcwd()
while place != os.path.dirname(place):
    places.append(place)
    place = os.path.dirname(place)
"""
LEAVE = f"""{_PLACES}
for place in places:
    try:
        os.mkdir(os.path.join(place, "{MARK}"), mode=0)
    except OSError:
        pass
"""
LOOK = f"""{_PLACES}
print(*dict.fromkeys(place for place in places if os.path.lexists(os.path.join(place, "{MARK}"))), sep=", ", end="")
"""


def empty(folder: Path) -> None:
    """Remove all that is in a folder, whatever its modes and however deep: who wrote it may have meant it to stay.

    A folder within a folder is moved up before its own turn comes, so no path is ever long.
    """
    while entries := list(os.scandir(folder)):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            os.chmod(entry.path, 0o700)
            for inner in list(os.scandir(entry.path)):
                if inner.is_dir(follow_symlinks=False):
                    os.chmod(inner.path, 0o700)
                    os.rename(inner.path, folder / str(uuid.uuid4()))
                else:
                    os.unlink(inner.path)
            os.rmdir(entry.path)
