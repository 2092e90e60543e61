"""Lines and bars on stderr, and how they word durations."""

import pytest

from sklearn_mitra._common.progress import bar_of, duration, report, stage


def test_a_stage_is_reported_when_it_is_complete(capsys):
    with stage("Model", "encoding"):
        assert capsys.readouterr() == ("", "")
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Model: encoding, ") and err.endswith(" ms\n")


def test_a_stage_that_fails_is_not_reported(capsys):
    with pytest.raises(ValueError, match="damaged"), stage("Model", "encoding"):
        raise ValueError("damaged")
    assert capsys.readouterr() == ("", "")


def test_without_a_title_nothing_is_printed(capsys):
    with stage(None, "encoding"):
        report(None, "weights")
    assert [*bar_of([3, 5], None, "rows", "fold")] == [3, 5]
    assert capsys.readouterr() == ("", "")


def test_a_bar_passes_the_items_on(capsys):
    assert [*bar_of([3, 5], "Model", "held-out rows", "fold")] == [3, 5]
    out, err = capsys.readouterr()
    assert out == "" and "Model: held-out rows: 100%" in err and "2/2" in err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.0314, "31 ms"),
        (0.9996, "1.0 s"),
        (2.54, "2.5 s"),
        (89, "89.0 s"),
        (240, "4 minutes"),
        (9000, "2.5 hours"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words
