"""What a search has cost so far, counted by hand: images of the last stage's size, a quarter for each cell less."""

from __future__ import annotations

from autogan_tf.nas.trial import Spent

IMAGES = ("trained_images", "scored_images")


def spent_after_rounds(search) -> list[tuple[float, float]]:
    return [tuple(numbers[name] for name in IMAGES) for _, numbers in search.told.of("search")]


def test_shared_weights_cost_their_steps_and_every_image_that_is_generated_for_a_score(fake_search):
    """Three cells; per iteration 4 steps of 2 real images and 10 generated ones each, and scores on 20 images."""
    search = fake_search(
        strategy="random", max_search_iter=3, grow_steps=(1, 2), shared_steps=4, dis_batch_size=2, round_trials=3,
        trial_batch=1, num_candidate=2, topk=1, rl_num_eval_img=20, num_eval_imgs=50,
    ).run()  # fmt: skip
    sizes = [1 / 16, 1 / 4, 1]
    trained, scored, expected = 0.0, 0.0, []
    for size in sizes:
        trained += size * 4 * (2 + 10)
        scored += size * 3 * 20
        expected.append((trained, scored))
        scored += size * 2 * 20  # the ranking before the next cell
    assert spent_after_rounds(search) == expected
    assert [numbers["scored_images"] for _, numbers in search.told.of("growth")] == [
        1 / 16 * (60 + 40), 1 / 16 * 100 + 1 / 4 * 100
    ]  # fmt: skip
    assert search.searcher.estimator.spent() == Spent(trained, scored + 50)  # and the best one on 50
    steps = [numbers["trained_images"] for _, numbers in search.told.of("strategy")]
    assert steps == sorted(steps) and len(set(steps)) == 3


def test_a_candidate_costs_the_steps_that_it_was_trained_for_and_each_of_its_scores(fake_search):
    """Two rounds of whole generators: who stops at 2 steps costs those, and who comes again costs nothing."""
    search = fake_search(
        fidelities=(2, 6), strategy="random", max_search_iter=2, grow_steps=(), first_cells=1, round_trials=4,
        trial_batch=2, num_candidate=2, topk=1, rl_num_eval_img=20, num_eval_imgs=20,
    ).run()  # fmt: skip
    state = search.searcher.estimator.state()["candidates"]
    steps = [max(steps for steps, _ in scores) for _, _, scores, _ in state]
    scores = sum(len(found) for _, _, found, _ in state)
    assert set(steps) == {2, 6}
    assert search.searcher.estimator.spent() == Spent(100.0 * sum(steps), 20.0 * scores)
    assert spent_after_rounds(search)[-1] <= (100.0 * sum(steps), 20.0 * scores)
