"""The repository's address: one setting, `Repository` in pyproject.toml, and what is made of it.

With an address, each notebook has links that open it elsewhere and a first cell that fetches the course, and the README
has badges. Without one there is none of these: no address is invented.

    address_of(root)                 # "" where none is set
    set_address(root, "https://github.com/someone/storyteller")
"""

import re
import tomllib
from pathlib import Path
from urllib.parse import quote, urlsplit

from storyteller.errors import StorytellerError
from storyteller.utils.atomic_io import write_whole

BRANCH = "main"  # which the links lead to, as the workflow names it
BADGES = re.compile(r"(<!-- badges -->).*?(<!-- /badges -->)", re.DOTALL)  # in README.md
SETTING = re.compile(r'\[project\.urls\]\nRepository = "[^"\n]*"\n\n')
PICTURES = {
    "Colab": "https://colab.research.google.com/assets/colab-badge.svg",
    "Kaggle": "https://kaggle.com/static/images/open-in-kaggle.svg",
    "Codespaces": "https://github.com/codespaces/badge.svg",
    "Binder": "https://mybinder.org/badge_logo.svg",
}


def address_of(root: Path) -> str:
    """The address that a checkout's pyproject.toml has, "" where it has none.

    Args:
        root: the checkout's folder; a folder without a pyproject.toml has no address.
    """
    file = root / "pyproject.toml"
    if not file.is_file():
        return ""
    urls = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {}).get("urls", {})
    return str(urls.get("Repository", ""))


def set_address(root: Path, address: str) -> str:
    """Write an address into pyproject.toml and the README's badges; "" takes both away. Gives it as it was written.

    Raises:
        StorytellerError: it is no address of a repository.
    """
    address = address.strip().rstrip("/").removesuffix(".git")
    parts = urlsplit(address)
    if address and (
        parts.scheme not in ("https", "http") or not re.fullmatch(r"(/[\w.~-]+){2,}", parts.path) or parts.query
    ):
        raise StorytellerError(
            f"{address!r} is no repository's address; one is like https://github.com/OWNER/NAME, or empty for none."
        )
    file, readme = root / "pyproject.toml", root / "README.md"
    text = SETTING.sub("", file.read_text(encoding="utf-8"))
    if address:
        text = text.replace("[project.scripts]", f'[project.urls]\nRepository = "{address}"\n\n[project.scripts]', 1)
    write_whole(file, text)
    first = next((path.stem for path in sorted((root / "lessons").glob("[0-9][0-9]_*/*.ipynb"))), "")
    found = "\n".join(f"[![Open in {name}]({PICTURES[name]})]({link})" for name, link in links(address, first).items())
    write_whole(readme, BADGES.sub(lambda mark: f"{mark[1]}\n{found}\n{mark[2]}" if found else f"{mark[1]}{mark[2]}",
                                   readme.read_text(encoding="utf-8")))  # fmt: skip
    return address


def links(address: str, lesson: str) -> dict[str, str]:
    """Where a lesson's notebook can be opened, by the place's name; which places depends on who hosts the repository.

    >>> list(links("https://github.com/a/b", "01_x")), list(links("https://gitlab.com/a/b", "01_x")), links("", "01_x")
    (['Colab', 'Kaggle', 'Codespaces', 'Binder'], ['Binder'], {})
    """
    if not address:
        return {}
    parts = urlsplit(address)
    name, notebook = parts.path.strip("/"), f"lessons/{lesson}/{lesson}.ipynb"
    host = {"github.com": "gh", "gitlab.com": "gl"}.get(parts.netloc)
    repository = (
        f"{host}/{name if host == 'gh' else quote(name, safe='')}" if host else f"git/{quote(address, safe='')}"
    )
    binder = f"https://mybinder.org/v2/{repository}/{BRANCH}?labpath={quote(notebook, safe='')}"
    if host != "gh":
        return {"Binder": binder}
    return {
        "Colab": f"https://colab.research.google.com/github/{name}/blob/{BRANCH}/{notebook}",
        "Kaggle": f"https://kaggle.com/kernels/welcome?src={address}/blob/{BRANCH}/{notebook}",
        "Codespaces": f"https://codespaces.new/{name}",
        "Binder": binder,
    }


def links_in_words(address: str, lesson: str) -> str:
    """The links above a notebook, as a line of Markdown; "" without an address.

    They are words, for a badge's picture would be asked of another machine each time the notebook is opened.
    """
    found = [f"[{name}]({link})" for name, link in links(address, lesson).items()]
    return f"Open this lesson in {' · '.join(found)}" if found else ""
