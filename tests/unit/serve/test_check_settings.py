"""What a service would refuse at its start, `wince config check` refuses from the settings alone."""

from __future__ import annotations

import pytest

from wince.errors import ConfigError
from wince.serve import check_settings
from wince.settings import Settings


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"DICOM_PORT": "11112", "DICOM_HOST": "0.0.0.0"}, "dicom_cert_file"),
        ({"DICOM_PORT": "11112", "DICOM_HOST": "0.0.0.0", "DICOM_CERT_FILE": "c", "DICOM_KEY_FILE": "k"}, "dicom_client_ca_file"),
        ({"STOW_PORT": "8042", "STOW_HOST": "0.0.0.0"}, "dicom_cert_file"),
        ({"STOW_PORT": "8042", "STOW_HOST": "0.0.0.0", "DICOM_CERT_FILE": "c", "DICOM_KEY_FILE": "k"}, "stow_token_file"),
        ({"ORU_ADDRESS": "engine.example:2575", "ORU_TLS": "false"}, "oru_tls"),
        ({"ARCHIVE_URL": "dicom://pacs.example:104"}, "archive_url"),
        ({"ARCHIVE_URL": "http://pacs.example/dicom-web"}, "archive_url"),
        ({"ANCHOR_BUCKET": "bucket", "ANCHOR_BUCKET_ENDPOINT": "http://s3.example"}, "anchor_bucket_endpoint"),
        ({"ANCHOR_TSA_URL": "https://tsa.example/tsr"}, "anchor_tsa_ca_file"),
    ],
)
def test_a_way_that_is_open_to_the_network_is_refused(variables: dict[str, str], field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of the setting that is missing. Nothing is connected to."""
    monkeypatch.setenv("WINCE_TIME_ZONE", "UTC")
    for name, value in variables.items():
        monkeypatch.setenv(f"WINCE_{name}", value)
    with pytest.raises(ConfigError) as caught:
        check_settings.check(Settings())
    assert caught.value.field == field
    assert caught.value.remedy
