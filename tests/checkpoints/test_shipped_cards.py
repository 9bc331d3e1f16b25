"""The cards that ship: each number has its source, and is a number that can be."""

from __future__ import annotations

import re

import pytest

from edgeval.checkpoints.cards import Card, cards, cards_folder, find_repo
from edgeval.checkpoints.locate import locate
from edgeval.errors import EdgevalError
from edgeval.records.claims import NOT_STATED
from edgeval.stats.metrics import METRICS
from edgeval.tasks.names import FAMILIES
from edgeval.tasks.registry import TASKS

SIZES = {
    "hellaswag": 10042,
    "openbookqa": 500,
    "winogrande": 1267,
    "arc_challenge": 1172,
    "arc_easy": 2376,
    "boolq": 3270,
    "piqa": 1838,
}
FOREIGN = {"lighteval", "lighteval, chat", "Meta's library", NOT_STATED}
"""What is known of how numbers were measured by other tools than edgeval has the protocols of."""

CARDS = [card for card in cards().values() if card.repo is not None]

each_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)


@each_card
def test_a_card_has_a_number_that_edgeval_measures(card: Card) -> None:
    assert any(claim.task in TASKS for claim in card.claims)
    assert card.family is not None
    assert card.parameters_millions is not None


@each_card
def test_a_repository_has_one_card_and_is_found_in_any_case(card: Card) -> None:
    assert find_repo(str(card.repo).upper()) == card


@each_card
def test_numbers_are_of_items_that_are_known(card: Card) -> None:
    assert {claim.task: claim.n_items for claim in card.claims}.items() <= SIZES.items()
    for claim in card.claims:
        if claim.task in TASKS:
            task = TASKS[claim.task]
            assert (claim.data, claim.n_items) == (task.split_name, task.n_items)


def test_a_task_has_the_same_items_on_all_cards() -> None:
    names = {(claim.task, claim.data) for card in CARDS for claim in card.claims}
    assert len(names) == len(SIZES)


@each_card
def test_numbers_say_where_they_stand(card: Card) -> None:
    for claim in card.claims:
        cited = claim.citation
        assert all((cited.section, cited.row, cited.column))
        assert re.fullmatch(r"\d{4}\.\d{5}", cited.paper_arxiv_id or "2401.02385")
        # What is quoted has the number: in percent, or as a fraction.
        if cited.quoted_text is not None:
            quoted = [float(number) for number in re.findall(r"\d+\.\d+", cited.quoted_text)]
            shares = {round(number, claim.decimals) for number in quoted}
            shares |= {round(100 * number, claim.decimals) for number in quoted if number < 1}
            assert claim.value in shares


@each_card
def test_numbers_say_how_they_were_measured_or_that_this_is_not_known(card: Card) -> None:
    assert {claim.metric for claim in card.claims} <= {*METRICS, NOT_STATED}
    assert {claim.protocol for claim in card.claims} <= {*FAMILIES, *FOREIGN}
    kinds = [(claim.task, claim.metric) for claim in card.claims]
    assert len(set(kinds)) == len(kinds)


@each_card
def test_numbers_with_two_decimals_are_counts_of_their_items(card: Card) -> None:
    for claim in card.claims:
        if (card.name, claim.task) == ("tinyllama-3t", "arc_easy"):
            assert (claim.correct, list(claim.counts)) == (None, [])
            continue
        assert len(claim.counts) > 0
        assert claim.correct == (claim.counts[0] if len(claim.counts) == 1 else None)
        if claim.decimals == 2:
            assert claim.correct is not None
            assert f"{100 * claim.correct / claim.n_items:.2f}" == claim.printed


def test_the_decimals_are_those_that_were_printed() -> None:
    text = (cards_folder() / "gemma-3-270m.toml").read_text(encoding="utf-8")
    assert "value = 29.0\n" in text
    printed = {claim.task: claim.printed for claim in cards()["gemma-3-270m"].claims}
    assert printed["arc_challenge"] == "29.0"


def test_what_cannot_be_converted_is_refused_before_the_network_and_says_what_can_be_done() -> None:
    with pytest.raises(EdgevalError, match=r"Pythia 410M is no Llama model") as caught:
        locate("pythia-410m")
    assert "edgeval run FILE.gguf --card pythia-410m" in str(caught.value)
    assert locate("smollm2-135m").repo == "HuggingFaceTB/SmolLM2-135M"


@pytest.mark.parametrize("name", ["open-llama-3b-v2", "smollm2-135m", "tinyllama-3t"])
def test_llama_models_can_be_converted(name: str) -> None:
    assert cards()[name].is_llama


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("bloom-3b", (5476, 109, 741, 328, 1412, 2018, 1297)),
        ("open-llama-3b-v2", (7028, 130, 797, 397, 1606, 2148, 1409)),
        ("phi-1.5", (6288, 188, 919, 521, 1809, 2437, 1403)),
        ("pythia-2.8b-deduped", (5969, 119, 738, 353, 1508, 2097, 1362)),
        ("stablelm-3b-4e1t", (7421, 157, 843, 443, 1722, 2473, 1456)),
    ],
)
def test_the_counts_are_those_of_the_files_that_a_table_was_made_of(
    name: str, counts: tuple[int, ...]
) -> None:
    """These are the items times the fractions, with all digits, of evals in Stability-AI/StableLM.

    Its tables have them rounded to two decimals.
    """
    found = {claim.task: claim.correct for claim in cards()[name].claims}
    assert found == dict(zip(SIZES, counts, strict=True))
