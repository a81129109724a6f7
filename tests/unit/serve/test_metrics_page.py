"""Metrics are for this machine, or for another by a setting that says so."""

import urllib.request

import pytest

from wince.errors import ConfigError, ResourceError
from wince.serve import metrics_page
from wince.settings import Settings


def test_no_port_no_page():
    assert metrics_page.page(Settings()) is None


def test_at_the_address_that_is_set():
    page = metrics_page.page(Settings(metrics_port=0, metrics_host="127.0.0.2"))
    assert page is not None
    try:
        with urllib.request.urlopen(f"http://127.0.0.2:{page.port}/metrics", timeout=30) as answer:
            assert b"wince_" in answer.read()
    finally:
        page.stop()


def test_beyond_this_machine_only_where_it_is_said():
    with pytest.raises(ConfigError) as caught:
        metrics_page.page(Settings(metrics_port=0, metrics_host="0.0.0.0"))
    assert "insecure_metrics_beyond_loopback" in caught.value.remedy
    metrics_page.check(Settings(metrics_host="0.0.0.0", insecure_metrics_beyond_loopback=True))


def test_an_address_that_is_not_ours():
    settings = Settings(metrics_port=0, metrics_host="203.0.113.7", insecure_metrics_beyond_loopback=True)
    with pytest.raises(ResourceError) as caught:
        metrics_page.page(settings)
    assert "WINCE_METRICS_HOST" in caught.value.remedy


@pytest.mark.parametrize(("host", "asked"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::", "127.0.0.1")])
def test_a_pod_answers_on_every_address_of_either_family(host, asked):
    page = metrics_page.page(Settings(metrics_port=0, metrics_host=host, insecure_metrics_beyond_loopback=True))
    assert page is not None
    try:
        with urllib.request.urlopen(f"http://{asked}:{page.port}/metrics", timeout=30) as answer:
            assert b"wince_" in answer.read()
    finally:
        page.stop()
