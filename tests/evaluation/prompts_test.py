"""Prompts against what the original code computed (fixture eval_text), and bad input."""

import pytest

from keras_lit.evaluation import prompts
from tests.reference import load_json

pytestmark = pytest.mark.any_backend

CASES = load_json("eval_text", "cases.json")


@pytest.mark.parametrize("case", CASES["canonicalize"], ids=lambda case: repr(case["text"]))
def test_canonicalize_equals_the_original(case):
    assert prompts.canonicalize(case["text"]) == case["keep_none"]
    assert prompts.canonicalize(case["text"], keep=",") == case["keep_comma"]
    assert prompts.canonicalize(case["text"], keep="{}") == case["keep_braces"]


@pytest.mark.parametrize("name", ["class_name_only", "clip_best", "clip_paper"])
def test_templates_equal_the_original(name):
    templates = prompts.prompt_templates(name)
    assert templates == CASES[f"templates/{name}/canon_False"]
    canonical = [prompts.canonicalize(template, keep="{}") for template in templates]
    assert canonical == CASES[f"templates/{name}/canon_True"]


@pytest.mark.parametrize(
    "rule, case",
    [
        (prompts.canonical_texts, "texts/clip_best/first_only_True"),
        (prompts.canonical_texts_with_aliases, "texts/clip_best/first_only_False"),
    ],
)
@pytest.mark.parametrize("class_names", ["class_names_in", "class_names_canonical"])
def test_texts_equal_the_original(rule, case, class_names):
    texts = rule(CASES[class_names], prompts.prompt_templates("clip_best"))
    received = [[index, text] for index, texts in enumerate(texts) for text in texts]
    assert received == CASES[case]


def test_verbatim_texts_change_nothing():
    texts = prompts.verbatim_texts(["St. Bernard", "a, b"], ["A {}, a {}!"])
    assert texts == [["A St. Bernard, a St. Bernard!"], ["A a, b, a a, b!"]]


@pytest.mark.parametrize(
    "class_names, templates, message",
    [
        ([], ["{}"], "`class_names` is empty"),
        ("cat", ["{}"], "`class_names` must be a list"),
        (["cat", ""], ["{}"], "empty name"),
        (["cat", 7], ["{}"], "must hold strings"),
        (["cat", "!?"], ["{}"], "nothing is left"),
        (["cat"], [], "`templates` is empty"),
        (["cat"], "a {}", "`templates` must be a list"),
        (["cat"], ["a {}", "a photo"], "'a photo', which has no `{}`"),
        (["cat"], ["a {name}"], "which has no `{}`"),
        (["cat", "dog", "cat"], ["{}"], "number 0.*number 2.*same text"),
        (["T-shirt", "tshirt"], ["{}"], "'T-shirt'.*'tshirt'.*same text"),
    ],
)
def test_bad_input_is_named(class_names, templates, message):
    with pytest.raises(ValueError, match=message):
        prompts.describe_classes(class_names, templates)


def test_names_that_differ_in_punctuation_are_different_verbatim():
    texts = prompts.describe_classes(["T-shirt", "tshirt"], ["{}"], prompts.verbatim_texts)
    assert texts == [["T-shirt"], ["tshirt"]]


def test_unknown_template_list_is_named():
    with pytest.raises(ValueError, match="'clip'.*clip_best"):
        prompts.prompt_templates("clip")
