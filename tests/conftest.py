"""Shared by all tests: none of them reads or fills the user's cache."""

import pytest


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYCAM_SYGUS_CACHE", "")
