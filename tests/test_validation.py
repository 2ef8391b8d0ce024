"""How claims are judged, and what ``python -m validation`` prints, writes and returns."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import fokkerplanck as fp
from validation import closures, flat_valley, record, thresholds
from validation.__main__ import SUBJECTS, main
from validation.claim import CONFIRMED, FAILED, NO_POWER, Claim, Finding, all_of, exact, judged


def finding(verdict: str) -> Finding:
    return Finding(f"1.0 <{verdict}>", verdict, "why", (fp.Estimate(1.0, stat=0.1),))


def subject(*verdicts: str, refuses: bool = False) -> dict[str, tuple[str, object]]:
    def refuse() -> Finding:
        raise ValueError("no valley here")

    def claims(quick: bool) -> Iterator[Claim]:
        for k, v in enumerate(verdicts):
            yield Claim(f"c{k}", f"Claim {k} <b>", "2", "by hand", "equal", 0.0027, partial(finding, v))
        if refuses:
            yield Claim("bad", "This cannot be measured", "2", "by hand", "equal", 0.0, refuse)

    return {"toy": ("A toy", claims)}


def run(arguments: list[str], *verdicts: str, **options: bool) -> int:
    return main(arguments, subject(*verdicts, **options))  # type: ignore[arg-type]


# -- judging -------------------------------------------------------------------------------------------


def test_three_standard_errors() -> None:
    assert judged(fp.Estimate(1.02, stat=0.01), 1.0).verdict == CONFIRMED
    assert judged(fp.Estimate(1.04, stat=0.01), 1.0).verdict == FAILED
    assert judged(fp.Estimate(1.04, stat=0.01), 1.0, bias=0.02).verdict == CONFIRMED
    assert judged(fp.Estimate(1.04, stat=0.01, disc=0.02), 1.0).verdict == CONFIRMED
    assert judged(fp.Estimate(math.nan, status="3 of 9 replicas diverged"), 1.0).reason.startswith("3 of 9")


def test_a_rival_that_cannot_be_told_apart_means_no_power() -> None:
    close = judged(fp.Estimate(1.0, stat=0.01), 1.0, rival=1.02)
    assert close.verdict == NO_POWER
    assert "no power to see it: a gap of 0.02" in close.reason
    assert "3 times the replicas would" in close.reason
    far = judged(fp.Estimate(1.0, stat=0.01), 1.0, rival=1.05)
    assert far.verdict == CONFIRMED
    assert "from 1.05 it is off by -0.05" in far.reason
    hopeless = judged(fp.Estimate(1.0, stat=0.01), 1.0, rival=1.02, bias=0.1)
    assert hopeless.verdict == NO_POWER
    assert "replicas" not in hopeless.reason


def test_several_numbers_under_one_claim() -> None:
    parts = {"a": exact(1.0, 1.0, 1e-9), "b": exact(1.0, 1.1, 1e-9)}
    assert all_of(parts).verdict == FAILED
    parts["b"] = finding(NO_POWER)
    assert all_of(parts).verdict == NO_POWER
    assert all_of({"a": parts["a"]}).verdict == CONFIRMED
    assert len(all_of(parts).numbers) == 2


def test_false_alarms_of_the_criterion() -> None:
    """True claims fail as often as stated: 2.7e-3 of 20000, within 4 binomial errors."""
    rng = np.random.default_rng(1)
    failed = sum(judged(fp.Estimate(v, stat=1.0), 0.0).verdict == FAILED for v in rng.standard_normal(20_000))
    assert abs(failed - 54) < 4 * math.sqrt(54)


# -- running -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [((CONFIRMED,), 0), ((CONFIRMED, NO_POWER), 0), ((CONFIRMED, FAILED), 1)],
)
def test_exit_code(verdicts: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([], *verdicts) == code
    out = capsys.readouterr().out
    for word in ("claim", "predicted", "measured ± error", "verdict", *verdicts):
        assert word in out


def test_a_refusal_is_a_failed_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([], CONFIRMED, refuses=True) == 1
    assert "could not be measured: no valley" in " ".join(capsys.readouterr().out.split())


def test_unknown_name_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flat_vally"]) == 2
    assert capsys.readouterr().err == (
        "there is no subject 'flat_vally'; did you mean 'flat_valley'? "
        "There are flat_valley, closures, thresholds, large_steps, benign_oscillation.\n"
    )


def test_unwritable_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("precious")
    assert run(["-o", str(tmp_path / "file")], CONFIRMED) == 2
    assert "which is a file" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "precious"


def test_files(tmp_path: Path) -> None:
    assert run(["toy", "--quick", "-o", str(tmp_path)], CONFIRMED, FAILED) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["validation.html", "validation.json"]
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
    assert "1 confirmed, 1 failed, 0 without power to tell." in page
    assert "0.0054 of them would fail by chance" in record.summary(saved)


# -- the claims themselves -----------------------------------------------------------------------------


@pytest.mark.parametrize("quick", [False, True])
def test_every_claim_is_whole_before_it_is_run(quick: bool) -> None:
    for _, claims in SUBJECTS.values():
        ids = []
        for c in claims(quick):
            ids.append(c.id)
            assert all((c.sentence, c.predicted, c.method, c.criterion))
            assert 0 <= c.false_alarm < 0.02
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
    claim = thresholds._mean_square(40_000)
    assert claim.predicted == "lr 1.6000; the SDE's own bound 8.0000"
    found = claim.run()
    assert found.verdict == CONFIRMED
    assert judged(found.numbers[0], 2.0).verdict == FAILED  # the deterministic one
