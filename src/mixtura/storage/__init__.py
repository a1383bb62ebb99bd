"""Models on disk, and outputs that appear whole or not at all."""

from __future__ import annotations

from mixtura.storage.folder import new_file as new_file
from mixtura.storage.folder import new_folder as new_folder
from mixtura.storage.model_folder import read_model as read_model
from mixtura.storage.model_folder import write_model as write_model

__all__ = ["new_file", "new_folder", "read_model", "write_model"]
