"What every test here shares: files may be slow only when asked, and one sentence is expected of an error."

import signal
import pytest, torch


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run tests marked slow")
    parser.addoption("--rehearse", action="store_true", help="GPU tests on the CPU, if they can")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: minutes, not seconds; runs with --slow")
    config.addinivalue_line(
        "markers", "long: several seconds, often several processes; `make long`"
    )
    config.addinivalue_line("markers", "gpu: what a GPU changes; `make gpu` runs it")
    torch.set_num_threads(1)
    # Ignored after `&` or nohup, and then in every child.
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    for name, handler in usual.items():
        if signal.getsignal(name) is signal.SIG_IGN:
            signal.signal(name, handler)


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow; run with --slow"))
