"""What a wheel and an sdist hold; run outside the checkout, by the interpreter that has the wheel."""

import importlib.metadata
import subprocess
import sys
import tarfile
from pathlib import Path

LIMIT = 0.5  # seconds for `import fokkerplanck`; the best of a few, so that a busy machine does not fail it
TIMED = "import time; t = time.perf_counter(); import fokkerplanck, sys; print(time.perf_counter() - t); "
HEAVY = ("numba", "sympy", "matplotlib", "xarray", "rich")


def main(sdist: str) -> None:
    import fokkerplanck

    home = Path(fokkerplanck.__file__).parent
    assert "site-packages" in home.parts, f"imported from {home}"
    files = importlib.metadata.files("fokkerplanck") or []
    tops = {f.parts[0] for f in files if not f.parts[0].endswith(".dist-info") and f.parts[0] != ".."}
    assert tops == {"fokkerplanck"}, f"the wheel installs {sorted(tops)}"
    for name in ("models", "validation", "tests", "docs", "benchmarks"):
        assert not (home.parent / name).exists(), f"{name} is in site-packages"
    for name in ("py.typed", "template.toml", "reporting/page.html.jinja", "reporting/style.css"):
        assert (home / name).is_file(), f"the wheel lacks {name}"
    assert fokkerplanck.__version__ == importlib.metadata.version("fokkerplanck")

    ask = TIMED + f"print([m for m in {HEAVY} if m in sys.modules])"
    said = [subprocess.check_output([sys.executable, "-c", ask], text=True).splitlines() for _ in range(5)]
    best = min(float(seconds) for seconds, _ in said)
    assert best < LIMIT, f"import takes {best:.2f} s"
    assert said[0][1] == "[]", f"import loads {said[0][1]}"

    with tarfile.open(sdist) as archive:
        held = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    wanted = {
        "fokkerplanck",
        "models",
        "tests",
        "docs",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "pyproject.toml",
    }
    assert wanted <= held, f"the sdist lacks {sorted(wanted - held)}"
    print(f"wheel and sdist hold what they should; import in {best * 1e3:.0f} ms")


if __name__ == "__main__":
    main(sys.argv[1])
