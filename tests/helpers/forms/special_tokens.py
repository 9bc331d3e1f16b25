"""Files of tokenizers that say which tokens a text gets, in many combinations."""

from __future__ import annotations

import functools
import itertools
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeval.checkpoints.cards import cards_folder
from tests.helpers.forms import tokenizers as tokenizers
from tests.helpers.forms.meanings import template
from tests.helpers.paths import GOLDEN

RECORDED = GOLDEN / "special_tokens.json"
VOCAB_SIZE = 4200

_TEMPLATES = {"none": (), "bos": ("bos",), "eos": ("eos",), "both": ("bos", "eos")}
_FLAGS = (None, True, False)


def forms() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield forms by name: the kind of file, its template, flags and names of roles."""
    for kind, ends, bos, eos, named in itertools.product(
        ("sentencepiece", "json", "byte"), _TEMPLATES, _FLAGS, _FLAGS, (True, False)
    ):
        if kind == "sentencepiece" and (ends != "none" or not named):
            continue
        flags = {"add_bos_token": bos, "add_eos_token": eos}
        yield (
            f"{kind} {ends} bos={bos} eos={eos} named={named}",
            {"kind": kind, "ends": ends, "named": named, "flags": flags},
        )
    for odd in ("dict-name", "cls", "sep", "other-eos", "roberta", "no-config", "no-ids"):
        yield odd, {"kind": "json", "ends": "both", "named": True, "flags": {}, "odd": odd}


@functools.cache
def _base(is_byte: bool) -> str:
    return json.dumps(tokenizers.byte_level_json() if is_byte else tokenizers.sentencepiece_json())


def write(form: Mapping[str, Any], folder: Path) -> Path:
    """Write the files of one form into a folder, in place of those of another."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    is_byte = form["kind"] == "byte"
    content = json.loads(_base(is_byte))
    first = content["added_tokens"][0]["id"]
    ids = {"bos": first, "eos": first + 1} if is_byte else {"bos": 1, "eos": 2}
    texts = dict(zip(ids, tokenizers.SPECIALS if is_byte else ("<s>", "</s>"), strict=False))
    config: dict[str, Any] = {
        name: flag for name, flag in form["flags"].items() if flag is not None
    }
    if form["named"]:
        config |= {f"{role}_token": text for role, text in texts.items()}
    step = template(_TEMPLATES[form["ends"]], *((texts[role], ids[role]) for role in ids))
    if is_byte:
        own = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False}
        step = {
            "type": "Sequence",
            "processors": [own | {"use_regex": True}, *([step] if step else [])],
        }
    content["post_processor"] = step
    model: dict[str, Any] = {"model_type": "llama"} | {
        f"{role}_token_id": ids[role] for role in ids
    }
    _make_odd(form.get("odd"), content, config, model)
    if form["kind"] == "sentencepiece":
        shutil.copyfile(cards_folder() / "demo" / "tokenizer.model", folder / "tokenizer.model")
    else:
        (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    if config or form.get("odd") != "no-config":
        (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(model), encoding="utf-8")
    return folder


def _make_odd(
    odd: str | None, content: dict[str, Any], config: dict[str, Any], model: dict[str, Any]
) -> None:
    if odd == "dict-name":
        config["bos_token"] = {"__type": "AddedToken", "content": "<s>", "normalized": False}
    elif odd == "cls":
        config["cls_token"] = config.pop("bos_token")
    elif odd == "sep":
        config["sep_token"] = config.pop("eos_token")
        pair = content["post_processor"]["pair"]
        content["post_processor"]["single"].pop()
        pair[:] = [*pair[:2], {"SpecialToken": {"id": "</s>", "type_id": 0}}, pair[4]]
    elif odd == "other-eos":
        config["eos_token"] = "<unk>"
    elif odd == "roberta":
        content["post_processor"] = {
            "type": "RobertaProcessing",
            "cls": ["<s>", 1],
            "sep": ["</s>", 2],
            "trim_offsets": True,
            "add_prefix_space": False,
        }
    elif odd == "no-config":
        config.clear()
    elif odd == "no-ids":
        model.pop("bos_token_id")
        model.pop("eos_token_id")
