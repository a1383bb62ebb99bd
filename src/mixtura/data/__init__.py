"""From files, data frames and arrays to typed columns, and from these to what a model is trained on."""

from __future__ import annotations

from mixtura.data.encoding import Encoding as Encoding
from mixtura.data.raw_table import RawTable as RawTable
from mixtura.data.read import read as read
from mixtura.data.read import read_raw as read_raw
from mixtura.data.table import Column as Column
from mixtura.data.table import Table as Table
from mixtura.data.table import require_same_columns as require_same_columns

__all__ = ["Column", "Encoding", "RawTable", "Table", "read", "read_raw", "require_same_columns"]
