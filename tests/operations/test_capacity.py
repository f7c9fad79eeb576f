"""What a fleet needs is computed from what was measured: a case done by hand is right, more never needs less."""

from itertools import pairwise

from bench.capacity import Cost, Fleet, mixed, need, table


def test_a_case_done_by_hand() -> None:
    costs = {"decision": Cost(650, 65, 1250), "consent": Cost(1300, 650, 2500, writes=True)}
    cost, writing = mixed(costs, {"decision": 9, "consent": 1})
    assert (round(cost.web_us), round(cost.database_us, 1), round(cost.bytes)) == (715, 123.5, 1375)
    assert round(writing, 3) == round(65 / 123.5, 3)
    found = need(10_000, cost, writing, Fleet(busy=0.65, pod_mib=256, database_cores=32))
    assert (found.web_cores, found.pods, found.memory_gib) == (11, 12, 3.0)  # 7.15 s of CPU a second / 0.65; one more
    assert round(found.database_cores, 2) == 1.9 and (found.replicas, found.shards) == (0, 1)
    assert (found.pooled, found.direct, found.gbit) == (6, 108, 0.11)


def test_writes_that_outgrow_a_server_are_sharded_and_reads_go_to_replicas() -> None:
    reads = need(1_000_000, Cost(100, 100, 1000), 0.0, Fleet())
    assert (reads.shards, reads.replicas) == (1, 4)  # 154 cores of 32: four beside the first
    writes = need(1_000_000, Cost(100, 100, 1000), 1.0, Fleet())
    assert (writes.shards, writes.replicas) == (5, 0)


def test_more_requests_need_no_less() -> None:
    needs = [need(rate, Cost(700, 90, 1500), 0.3, Fleet()) for rate in (1_000, 10_000, 100_000, 1_000_000)]
    for less, more in pairwise(needs):
        assert all(getattr(less, name) <= getattr(more, name) for name in vars(less))
    assert "| 1,000,000 |" in table(needs)
