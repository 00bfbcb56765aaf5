"""Tokenizers of the three families, trained on a few lines: the library's own objects, to compare with."""

import json
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizer, CLIPTokenizer, GPT2Tokenizer

CORPUS = [
    "a sword that glows, glowing swords and the glow of magic",
    "lightning, fire, smoke; explosion! beam of light",
    "no shadow, no shadows, don't draw the shadow's edge. smoke .",
    "größe überall, 魔法の剣 and 稲妻, 2 swords 22 beams",
] * 4

START, END = "<|startoftext|>", "<|endoftext|>"


def clip() -> CLIPTokenizer:
    """Byte-level BPE whose words end in ``</w>``."""
    vocabulary, merges = _trained(
        models.BPE(unk_token=END, end_of_word_suffix="</w>"),
        trainers.BpeTrainer(
            vocab_size=900,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            end_of_word_suffix="</w>",
            show_progress=False,
        ),
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(r"\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"), "removed", invert=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        ),
    )
    # As published: every byte may end a word, and the tokens at the ends have the highest numbers.
    ends = {f"{letter}</w>" for letter in pre_tokenizers.ByteLevel.alphabet()} - vocabulary.keys()
    for token in (*sorted(ends), START, END):
        vocabulary[token] = len(vocabulary)
    return CLIPTokenizer(vocab=vocabulary, merges=merges)


def bert() -> BertTokenizer:
    """Pieces of words, lower case, ``[CLS]`` and ``[SEP]`` around."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.normalizer = normalizers.BertNormalizer(lowercase=True)
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    trained.train_from_iterator(CORPUS, trainer)
    return BertTokenizer(vocab=trained.get_vocab())


def opt() -> GPT2Tokenizer:
    """Byte-level BPE with ``</s>`` in front, as BLIP-2's language model wants it."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=letters, show_progress=False
    )
    vocabulary, merges = _trained(models.BPE(), trainer, pre_tokenizers.ByteLevel(add_prefix_space=False))
    tokenizer = GPT2Tokenizer(
        vocab=vocabulary,
        merges=merges,
        bos_token="</s>",
        eos_token="</s>",
        unk_token="</s>",
        pad_token="<pad>",
    )
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="</s> $A", pair="</s> $A </s> $B", special_tokens=[("</s>", vocabulary["</s>"])]
    )
    return tokenizer


def published(tokenizer: Any, folder: Path) -> Path:
    """Its ``tokenizer.json``, as a model hub has it."""
    path = folder / "tokenizer.json"
    tokenizer.backend_tokenizer.save(str(path))
    return path


def _trained(model: Any, trainer: Any, cut: Any) -> tuple[dict[str, int], Any]:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = cut
    tokenizer.train_from_iterator(CORPUS, trainer)
    pairs = json.loads(tokenizer.to_str())["model"]["merges"]
    return tokenizer.get_vocab(), [tuple(pair) for pair in pairs]
