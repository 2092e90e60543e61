"""Explanations of unexpected arguments."""

import inspect

import pytest

from sklearn_mitra._common.arguments import explain_unexpected


@explain_unexpected({"colour": "Pass 'color'."})
def draw(shape, *, color="black"):
    """Draw it."""
    return shape, color


def test_the_function_stays_what_it_was():
    assert draw("square") == ("square", "black")
    assert draw(shape="square", color="red") == ("square", "red")
    assert str(inspect.signature(draw)) == "(shape, *, color='black')"
    assert (draw.__name__, draw.__doc__) == ("draw", "Draw it.")


def test_a_hint_follows_pythons_own_error():
    with pytest.raises(TypeError) as caught:
        inspect.unwrap(draw)("square", colour="red")
    with pytest.raises(TypeError) as explained:
        draw("square", colour="red")
    python = str(caught.value).partition(". Did you mean")[0]  # of Python 3.14
    assert str(explained.value) == f"{python}. Pass 'color'."


def test_other_errors_are_pythons():
    with pytest.raises(TypeError, match=r"draw\(\) got an unexpected keyword argument 'size'"):
        draw("square", size=3)
    with pytest.raises(TypeError, match=r"draw\(\) missing 1 required positional argument"):
        draw()
