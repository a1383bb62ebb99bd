from __future__ import annotations

import gzip
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mixtura.data import read
from mixtura.data.csv_file import sniff

FINITE = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = "height,weight,smoker\n1.5,60,0\n1.75,80,1\n1.25,70,0\n"


@pytest.fixture
def write(tmp_path):
    def to(content, name="table.csv"):
        path = tmp_path / name
        raw = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return to


def kinds(table):
    return [column.kind for column in table.columns]


def names_of(findings):
    return [finding.name for finding in findings]


def assert_is_plain(table):
    assert table.names == ("height", "weight", "smoker")
    assert kinds(table) == ["continuous", "count", "binary"]
    np.testing.assert_array_equal(table.values, [[1.5, 60, 0], [1.75, 80, 1], [1.25, 70, 0]])
    assert table.values.dtype == np.float64
    assert table.values.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.rstrip("\n"),
        PLAIN + "\n\n",
        PLAIN.replace("\n", "\r\n") + "\r\n",
        PLAIN.replace("\n", "\r"),
        "\ufeff" + PLAIN,
        "\n" + PLAIN,
        PLAIN.replace(",", " , "),
        '"height","weight","smoker"\n"1.5","60","0"\n"1.75","80","1"\n"1.25","70","0"\n',
        PLAIN.replace("0\n", "false\n").replace("1\n", "true\n").replace("6false", "60"),
    ],
    ids=[
        "plain",
        "no-last-newline",
        "empty-last-lines",
        "windows",
        "old-mac",
        "bom",
        "empty-first",
        "spaces",
        "quotes",
        "truth-values",
    ],
)
def test_the_ways_in_which_csv_is_written(write, content):
    table = read(write(content))
    assert_is_plain(table)
    assert table.findings == ()


@pytest.mark.parametrize("name", ["a.csv.gz", "a.tsv.gz", "a.tsv", "A.CSV"])
def test_extensions(write, name):
    assert_is_plain(read(write(PLAIN.replace(",", "\t") if "tsv" in name else PLAIN, name)))


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_found_and_said(write, separator):
    table = read(write(PLAIN.replace(",", separator)))
    assert_is_plain(table)
    assert names_of(table.findings) == ["separator"]


@pytest.mark.parametrize("header", ["height;weight;smoker\n", ""])
def test_decimal_commas_are_found_and_said(write, header):
    table = read(write(header + "1,5;60;0\n1,75;80;1\n1,25;70;0\n"))
    np.testing.assert_array_equal(table.values[:, 0], [1.5, 1.75, 1.25])
    assert "decimals by a comma" in table.findings[0].seen


def test_a_cell_may_hold_separators_and_newlines(write):
    table = read(write('id,score\n"a;b,\nc",1.5\n"d",2.5\n'), labels="id")
    assert table.labels.tolist() == ["a;b,\nc", "d"]
    np.testing.assert_array_equal(table.values, [[1.5], [2.5]])


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_missing_header_is_noticed(write, bom):
    table = read(write(bom + "5.1,3,0\n4.9,2,1\n"))
    assert table.names == ("column_0", "column_1", "column_2")
    assert table.n_rows == 2
    assert names_of(table.findings) == ["no-header"]
    assert table.findings[0].level == "note"


def test_a_missing_header_beside_a_column_of_text(write):
    table = read(write("5.1,3.5,setosa\n4.9,3.0,virginica\n"), labels="column_2")
    assert table.labels.tolist() == ["setosa", "virginica"]
    assert table.values[0].tolist() == [5.1, 3.5]


def test_years_are_names(write):
    assert read(write("2019,2020,mean\n1,2,1.5\n3,4,3.5\n")).names == ("2019", "2020", "mean")


def test_counted_columns_are_names(write):
    table = read(write("0,1,2\n5.5,6,7\n8,9,1\n"))
    assert table.names == ("0", "1", "2")
    assert names_of(table.findings) == ["numbered-header"]


def test_zero_and_one_are_data_unless_all_below_are_fractions(write):
    assert read(write("0,1\n1,1\n1,0\n")).n_rows == 3
    assert read(write("0,1\n1.5,1.25\n1.1,0.3\n")).names == ("0", "1")


@pytest.mark.parametrize(
    "content",
    [
        ",a,b\n0,1.5,2\n1,2.5,1\n",
        '"","a","b"\n"1",1.5,2\n"2",2.5,1\n',
        ",a,b\n17,1.5,2\n5,2.5,1\n",
        ",a,b\nMazda,1.5,2\nFiat,2.5,1\n",
        "Unnamed: 0,a,b\n0,1.5,2\n1,2.5,1\n",
    ],
    ids=["pandas", "r", "pandas-sample", "r-row-names", "pandas-twice"],
)
def test_the_names_of_rows_are_left_out_and_said(write, content):
    table = read(write(content))
    assert table.names == ("a", "b")
    assert names_of(table.findings) == ["row-names"]
    assert read(write(content), drop="Unnamed: 0").findings == ()
    assert read(write(content), labels="Unnamed: 0").labels.size == 2


def test_a_first_column_without_name_that_is_data_stays(write):
    assert read(write(",a\n0.5,1.5\n0.25,2.5\n")).names == ("Unnamed: 0", "a")


def test_a_separator_at_the_end_of_each_line(write):
    table = read(write("a,b,\n1.5,2,\n2.5,1,\n"))
    assert table.names == ("a", "b")
    assert names_of(table.findings) == ["empty-column"]


def test_a_named_column_that_counts_the_rows_stays_and_is_said(write):
    table = read(write("id,a\n" + "".join(f"{i},{i % 3}.5\n" for i in range(1, 13))))
    assert table.names == ("id", "a")
    assert names_of(table.findings) == ["counting-column"]
    assert "--drop id" in table.findings[0].remedy


def test_thousands_of_columns(write, rng):
    values = rng.standard_normal((3, 5000))
    lines = [",".join(f"c{i}" for i in range(5000))] + [",".join(map(repr, row.tolist())) for row in values]
    table = read(write("\n".join(lines)))
    np.testing.assert_array_equal(table.values, values)
    assert table.describe() == "3 rows x 5,000 columns: 5,000 continuous"


def test_rows_longer_than_a_block(write):
    row = ",".join(["1.5".ljust(600, "0")] * 2000)
    table = read(write(f"{row}\n{row}\n"))
    np.testing.assert_array_equal(table.values, np.full((2, 2000), 1.5))


def test_whole_numbers_beyond_the_first_block_that_turn_into_fractions(write):
    table = read(write("a,b\n" + "1,2\n" * 400_000 + "1.5,3\n"))
    assert table.values[-1].tolist() == [1.5, 3.0]
    assert kinds(table) == ["continuous", "count"]


def test_kinds_of_columns(write):
    table = read(write("a,b,c,d,e\n0,0,-1,0.0,2\n1,5,1,1.0,2\n"))
    assert kinds(table) == ["binary", "count", "continuous", "binary", "count"]


def test_one_column_and_one_row(write):
    assert read(write("a\n1.5\n")).values.tolist() == [[1.5]]
    assert read(write("1.5\n")).values.tolist() == [[1.5]]


def test_text_names_the_column_the_cell_and_the_mend(write, refuses):
    path = write("name,age,town\nAnn,31,Ulm\nBob,x,Bonn\n")
    with refuses("'name'", "'Ann' in row 0", "'age', 'town'", "--drop name", "--labels name"):
        read(path)
    with refuses("'age'", "'x' in row 1", "mend those cells"):
        read(path, drop=["name", "town"])


def test_text_after_many_rows_of_numbers(write, refuses):
    with refuses("'a'", "'oops' in row 400000"):
        read(write("a,b\n" + "1,2\n" * 400_000 + "oops,3\n"))


@pytest.mark.parametrize("cell", ["", "NA", "nan", "NaN", "null"])
def test_missing_cells_are_counted_and_placed(write, refuses, cell):
    with refuses("2 missing", "column 'b', row 1 (from 0)", "drop those rows or fill them"):
        read(write(f"a,b\n1,2\n3,{cell}\n{cell},4\n"))


def test_infinity_is_counted_and_placed(write, refuses):
    with refuses("1 missing", "2 infinite", "column 'a', row 0"):
        read(write("a,b\ninf,2\n3,-inf\n1,\n"))


def test_a_column_without_any_value_is_missing(write, refuses):
    with refuses("2 missing", "'b'"):
        read(write("a,b\n1,\n2,\n"))


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "  \n"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_empty_files(write, refuses, content, name):
    with refuses("is empty"):
        read(write(content, name))


def test_a_header_without_rows(write, refuses):
    for content in ("a,b\n", "a,b"):
        with refuses("2 columns and no rows"):
            read(write(content))


def test_a_name_that_occurs_twice(write, refuses):
    with refuses("'a'", "more than one"):
        read(write("a,b,a\n1,2,3\n"))


def test_a_line_of_another_length_is_named(write, refuses):
    with refuses("2 cells in row 3", "'4,5'", "3 in its first"):
        read(write("a,b,c\n1,2,3\n4,5\n7,8,9\n"))


def test_a_separator_that_is_not_seen_in_the_first_line_only(write, refuses):
    with refuses("row 2"):
        read(write("exported on Monday\na,b,c\n1,2,3\n"))


def test_what_is_not_csv_is_called_by_its_name(write, refuses):
    with refuses("Parquet"):
        read(write(b"PAR1\x00\x01"))
    with refuses("spreadsheet"):
        read(write(b"PK\x03\x04\x00\x01"))
    with refuses("UTF-16"):
        read(write("a,b\n1,2\n".encode("utf-16")))
    with refuses("no text"):
        read(write(b"a,b\x00\n1,2\n"))
    with refuses("UTF-8"):
        read(write("caf\xe9,b\n1,2\n".encode("latin-1")))
    with refuses("'a'", "UTF-8"):
        read(write(b"a,b\n" + b"1,2\n" * 100 + b"caf\xe9,3\n"))


def test_a_gzip_cut_anywhere_is_refused(write, refuses, rng):
    path = write("a,b\n" + "".join(f"{x},{x}\n" for x in rng.random(2000)), "a.csv.gz")
    whole = path.read_bytes()
    for size in (1, 5, 11, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        path.write_bytes(whole[:size])
        with refuses("a.csv.gz"):
            read(path)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    path.write_bytes(damaged)
    with refuses("a.csv.gz"):
        read(path)
    path.write_bytes(b"a,b\n1,2\n")
    with refuses("a.csv.gz"):
        read(path)


def test_a_file_cut_within_a_row_is_refused(write, refuses):
    for size in (len(PLAIN) - 3, len(PLAIN) - 8):
        with refuses("cut short"):
            read(write(PLAIN[:size]))


def test_an_open_quote_is_refused(write, refuses):
    with refuses("'b'"):
        read(write('a,b\n1,"2\n3,4\n5,6\n'))


@given(
    values=arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=4), elements=FINITE),
    header=st.booleans(),
)
def test_numbers_come_back_with_every_bit(values, header, tmp_path_factory):
    lines = [",".join(repr(float(number)) for number in row) for row in values]
    names = [",".join(f"c{i}" for i in range(values.shape[1]))]
    path = tmp_path_factory.getbasetemp() / "numbers.csv"
    path.write_text("\n".join(names * header + lines) + "\n")
    np.testing.assert_array_equal(read(path).values, values)


def test_flat_pictures_are_said(write, rng):
    rows = rng.integers(0, 256, (3, 64))
    path = write(
        "\n".join([",".join(f"p{i}" for i in range(64))] + [",".join(map(str, row)) for row in rows])
    )
    assert names_of(read(path).findings) == ["flat-pictures"]


def test_sniffing_says_what_it_saw():
    dialect, findings = sniff(["a;b", "1,5;2"])
    assert (dialect.separator, dialect.decimal, dialect.header) == (";", ",", True)
    assert names_of(findings) == ["separator"]
    assert sniff(["1.5,2", "3.5,4"], header=True)[0].names == ("1.5", "2")
    assert sniff(["only"])[0].names == ("only",)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_a_name_that_is_not_utf_8(write, tmp_path, ending):
    name = os.fsdecode(b"caf\xe9" + ending.encode())
    try:
        path = write(PLAIN, name)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes UTF-8 names only")
    assert_is_plain(read(path))
