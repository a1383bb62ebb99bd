"""From files, data frames and arrays to typed columns, and from these to what a model is trained on."""

from __future__ import annotations

from mixtura.data.encoding import Encoding as Encoding
from mixtura.data.read import read as read
from mixtura.data.table import Column as Column
from mixtura.data.table import Table as Table
from mixtura.data.table import require_same_columns as require_same_columns

__all__ = ["Column", "Encoding", "Table", "read", "require_same_columns"]
