"""What a user may ask of two devices: one device's numbers, or an error before the first step."""

import pytest

from integration_tests import configurations


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_two_devices(backend):
    configurations.finish(configurations.start("two_devices_worker", backend))
