"""Secrets in what is said: which are found, and where they are hidden."""

from __future__ import annotations

import pytest

from flowrun.cli.masking import Mask
from flowrun.store.identity import without_password

ADDRESS = "postgresql://ann:s3cr%40t-word@db.example/deals?sslmode=require"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"no connection to {ADDRESS}", "no connection to postgresql://ann:***@db.example/deals?sslmode=require"),
        ("password s3cr%40t-word is wrong", "password *** is wrong"),
        ("{'password': 's3cr@t-word'}", "{'password': '***'}"),
        ("xs3cr@t-wordx", "x***x"),
        ("postgresql://ann@db/deals?password=other&x=1", "postgresql://ann@db/deals?password=***&x=1"),
        ("redis://:other@host/0", "redis://:***@host/0"),
        ("the key is abcd, abcde is not", "the key is ***, abcde is not"),
        ("port 8080 at https://example.com/a:b", "port 8080 at https://example.com/a:b"),
        ("abc and 99", "abc and 99"),
    ],
)
def test_secrets_are_hidden_wherever_they_turn_up(said: str, shown: str) -> None:
    assert Mask([ADDRESS], {"API_KEY": "abcd", "MY_TOKEN": "abc", "HOME": "/home/ann"})(said) == shown


def test_addresses_in_the_environment_count() -> None:
    mask = Mask([], {"DATABASE_URL": "postgresql://u:hush-hush@h/d", "PGPASSWORD": "mum's the word"})
    assert mask("u hush-hush, mum's the word") == "u ***, ***"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ann:pw@h/d", "postgresql://ann@h/d"),
        ("postgresql://ann@h/d?password=pw&sslmode=require", "postgresql://ann@h/d?sslmode=require"),
        ("sqlite:///a b.db", "sqlite:///a b.db"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert without_password(address) == shown
