"""Fixtures that several test files share."""

import pytest
import torch


@pytest.fixture(scope="module")
def one_thread():
    """Matrices this small are slower on two threads, by far where other work runs beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
