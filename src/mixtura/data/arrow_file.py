"""Parquet, Feather and Arrow files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mixtura.data.checks import reading

if TYPE_CHECKING:
    import pyarrow as pa


def read_parquet(path: Path) -> pa.Table:
    """Return the table of a Parquet file.

    Raises
    ------
    InputError
        If the file is cut short or damaged.
    """
    with reading(path, "Parquet"):
        import pyarrow.parquet as pq

        # A plain file object keeps Arrow from taking the name for a pattern or a partition.
        with path.open("rb") as stream:
            table = pq.ParquetFile(stream, page_checksum_verification=True).read()
        table.validate(full=True)
        return table


def read_feather(path: Path) -> pa.Table:
    """Return the table of a Feather (version 1 or 2), Arrow file or Arrow stream.

    Raises
    ------
    InputError
        If the file is cut short or damaged.
    """
    with reading(path, "Arrow"):
        import pyarrow as pa
        from pyarrow import feather

        with path.open("rb") as stream:
            magic = stream.read(6)
        if magic == b"ARROW1" or magic.startswith(b"FEA1"):
            table = feather.read_table(str(path), memory_map=False)
        else:
            body = path.read_bytes()
            # A stream cut between two batches would read as a shorter one: its end mark is asked for.
            if not body.endswith(b"\0\0\0\0"):
                raise ValueError("the mark at the end of the stream is missing")
            with pa.ipc.open_stream(body) as reader:
                table = reader.read_all()
        # Offsets of a damaged file may point outside their buffers, and later reads would crash.
        table.validate(full=True)
        return table
