"""Makes the small tokenizers of the scorer's tests, with the numbers that Hugging Face gives.

All are trained on the sentences below, which were written for this purpose. `expected.json`
holds texts and the numbers that the library `tokenizers` makes of them with each file.

    python3 -m venv .venv && .venv/bin/pip install tokenizers==0.23.3 sentencepiece==0.2.3
    .venv/bin/python make.py
"""

import base64
import io
import json
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent
SENTENCES = [
    "The film was long, but nobody left before the end.",
    "I've seen it twice; they're showing it again on Friday at 20:15.",
    "What a waste of two hours and 12 euros!!",
    "这部电影很好看，我们都喜欢。",
    "太差了，浪费时间。下次不来了！",
    "剧情拖沓，演员的表演还可以。",
    "Der Film war schön, aber viel zu lang für Größen wie diese.",
    "naïve café owners wouldn't mind the noise",
    "lower lowest newer newest wider widest longer longest",
    "この映画はとても面白かったです。",
] * 4
TEXTS = SENTENCES[:10] + [
    "",
    " ",
    "a",
    "  two  spaces   and a tab\tand\n\na line ",
    "Ｆｕｌｌ　ｗｉｄｔｈ １２３ ①② ﬁne ㍿",
    "emoji 😀👩‍👩‍👧 and 🇩🇪 flags",
    "don't we'll I'd 'sup ''quoted''",
    "1234567 3.14 0x1F v2.0-rc1",
    "unseen: ßẞ ǅ ﷽ \u0301combining e\u0301 \u200b zero",
    "好" * 40,
    "x" * 120,
    "<s> </s> are text here",
    "mixed中文and英文words一起",
]


def byte_level() -> Tokenizer:
    """As RoBERTa's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=["<s>", "<pad>", "</s>"], initial_alphabet=sorted(alphabet)
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def byte_fallback() -> Tokenizer:
    """As Llama's."""
    pieces = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    normal = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    tokenizer.normalizer = normalizers.Sequence(normal)
    trainer = trainers.BpeTrainer(vocab_size=480, special_tokens=["<unk>", "<s>", "</s>"] + pieces)
    tokenizer.train_from_iterator([s for s in SENTENCES if s.isascii()], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return tokenizer


def unigram() -> Tokenizer:
    """As XLM-R's: trained by SentencePiece, whose rules for characters it carries."""
    model = io.BytesIO()
    rules = HERE / "rules.tsv"
    # Full-width letters, digits and the ideographic space; two that become two and none.
    wide = [(0xFF01 + n, chr(0x21 + n)) for n in range(94)]
    wide += [(0x3000, " "), (0x9, " "), (0xA, " "), (0x2460, "1"), (0xFB01, "fi"), (0x200B, "")]
    lines = [f"{c:X}\t{' '.join(f'{ord(o):X}' for o in out)}" for c, out in wide]
    lines.append("65 301\tE9")
    rules.write_text("\n".join(lines) + "\n")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        vocab_size=240,
        normalization_rule_tsv=str(rules),
        character_coverage=0.98,
        hard_vocab_limit=False,
    )
    rules.unlink()
    trained = proto.ModelProto.FromString(model.getvalue())
    vocabulary = [(piece.piece, piece.score) for piece in trained.pieces]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0, byte_fallback=False))
    charsmap = trained.normalizer_spec.precompiled_charsmap
    tokenizer.normalizer = normalizers.Precompiled(charsmap)
    print("unigram: rules of", len(base64.b64encode(charsmap)), "bytes")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return tokenizer


def lower_words() -> Tokenizer:
    """Words of letters and of signs, without accents."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    normal = [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    tokenizer.normalizer = normalizers.Sequence(normal)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>"])
    tokenizer.train_from_iterator([s for s in SENTENCES if s.isascii()], trainer)
    return tokenizer


expected = {"texts": TEXTS, "numbers": {}}
for make in [byte_level, byte_fallback, unigram, lower_words]:
    tokenizer = make()
    name = make.__name__.replace("_", "-")
    # Special tokens in a text are text: the file that Hugging Face reads here names none.
    file = json.loads(tokenizer.to_str())
    file["added_tokens"] = []
    (HERE / f"{name}.json").write_text(json.dumps(file, ensure_ascii=False) + "\n")
    plain = Tokenizer.from_str(json.dumps(file))
    expected["numbers"][name] = [plain.encode(text).ids for text in TEXTS]
(HERE / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n")
