import json

import pytest

from capstone.cli import main
from unit.badges.reports import WHOLE, suite


@pytest.fixture
def badge(tmp_path, monkeypatch):
    """Run `capstone badge` on whole reports, changed as asked; None leaves a report out."""
    monkeypatch.chdir(tmp_path)

    def run(*words, **changed):
        arguments = ["badge", *words]
        for name, report in {**WHOLE, **changed}.items():
            if report is not None:
                (tmp_path / f"{name}-report.json").write_text(json.dumps(report))
                arguments += [f"--{name}", f"{name}-report.json"]
        return main(arguments)

    return run


def colors(folder):
    return {path.stem: json.loads(path.read_text())["color"] for path in folder.glob("*.json")}


def test_whole_reports_make_green_badges(badge, tmp_path, capsys):
    assert badge() == 0
    assert colors(tmp_path / "badges") == dict.fromkeys(WHOLE, "brightgreen")
    assert sorted(path.name for path in (tmp_path / "badges").glob("*.svg")) == [
        "audit.svg",
        "benchmarks.svg",
        "gradcheck.svg",
        "oracle.svg",
    ]
    assert capsys.readouterr().out.splitlines() == [
        "gradcheck   all right",
        "oracle      all agree",
        "audit       100 % killed",
        "benchmarks  all timed",
    ]


def test_a_badge_that_is_not_green_is_written_and_the_command_fails(badge, tmp_path, capsys):
    assert badge() == 0
    assert badge(oracle=suite("tests/oracle", run={"skipped": 1})) == 1
    assert colors(tmp_path / "badges")["oracle"] == "red"
    assert "            1 skipped" in capsys.readouterr().out.splitlines()


def test_a_missing_report_replaces_the_green_badge_of_yesterday(badge, tmp_path):
    assert badge() == 0
    (tmp_path / "audit-report.json").unlink()
    assert badge(audit=None) == 1
    assert colors(tmp_path / "badges")["audit"] == "lightgrey"


def test_check_agrees_with_what_was_made(badge):
    assert badge() == 0
    assert badge("--check") == 0


@pytest.mark.parametrize("name", ["oracle.json", "oracle.svg"])
def test_check_finds_a_badge_that_was_touched(badge, tmp_path, capsys, name):
    assert badge() == 0
    path = tmp_path / "badges" / name
    path.write_text(path.read_text().replace("all agree", "most agree"))
    assert badge("--check") == 1
    assert f"badges/{name} is not what these reports give" in capsys.readouterr().out
    assert "most agree" in path.read_text()


def test_check_finds_badges_that_are_not_there(badge, tmp_path):
    assert badge("--check") == 1
    assert not (tmp_path / "badges").exists()


def test_check_of_failing_badges_fails_even_if_they_are_as_they_should_be(badge):
    assert badge(gradcheck=suite(checks=[])) == 1
    assert badge("--check", gradcheck=suite(checks=[])) == 1


def test_a_file_in_the_place_of_the_folder_is_misuse(badge, tmp_path, capsys):
    (tmp_path / "badges").write_text("")
    assert badge() == 2
    expected = "capstone badge: --folder: must be a folder: expected a directory, got badges\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("words", [[], ["--check"]], ids=["make", "check"])
def test_without_any_report_the_badges_stay_as_they_are(badge, tmp_path, capsys, words):
    assert badge() == 0
    capsys.readouterr()
    assert badge(*words, **dict.fromkeys(WHOLE)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("capstone badge: badges are made from reports: expected some of --g")
    assert colors(tmp_path / "badges") == dict.fromkeys(WHOLE, "brightgreen")
