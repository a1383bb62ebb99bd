from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.projection.grammar import EXAMPLE, Component, read_components
from mixtura.projection.notation_error import NotationError


def read(text: str) -> list[tuple[object, object, object]]:
    return [(part.weight, part.mean, part.variance) for part in read_components(text)]


SOURCE = [(1 / 3, -3.0, 1.0), (2 / 3, 3.0, 1.0)]


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        "1/3 N(-3, 1) + 2/3 N(3, 1)",
        "1/3*N(-3,1)+2/3*N(3,1)",
        " 1 / 3 * N ( - 3 , 1 ) + 2 / 3 N ( 3 , 1 ) ",
        "1/3 N(\N{MINUS SIGN}3, 1) + 2/3 N(3, 1)",
        "1/3\N{MIDDLE DOT}N(\N{EN DASH}3,1) + 2/3\N{MULTIPLICATION SIGN}N(+3,1)",
        "\N{VULGAR FRACTION ONE THIRD} \N{MATHEMATICAL SCRIPT CAPITAL N}(-3,1) + 2\N{FRACTION SLASH}3 N(3,1)",
        "1/3 N(-3.0, 1e0)\n+\t2/3\u00a0N(0.3e+1, .1E1)",
        "10/30 N(-6/2, 2/2) + 2e-1/.3 N(30e-1, 1.)",
    ],
)
def test_the_example_of_the_source_in_many_hands(text: str) -> None:
    for found, expected in zip(read(text), SOURCE, strict=True):
        assert found == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("N(0,1)", [(1.0, 0.0, 1.0)]),
        ("N(0,1) + N(1/2,-1/-2)", None),
        ("-0 N(0,1)", [(0.0, 0.0, 1.0)]),
        ("N([0,1],2)", [(1.0, [0.0, 1.0], 2.0)]),
        ("N([0, 1], [1, 2])", [(1.0, [0.0, 1.0], [1.0, 2.0])]),
        (
            "N([0, 1], [[1, 0.5], [0.5, 2]])",
            [(1.0, [0.0, 1.0], [[1.0, 0.5], [0.5, 2.0]])],
        ),
        ("N([5],[[2]])", [(1.0, [5.0], [[2.0]])]),
    ],
)
def test_every_form_of_a_component(text: str, expected: list[tuple[object, ...]] | None) -> None:
    if expected is None:
        with pytest.raises(NotationError):
            read(text)
    else:
        assert read(text) == expected


def test_a_component_knows_its_places() -> None:
    [component] = read_components("0.5 N(-3, 1)")
    assert component == Component(0.5, -3.0, 1.0, mean_at=6, variance_at=10)


# The caret stands under the character that | marks.
@pytest.mark.parametrize(
    ("marked", "said"),
    [
        ("|", "expected a mixture such as"),
        ("   |", "expected a mixture such as"),
        ("1/3 N(-3|;1)", "expected ',' between mean and variance"),
        ("N(0|)", "expected ',' between mean and variance"),
        ("N(0,1|", "the '(' of character 2 is open"),
        ("N(0,1|,2)", "expected ')'"),
        ("N([0,1|", "the '[' of character 3 is open"),
        ("N([0  |;1],1)", "',' or ']'"),
        ("N([0 |1],1)", "',' or ']'"),
        ("N([|],1)", "expected a number"),
        ("N([0,|],1)", "expected a number"),
        ("N([0,1],[[1,0],[0,1]|", "the '[' of character 9 is open"),
        ("N([0,1],[[1,0] |[0,1]])", "after a row"),
        ("N([0,1],[[1,0],|0])", "another row"),
        ("N([0,1],[[1,2],|[3]])", "this row has 1 entry and the first has 2"),
        ("N([0,1],|[[1,2]])", "2 by 2 covariance, and this is 1 by 2"),
        ("N([0,1],|[1])", "1 variance for a mean of 2 entries"),
        ("N([0,1],|[[1,0,0],[0,1,0],[0,0,1]])", "this is 3 by 3"),
        ("N([0,1],[[1,.5],[|.4,1]])", "not symmetric: 0.4 here, 0.5 across"),
        ("N([0,1],[[1,0],[0,|-1]])", "above zero"),
        ("N([0,1],[1,|0])", "above zero"),
        ("N(|[[0,1]],1)", None),
        ("N([|[0,1]],1)", "not a matrix"),
        ("N(0,|[1,2])", "the mean is a number"),
        ("N(0,1) |N(1,1)", "expected '+'"),
        ("N(0,1) |- N(1,1)", "expected '+'"),
        ("N(0,1) |foo", "expected '+'"),
        ("N(0,1) +|", "after '+'"),
        ("N(0,1) + |+", None),
        ("1/3 N(-3,1) + 2/3 N(3,1)|;", "or the end"),
        ("1/2 |1/2 N(0,1)", "after the weight"),
        ("0|,5 N(0,1)", "decimals are written with a point"),
        ("|M(0,1)", "unknown name 'M'; a Gaussian is written N(mean, variance)"),
        ("|Normal(0,1)", "a Gaussian is written N(mean, variance)"),
        ("|n(0,1)", "a Gaussian is written N(mean, variance)"),
        ("0.5 |Gauss(0,1)", "a Gaussian is written N(mean, variance)"),
        ("N|[0,1]", "expected '(' after N"),
        ("N|", "expected '(' after N"),
        ("1/|0 N(0,1)", "division by zero"),
        ("N(1/|0.0, 1)", "division by zero"),
        ("1/|", "after '/'"),
        ("N(0,|0)", "above zero, and this is 0"),
        ("N(0,|-1/3)", "above zero"),
        ("N(0,|1e-999)", "above zero"),
        ("N(|,1)", "expected the mean"),
        ("N(0,|)", "expected the variance"),
        ("N(|nan,1)", "no finite number"),
        ("N(0,|inf)", "no finite number"),
        ("N(-|Infinity,1)", "no finite number"),
        ("|nan N(0,1)", "no weight"),
        ("N(|1e999,1)", "too large"),
        ("N(|1e308/1e-308,1)", "too large"),
        ("N(1,3|^2)", "powers"),
        ("N(1,3|**2)", "powers"),
        ("N(1,3|²)", "powers"),
        ("|-1 N(0,1)", "negative"),
        ("N(0,1) + |-1/2 N(0,1)", "negative"),
        ("N([0,1],2)+N(|0,1)", "the first component a vector of 2 entries"),
        ("N(0,1)+N(|[0],1)", "the first component a number"),
        ("N(0|x1,1)", "expected ','"),
        ("N(1|_000,1)", "expected ','"),
        ("|数(0,1)", "unknown name"),
        ("N(0,1)|\x00", "or the end"),
    ],
)
def test_an_error_points_at_its_character(marked: str, said: str | None) -> None:
    text, position = marked.replace("|", "", 1), marked.index("|")
    with pytest.raises(NotationError) as caught:
        read_components(text)
    error = caught.value
    if said is not None:
        assert error.position == position, error
        assert said in str(error)
    assert str(error).count("\n") == 0
    assert error.text == text


@given(
    st.one_of(
        st.text(max_size=60),
        st.text(alphabet="N0123456789.,+-*/()[]eE ;nainf", max_size=60),
        st.lists(
            st.sampled_from(["N", "(", ")", "[", "]", ",", "+", "-", "1", "0.5", "1/3", "e", " ", "N(0,1)"]),
            max_size=25,
        ).map("".join),
    )
)
def test_garbage_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        components = read_components(text)
    except NotationError as error:
        assert 0 <= error.position <= len(text)
        assert "\n" not in str(error)
    else:
        assert components


@given(st.data())
def test_one_character_too_much_or_too_little_is_noticed_no_earlier_than_it_stands(
    data: st.DataObject,
) -> None:
    place = data.draw(st.integers(0, len(EXAMPLE) - 1))
    harm = data.draw(st.sampled_from([";", "]", "N", ")", "@"]))
    text = EXAMPLE[:place] + harm + EXAMPLE[place:]
    try:
        read_components(text)
    except NotationError as error:
        # A word is refused at its first character, which may be the one before.
        assert error.position >= place - 1
    else:
        raise AssertionError(text)


def test_ten_thousand_components_are_read() -> None:
    text = " + ".join(f"{i} N({i}, 1)" for i in range(10_000))
    assert len(read_components(text)) == 10_000
    assert read_components("N(0,1)" + " " * 100_000)[0].mean == 0.0
    with pytest.raises(NotationError) as caught:
        read_components(text + " + M(0,1)")
    assert caught.value.position == len(text) + 3
