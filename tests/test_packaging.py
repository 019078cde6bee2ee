"""What is declared, what is pinned and what is imported agree."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LIBRARY = ROOT / "shared" / "storyteller"
COURSE = ROOT / "course" / "storyteller_course"
PYTHONS = ("3.11", "3.12", "3.13")
# Imported with a way out where it is absent.
INDIRECT = {
    "jupyter-core",  # doctor asks it where kernels are, and does without where it is missing
    "ipython",  # asked only when a notebook has loaded it
}


def names_and_ranges(lines) -> dict[str, str]:
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): str(one.specifier) for one in found}


def declared(*extras: str) -> dict[str, str]:
    """Names and ranges of the core and of these extras, with the extras that those include."""
    wanted, todo = names_and_ranges(PROJECT["dependencies"]), list(extras)
    while todo:
        for name, requirement in ((one.name, one) for one in map(Requirement, EXTRAS[todo.pop()])):
            if name == PROJECT["name"]:
                todo.extend(requirement.extras)
            else:
                wanted[canonicalize_name(name)] = str(requirement.specifier)
    return wanted


def lines_of(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]


def constraints() -> list[Requirement]:
    return [Requirement(line) for line in lines_of("constraints.txt")]


def test_requirements_are_those_of_the_core_and_the_lessons():
    assert names_and_ranges(lines_of("requirements.txt")) == declared("lessons")


def test_development_requirements_are_those_of_dev():
    first, *others = lines_of("requirements-dev.txt")
    assert first == "-r requirements.txt"
    both = names_and_ranges(lines_of("requirements.txt")) | names_and_ranges(others)
    assert both == declared("dev")
    assert not set(names_and_ranges(others)) & set(names_and_ranges(lines_of("requirements.txt")))


def test_the_conda_environment_has_the_same_names_and_ranges():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *packages, by_pip = environment["dependencies"]
    conda = {"python": Requirement("python" + PROJECT["requires-python"]), "pip": Requirement("pip")}
    found = names_and_ranges(packages)
    assert {name: found.pop(name) for name in conda} == {name: str(one.specifier) for name, one in conda.items()}
    found["torch"] = found.pop("pytorch")  # conda's name
    assert found == declared("lessons")
    assert by_pip == {"pip": ["-e ."]}


def test_every_constraint_is_one_exact_version():
    for constraint in constraints():
        assert re.fullmatch(r"==[\w.]+", str(constraint.specifier)), constraint
        assert "+" not in str(constraint.specifier), f"{constraint} names a build that other machines do not have"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_constraints_pin_every_direct_dependency_once_and_within_its_range(python, platform):
    machine = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": platform}
    pinned = {}
    for constraint in constraints():
        if constraint.marker is None or constraint.marker.evaluate(machine):
            assert canonicalize_name(constraint.name) not in pinned, f"{constraint.name} is pinned twice"
            pinned[canonicalize_name(constraint.name)] = Version(str(constraint.specifier).removeprefix("=="))
    for name, specifier in declared(*EXTRAS).items():
        assert name in pinned, f"{name} is not pinned"
        assert Requirement(name + specifier).specifier.contains(pinned[name]), f"{name}: {pinned[name]} not {specifier}"


def imports_of(source: str) -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """Modules imported at the top, modules imported inside functions, and (module, extra) of `optional_import`."""
    tree = ast.parse(source)
    top, inner, optional = set(), set(), set()
    for_types = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for part in ast.walk(node)
    }
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for part in ast.walk(node)}
    for node in ast.walk(tree):
        names = []
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "optional_import":
            optional.add((node.args[0].value.split(".")[0], node.keywords[0].value.value))
        (inner if id(node) in inside else top).update(name.split(".")[0] for name in names)
    return top, inner, optional


@cache
def all_distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def distributions(module: str) -> set[str]:
    return {canonicalize_name(name) for name in all_distributions().get(module, [module])}


SOURCES = [*sorted(LIBRARY.rglob("*.py")), *sorted(COURSE.rglob("*.py"))]


@pytest.mark.parametrize("path", SOURCES, ids=[path.relative_to(ROOT).as_posix() for path in SOURCES])
def test_every_module_that_is_imported_is_declared(path):
    top, inner, optional = imports_of(path.read_text(encoding="utf-8"))
    ours = {"storyteller", "storyteller_course", *sys.stdlib_module_names}
    core = set(declared())
    for module in (top | inner) - ours:
        names = distributions(module)
        assert names & (core | INDIRECT), f"{module} is not in the core: declare it, or use optional_import"
    for module in top - ours:
        assert module != "matplotlib", "matplotlib is imported where it is used"
        assert not distributions(module) & INDIRECT, f"{module} may be missing"
    for module, extra in optional:
        assert distributions(module) & set(declared(extra)), f"{module} is not in the extra {extra}"


GRADING = ROOT / "grading" / "storyteller_grading"
GRADERS = sorted(path for path in GRADING.rglob("*.py") if "template" not in path.parts)


@pytest.mark.parametrize("path", GRADERS, ids=[path.relative_to(GRADING).as_posix() for path in GRADERS])
def test_every_module_that_the_grading_imports_is_declared(path):
    top, inner, _ = imports_of(path.read_text(encoding="utf-8"))
    declared_there = set(declared("grading"))
    for module in (top | inner) - {
        "storyteller",
        "storyteller_course",
        "storyteller_grading",
        *sys.stdlib_module_names,
    }:
        assert distributions(module) & declared_there, f"{module} is not in the extra grading"


HEAVY = {"datasets", "mlflow", "transformers", "matplotlib", "ftfy", "datasketch", "pyarrow", "pandas"}
PARTS = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts[1:]).removesuffix(".__init__") for path in SOURCES)


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split("\n")[-2].split())


@pytest.mark.parametrize("package", [LIBRARY, COURSE, GRADING], ids=lambda package: package.name)
def test_every_file_that_is_no_python_goes_into_the_wheel(package):
    globs = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    shipped = {
        path
        for name, patterns in globs.items()
        if name.split(".")[0] == package.name
        for pattern in patterns
        for path in package.joinpath(*name.split(".")[1:]).glob(pattern)
    }
    others = {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc", ".md")}
    assert others
    assert not others - shipped


def test_importing_the_package_loads_nothing_large():
    assert not loaded_by("import storyteller") & (HEAVY | {"torch", "numpy"})


def test_importing_every_part_loads_no_optional_package():
    assert not loaded_by("\n".join(f"import {part}" for part in PARTS)) & HEAVY


def test_the_help_is_quick_because_torch_stays_away():
    asking = "from storyteller_course.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert not loaded_by(asking) & (HEAVY | {"torch"})


def test_the_commands_of_the_course_are_there():
    of_students = {"storyteller", "storyteller-download", "storyteller-tokenizer", "storyteller-preprocess"}
    assert of_students | {"storyteller-grade"} == set(PROJECT["scripts"])


def test_make_lists_every_command():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    promised = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE).group(1).split()) - {"help"}
    assert set(re.findall(r'"make ([\w-]+) ', text)) == promised
    assert promised <= set(re.findall(r"^([\w-]+):", text, re.MULTILINE))
