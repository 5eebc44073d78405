"""Several processes: each reads and embeds its share, one writes, all restore, nobody hangs."""

import json

import pytest

from integration_tests import configurations
from integration_tests.processes_worker import BATCH_SIZE, NUM_STEPS
from tests.data import caches


@pytest.mark.parametrize(
    "backend", ["jax", pytest.param("tensorflow", marks=pytest.mark.all_configurations)]
)
def test_two_processes_share_a_cache_its_batches_and_a_backup(tmp_path, backend):
    addresses = configurations.free_addresses(2)
    workers = [
        configurations.start("processes_worker", backend, addresses, process, tmp_path)
        for process in range(2)
    ]
    try:
        printed = [configurations.finish(worker) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    found = [json.loads(output.splitlines()[-1]) for output in printed]
    assert [each["log"] for each in found] == [True, False]
    assert found[0]["steps"] == found[1]["steps"] == [0, NUM_STEPS]
    assert found[0]["loss"] == found[1]["loss"]
    shares = [batch for each in found for batch in each["read"]]
    assert {len(batch) for batch in shares} == {BATCH_SIZE // 2}
    read = [caption for batch in shares for caption in batch]
    assert len(read) == len(set(read)) == BATCH_SIZE * NUM_STEPS
    assert set(read) <= {caches.caption(number) for number in range(caches.NUM_IMAGES)}
    # The other process went on with its log only; the progress bar is process 0's.
    assert "loss" in printed[0] and "loss:" not in printed[1]
