"""How claims are judged, and what ``python -m validation`` prints, writes and returns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import fokkerplanck as fp
from validation import closures, flat_valley, record, seeds
from validation.__main__ import SUBJECTS, main
from validation.claim import CONFIRMED, FAILED, NO_POWER, NOT_CONFIRMED, NOT_RUN, Claim, Finding
from validation.judging import ALARM, FEW, judged
from validation.thresholds import one_sample


def finding(verdict: str) -> Finding:
    return Finding(f"1.0 <{verdict}>", verdict, "why", (fp.Estimate(1.0, stat=0.1),))


@dataclass
class Toy:
    """A subject whose claims are known; `ran` says which were run."""

    verdicts: tuple[str, ...]
    errors: dict[int, BaseException] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    TITLE: str = "A toy"
    SOURCE: str = "Nobody, Journal of Toys (2026)"
    DEPARTURES: tuple[str, ...] = ("The toy is <small>.",)

    def claims(self, quick: bool) -> Iterator[Claim]:
        for k, v in enumerate(self.verdicts):
            yield Claim(
                f"c{k}", f"Claim {k} <b>", "2 [der]", "by hand", "equal", 0.0027, partial(self.test, k, v)
            )

    def test(self, k: int, verdict: str) -> Finding:
        self.ran.append(f"c{k}")
        if k in self.errors:
            raise self.errors[k]
        return finding(verdict)

    def pictures(self, quick: bool) -> Iterator[tuple[str, object]]:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([0, 1])
        yield "A rising line", figure


def run(arguments: list[str], *verdicts: str, errors: dict[int, BaseException] | None = None) -> int:
    return main(arguments, {"toy": Toy(verdicts, errors or {})})  # type: ignore[dict-item]


# -- running -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ((CONFIRMED,), 0),
        ((CONFIRMED, NO_POWER), 0),
        ((CONFIRMED, NOT_CONFIRMED), 0),
        ((CONFIRMED, FAILED), 1),
        ((NOT_CONFIRMED, FAILED), 1),
    ],
)
def test_exit_code(verdicts: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([], *verdicts) == code
    out = capsys.readouterr().out
    for word in ("claim", "predicted", "measured ± error", "verdict", "[der]", *verdicts):
        assert word in out


def test_a_refusal_is_a_failed_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([], CONFIRMED, errors={0: ValueError("no valley here")}) == 1
    assert "could not be measured: no valley" in " ".join(capsys.readouterr().out.split())


def test_unknown_name_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flat_vally"]) == 2
    assert capsys.readouterr().err == (
        f"there is no subject 'flat_vally'; did you mean 'flat_valley'? There are {', '.join(SUBJECTS)}.\n"
    )


def test_unwritable_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("precious")
    assert run(["-o", str(tmp_path / "file")], CONFIRMED) == 2
    assert "which is a file" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "precious"


def test_files(tmp_path: Path) -> None:
    assert run(["toy", "--quick", "-o", str(tmp_path)], CONFIRMED, FAILED) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["toy-1.png", "validation.html", "validation.json"]
    saved = json.loads((tmp_path / "validation.json").read_text())
    assert saved["status"] == "complete"
    assert saved["provenance"]["quick"] is True
    first, second = saved["subjects"][0]["claims"]
    assert (first["verdict"], second["verdict"]) == (CONFIRMED, FAILED)
    assert first["numbers"][0]["stat"] == 0.1
    assert first["false_alarm"] == 0.0027
    page = (tmp_path / "validation.html").read_text()
    assert "Claim 0 &lt;b&gt;" in page
    assert "http" not in page  # needs nothing else
    assert "src='data:image/png;base64,iVBOR" in page
    assert "A rising line" in page
    assert "Journal of Toys" in page
    assert "The toy is &lt;small&gt;." in page
    assert "partial" not in page.split("</style>")[1]
    assert "1 confirmed, 1 failed, 0 without power to tell." in page
    assert "0.0054 of them would be called false by chance" in record.summary(saved)


def saved(folder: Path) -> dict[str, object]:
    return json.loads((folder / record.FILE).read_text())  # type: ignore[no-any-return]


def test_a_stopped_run_is_partial_and_is_taken_up_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = Toy((CONFIRMED,) * 3, {1: KeyboardInterrupt()})
    assert main(["-o", str(tmp_path)], {"toy": stopped}) == 130  # type: ignore[dict-item]
    assert "the same call goes on" in capsys.readouterr().err
    left = saved(tmp_path)
    assert left["status"] == "partial"
    assert [c["id"] for c in left["subjects"][0]["claims"]] == ["c0"]  # type: ignore[index]
    assert "This report is partial" in (tmp_path / record.PAGE).read_text()
    again = Toy((CONFIRMED,) * 3)
    assert main(["-o", str(tmp_path)], {"toy": again}) == 0  # type: ignore[dict-item]
    assert again.ran == ["c1", "c2"]
    whole = saved(tmp_path)
    assert whole["status"] == "complete"
    assert [c["id"] for c in whole["subjects"][0]["claims"]] == ["c0", "c1", "c2"]  # type: ignore[index]
    assert whole["subjects"][0]["claims"][0] == left["subjects"][0]["claims"][0]  # type: ignore[index]
    assert "Going on with" in capsys.readouterr().out


@pytest.mark.parametrize("other", [["--quick"], ["--seed", "1"]])
def test_other_options_start_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: list[str]
) -> None:
    out = ["-o", str(tmp_path)]
    run(out, CONFIRMED, CONFIRMED, errors={1: KeyboardInterrupt()})
    toy = Toy((CONFIRMED, CONFIRMED))
    assert main([*out, *other], {"toy": toy}) == 0  # type: ignore[dict-item]
    assert toy.ran == ["c0", "c1"]
    said = " ".join(capsys.readouterr().out.split())
    assert "starting anew" in said
    assert other[0][2:] in said


@pytest.mark.parametrize("content", ["", "{", "[]", '{"status": "partial"}'])
def test_a_file_that_is_no_record_starts_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (tmp_path / record.FILE).write_text(content)
    assert run(["-o", str(tmp_path)], CONFIRMED) == 0
    assert "is not a record of claims: starting anew" in " ".join(capsys.readouterr().out.split())
    assert saved(tmp_path)["status"] == "complete"


def test_a_complete_record_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["-o", str(tmp_path)], FAILED)
    assert run(["-o", str(tmp_path)], CONFIRMED) == 0
    assert "is complete: starting anew" in " ".join(capsys.readouterr().out.split())


def test_a_missing_package_names_its_extra_and_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ModuleNotFoundError("No module named 'sklearn'", name="sklearn.datasets")
    out = ["-o", str(tmp_path)]
    assert run(out, CONFIRMED, CONFIRMED, errors={1: error}) == 2
    assert "pip install &#x27;fokkerplanck[digits]&#x27;" in (tmp_path / record.PAGE).read_text()
    assert saved(tmp_path)["subjects"][0]["claims"][1]["verdict"] == NOT_RUN  # type: ignore[index]
    toy = Toy((CONFIRMED, CONFIRMED))
    assert main(out, {"toy": toy}) == 0  # type: ignore[dict-item]
    assert toy.ran == ["c1"]
    assert saved(tmp_path)["status"] == "complete"


def test_pictures_that_are_refused_stop_nothing(tmp_path: Path) -> None:
    class Blind(Toy):
        def pictures(self, quick: bool) -> Iterator[tuple[str, object]]:
            yield from super().pictures(quick)
            raise ValueError("no <place> to draw")

    subjects = {"toy": Blind((CONFIRMED,)), "other": Toy((CONFIRMED,))}
    assert main(["-o", str(tmp_path)], subjects) == 0  # type: ignore[arg-type]
    assert saved(tmp_path)["status"] == "complete"
    page = (tmp_path / record.PAGE).read_text()
    assert "could not be drawn: no &lt;place&gt; to draw" in page
    assert page.count("A rising line</figcaption>") == 1


KILLED = """
import sys, time
from tests.test_validation import CONFIRMED, Toy, main
class Slow(Toy):
    def test(self, k, verdict):
        if k == 2:
            print("ready", flush=True)
            time.sleep(60)
        return super().test(k, verdict)
main(["-o", sys.argv[1]], {"toy": Slow((CONFIRMED,) * 4)})
"""


def test_a_killed_run_leaves_what_was_done(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert b"ready" in process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    left = saved(tmp_path)
    assert left["status"] == "partial"
    assert [c["id"] for c in left["subjects"][0]["claims"]] == ["c0", "c1"]  # type: ignore[index]
    assert "This report is partial" in (tmp_path / record.PAGE).read_text()


def test_a_shift_of_all_seeds() -> None:
    assert seeds.seed(31) == 31
    try:
        run(["--seed", "2"], CONFIRMED)
        assert seeds.seed(31) == 2_000_031
    finally:
        seeds.shift(0)
    with pytest.raises(SystemExit):
        run(["--seed", "-1"], CONFIRMED)


# -- the claims themselves -----------------------------------------------------------------------------


@pytest.mark.parametrize("quick", [False, True])
def test_every_claim_is_whole_before_it_is_run(quick: bool) -> None:
    for subject in SUBJECTS.values():
        ids = []
        assert subject.TITLE
        assert subject.SOURCE
        assert isinstance(subject.DEPARTURES, tuple)
        for c in subject.claims(quick):
            ids.append(c.id)
            assert all((c.sentence, c.predicted, c.method, c.criterion))
            assert 0 <= c.false_alarm <= (FEW if quick else ALARM)
        assert len(set(ids)) == len(ids)


def test_predictions_are_those_of_the_theory() -> None:
    said = {c.id: c.predicted for c in flat_valley.claims(False)}
    assert "slopes 4.427 and 3.534; its SDE 4.000 and 3.000" in said["slopes-4"]
    assert "slopes 2.223 and 1.334" in said["slopes-2"]
    assert said["time-4"].startswith("10471 steps")
    assert "its SDE 10995" in said["time-4"]
    assert said["time-2"].startswith("6676 steps")
    for noise in closures.NOISES:
        law = fp.effective_loss(closures.chain(noise, closures.SIGMA), slow="x")
        if noise == "shift":
            np.testing.assert_allclose(closures.reached(law), closures.SHIFT_CASE, atol=1e-5)


def test_one_sde_for_three_chains() -> None:
    assert next(c for c in flat_valley.claims(True) if c.id == "one-sde").run().verdict == CONFIRMED


def test_a_wrong_closure_fails() -> None:
    """Power: at 100 chains the small-lr law is already refused, the finite-lr one is not."""
    assert closures._one("label", 100).run().verdict == CONFIRMED
    law = fp.effective_loss(closures.chain("label", closures.SIGMA), slow="x")
    m = closures.measured("label", 100)
    for target, good in ((law, True), (law.small_lr, False)):
        off = m.limit - closures.reached(target)
        chi2 = float(off @ np.linalg.solve(m.covariance, off))
        assert (chi2 < 18.5) == good  # 4 degrees of freedom, false alarm 1e-3


def test_thresholds_of_one_sample() -> None:
    """The mean-square threshold from few chains, and a wrong one refused."""
    claim = one_sample.mean_square(40_000)
    assert claim.predicted == "lr 1.6000; the SDE's own bound 8.0000"
    found = claim.run()
    assert found.verdict == CONFIRMED
    assert judged(found.numbers[0], 2.0, one_sample.ONE).verdict == FAILED  # the deterministic one
