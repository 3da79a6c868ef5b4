"""What pyproject.toml, requirements.txt and requirements.lock say of packages is one story."""

import pathlib
import re
import tomllib

ROOT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
OF_A_CLONE = ("experiments", "plots", "checkpoints", "pyearth")


def lines(name):
    """The requirements in a file, without comments."""
    found = [line.partition("#")[0] for line in (ROOT / name).read_text("utf-8").splitlines()]
    return [line.strip() for line in found if line.strip()]


def package(requirement):
    """The package of a requirement, as the registry spells it."""
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")


def test_requirements_are_those_of_the_package_and_of_a_clone():
    wanted = PROJECT["dependencies"] + sum((EXTRAS[name] for name in OF_A_CLONE), [])
    assert sorted(lines("requirements.txt")) == sorted(wanted)


def test_every_package_of_the_suite_is_locked():
    locked = {package(line) for line in lines("requirements.lock")}
    assert re.fullmatch(r"spline_fc\[.*\]", EXTRAS["dev"][0])
    names = EXTRAS["dev"][0].removeprefix("spline_fc[").removesuffix("]").split(",")
    wanted = PROJECT["dependencies"] + EXTRAS["dev"][1:] + sum((EXTRAS[n] for n in names), [])
    assert {package(requirement) for requirement in wanted} <= locked


def test_a_sentence_on_a_missing_package_names_an_extra_that_there_is():
    source = "".join(path.read_text("utf-8") for path in (ROOT / "spline_fc").rglob("*.py"))
    named = re.findall(r'optional\(\s*"([\w.]+)",\s*"(\w+)"', source)
    assert len(named) >= 5
    for module, extra in named:
        start = module.partition(".")[0].lower()
        assert any(package(line).startswith(start) for line in EXTRAS[extra]), (module, extra)
