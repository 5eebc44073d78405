"""Class names and prompt templates -> for each class, the texts that describe it.

A text rule is a function `(class_names, templates) -> [[text, ...], ...]`, one inner list per
class. There are three: `canonical_texts` (the original LiT evaluation, and our default),
`canonical_texts_with_aliases` (the same with every alias of a class), and `verbatim_texts` (CLIP's:
names and templates exactly as written).
"""

import re
import string

from keras_lit.evaluation.clip_templates import PROMPT_TEMPLATES

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def canonicalize(text, keep=None):
    """Simplifies a text as the original LiT evaluation does.

    Underscores become spaces, ASCII punctuation goes, letters become lower case, white space is
    collapsed. Punctuation outside ASCII stays.

    Args:
        text: string.
        keep: string of punctuation that stays where it occurs exactly, e.g. `"{}"` or `","`.

    Returns:
        The simplified string, `""` if nothing is left.

    Example:

    >>> canonicalize("T-shirt  (White_One)")
    'tshirt white one'
    >>> canonicalize("A photo of a {}.", keep="{}")
    'a photo of a {}'

    Reference:
        `prompt_engineering.canonicalize_text` in github.com/google-research/big_vision.
    """
    text = text.replace("_", " ")
    parts = text.split(keep) if keep else [text]
    text = (keep or "").join(part.translate(_PUNCTUATION) for part in parts)
    return re.sub(r"\s+", " ", text.lower()).strip()


def prompt_templates(name):
    """Returns a published list of prompt templates.

    Args:
        name: `"clip_paper"` (the 80 of the CLIP paper and `"{}"`), `"clip_best"` (the 7 that CLIP's
            authors found best on ImageNet and `"{}"`), as the original LiT evaluation has them;
            `"clip_80"` or `"clip_7"`, the same without `"{}"`, which with `verbatim_texts` are
            CLIP's own protocol; or `"class_name_only"`.

    Returns:
        List of strings, each with a `{}` for the class name.

    Raises:
        ValueError: for another name.

    Example:

    >>> prompt_templates("clip_best")[0]
    'itap of a {}.'
    """
    if name not in PROMPT_TEMPLATES:
        raise ValueError(
            f"Unknown list of prompt templates: {name!r}. Known are {sorted(PROMPT_TEMPLATES)}; "
            "your own templates need no name: pass them as a list of strings."
        )
    return list(PROMPT_TEMPLATES[name])


def canonical_texts(class_names, templates):
    """Class x template, canonicalised, with the first alias of each class.

    Args:
        class_names: list of strings; aliases are separated by commas and only the first is used.
        templates: list of strings with `{}`.

    Returns:
        A list with one list of `len(templates)` texts per class.

    Raises:
        ValueError: no class, an empty name, no template, or one without `{}`.

    Example:

    >>> canonical_texts(["Great_White Shark, white shark"], ["A photo of a {}."])
    [['a photo of a great white shark']]

    Reference:
        LiT paper (arXiv:2111.07991) appendix; `discriminative_classifier.prepare_datasets` in
        github.com/google-research/big_vision with `first_class_name_only=True`.
    """
    return [
        texts[: len(templates)] for texts in canonical_texts_with_aliases(class_names, templates)
    ]


def canonical_texts_with_aliases(class_names, templates):
    """Class x template, canonicalised, with every alias of each class.

    Args and Raises are those of `canonical_texts`. As in the original, an alias keeps the space
    after its comma.

    Example:

    >>> canonical_texts_with_aliases(["cd player,cd"], ["a {}"])
    [['a cd player', 'a cd']]
    """
    check_class_names(class_names)
    check_templates(templates)
    templates = [canonicalize(template, keep="{}") for template in templates]
    names = [canonicalize(name, keep=",") for name in class_names]
    for given, name in zip(class_names, names, strict=True):
        if not name.split(",")[0]:
            raise ValueError(
                f"`class_names` has {given!r}, of which nothing is left without punctuation. "
                "Name the class in words, or use `text_rule=verbatim_texts`."
            )
    return [
        [template.replace("{}", alias) for alias in name.split(",") for template in templates]
        for name in names
    ]


def verbatim_texts(class_names, templates):
    """Class x template, exactly as written: CLIP's own protocol, and the one for cased models.

    Args and Raises are those of `canonical_texts`; a comma is part of the name.

    Example:

    >>> verbatim_texts(["St. Bernard"], ["a photo of a {}."])
    [['a photo of a St. Bernard.']]
    """
    check_class_names(class_names)
    check_templates(templates)
    return [[template.replace("{}", name) for template in templates] for name in class_names]


def describe_classes(class_names, templates, text_rule=canonical_texts):
    """Applies a text rule and makes sure that its texts tell the classes apart.

    Args:
        class_names: list of strings.
        templates: list of strings with `{}`.
        text_rule: function `(class_names, templates) -> [[text, ...], ...]`.

    Returns:
        A list with one list of texts per class.

    Raises:
        ValueError: as the rule, or two classes with the same texts.
    """
    texts_per_class = text_rule(class_names, templates)
    first_with = {}
    for index, texts in enumerate(texts_per_class):
        other = first_with.setdefault(tuple(texts), index)
        if other != index:
            raise ValueError(
                f"`class_names` has {class_names[other]!r} (number {other}) and "
                f"{class_names[index]!r} (number {index}), which are described by the same text, "
                "so no image could be told apart. Give them different names, such as 'crane bird' "
                "and 'construction crane'."
            )
    return texts_per_class


def check_class_names(class_names):
    """Raises ValueError unless `class_names` is a list of at least one non-empty string."""
    _check_strings("class_names", class_names, "['cat', 'dog']")
    for name in class_names:
        if not name.strip():
            raise ValueError(f"`class_names` has an empty name: {list(class_names)[:8]!r}.")


def check_templates(templates):
    """Raises ValueError unless `templates` is a list of at least one string, each with a `{}`."""
    _check_strings("templates", templates, "['a photo of a {}.']")
    for template in templates:
        if "{}" not in template:
            raise ValueError(
                f"`templates` has {template!r}, which has no `{{}}` for the class name to go, so "
                "every class would get the same text. Write e.g. 'a photo of a {}.'."
            )


def _check_strings(argument, values, example):
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise ValueError(f"`{argument}` must be a list such as {example}; received {values!r}.")
    if len(values) == 0:
        raise ValueError(f"`{argument}` is empty; at least one is needed, e.g. {example}.")
    for value in values:
        if not isinstance(value, str):
            raise ValueError(
                f"`{argument}` must hold strings, e.g. {example}; received {value!r} of type "
                f"{type(value).__name__}."
            )
