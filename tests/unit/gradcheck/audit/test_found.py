"""What an audit says, in words and as data."""

from capstone.gradcheck.audit.found import Audit, Outcome

OUTCOMES = [
    Outcome("f, line 1: a", "killed"),
    Outcome("f, line 2: b", "equivalent", "the same"),
    Outcome("f, line 3: c", "hidden", "too small"),
    Outcome("f, line 4: d", "survived", "killed by more"),
]
FOUND = Audit("op", "source", OUTCOMES, seconds=2.0)


def test_the_kill_rate_leaves_out_what_cannot_be_found():
    assert FOUND.kill_rate == 1 / 2


def test_survivors_and_hidden_bugs_are_explained():
    assert str(FOUND).splitlines() == [
        "op: 1 of 4 planted bugs killed, 1 equivalent, 1 hidden, 1 survived (2 a second)",
        "  survived     f, line 4: d",
        "               killed by more",
        "  hidden       f, line 3: c",
        "               too small",
    ]


def test_equivalent_bugs_are_listed_on_request():
    assert "  equivalent   f, line 2: b" in FOUND.in_words("equivalent")


def test_the_data_hold_all_that_was_not_killed():
    data = FOUND.to_dict()
    assert [data[key] for key in ("mutants", "killed", "equivalent", "hidden", "survived")] == [
        4,
        1,
        1,
        1,
        1,
    ]
    assert [one["bug"] for one in data["survivors"]] == ["f, line 4: d"]
    assert [one["verdict"] for one in data["others"]] == ["equivalent", "hidden"]


def test_nothing_planted_is_no_proof():
    assert Audit("op", "source").kill_rate == 0
