"""The tables of options say what the commands take."""

from __future__ import annotations

import re

import pytest

from docs.tables import commands, updated
from tests.docs.pages import PAGES, text_of


@pytest.mark.parametrize("page", PAGES)
def test_the_tables_of_options_are_those_of_the_commands(page: str) -> None:
    assert text_of(page) == updated(text_of(page)), "out of date: run python docs/tables.py"


def test_every_command_has_its_table() -> None:
    tables = {name for page in PAGES for name in re.findall(r"<!-- options: (.*?) -->", text_of(page))}
    assert tables == set(commands())


@pytest.mark.parametrize("page", PAGES)
def test_every_option_that_the_page_names_exists(page: str) -> None:
    options = {option for command in commands().values() for each in command.params for option in each.opts}
    options |= {option for command in commands().values() for each in command.params for option in each.secondary_opts}
    options |= {"--help", "--version", "--install-completion", "--show-completion", "--interactive"}
    named = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", re.sub(r"<!--.*?-->", "", text_of(page), flags=re.DOTALL)))
    others = {"--smoke", "--out"}  # of the scripts in benchmarks/
    assert named <= options | others
