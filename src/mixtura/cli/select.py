"""The verb ``select``: classical mixtures of several numbers of groups, compared in one table."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mixtura.cli.console import opened
from mixtura.cli.em import Family, check_settings, family_settings
from mixtura.cli.mixtures import read_mixture_rows
from mixtura.cli.options import Array, Data, Drop, Force, Json, Labels, Quiet, number, whole
from mixtura.cli.session import Session
from mixtura.cli.tables import extension_of, write_columns
from mixtura.errors import InputError
