"""Lesson 07's plain answers against the library and PyTorch; its ranks, as threads and as processes."""

import sys
from functools import partial

import cloudpickle
import pytest
import torch
import torch.nn.functional as F

from repository import ROOT
from storyteller.config import preset
from storyteller.distributed.mesh import MeshShape
from storyteller.distributed.planner import Cluster
from storyteller.distributed.planner import plan_run as plan_of_library
from storyteller.moe.cost_model import count_parameters
from storyteller.moe.dispatch import Experts, dispatch_loop
from storyteller.training.batches import IGNORE_INDEX
from storyteller.transformer.decoder import swiglu
from storyteller_course import load_lesson
from storyteller_course.lesson_tools.beyond_one_machine import adamw_on, fit_line, small_decoder, story_rows
from storyteller_course.lesson_tools.ranks import RanksFailed, in_processes, in_threads, kill_this_process

LESSON = load_lesson(ROOT / "lessons" / "07_beyond_one_machine")
reference = LESSON.reference


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def functions_travel():
    """A test's functions go to other processes by value, as a notebook's do."""
    modules = [sys.modules[__name__], reference]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    yield
    for module in modules:
        cloudpickle.unregister_pickle_by_value(module)


# --- the answers against independent implementations ----------------------------------------------------------------


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_a_ring_of_ranks_sums(ranks):
    rows = numbers(ranks, 3, 4)

    def job(me):
        return reference.ring_all_reduce(rows[me.rank], me.rank, me.ranks, me.exchange), me.meetings

    for total, meetings in in_threads(ranks, job):
        torch.testing.assert_close(total, rows.sum(dim=0))
        assert meetings == 2 * (ranks - 1)


def test_the_gradients_of_ranks_are_those_of_one_batch():
    rows, tokenizer = story_rows(9, seq_len=24, vocab_size=300)
    rows[:2, 12:] = IGNORE_INDEX  # shorter than the others

    def gradient_of(ids):
        model = small_decoder(tokenizer.vocab_size, width=16).double()
        logits = model(ids[:, :-1].clamp(min=0)).logits.flatten(0, 1)
        loss = F.cross_entropy(logits, ids[:, 1:].flatten(), ignore_index=IGNORE_INDEX)
        return torch.autograd.grad(loss, list(model.parameters())), int((ids[:, 1:] != IGNORE_INDEX).sum())

    def job(me):
        return reference.combine_gradients(*gradient_of(rows[me.rank :: 3]), me.all_reduce, max_norm=0.1)

    whole, _ = gradient_of(rows)
    norm = torch.cat([one.flatten() for one in whole]).norm()
    assert norm > 0.1
    for combined in in_threads(3, job):
        for one, wanted in zip(combined, whole, strict=True):
            torch.testing.assert_close(one, wanted * 0.1 / norm, rtol=1e-9, atol=1e-12)


def test_averages_in_parts_make_the_update_of_pytorchs_adamw():
    leaf = torch.nn.Parameter(numbers(5, 3).float())
    gradients = numbers(2, 3, 5, 3, seed=1).float()  # (step, rank, ...)
    optimizer = torch.optim.AdamW([leaf], lr=0.1, betas=(0.9, 0.95), weight_decay=0.1)

    def job(me):
        new, state = leaf_before, {}
        talk = {"reduce_scatter": me.reduce_scatter, "all_gather": me.all_gather}
        for of_ranks in gradients:
            given = (new, of_ranks[me.rank], state, me.rank, me.ranks)
            new, state = reference.zero_step(*given, update=partial(adamw_on, lr=0.1), **talk)
        return new

    leaf_before = leaf.detach().clone()
    for of_ranks in gradients:
        leaf.grad = of_ranks.sum(dim=0)
        optimizer.step()
    for new in in_threads(3, job):
        torch.testing.assert_close(new, leaf.detach())


def test_the_parts_of_a_layer_add_up_to_the_librarys_swiglu():
    x, gate_up, down = numbers(3, 5), numbers(24, 5, seed=1), numbers(5, 12, seed=2)
    total = sum(swiglu(x, *part) for part in reference.split_swiglu(gate_up, down, 4))
    torch.testing.assert_close(total, swiglu(x, gate_up, down))


def test_experts_on_ranks_make_the_librarys_sum():
    experts = Experts(numbers(6, 8, 5, seed=1), numbers(6, 5, 4, seed=2))
    x, scores = numbers(12, 5), numbers(12, 6, seed=3)
    gates, ids = scores.softmax(dim=-1).topk(2)

    def job(me):
        def compute(rows, chosen):
            assert all(chosen // 2 == me.rank)
            return dispatch_loop(rows, torch.ones(len(rows), 1, dtype=rows.dtype), chosen[:, None], experts)

        own = slice(None) if me.ranks == 1 else slice(4 * me.rank, 4 * me.rank + 4)
        return reference.expert_parallel(x[own], gates[own], ids[own], 6, me.ranks, compute, me.all_to_all)

    torch.testing.assert_close(torch.cat(in_threads(3, job)), dispatch_loop(x, gates, ids, experts))


def test_memory_and_time_are_those_of_the_librarys_planner():
    full, cluster = preset("full"), Cluster(devices=8, latency=0.0)
    parameters = count_parameters(full.model).total
    for stage, shape in ((0, MeshShape(replicate=8)), (3, MeshShape(shard=8))):
        plan = plan_of_library(full, shape, cluster)
        mine = reference.bytes_per_device(parameters, 8, stage=stage)
        assert mine["weights"] == pytest.approx(plan.weights)
        assert mine["optimizer"] == pytest.approx(plan.optimizer)
    plan = plan_of_library(full, MeshShape(replicate=8), cluster)
    seconds = reference.ring_seconds(4 * parameters, 8, latency=0.0, bandwidth=cluster.within)
    assert seconds == pytest.approx(plan.transfer_s)


def test_a_plan_for_one_device_is_lesson_05s_best_size():
    best_size = load_lesson(ROOT / "lessons" / "05_full_training_and_inference").reference.best_size
    law = {"floor": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28}
    sizes = [round(1e6 * 1.02**i) for i in range(400)]
    machine = {"memory": 1e15, "flops": 1e13, "latency": 0.0, "bandwidth": 1e9, "tokens_per_step": 1000}
    plan = reference.plan_run(law, sizes, [1], deadline=1e5, budget=1e5, **machine)
    wanted, _ = best_size(law, 1e18)
    assert plan["parameters"] == pytest.approx(wanted, rel=0.1)


def test_rows_are_shared_out_whatever_the_number_of_ranks():
    sizes = {"n_rows": 50, "rows_per_step": 12, "seed": 3}
    for step in (0, 3, 7):
        [alone] = [reference.what_to_read(step, 0, 1, **sizes)[0]]
        for ranks in (2, 3, 4):
            parts = [reference.what_to_read(step, rank, ranks, **sizes)[0] for rank in range(ranks)]
            assert sorted(row for part in parts for row in part) == sorted(alone)


# --- ranks ----------------------------------------------------------------------------------------------------------


def stops_early(me):
    return reference_reads(me, 3 - me.rank)


def reference_reads(me, count):
    for _ in range(count):
        me.all_reduce(torch.ones(1))
    return me.meetings


def test_threads_name_the_rank_that_waits_for_ever():
    with pytest.raises(RanksFailed, match=r"Rank 0 waits in its meeting 3 \(all_reduce\); rank 1 is done after 2"):
        in_threads(2, stops_early, seconds=0.5)


def test_what_a_thread_raises_is_raised():
    def job(me):
        if me.rank:
            raise KeyError("mine")
        me.all_reduce(torch.ones(1))

    with pytest.raises(KeyError, match="mine"):
        in_threads(2, job)


def test_every_way_to_meet_gives_each_rank_its_part():
    vectors = numbers(3, 7)

    def job(me):
        part = me.reduce_scatter(vectors[me.rank])
        swapped = me.all_to_all([torch.full((to, 2), 10 * me.rank + to) for to in range(3)])
        return part, me.all_gather(part), swapped, me.exchange(torch.tensor([me.rank])), me.all_reduce(part.sum())

    for rank, (part, whole, swapped, left, total) in enumerate(in_threads(3, job)):
        torch.testing.assert_close(whole, vectors.sum(dim=0))
        torch.testing.assert_close(part, vectors.sum(dim=0).tensor_split(3)[rank])
        assert [one.tolist() for one in swapped] == [[[10 * source + rank] * 2] * rank for source in range(3)]
        assert left.item() == (rank - 1) % 3
        torch.testing.assert_close(total, vectors.sum())


def test_a_line_is_found_again():
    latency, bandwidth = fit_line([64, 1024, 10**6], [1e-4 + n / 1e9 for n in (64, 1024, 10**6)])
    assert latency == pytest.approx(1e-4)
    assert bandwidth == pytest.approx(1e9)


def meets_in_every_way(me, vectors):
    if me.rank == 0:
        print("rank 0 speaks")
    total = reference.ring_all_reduce(vectors[me.rank], me.rank, me.ranks, me.exchange)
    part = me.reduce_scatter(vectors[me.rank])
    swapped = me.all_to_all([torch.full((to, 2), float(me.rank)) for to in range(me.ranks)])
    return total, me.all_reduce(vectors[me.rank]), me.all_gather(part), [len(one) for one in swapped]


def dies(me):
    if me.rank == 1:
        kill_this_process()
    me.all_reduce(torch.ones(1))


def raises(me):
    if me.rank == 1:
        raise ValueError("nothing to read")
    me.all_reduce(torch.ones(1))


@pytest.mark.slow
def test_processes_meet_as_threads_do(functions_travel, capfd):
    vectors = numbers(3, 7)
    for rank, (ring, total, gathered, lengths) in enumerate(in_processes(3, meets_in_every_way, vectors)):
        for one in (ring, total, gathered):
            torch.testing.assert_close(one, vectors.sum(dim=0))
        assert lengths == [rank] * 3
    assert capfd.readouterr().out == "rank 0 speaks\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("job", "said"),
    [
        (stops_early, r"Rank 0 waits in its meeting 3 \(all_reduce\); rank 1 is done after 2 meetings"),
        (dies, r"Rank 1 was killed \(SIGKILL\)"),
        (raises, "Rank 1 raised ValueError: nothing to read"),
    ],
    ids=["deadlock", "killed", "raised"],
)
def test_what_goes_wrong_in_processes_is_said_in_a_sentence(functions_travel, job, said):
    with pytest.raises(RanksFailed, match=said):
        in_processes(2, job)
